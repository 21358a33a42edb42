//! States that a file had while somebody wrote to it and had it open still. They are copied when a third one opens the file, or the
//! writer himself once more; nobody ever closed the file like that, so it is not how it was before the writer's work.
use super::state::FileState;
use crate::record::{Aspect, Time, Version, is_restorer};

impl FileState {
    /// The last state from before `time` that was no state in the making. `watched_since_ns`: unix time, ns; what changed before
    /// was told by nobody, and is as it was found.
    pub fn settled_before(&self, time: Time, watched_since_ns: i128) -> Option<&Version> {
        let end = self.versions.partition_point(|version| version.time <= time);
        let settled = (0..end)
            .rev()
            .find(|&at| !self.is_in_the_making(at, watched_since_ns));
        settled.map(|at| &self.versions[at])
    }

    /// The last state that is known is one in the making.
    pub fn ends_in_the_making(&self, watched_since_ns: i128) -> bool {
        let last = self.versions.len().checked_sub(1);
        last.is_some_and(|at| self.is_in_the_making(at, watched_since_ns))
    }

    /// It was taken for an open, and differs from the one before although no change was told in between; or it is what such a one
    /// was.
    fn is_in_the_making(&self, at: usize, watched_since_ns: i128) -> bool {
        let before = at.checked_sub(1).map(|at| &self.versions[at]);
        let Some(before) = before.filter(|before| !before.is_unopened()) else {
            return false;
        };
        let version = &self.versions[at];
        let is_young = version.metadata.changed_ns >= watched_since_ns;
        if version.pid == 0 || is_restorer(version.pid) || !is_young {
            return false;
        }
        let is_told = self.changes.iter().any(|change| {
            change.aspect == Aspect::Content && change.time > before.time && change.time <= version.time
        });
        let content = |version: &Version| (version.metadata.size, version.metadata.modified_ns);
        let is_same = content(before) == content(version);
        !is_told && (!is_same || self.is_in_the_making(at - 1, watched_since_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::Metadata;
    use crate::record::{Change, Content, RESTORER};

    const SINCE: i128 = 1_000;

    fn version(((time, pid), (size, changed_ns)): Found) -> Version {
        Version {
            time,
            pid,
            content: Content::Packed(Vec::new()),
            metadata: Metadata {
                size,
                changed_ns,
                ..Metadata::default()
            },
            shape: None,
        }
    }

    /// When, for whom; size and time of change.
    type Found = ((Time, u32), (u64, i128));

    fn state(versions: &[Found], closed: &[(Time, u32)]) -> FileState {
        let mut state = FileState::default();
        for &found in versions {
            state.add_version(version(found));
        }
        for &(time, pid) in closed {
            let aspect = Aspect::Content;
            state.add_change(Change { time, pid, aspect });
        }
        state
    }

    fn settled(state: &FileState, time: Time) -> Option<Time> {
        state.settled_before(time, SINCE).map(|version| version.time)
    }

    #[test]
    fn what_others_found_while_a_writer_was_at_it_is_not_what_he_found() {
        let found = [
            ((10, 0), (5, 900)),
            ((20, 7), (6, 1_100)),
            ((30, 8), (6, 1_100)),
            ((40, 7), (9, 1_200)),
        ];
        let state = state(&found, &[(50, 7)]);
        assert_eq!(settled(&state, 50), Some(10));
        assert!(state.ends_in_the_making(SINCE));
        assert_eq!(settled(&state, 9), None);
    }

    #[test]
    fn what_was_closed_in_between_is_a_state_like_others() {
        let state = state(&[((10, 0), (5, 900)), ((20, 7), (6, 1_100))], &[(15, 8)]);
        assert_eq!(settled(&state, 50), Some(20));
        assert!(!state.ends_in_the_making(SINCE));
    }

    #[test]
    fn another_mode_what_changed_unwatched_what_is_copied_at_rest_and_a_restore_are_settled() {
        let of = |second: Found| settled(&state(&[((10, 0), (5, 900)), second], &[]), 50);
        assert_eq!(of(((20, 7), (5, 1_100))), Some(20), "another mode");
        assert_eq!(of(((20, 7), (6, 999))), Some(20), "unwatched");
        assert_eq!(of(((20, 0), (6, 1_100))), Some(20), "at rest");
        assert_eq!(of(((20, RESTORER | 1), (6, 1_100))), Some(20), "restored");
        assert_eq!(
            settled(&state(&[((10, 7), (5, 1_100))], &[]), 50),
            Some(10),
            "the first"
        );
    }
}
