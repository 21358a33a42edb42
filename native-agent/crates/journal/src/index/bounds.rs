//! How much the index holds in memory: what is beyond gives way, the longest untouched first, never what is held.
use std::collections::HashSet;

use norn_events::ProcessUid;

use super::moves::present_name;
use super::{FileState, Holds, Index};
use crate::file::FileKey;
use crate::record::{Content, Time};

/// Files with a state; about 1.4 KB each.
pub const FILES_MAX: usize = 100_000;
/// No more copies at rest are made from here on: the room that is left is for files somebody opens.
pub const FILES_AT_REST_MAX: usize = FILES_MAX / 4 * 3;
/// Names whose holders are known.
pub const NAMES_MAX: usize = 200_000;
/// Changes of names; beyond, those of files that nothing is known of any more go.
const OPERATIONS_MAX: usize = 200_000;
/// What was changed may be told of later than its name, ns.
const OPERATION_GRACE: Time = 600_000_000_000;
/// Processes with a change, and their ancestors.
pub const ACTORS_MAX: usize = 100_000;
/// A process without any recorded change is kept for this long, ns, after it was first recorded: its changes may be on their way.
const ACTOR_GRACE: Time = 60_000_000_000;

fn with_slack(left: usize, most: usize) -> usize {
    most.max(left + most / 10)
}

/// The longest untouched of those that nobody holds, at most `count`.
pub fn oldest(mut ages: Vec<(Time, FileKey)>, held: &HashSet<FileKey>, count: usize) -> Vec<(Time, FileKey)> {
    ages.retain(|(_, key)| !held.contains(key));
    ages.sort_unstable();
    ages.truncate(count);
    ages
}

impl Index {
    /// How many files there are too many; 0 when there is room.
    pub fn surplus(&self) -> usize {
        match self.file_count() > self.limits.files.max(FILES_MAX) {
            true => self.file_count() - FILES_MAX / 10 * 9,
            false => 0,
        }
    }

    /// What is left now is held: to be looked at again when there are many more.
    pub fn accept_files(&mut self) {
        self.limits.files = with_slack(self.file_count(), FILES_MAX);
    }

    /// Does something once in many thousands of records. The number of files is another's to bound.
    pub fn bound(&mut self, now: Time) {
        if self.names.len().max(self.created.len()) > self.limits.names.max(NAMES_MAX) {
            self.drop_names();
            self.limits.names = with_slack(self.names.len().max(self.created.len()), NAMES_MAX);
        }
        if self.operations.len() > self.limits.operations.max(OPERATIONS_MAX) {
            self.drop_operations(now);
            self.limits.operations = with_slack(self.operations.len(), OPERATIONS_MAX);
        }
        if self.actors.len() > self.limits.actors.max(ACTORS_MAX) {
            self.drop_actors(now);
            self.limits.actors = with_slack(self.actors.len(), ACTORS_MAX);
        }
    }

    /// All at once, when nobody else wants the index.
    pub fn bound_files(&mut self) {
        let surplus = self.surplus();
        if surplus == 0 {
            return;
        }
        let mut holds = Holds::new(self);
        let at_rest = self.at_rest.peeks().map(|file| file.key);
        let keys: Vec<FileKey> = self.touched.keys().copied().chain(at_rest).collect();
        let renamed = self
            .operations
            .iter()
            .filter(|known| holds.of_operation(self, known).is_some());
        let mut held: HashSet<FileKey> = renamed
            .flat_map(|known| [known.key(), known.replaced()])
            .flatten()
            .collect();
        held.extend(keys.iter().filter(|key| holds.of_file(self, **key).is_some()));
        let ages = keys
            .iter()
            .filter_map(|&key| Some((self.age(key)?, key)))
            .collect();
        for (age, key) in oldest(ages, &held, surplus) {
            self.drop_file(key, age);
        }
        self.accept_files();
    }

    /// When it was last touched; `None` when nothing is known of it.
    pub fn age(&self, key: FileKey) -> Option<Time> {
        let touched = self.touched.get(&key).map(FileState::last_touch);
        touched.or_else(|| self.at_rest.peek(key).map(|file| file.time))
    }

    /// Unless somebody touched it since.
    pub fn drop_file(&mut self, key: FileKey, age: Time) {
        if self.age(key) != Some(age) {
            return;
        }
        let at_rest = |index: &mut Self| index.at_rest.take(key).map(FileState::from);
        if let Some(state) = self.touched.remove(&key).or_else(|| at_rest(self)) {
            self.forgotten.extend(present_name(&state, &self.moves));
            let lost = state
                .versions
                .iter()
                .filter(|version| !matches!(version.content, Content::Missing(_)));
            self.evicted += lost.count() as u64;
        }
    }

    fn drop_names(&mut self) {
        let mut names = std::mem::take(&mut self.names);
        let mut created = std::mem::take(&mut self.created);
        names.retain(|_, history| history.keys().any(|key| self.knows(key)));
        created.retain(|(key, _)| self.knows(*key));
        names.shrink_to_fit();
        created.shrink_to_fit();
        (self.names, self.created) = (names, created);
    }

