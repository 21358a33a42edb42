//! The names of files, and what a change of names makes of them.
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use norn_os::paths::below;

use super::moves::last_name;
use super::operations::{is_move, name_hash};
use super::seen::Seen;
use super::{FileState, Index, Operation};
use crate::file::{FileKey, PlaceId};
use crate::record::{Location, NameKind, NameOperation, Time, Version, is_restorer};

impl Index {
    /// An opener that waits holds its file under this name; anybody else may have seen a name that changed since.
    pub(super) fn locate(&mut self, location: &Location, version: &Version) {
        let free = self
            .name_at(location.place, &location.path, version.time)
            .flatten()
            .is_none();
        if version.pid != 0 || free {
            self.bind((location.place, &location.path), version.time, Some(location.key));
        }
    }

    /// Two names of an image's file are one file to the journal, though each may be changed on its own: it has both.
    pub(super) fn locate_other(&mut self, location: &Location, time: Time) {
        let (place, path) = (location.place, &location.path[..]);
        let state = self.touched.get(&location.key);
        if state.is_some_and(|state| state.path[..] != *path) && self.name_at(place, path, time).is_none() {
            let first = state.map(|state| (state.place, state.path.clone()));
            self.bind((place, path), time, Some(location.key));
            if let Some((place, path)) =
                first.filter(|(place, path)| self.name_at(*place, path, time).is_none())
            {
                self.bind((place, &path), time, Some(location.key));
            }
        }
    }

    pub(super) fn bind(&mut self, (place, path): (PlaceId, &[u8]), since: Time, key: Option<FileKey>) {
        let name = (place, Arc::from(path));
        self.names.entry(name).or_default().bind(since, key);
    }

    /// The text as it is in memory already, when it is.
    pub(super) fn shared(&self, place: PlaceId, path: &[u8]) -> Arc<[u8]> {
        let name = (place, Arc::from(path));
        let known = self.names.get_key_value(&name).map(|(known, _)| known.1.clone());
        known.unwrap_or(name.1)
    }

    /// The names that each of these files has now, as far as is known. A name below a directory that was moved since is none.
    pub fn names_of(&self, keys: &HashSet<FileKey>) -> HashMap<FileKey, BTreeSet<(PlaceId, Vec<u8>)>> {
        let mut found: HashMap<FileKey, BTreeSet<_>> = HashMap::new();
        for (name, history) in &self.names {
            let Some((key, since)) = history.holder().filter(|(key, _)| keys.contains(key)) else {
                continue;
            };
            let present = self.moves.present((name.0, &name.1), since);
            found.entry(key).or_default().insert((name.0, present));
        }
        if self.moves.has_exchanges() {
            self.correct_exchanged(keys, &mut found);
        }
        let resting = keys
            .iter()
            .filter_map(|key| Some((*key, self.at_rest.get(*key)?.0)));
        found.extend(resting.map(|(key, at)| (key, BTreeSet::from([(at.place, at.path)]))));
        found
    }

    pub(super) fn apply_name(&mut self, operation: &NameOperation) {
        self.actors.expect(operation.pid, operation.time);
        let (place, time) = (operation.place, operation.time);
        match operation.kind {
            NameKind::Create => {
                if let Some(key) = operation.key.filter(|_| !is_restorer(operation.pid)) {
                    self.created.insert((key, name_hash(&operation.path)));
                }
                self.bind((place, &operation.path), time, operation.key);
            }
            NameKind::Link => self.bind((place, &operation.path), time, operation.key),
            NameKind::Unlink => self.bind((place, &operation.path), time, None),
            NameKind::Rename => {
                self.bind((place, &operation.path), time, None);
                self.bind((place, &operation.target), time, operation.key);
            }
            NameKind::Exchange => {
                if let Some(half) = self.operations.take_half_of(operation) {
                    self.moves.forget(half.time, (&operation.target, &operation.path));
                }
                self.bind((place, &operation.path), time, operation.replaced);
                self.bind((place, &operation.target), time, operation.key);
            }
        }
        if let (NameKind::Rename | NameKind::Exchange, Some(key)) = (operation.kind, operation.key)
            && let Some(state) = self.touched.get_mut(&key)
        {
            state.path = Arc::from(&operation.target[..]);
        }
        if let (NameKind::Exchange, Some(key)) = (operation.kind, operation.replaced)
            && let Some(state) = self.touched.get_mut(&key)
        {
            state.path = Arc::from(&operation.path[..]);
        }
        if operation.directory && is_move(operation.kind) {
            self.moves.note(operation);
        }
        let slim = self.slim(operation);
        self.operations.push(slim);
    }

