//! What the last look at all that is watched found.
use std::collections::HashSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use norn_journal::file::PlaceId;

/// What the last look found.
#[derive(Debug, Default)]
pub struct Figures {
    /// Regular files in protected directories.
    pub present: AtomicU64,
    /// Of these, those of which a restore could give nothing back, or which nobody watched.
    pub unkept: AtomicU64,
    /// When the look began that found these, µs since 1970; 0: none yet.
    pub counted_at_us: AtomicU64,
    /// Directories, single files and containers' file systems that were to be watched, and were not.
    pub unwatched: AtomicU64,
    /// Of such, those that are watched again since, ever since the vault was opened.
    pub rewatched: AtomicU64,
    /// Places of which not even the top was watched, and could not be.
    tops: Mutex<HashSet<PlaceId>>,
}

impl Figures {
    pub fn is_unwatched(&self, id: PlaceId) -> bool {
        self.tops
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&id)
    }

    pub fn note_unwatched(&self, tops: HashSet<PlaceId>) {
        *self.tops.lock().unwrap_or_else(PoisonError::into_inner) = tops;
    }
}
