//! Names that were there when a directory began to be watched, and that nobody has looked at yet. The kernel does not say whether a
//! rename replaces anything: who renames over one of these is not to be taken for the maker of a new file.
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use norn_journal::file::{FileKey, PlaceId};
use xxhash_rust::xxh3::xxh3_64;

use crate::places::by_name;
use crate::watch::Entry;

/// Of one place; of a larger one nothing is held.
const NAMES_MAX: usize = 65_536;
const PLACES_MAX: usize = 1_024;

/// What is told of renames may still wait when the last name was looked at.
const LINGER: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
struct Names {
    /// By their hash; `None` while they are being listed, and any may be there.
    listed: Option<HashSet<u64>>,
    ended: Option<Instant>,
}

#[derive(Debug, Default)]
pub struct Unscanned(Mutex<HashMap<PlaceId, Names>>);

impl Names {
    fn is_over(&self) -> bool {
        self.ended.is_some_and(|ended| ended.elapsed() > LINGER)
    }
}

impl Unscanned {
    fn places(&self) -> MutexGuard<'_, HashMap<PlaceId, Names>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Before its first mark.
    pub fn begin(&self, place: PlaceId) {
        let mut places = self.places();
        places.retain(|_, names| !names.is_over());
        if places.len() < PLACES_MAX {
            places.insert(place, Names::default());
        }
    }

    pub fn listed(&self, place: PlaceId, entries: &[Entry]) {
        let mut places = self.places();
        if entries.len() > NAMES_MAX {
            places.remove(&place);
        } else if let Some(names) = places.get_mut(&place) {
            let files = entries.iter().filter(|entry| !entry.is_directory);
            names.listed = Some(files.map(|entry| xxh3_64(&entry.path)).collect());
        }
    }

    /// All were looked at.
    pub fn end(&self, place: PlaceId) {
        if let Some(names) = self.places().get_mut(&place) {
            names.ended = Some(Instant::now());
        }
    }

    /// Stands for the file that had this name, when there may have been one that nobody knows.
    pub fn holder(&self, place: PlaceId, path: &[u8]) -> Option<FileKey> {
        let mut places = self.places();
        let names = places.get(&place)?;
        if names.is_over() {
            places.remove(&place);
            return None;
        }
        let listed = names.listed.as_ref();
        let is_there = listed.is_none_or(|names| names.contains(&xxh3_64(path)));
        is_there.then(|| by_name(&place.0.to_le_bytes(), path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_there_is_held_until_all_were_looked_at() {
        let (place, other) = (PlaceId(1), PlaceId(2));
        let file = |path: &[u8]| Entry {
            path: path.to_vec(),
            is_directory: false,
        };
        let unscanned = Unscanned::default();
        assert_eq!(unscanned.holder(place, b"a"), None);
        unscanned.begin(place);
        assert!(unscanned.holder(place, b"new").is_some(), "it is being listed");
        unscanned.listed(place, &[file(b"a"), file(b"b")]);
        let (a, b) = (unscanned.holder(place, b"a"), unscanned.holder(place, b"b"));
        assert!(a.is_some() && b.is_some() && a != b);
        assert_eq!(unscanned.holder(place, b"new"), None);
        assert_eq!(unscanned.holder(other, b"a"), None);
        unscanned.end(place);
        assert_eq!(
            unscanned.holder(place, b"a"),
            a,
            "what is told of it may come later"
        );
        let long_ago = Instant::now().checked_sub(2 * LINGER);
        unscanned.places().get_mut(&place).unwrap().ended = long_ago;
        assert_eq!(unscanned.holder(place, b"a"), None);
    }
}
