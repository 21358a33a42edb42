//! Folds records into what is known.
use norn_events::ProcessUid;

use super::moves::present_name;
use super::{FileState, Index};
use crate::file::{FileKey, PlaceId};
use crate::record::{Content, Location, Missing, Record, Time, Version};

/// Containers whose file system is known; those that come later can't be restored as a whole.
const HOMES_MAX: usize = 50_000;

impl Index {
    pub fn apply(&mut self, record: &Record) {
        match self.of_original(record) {
            Some(record) => self.fold(&record),
            None => self.fold(record),
        }
    }

    /// What happens to a file that a restore made again belongs to the history of the one it replaces.
    fn of_original(&self, record: &Record) -> Option<Record> {
        if self.aliases.is_empty() {
            return None;
        }
        let mut record = record.clone();
        match &mut record {
            Record::Version(Location { key, .. }, _)
            | Record::Change(Location { key, .. }, _)
            | Record::Evicted(key, _) => *key = self.original(*key),
            Record::Name(operation) => {
                operation.key = operation.key.map(|key| self.original(key));
                operation.replaced = operation.replaced.map(|key| self.original(key));
            }
            _ => return None,
        }
        Some(record)
    }

    fn fold(&mut self, record: &Record) {
        if self.rests(record) {
            return;
        }
        match record {
            Record::Boot { .. } => {}
            Record::Place(id, kind) => {
                self.places.insert(*id, kind.clone());
            }
            Record::Version(location, version) => {
                self.locate(location, version);
                self.actors.expect(version.pid, version.time);
                self.file(location, version.time).add_version(version.clone());
            }
            Record::Change(location, change) => {
                self.locate_other(location, change.time);
                self.actors.expect(change.pid, change.time);
                self.file(location, change.time).add_change(*change);
            }
            Record::Name(operation) => self.apply_name(operation),
            Record::Actor(actor) => drop(self.actors.insert(actor.clone())),
            Record::Alias(new, old) => self.join(*new, *old),
            Record::Hold(scope) => self.hold(*scope),
            Record::Forget(scope) => self.held.retain(|held| held != scope),
            Record::Evicted(key, time) => self.evict(*key, *time),
            Record::Home(container, place) => {
                if self.homes.len() < HOMES_MAX {
                    self.homes.insert(container.clone(), *place);
                }
            }
        }
    }

    /// A file that is new, under a name that is, is kept in little room; all others that the record speaks of are kept whole
    /// from now on.
    fn rests(&mut self, record: &Record) -> bool {
        match record {
            Record::Version(location, version) => {
                let earlier = self.at_rest.get(location.key);
                let again = |(at, known): &(Location, Version)| at == location && known.time == version.time;
                let is_again = earlier.is_some_and(|earlier| again(&earlier));
                if is_again {
                    self.at_rest.take(location.key);
                }
                if is_again || self.is_new(location) {
                    self.actors.expect(version.pid, version.time);
                    self.at_rest.insert(location.clone(), version.clone());
                    return true;
                }
                self.touch(location.key);
                self.touch_name(location.place, &location.path);
            }
            Record::Change(Location { key, .. }, _) | Record::Evicted(key, _) => self.touch(*key),
            Record::Name(operation) => {
                let keys = [operation.key, operation.replaced].into_iter().flatten();
                keys.for_each(|key| self.touch(key));
                self.touch_name(operation.place, &operation.path);
                self.touch_name(operation.place, &operation.target);
            }
            Record::Alias(new, old) => [*new, *old].into_iter().for_each(|key| self.touch(key)),
            _ => {}
        }
        false
    }

    /// Neither the file nor its name was ever heard of.
    fn is_new(&self, location: &Location) -> bool {
        self.state(location.key).is_none()
            && self.name_at(location.place, &location.path, Time::MAX).is_none()
    }

    fn touch(&mut self, key: FileKey) {
        if let Some((location, version)) = self.at_rest.take(key) {
            self.locate(&location, &version);
            self.file(&location, version.time).add_version(version);
        }
    }

    fn touch_name(&mut self, place: PlaceId, path: &[u8]) {
        if let Some((key, _)) = self.at_rest.holder(place, path) {
            self.touch(key);
        }
    }

    fn hold(&mut self, scope: ProcessUid) {
        if !self.held.contains(&scope) {
            self.held.push(scope);
        }
    }

    fn join(&mut self, new: FileKey, old: FileKey) {
        if new == old {
            return;
        }
        self.aliases.insert(new, old);
        let Some(state) = self.touched.remove(&new) else {
            return;
        };
        let saved = state.is_saved;
        let joined = self.touched.entry(old).or_default();
        state
            .versions
            .into_iter()
            .for_each(|version| joined.add_version(version));
        state
            .changes
            .into_iter()
            .for_each(|change| joined.add_change(change));
        joined.is_saved = saved;
        (joined.place, joined.path, joined.seen) = (state.place, state.path, state.seen);
        self.names
            .values_mut()
            .for_each(|history| history.replace(new, old));
    }

    fn file(&mut self, location: &Location, time: Time) -> &mut FileState {
        let path = self.name_since(location.key, (location.place, &location.path), time);
        let state = self.touched.entry(location.key).or_default();
        let Some(path) = path.filter(|_| state.is_newest(time)) else {
            return state;
        };
        state.place = location.place;
        if state.path != path {
            state.path = path;
        }
        if !location.seen.is_empty() {
            state.seen = self.prefixes.seen(&location.seen, &location.path);
        }
        state
    }

    fn evict(&mut self, key: FileKey, time: Time) {
        let Some(state) = self.touched.get_mut(&key) else {
            return;
        };
        self.forgotten.extend(present_name(state, &self.moves));
        for version in &mut state.versions {
            if version.time == time {
                version.content = Content::Missing(Missing::Evicted);
                self.evicted += 1;
            }
        }
        state.is_saved = false;
    }
}

/// Moves times of an earlier boot onto this boot's clock.
pub fn shift(record: &mut Record, by: Time) {
    match record {
        Record::Version(_, version) => version.time += by,
        Record::Change(_, change) => change.time += by,
        Record::Name(operation) => operation.time += by,
        Record::Actor(actor) => actor.start += by,
        Record::Evicted(_, time) => *time += by,
        _ => {}
    }
}
