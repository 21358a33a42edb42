//! Files whose copy at rest was put off until there is time.
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use norn_journal::file::PlaceId;

/// More go without, and are counted.
const FILES_MAX: usize = 65_536;
/// Copied before the next look at new containers.
const AT_ONCE: usize = 256;

#[derive(Debug, Default)]
pub struct Overdue {
    files: Mutex<HashSet<(PlaceId, Vec<u8>)>>,
    pub refused: AtomicU64,
}

impl Overdue {
    fn files(&self) -> MutexGuard<'_, HashSet<(PlaceId, Vec<u8>)>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `false` when it waits already, or there is no room.
    pub fn put_off(&self, place: PlaceId, path: Vec<u8>) -> bool {
        let mut files = self.files();
        if files.len() < FILES_MAX {
            return files.insert((place, path));
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        false
    }

    /// The next few.
    pub fn take(&self) -> Vec<(PlaceId, Vec<u8>)> {
        let mut files = self.files();
        let some: Vec<_> = files.iter().take(AT_ONCE).cloned().collect();
        for spot in &some {
            files.remove(spot);
        }
        some
    }
}
