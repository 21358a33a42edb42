//! Files that are watched by themselves: they have a name where nobody looks, or were moved there.
use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use norn_journal::file::FileKey;
use norn_os as os;

use crate::root::Root;
use crate::watch::Watch;

/// Each holds its inode in the kernel's memory, about 1 KiB; the oldest are let go.
const FILES_MAX: usize = 8_192;

/// How it is found again, whatever it is called.
#[derive(Debug)]
struct Known {
    root: Arc<Root>,
    handle: os::Handle,
}

impl Known {
    fn open(&self) -> io::Result<OwnedFd> {
        let top = self.root.open(libc::O_RDONLY)?;
        os::open_by_handle(top.as_raw_fd(), &self.handle, libc::O_PATH)
    }
}

#[derive(Debug, Default)]
struct State {
    files: HashMap<FileKey, Known>,
    order: VecDeque<FileKey>,
}

#[derive(Debug, Default)]
pub struct Linked(Mutex<State>);

impl Linked {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that is watched by itself (`O_PATH`).
    pub fn open(&self, key: FileKey) -> Option<OwnedFd> {
        self.state().files.get(&key)?.open().ok()
    }

    /// From now on, whatever name it is opened by. One that is no regular file, or is known, is left.
    pub fn add(&self, watch: &Watch, root: &Arc<Root>, (file, stat, key): (&OwnedFd, &os::Stat, FileKey)) {
        let Ok(handle) = os::handle_at(file.as_raw_fd(), c"") else {
            return;
        };
        if stat.st_mode & libc::S_IFMT != libc::S_IFREG {
            return;
        }
        let root = root.clone();
        let Some(oldest) = self.insert(key, Known { root, handle }) else {
            return;
        };
        if let Some(Ok(oldest)) = oldest.map(|oldest| oldest.open()) {
            drop(watch.leave_inode(&oldest));
        }
        if let Err(error) = watch.inode(file) {
            tracing::debug!(%error, "a file with several names can't be watched by itself");
        }
    }

    /// A file with several names, one of which is below `root`. All may be in protected directories: that is not looked into.
    pub fn note(&self, watch: &Watch, root: &Arc<Root>, (file, stat, key): (&OwnedFd, &os::Stat, FileKey)) {
        if stat.st_nlink > 1 {
            self.add(watch, root, (file, stat, key));
        }
    }

    /// It has left its directory, and is where nobody looks.
    pub fn departed(&self, watch: &Watch, root: &Arc<Root>, (handle, key): (&os::Handle, FileKey)) {
        let known = Known {
            root: root.clone(),
            handle: handle.clone(),
        };
        if let Ok(file) = known.open()
            && let Ok(stat) = os::fstat(file.as_raw_fd())
        {
            self.add(watch, root, (&file, &stat, key));
        }
    }

    /// Returns one that gives way; `None` for the file itself: it is known.
    fn insert(&self, key: FileKey, known: Known) -> Option<Option<Known>> {
        let mut state = self.state();
        if state.files.insert(key, known).is_some() {
            return None;
        }
        state.order.push_back(key);
        let is_full = state.order.len() > FILES_MAX;
        let oldest = is_full.then(|| state.order.pop_front()).flatten();
        Some(oldest.and_then(|oldest| state.files.remove(&oldest)))
    }
}
