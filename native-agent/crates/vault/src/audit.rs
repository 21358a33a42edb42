//! How many files that lie in protected directories now could be given back, and how many not: found by looking at them, not
//! remembered.
use std::collections::HashSet;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::capture::Shared;
use crate::file::FileKey;
use crate::root::Root;
use crate::standing::{Standing, standing};
use crate::sys;
use crate::watch::{is_store, join, open_directory};

/// Nothing new came to be protected: looked at no more often.
const EVERY: Duration = Duration::from_secs(60);
/// After new places were copied at rest.
const SOON: Duration = Duration::from_secs(1);
/// A look that took so long is followed by this many times as long without one.
const REST_TIMES: u32 = 500;

/// What the last look found.
#[derive(Debug, Default)]
pub struct Figures {
    /// Regular files in protected directories.
    pub present: AtomicU64,
    /// Of these, those of which a restore could give nothing back.
    pub unkept: AtomicU64,
}

/// When to look next.
#[derive(Debug)]
pub struct Due {
    at: Instant,
    /// No earlier, whatever comes.
    rested: Instant,
}

impl Due {
    pub fn new() -> Self {
        let at = Instant::now() + SOON;
        Self { at, rested: at }
    }

    /// Something new is protected.
    pub fn hasten(&mut self) {
        self.at = self.at.min(Instant::now() + SOON).max(self.rested);
    }

    pub fn look(&mut self, shared: &Shared) {
        if Instant::now() < self.at {
            return;
        }
        let begun = Instant::now();
        look(shared);
        let rest = begun.elapsed() * REST_TIMES;
        self.rested = Instant::now() + rest.max(SOON);
        self.at = Instant::now() + rest.max(EVERY);
    }
}

#[derive(Default)]
struct Look {
    /// A file with several names counts once.
    seen: HashSet<FileKey>,
    unkept: u64,
}

fn look(shared: &Shared) {
    let mut look = Look::default();
    for root in shared.places.roots().iter() {
        let done = match &root.only {
            Some(name) => root
                .open(libc::O_RDONLY)
                .and_then(|top| look.file(shared, (&top, name))),
            None => look.tree(shared, root),
        };
        if let Err(error) = done {
            tracing::debug!(%error, path = %String::from_utf8_lossy(&root.path), "it can't be looked at");
        }
    }
    let figures = &shared.figures;
    figures.present.store(look.seen.len() as u64, Ordering::Relaxed);
    figures.unkept.store(look.unkept, Ordering::Relaxed);
}

impl Look {
    fn tree(&mut self, shared: &Shared, root: &Root) -> io::Result<()> {
        let mut waiting = vec![Vec::new()];
        while let Some(path) = waiting.pop() {
            let Ok(directory) = open_directory(root, &path) else {
                continue;
            };
            let listed = std::fs::read_dir(format!("/proc/self/fd/{}", directory.as_raw_fd()))?;
            for entry in listed.flatten() {
                if shared.stop.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let inside = join(&path, entry.file_name().as_bytes());
                let kind = entry.file_type()?;
                if kind.is_dir() && !is_store(&join(&root.path, &inside)) {
                    waiting.push(inside);
                } else if kind.is_file() {
                    // It went away meanwhile.
                    drop(self.file(shared, (&directory, entry.file_name().as_bytes())));
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, shared: &Shared, (directory, name): (&OwnedFd, &[u8])) -> io::Result<()> {
        let flags = libc::O_PATH | libc::O_NOFOLLOW;
        let file = sys::open_below(directory.as_raw_fd(), name, flags, sys::BELOW_HERE)?;
        let stat = sys::fstat(file.as_raw_fd())?;
        let key = shared.places.key(file.as_raw_fd(), &stat)?;
        if !self.seen.insert(key) {
            return Ok(());
        }
        let known = {
            let index = shared.store.index();
            index
                .state(key)
                .map_or(Standing::Unknown, |state| standing(&state))
        };
        self.unkept += u64::from(known != Standing::Restorable);
        Ok(())
    }
}
