//! What a restore could give back of a file now, and how many files there are of each kind.
use std::collections::HashMap;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use norn_events::ProcessUid;

use crate::capture::Shared;
use crate::file::PlaceId;
use crate::index::FileState;
use crate::record::{Content, Missing};
use crate::sys;

/// What the vault has of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its last known state.
    Restorable,
    /// There was a state of it, which gave way.
    Evicted,
    TooLarge,
    /// The last state was missed, for another reason.
    Missed,
    /// Nothing: it is not watched, or nobody opened it and it is not copied at rest.
    Unknown,
}

/// Counted every few seconds.
#[derive(Debug, Default)]
pub struct Standings {
    pub restorable: AtomicU64,
    pub evicted: AtomicU64,
    pub too_large: AtomicU64,
}

fn standing(state: &FileState) -> Standing {
    match state.last().map(|version| &version.content) {
        None => Standing::Unknown,
        Some(Content::Missing(Missing::Evicted)) => Standing::Evicted,
        Some(Content::Missing(Missing::TooLarge)) => Standing::TooLarge,
        Some(Content::Missing(_)) => Standing::Missed,
        Some(_) => Standing::Restorable,
    }
}

pub fn count(shared: &Shared) {
    let (mut restorable, mut evicted, mut too_large) = (0, 0, 0);
    let mut bytes: HashMap<PlaceId, u64> = HashMap::new();
    let mut held: HashMap<ProcessUid, u64> = HashMap::new();
    let index = shared.store.index();
    let holders = index.holders();
    for (key, state) in &index.files {
        match holders.get(key) {
            Some(&scope) => *held.entry(scope).or_default() += state.bytes(),
            None => *bytes.entry(state.place).or_default() += state.bytes(),
        }
        match standing(state) {
            Standing::Restorable => restorable += 1,
            Standing::Evicted => evicted += 1,
            Standing::TooLarge => too_large += 1,
            Standing::Missed | Standing::Unknown => {}
        }
    }
    drop(index);
    shared.store.bound_held(&held);
    let share = shared.store.share();
    let crowded = bytes.into_iter().filter(|(_, bytes)| *bytes > share);
    shared
        .store
        .set_crowded(crowded.map(|(place, _)| place).collect());
    shared.standings.restorable.store(restorable, Ordering::Relaxed);
    shared.standings.evicted.store(evicted, Ordering::Relaxed);
    shared.standings.too_large.store(too_large, Ordering::Relaxed);
}

/// Of the file that has this name on the host now; a container's by its merged view.
pub fn of(shared: &Shared, path: &Path) -> Standing {
    let found = || {
        let path = path.as_os_str().as_bytes();
        let file = sys::open_below(libc::AT_FDCWD, path, libc::O_PATH | libc::O_NOFOLLOW, 0).ok()?;
        let stat = sys::fstat(file.as_raw_fd()).ok()?;
        let key = shared.places.key(file.as_raw_fd(), &stat).ok()?;
        shared.store.index().state(key).map(standing)
    };
    found().unwrap_or(Standing::Unknown)
}
