//! Files of protected directories that have another name outside of them: an open by that one asks nobody in the directory, so
//! the file itself is watched.
use std::collections::HashSet;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use crate::arrivals::tell_change;
use crate::capture::Shared;
use crate::file::FileKey;
use crate::names::{Spot, identify};
use crate::sensor::{Note, clean};
use crate::sys;

/// Each holds its inode in the kernel's memory, about 1 KiB. More are counted with the directories that are not watched.
const FILES_MAX: usize = 8_192;

#[derive(Debug, Default)]
pub struct Linked(Mutex<HashSet<FileKey>>);

/// Watches it by itself when it has several names. All may be in protected directories: that is not looked into.
pub fn note(shared: &Shared, (file, stat): (&OwnedFd, &sys::Stat), key: FileKey) {
    if stat.st_nlink < 2 || stat.st_mode & libc::S_IFMT != libc::S_IFREG {
        return;
    }
    {
        let mut files = shared.linked.0.lock().unwrap_or_else(PoisonError::into_inner);
        if files.contains(&key) {
            return;
        }
        if files.len() >= FILES_MAX {
            shared.watch.refused.fetch_add(1, Ordering::Relaxed);
            return;
        }
        files.insert(key);
    }
    if let Err(error) = shared.watch.inode(file) {
        tracing::debug!(%error, "a file with several names can't be watched by itself");
    }
}

/// Somebody gave a protected file one more name, wherever that is. He may have written by it already.
pub fn made(shared: &Shared, link: &Note) {
    let path = [b"/", &clean(&link.target)[..]].concat();
    let Some((root, path)) = shared.places.named(&path) else {
        return;
    };
    let spot = Spot { root, path };
    let Some((key, file)) = identify(shared, &spot) else {
        return;
    };
    let Ok(stat) = sys::fstat(file.as_raw_fd()) else {
        return;
    };
    note(shared, (&file, &stat), key);
    tell_change(shared, &spot, key, (link.pid, link.time));
}
