//! What is known of one file: the states it had, and who changed it when.
use std::sync::Arc;

use super::seen::Seen;
use crate::file::{FileKey, PlaceId, Stamp};
use crate::record::{Aspect, Change, Content, Location, Missing, Time, Version, is_restorer};

/// States kept of one file; which ones give way says `victim`.
pub const VERSIONS_MAX: usize = 16;
/// Of these, those of restores and their undoing; the oldest of them give way.
const RESTORED_MAX: usize = VERSIONS_MAX / 2;
/// Changes that follow one another within this time are one work, by how many processes ever, ns.
const WORK_APART_MAX: Time = 60_000_000_000;
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
    /// When it was last touched.
    pub fn last_touch(&self) -> Time {
        let change = self.changes.last().map(|change| change.time);
        let version = self.versions.last().map(|version| version.time);
        change.max(version).unwrap_or(Time::MIN)
    }

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

    /// The content of the last version is that of the file, as far as anybody told; its mode or owner may be another.
    pub fn has_content(&self) -> bool {
        let copied = self
            .last()
            .filter(|last| !matches!(last.content, Content::Missing(_)));
        copied.is_some_and(|last| {
            let is_later = |change: &Change| change.aspect == Aspect::Content && change.time > last.time;
            !self.changes.iter().any(is_later)
        })
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
        self.thin();
    }

    /// Who asks for a state that gave way is told so, and is not given an older one. Those that gave way one after the other are
    /// one such mark.
    fn thin(&mut self) {
        let kept = self.versions.iter().filter(|version| !version.is_thinned());
        if kept.count() <= VERSIONS_MAX {
            return;
        }
        let at = self.victim();
        self.versions[at].content = Content::Missing(Missing::Thinned);
        self.versions
            .dedup_by(|later, earlier| later.is_thinned() && earlier.is_thinned());
    }

    /// Never the first state, nor that of now, nor the one from before the last work on the file: an attack may be that work. A
    /// restore and its undo by turns give way among themselves: an old one has been undone by the time there is a new one.
    fn victim(&self) -> usize {
        let restored = self.first_restored();
        let last = self.versions.len() - 1;
        let kept = |at: &usize| !self.versions[*at].is_thinned();
        let mut tail = (restored..last).filter(kept);
        if tail.clone().count() >= RESTORED_MAX
            && let Some(oldest) = tail.next()
        {
            return oldest;
        }
        let before_work = self.before_work();
        let mut earlier = (1..restored.min(last)).rev().filter(kept);
        let newest_life = (restored <= last).then(|| restored.saturating_sub(1));
        let victim = earlier.find(|at| Some(*at) != before_work && Some(*at) != newest_life);
        victim.or_else(|| tail.next()).unwrap_or(last - 1)
    }

    /// From this state on, all there was were restores.
    fn first_restored(&self) -> usize {
        let work = self.changes.iter().filter(|change| !is_restorer(change.pid));
        let since = work.map(|change| change.time).max().unwrap_or(Time::MIN);
        let is_restored = |version: &Version| version.time > since && is_restorer(version.pid);
        let first = self.versions.iter().position(is_restored);
        first.unwrap_or(self.versions.len())
    }

    /// The state that the last work on the file, attack or not, found.
    fn before_work(&self) -> Option<usize> {
        let work = self.changes.iter().filter(|change| !is_restorer(change.pid));
        let mut times: Vec<Time> = work.map(|change| change.time).collect();
        times.sort_unstable();
        let last = *times.last()?;
        let begun = times.iter().rev().fold(last, |begun, &time| {
            if begun - time <= WORK_APART_MAX {
                time
            } else {
                begun
            }
        });
        self.versions.iter().rposition(|version| version.time <= begun)
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
            self.changes.remove(self.told_enough());
        }
    }

    /// A restore's that another restore or an undo followed; else the one before the last.
    fn told_enough(&self) -> usize {
        let newest = self.changes.len() - 1;
        let by_restores = |two: &[Change]| two.iter().all(|change| is_restorer(change.pid));
        let undone = self.changes[..newest].windows(2).position(by_restores);
        undone.unwrap_or(newest - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::Metadata;
    use crate::record::RESTORER;

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
    fn a_copy_holds_the_content_until_another_is_told_whatever_becomes_of_the_mode() {
        let mut state = FileState::default();
        assert!(!state.has_content(), "nothing was copied");
        state.add_version(version(10, 1));
        let aspect = Aspect::Metadata;
        state.add_change(Change {
            time: 20,
            pid: 1,
            aspect,
        });
        assert!(state.has_content() && !state.is_saved, "{state:?}");
        changed(&mut state, 30, 1);
        assert!(!state.has_content(), "{state:?}");
        let content = Content::Missing(Missing::TooSlow);
        state.add_version(Version {
            content,
            ..version(40, 1)
        });
        assert!(!state.has_content(), "{state:?}");
    }

    fn times(state: &FileState) -> Vec<Time> {
        let kept = state.versions.iter().filter(|version| !version.is_thinned());
        kept.map(|version| version.time).collect()
    }

    fn changed(state: &mut FileState, time: Time, pid: u32) {
        let aspect = Aspect::Content;
        state.add_change(Change { time, pid, aspect });
    }

    #[test]
    fn the_first_state_survives_many_later_ones() {
        let mut state = FileState::default();
        (1..100).for_each(|time| state.add_version(version(time, 1)));
        assert_eq!(times(&state).len(), VERSIONS_MAX);
        assert_eq!(state.before(5).map(|version| version.time), Some(5));
    }

    #[test]
    fn a_state_that_gave_way_is_not_taken_for_an_older_one() {
        let mut state = FileState::default();
        (1..100).for_each(|time| state.add_version(version(time, 1)));
        assert_eq!(
            state.versions.len(),
            VERSIONS_MAX + 1,
            "all that gave way are one mark"
        );
        for time in 1..100 {
            let found = state.before(time).unwrap();
            assert!(found.time == time || found.is_thinned(), "{time}: {found:?}");
        }
    }

    // @norn-strict
    #[test]
    fn what_an_attack_found_survives_a_long_life_before_and_many_rounds_of_restore_and_undo_after() {
        const HOUR: Time = 3_600_000_000_000;
        let mut state = FileState::default();
        (1..40).for_each(|hour| {
            state.add_version(version(hour * HOUR, 0));
            changed(&mut state, hour * HOUR + 1, 7);
        });
        let found = 40 * HOUR;
        state.add_version(version(found, 8));
        // Two processes of the attack.
        changed(&mut state, found + 1, 8);
        state.add_version(version(found + 2, 9));
        changed(&mut state, found + 3, 9);
        for round in 1..60 {
            let (at, restore) = (found + round * HOUR, RESTORER | round as u32);
            state.add_version(version(at, restore));
            changed(&mut state, at + 1, restore);
            state.add_version(version(at + 2, 0));
            let kept = |time| {
                state
                    .before(time)
                    .map(|version| (version.time, version.is_thinned()))
            };
            assert_eq!(kept(found + 1), Some((found, false)), "round {round}");
            assert_eq!(kept(at + 1), Some((at, false)), "round {round}");
            let all = state.changes.iter().map(|change| change.pid);
            assert!(
                all.clone().any(|pid| pid == 8) && all.clone().any(|pid| pid == restore),
                "round {round}"
            );
        }
        assert!(times(&state).len() <= VERSIONS_MAX);
    }
}