    fn slim(&mut self, operation: &NameOperation) -> Operation {
        let NameOperation {
            place, path, target, ..
        } = operation;
        let text = self.shared(*place, path);
        let to = (!target.is_empty()).then(|| self.shared(*place, target));
        let named = if is_move(operation.kind) { target } else { path };
        let seen = match &operation.seen[..] {
            [] => Seen::default(),
            seen => self.prefixes.seen(seen, named),
        };
        Operation::new(operation, (text, to), seen)
    }

    /// Is anything known below this name?
    pub fn is_directory(&self, place: PlaceId, path: &[u8]) -> bool {
        let inside = |known: &[u8]| below(known, path).is_some();
        let names = self.names.keys().map(|(place, path)| (*place, &path[..]));
        names
            .chain(self.at_rest.peeks().map(|file| (file.place, file.path)))
            .any(|(at, known)| at == place && inside(known))
    }

    /// What is known to lie below this name at `time`.
    pub fn files_below(&self, (place, path): (PlaceId, &[u8]), time: Time) -> Vec<(Vec<u8>, FileKey)> {
        let names = self.names.keys().map(|(place, path)| (*place, &path[..]));
        let known = names.chain(self.at_rest.peeks().map(|file| (file.place, file.path)));
        // By the name it has now, when a directory above it was moved since it was known.
        let present = |known: &[u8]| self.moves.present((place, known), Time::MIN);
        let inside: BTreeSet<Vec<u8>> = known
            .filter(|(at, _)| *at == place)
            .flat_map(|(_, known)| [known.to_vec(), present(known)])
            .filter(|known| below(known, path).is_some())
            .collect();
        let holder = |path: Vec<u8>| {
            let key = self.name_at(place, &path, time).flatten()?;
            Some((path, key))
        };
        inside.into_iter().filter_map(holder).collect()
    }

    /// The version is how the file is now: nothing changed it since, and the file has not lost its name.
    pub fn is_current(&self, key: FileKey, time: Time) -> bool {
        self.state(key).is_some_and(|state| {
            let is_last = state.last().is_some_and(|last| last.time == time);
            let holder = || self.name_at(state.place, &state.path, Time::MAX);
            state.is_saved && is_last && holder().is_none_or(|holder| holder == Some(key))
        })
    }

    pub fn last_name(&self, key: FileKey, state: &FileState) -> (PlaceId, Vec<u8>) {
        let last = last_name(state, &self.moves);
        if !self.moves.has_exchanges() {
            return last;
        }
        let is_its = |path: &[u8]| self.name_at(state.place, path, Time::MAX).flatten() == Some(key);
        match !is_its(&last.1) && is_its(&state.path) {
            true => (state.place, state.path.to_vec()),
            false => last,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;

    #[test]
    fn a_file_is_known_by_its_directorys_new_name() {
        let mut index = Index::default();
        let (place, key) = (PlaceId(1), FileKey(9));
        index.bind((place, b"a/file"), 10, Some(key));
        for (time, from, to) in [(20, "a", "b"), (30, "b", "c/d")] {
            let moved = NameOperation {
                time,
                pid: 7,
                place,
                kind: NameKind::Rename,
                path: from.into(),
                target: to.into(),
                key: None,
                replaced: None,
                directory: true,
                seen: Vec::new(),
            };
            index.apply(&Record::Name(moved));
        }
        assert_eq!(index.name_at(place, b"b/file", 25), Some(Some(key)));
        assert_eq!(index.name_at(place, b"c/d/file", 35), Some(Some(key)));
        assert_eq!(index.name_at(place, b"c/d/file", 25), None);
        let below = |path: &[u8], time| index.files_below((place, path), time);
        assert_eq!(below(b"c", 35), [(b"c/d/file".to_vec(), key)]);
        assert_eq!(below(b"a", 15), [(b"a/file".to_vec(), key)]);
        assert!(below(b"c", 25).is_empty() && below(b"other", 35).is_empty());
    }

    #[test]
    fn a_name_is_known_as_of_a_time() {
        let mut index = Index::default();
        let (place, key) = (PlaceId(1), FileKey(9));
        index.bind((place, b"a"), 10, Some(key));
        index.bind((place, b"a"), 20, None);
        assert_eq!(index.name_at(place, b"a", 5), None);
        assert_eq!(index.name_at(place, b"a", 15), Some(Some(key)));
        assert_eq!(index.name_at(place, b"a", 25), Some(None));
    }
}