    fn drop_operations(&mut self, now: Time) {
        let mut operations = std::mem::take(&mut self.operations);
        let mut holds = Holds::new(self);
        operations.retain(|known| {
            let is_known = |key: Option<FileKey>| key.is_some_and(|key| self.knows(key));
            known.time > now - OPERATION_GRACE
                || is_known(known.key())
                || is_known(known.replaced())
                || holds.of(self, known.pid, known.time).is_some()
        });
        self.operations = operations;
    }

    fn drop_actors(&mut self, now: Time) {
        let mut used: HashSet<ProcessUid> = self.held.iter().copied().collect();
        let changes = self.touched.values().flat_map(|state| {
            let versions = state.versions.iter().map(|version| (version.pid, version.time));
            versions.chain(state.changes.iter().map(|change| (change.pid, change.time)))
        });
        let operations = self
            .operations
            .iter()
            .map(|operation| (operation.pid, operation.time));
        let opens = self.at_rest.peeks().map(|file| (file.pid, file.time));
        used.extend(
            changes
                .chain(operations)
                .chain(opens)
                .filter_map(|(pid, time)| self.actors.at(pid, time))
                .map(|actor| actor.uid),
        );
        self.actors.retain(used, now - ACTOR_GRACE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{Metadata, PlaceId};
    use crate::record::{Actor, Aspect, Change, Location, NameKind, NameOperation, Record, Version};

    fn location(number: u128) -> Location {
        let path = number.to_string().into_bytes();
        let (key, place) = (FileKey(number), PlaceId(1));
        let seen = path.clone();
        Location {
            key,
            place,
            path,
            seen,
        }
    }

    fn saved(number: u128, time: Time) -> Record {
        let version = Version {
            time,
            pid: 0,
            content: Content::Packed(Vec::new()),
            metadata: Metadata::default(),
            shape: None,
        };
        Record::Version(location(number), version)
    }

    fn actor(number: u32, parent: u32) -> Record {
        let uid = |number: u32| {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&number.to_le_bytes());
            ProcessUid(bytes)
        };
        Record::Actor(Actor {
            uid: uid(number),
            parent: uid(parent),
            pid: number,
            start: 1,
            container: None,
        })
    }

    fn changed(number: u128, pid: u32, time: Time) -> Record {
        let aspect = Aspect::Content;
        Record::Change(location(number), Change { time, pid, aspect })
    }

    fn record(index: &mut Index, record: &Record) {
        index.apply(record);
        index.bound_files();
    }

    #[test]
    fn the_longest_untouched_files_give_way_and_are_counted() {
        let mut index = Index::default();
        for number in 0..=FILES_MAX as u128 {
            record(&mut index, &saved(number, number as Time));
        }
        assert!(index.file_count() <= FILES_MAX, "{}", index.file_count());
        assert!(index.state(FileKey(0)).is_none());
        assert!(index.state(FileKey(FILES_MAX as u128)).is_some());
        assert_eq!(index.evicted as usize, FILES_MAX + 1 - index.file_count());
    }

    #[test]
    fn a_held_file_stays_however_old() {
        let mut index = Index::default();
        record(&mut index, &actor(7, 1));
        record(&mut index, &saved(0, 10));
        record(&mut index, &changed(0, 7, 20));
        let scope = index.actors.at(7, 20).map(|actor| actor.uid);
        index.apply(&Record::Hold(scope.unwrap()));
        for number in 1..=FILES_MAX as u128 {
            record(&mut index, &saved(number, 100 + number as Time));
        }
        assert!(index.state(FileKey(0)).is_some());
        assert!(index.state(FileKey(1)).is_none());
    }

    fn made(number: u128, pid: u32, time: Time) -> Record {
        let Location {
            key,
            place,
            path,
            seen,
        } = location(number);
        Record::Name(NameOperation {
            time,
            pid,
            place,
            kind: NameKind::Create,
            path,
            target: Vec::new(),
            key: Some(key),
            replaced: None,
            directory: false,
            seen,
        })
    }

    #[test]
    fn names_of_files_nothing_is_known_of_give_way_but_for_those_held() {
        let mut index = Index::default();
        record(&mut index, &actor(7, 1));
        record(&mut index, &made(1, 7, 20));
        let scope = index.actors.at(7, 20).map(|actor| actor.uid);
        index.apply(&Record::Hold(scope.unwrap()));
        record(&mut index, &saved(2, 30));
        record(&mut index, &made(2, 8, 30));
        for number in 10..10 + OPERATIONS_MAX as u128 {
            index.apply(&made(number, 9, 40));
        }
        index.bound(OPERATION_GRACE * 2);
        let left: Vec<_> = index.operations.iter().map(|known| known.key()).collect();
        assert_eq!(left, [Some(FileKey(1)), Some(FileKey(2))]);
    }

    #[test]
    fn processes_without_a_change_are_forgotten_and_ancestors_of_the_others_are_not() {
        let mut index = Index::default();
        record(&mut index, &actor(2, 1));
        record(&mut index, &actor(3, 2));
        record(&mut index, &changed(0, 3, ACTOR_GRACE * 9));
        for number in 10..=10 + ACTORS_MAX as u32 {
            index.apply(&actor(number, 1));
        }
        index.bound(ACTOR_GRACE * 10);
        assert_eq!(index.actors.len(), 2);
        assert!(index.actors.at(3, ACTOR_GRACE * 9).is_some());
    }
}
