//! What is known of one file: the states it had, and who changed it when.
use std::sync::Arc;

use super::seen::Seen;
use crate::file::{FileKey, PlaceId, Stamp};
use crate::record::{Change, Content, Location, Time, Version};

/// States kept of one file; the one before the last gives way.
pub const VERSIONS_MAX: usize = 16;
const CHANGES_MAX: usize = 64;

#[derive(Debug, Default, Clone)]
pub struct FileState {
    pub place: PlaceId,
    /// Last name known, relative to the place.
    pub path: Arc<[u8]>,
    pub(super) seen: Seen,
    /// By time.
    pub versions: Vec<Version>,
    pub changes: Vec<Change>,
    /// The last version holds the state of the file: it was not written since.
    pub is_saved: bool,
}

/// Of a file nobody touched.
impl From<(Location, Version)> for FileState {
    fn from((location, version): (Location, Version)) -> Self {
        let mut state = Self {
            place: location.place,
            path: location.path.into(),
            seen: Seen::whole(&location.seen),
            ..Self::default()
        };
        state.add_version(version);
        state
    }
}

impl FileState {
    pub(super) fn location(&self, key: FileKey) -> Location {
        Location {
            key,
            place: self.place,
            path: self.path.to_vec(),
            seen: self.seen(),
        }
    }

    /// The last state from before `time`; a state taken for an open at `time` is from before it.
    pub fn before(&self, time: Time) -> Option<&Version> {
        self.versions.iter().rev().find(|version| version.time <= time)
    }

    /// The state of the file that needs no other copy.
    pub fn saved(&self) -> Option<Stamp> {
        let last = self.versions.last().filter(|_| self.is_saved);
        last.map(|version| version.metadata.stamp())
    }

    /// The last name known, as the process saw it.
    pub fn seen(&self) -> Vec<u8> {
        self.seen.name(&self.path)
    }

    /// What its states take in the pack; those that share their content count twice.
    pub fn bytes(&self) -> u64 {
        self.versions.iter().map(|version| version.content.bytes()).sum()
    }

    pub fn last(&self) -> Option<&Version> {
        self.versions.last()
    }

    /// What an old segment held is recorded again when the segment goes: that tells nothing of how things are now.
    pub(super) fn is_newest(&self, time: Time) -> bool {
        let change = self.changes.last().map(|change| change.time);
        let version = self.versions.last().map(|version| version.time);
        change.max(version).is_none_or(|last| last <= time)
    }

    pub(super) fn add_version(&mut self, version: Version) {
        if self.is_newest(version.time) {
            let is_copied = !matches!(version.content, Content::Missing(why) if why.may_pass());
            self.is_saved = is_copied;
        }
        let same = |known: &&mut Version| known.time == version.time && known.pid == version.pid;
        if let Some(known) = self.versions.iter_mut().find(same) {
            *known = version;
            return;
        }
        let at = self.versions.partition_point(|known| known.time <= version.time);
        self.versions.reserve_exact(1);
        self.versions.insert(at, version);
        if self.versions.len() > VERSIONS_MAX {
            self.versions.remove(VERSIONS_MAX - 1);
        }
    }

    /// A process that goes on changing a file is one change, from its first to its last moment.
    pub(super) fn add_change(&mut self, change: Change) {
        if self.changes.contains(&change) {
            return;
        }
        self.is_saved = false;
        let same = |known: &Change| known.pid == change.pid && known.aspect == change.aspect;
        match &mut self.changes[..] {
            // The sensor's reports and the closes come by different ways: a later one may be of an earlier moment.
            [.., first, last] if same(first) && same(last) => {
                let times = [first.time, last.time, change.time];
                first.time = times.into_iter().min().unwrap_or(change.time);
                last.time = times.into_iter().max().unwrap_or(change.time);
            }
            _ => {
                self.changes.reserve_exact(1);
                self.changes.push(change);
            }
        }
        if self.changes.len() > CHANGES_MAX {
            self.changes.remove(CHANGES_MAX - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::Metadata;
    use crate::record::Aspect;

    fn version(time: Time, pid: u32) -> Version {
        Version {
            time,
            pid,
            content: Content::Link(time.to_le_bytes().to_vec()),
            metadata: Metadata::default(),
            shape: None,
        }
    }

    #[test]
    fn the_state_before_a_change_is_the_last_one_taken_until_then() {
        let mut state = FileState::default();
        [10, 30, 20]
            .into_iter()
            .for_each(|time| state.add_version(version(time, 1)));
        assert_eq!(state.before(25).map(|version| version.time), Some(20));
        assert_eq!(state.before(30).map(|version| version.time), Some(30));
        assert_eq!(state.before(9), None);
    }

    #[test]
    fn a_change_that_is_told_late_is_the_first_all_the_same() {
        for told in [[20, 40, 60, 10], [20, 10, 40, 60], [60, 10, 40, 20]] {
            let mut state = FileState::default();
            for time in told {
                let aspect = Aspect::Content;
                state.add_change(Change { time, pid: 1, aspect });
            }
            let times: Vec<Time> = state.changes.iter().map(|change| change.time).collect();
            assert_eq!(times, [10, 60], "{told:?}");
        }
    }

    #[test]
    fn the_first_state_survives_many_later_ones() {
        let mut state = FileState::default();
        (1..100).for_each(|time| state.add_version(version(time, 1)));
        assert_eq!(state.versions.len(), VERSIONS_MAX);
        assert_eq!(state.before(5).map(|version| version.time), Some(5));
    }
}
