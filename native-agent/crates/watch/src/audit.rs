//! How many files that lie in protected directories now could be given back, and how many not: found by looking at them, not
//! remembered. What the kernel watches of these directories is read back at the same time (`readback`).
use std::collections::HashSet;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use norn_journal::file::FileKey;
use norn_journal::standing::{Standing, standing};
use norn_os as os;
use norn_os::paths::join;

use crate::readback::{self, Suspect};
use crate::root::Root;
use crate::watch::{is_store, open_directory};
use crate::watched::Watched;

/// Nothing new came to be protected: looked at no more often.
const EVERY: Duration = Duration::from_secs(60);
/// After new places were copied at rest.
const SOON: Duration = Duration::from_secs(1);
/// After a look there is none for this many times as long as it took.
const REST_TIMES: u32 = 500;

/// When to look next.
#[derive(Debug)]
pub struct Due {
    at: Instant,
    /// No earlier, whatever comes.
    rested: Instant,
}

impl Due {
    /// Soon after the start.
    pub fn soon() -> Self {
        let at = Instant::now() + SOON;
        Self { at, rested: at }
    }

    /// Something new is protected.
    pub fn hasten(&mut self) {
        self.at = self.at.min(Instant::now() + SOON).max(self.rested);
    }

    pub fn look(&mut self, watched: &Watched) {
        if Instant::now() < self.at {
            return;
        }
        let begun = Instant::now();
        let is_whole = look(watched);
        let rest = begun.elapsed() * REST_TIMES;
        self.rested = Instant::now() + rest.max(SOON);
        // What was mended is soon looked at again.
        let pause = if is_whole { EVERY } else { SOON };
        self.at = Instant::now() + rest.max(pause);
    }
}

#[derive(Default)]
struct Look {
    /// A file with several names counts once.
    seen: HashSet<FileKey>,
    unkept: u64,
    suspects: Vec<Suspect>,
}

/// Says whether all was watched.
pub fn look(watched: &Watched) -> bool {
    let begun = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut look = Look::default();
    for root in watched.places.roots().iter() {
        let done = match &root.only {
            Some(name) => look.alone(watched, root, name),
            None => look.tree(watched, root),
        };
        if let Err(error) = done {
            tracing::debug!(%error, path = %String::from_utf8_lossy(&root.path), "it can't be looked at");
        }
    }
    if watched.stop.load(Ordering::Relaxed) {
        return true;
    }
    let found = readback::confirm(watched, look.suspects);
    let figures = &watched.figures;
    figures.present.store(look.seen.len() as u64, Ordering::Relaxed);
    figures
        .unkept
        .store(look.unkept + found.kept_files, Ordering::Relaxed);
    figures
        .counted_at_us
        .store(begun.as_micros() as u64, Ordering::Relaxed);
    figures.unwatched.store(found.unwatched, Ordering::Relaxed);
    figures.rewatched.fetch_add(found.rewatched, Ordering::Relaxed);
    found.unwatched == 0
}

impl Look {
    fn alone(&mut self, watched: &Watched, root: &Arc<Root>, name: &[u8]) -> io::Result<()> {
        let directory = root.open(libc::O_RDONLY)?;
        let is_marked = watched.watch.is_file_marked(root) || watched.watch.is_marked(directory.as_raw_fd());
        let kept = self.file(watched, (&directory, name))?;
        if !is_marked {
            self.suspects.push(Suspect {
                root: root.clone(),
                path: Vec::new(),
                kept_files: u64::from(kept),
            });
        }
        Ok(())
    }

    fn tree(&mut self, watched: &Watched, root: &Arc<Root>) -> io::Result<()> {
        let mut waiting = vec![Vec::new()];
        while let Some(path) = waiting.pop() {
            let Ok(directory) = open_directory(root, &path) else {
                continue;
            };
            let is_marked = watched.watch.is_marked(directory.as_raw_fd());
            let mut kept_files = 0;
            let listed = std::fs::read_dir(os::link_of(directory.as_raw_fd()))?;
            for entry in listed.flatten() {
                if watched.stop.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let inside = join(&path, entry.file_name().as_bytes());
                let kind = entry.file_type()?;
                if kind.is_dir() && !is_store(&join(&root.path, &inside)) {
                    waiting.push(inside);
                } else if kind.is_file() {
                    // Or it went away meanwhile.
                    let kept = self.file(watched, (&directory, entry.file_name().as_bytes()));
                    kept_files += u64::from(kept.unwrap_or(false));
                }
            }
            if !is_marked {
                self.suspects.push(Suspect {
                    root: root.clone(),
                    path,
                    kept_files,
                });
            }
        }
        Ok(())
    }

    /// Says whether it could be given back, of one that was not counted before.
    fn file(&mut self, watched: &Watched, (directory, name): (&OwnedFd, &[u8])) -> io::Result<bool> {
        let flags = libc::O_PATH | libc::O_NOFOLLOW;
        let file = os::open_below(directory.as_raw_fd(), name, flags, os::BELOW_HERE)?;
        let stat = os::fstat(file.as_raw_fd())?;
        let key = watched.places.key(file.as_raw_fd(), &stat)?;
        if !self.seen.insert(key) {
            return Ok(false);
        }
        let known = {
            let index = watched.store.index();
            index
                .state(key)
                .map_or(Standing::Unknown, |state| standing(&state))
        };
        let is_kept = known == Standing::Restorable;
        self.unkept += u64::from(!is_kept);
        Ok(is_kept)
    }
}
