//! Names that changed places. Below two directories that did, what is known of a name from before is of the other's file.
use std::collections::{BTreeSet, HashMap, HashSet};

use super::{Index, Operation};
use crate::file::{FileKey, PlaceId};
use crate::record::{NameKind, NameOperation, Time};

/// Looked at for a restore.
const EXCHANGES_MAX: usize = 4096;

/// Of two directories, the last that is told.
pub struct Exchange {
    pub last: NameOperation,
    /// The two names as they are now, and what is told to have them.
    pub now: [(Vec<u8>, Option<FileKey>); 2],
}

impl Index {
    /// Another may have got the name since its file left it with its directory, and what was seen at the time of an exchange may
    /// have been called by the names from before or after it.
    pub(super) fn correct_exchanged(
        &self,
        keys: &HashSet<FileKey>,
        found: &mut HashMap<FileKey, BTreeSet<(PlaceId, Vec<u8>)>>,
    ) {
        for ((place, path), history) in &self.names {
            for (key, since) in history.all().filter(|(key, _)| keys.contains(key)) {
                let names = found.entry(key).or_default();
                names.insert((*place, self.moves.present((*place, path), since)));
                names.insert((*place, path.to_vec()));
            }
        }
        for (key, names) in found.iter_mut() {
            names.retain(|(place, path)| self.name_at(*place, path, Time::MAX).flatten() == Some(*key));
        }
        found.retain(|_, names| !names.is_empty());
    }

    /// Of directories that were exchanged, the last exchange of each two.
    pub fn exchanges(&self) -> Vec<Exchange> {
        let mut last = HashMap::new();
        let all = self.operations.iter();
        for known in all.filter(|known| known.is_of_directory() && known.kind() == NameKind::Exchange) {
            let mut names = [Some(&known.path), known.target.as_ref()];
            names.sort();
            last.insert((known.place, names), known);
        }
        let now = |place, path: &[u8], since| {
            let path = self.moves.present((place, path), since);
            let holder = self.name_at(place, &path, Time::MAX).flatten();
            (path, holder)
        };
        let names = |known: &Operation| {
            let last = known.whole();
            let now = [&last.path, &last.target].map(|path| now(last.place, path, last.time + 1));
            Exchange { last, now }
        };
        last.into_values().take(EXCHANGES_MAX).map(names).collect()
    }

    /// What the first half of an exchange gave another name, when this is the second half; and whether that is a directory.
    pub fn exchanged_for(&self, second: &NameOperation) -> Option<(FileKey, bool)> {
        let mut second = second.clone();
        second.key = second.key.map(|key| self.original(key));
        let first = self.operations.half_of(&second)?;
        Some((first.key()?, first.is_of_directory()))
    }
}
