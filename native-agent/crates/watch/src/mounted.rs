//! What containers have mounted is watched within bounds.
use std::fs;
use std::os::fd::AsRawFd;
use std::path::Path;

use norn_os as os;

use crate::protect::{Candidate, Found, let_go, protect};
use crate::root::key_of;
use crate::watched::Watched;

/// Mounted directories that are watched; more are refused.
pub const MOUNTS_MAX: usize = 256;
/// Files and directories below one; a larger directory is refused.
pub const MOUNT_ENTRIES_MAX: usize = 50_000;

/// Watches what a container has mounted; the error says why not.
pub fn watch(watched: &Watched, candidate: Candidate) -> Result<Option<Found>, &'static str> {
    let fd = candidate.directory.as_raw_fd();
    let key = key_of(&candidate.directory).map_err(|_| "its file system has no handles for files")?;
    let is_known = watched.watch.directory(key).is_some() && watched.watch.is_marked(fd);
    if !is_known {
        let is_full = watched.learned.watched_count() >= MOUNTS_MAX;
        if is_full && !make_room(watched) {
            return Err("too many mounted directories are watched already");
        }
        let top = os::link_of(fd);
        let is_large = || entries_up_to(Path::new(&top), MOUNT_ENTRIES_MAX) > MOUNT_ENTRIES_MAX;
        if candidate.only.is_none() && is_large() {
            return Err("it holds more files than are watched");
        }
    }
    let found = protect(watched, candidate).map_err(|_| "it can't be watched")?;
    if let Some((root, entries)) = &found {
        watched.learned.note_watched(root.id);
        let path = String::from_utf8_lossy(&root.path);
        tracing::info!(%path, entries = entries.len(), "a directory that a container has mounted is protected");
    }
    Ok(found)
}

/// One that no container has mounted any more gives way.
fn make_room(watched: &Watched) -> bool {
    let unused = watched.learned.unused();
    unused.inspect(|&id| let_go(watched, id)).is_some()
}

/// Counts what is below, and stops when there is more than `most`.
fn entries_up_to(top: &Path, most: usize) -> usize {
    let mut count = 0;
    let mut waiting = vec![top.to_path_buf()];
    while let Some(directory) = waiting.pop() {
        let Ok(entries) = fs::read_dir(directory) else {
            continue;
        };
        for entry in entries.flatten() {
            count += 1;
            if count > most {
                return count;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                waiting.push(entry.path());
            }
        }
    }
    count
}
