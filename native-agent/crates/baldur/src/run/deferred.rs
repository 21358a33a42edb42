//! Changes of files that wait for the sensor. They come by another way than its events and are often faster: who made one may
//! not be known yet, or have become another program in events that nobody has read. Judged then, it would be blamed on the
//! program it no longer is.
use std::collections::VecDeque;

use norn_events::ContentChange;

/// The sensor tells of a process at most this long, ns, after what it did.
const UNKNOWN_NS: u64 = 60_000_000;
/// Events of this age that are still unread hold up no judgement any more, ns: who makes them by the million blinds nobody.
const WAIT_NS_MAX: u64 = 2_000_000_000;
/// As many as the vault keeps for whoever takes them; those that came first are judged when there are more.
const WAITING_MAX: usize = norn_vault::CHANGES_MAX;

/// How far the sensor's events have been read: none before this is unread. CLOCK_BOOTTIME, ns.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub until_ns: u64,
    pub now_ns: u64,
}

#[derive(Debug, Default)]
pub struct Deferred {
    /// With the time when each came.
    waiting: VecDeque<(ContentChange, u64)>,
}

impl Deferred {
    pub fn add(&mut self, changes: impl IntoIterator<Item = ContentChange>, now_ns: u64) {
        self.waiting
            .extend(changes.into_iter().map(|change| (change, now_ns)));
    }

    /// Those that wait no longer, in the order in which they came. `is_known`: the sensor has told of who made it.
    pub fn take_due(&mut self, seen: Seen, is_known: impl Fn(&ContentChange) -> bool) -> Vec<ContentChange> {
        let mut due = Vec::new();
        let mut surplus = self.waiting.len().saturating_sub(WAITING_MAX);
        for (change, since_ns) in std::mem::take(&mut self.waiting) {
            let is_read = seen.until_ns >= change.time_ns && is_known(&change)
                || seen.until_ns >= change.time_ns.saturating_add(UNKNOWN_NS);
            if is_read || surplus > 0 || seen.now_ns >= since_ns.saturating_add(WAIT_NS_MAX) {
                surplus = surplus.saturating_sub(1);
                due.push(change);
            } else {
                self.waiting.push_back((change, since_ns));
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use norn_events::ChangeKind;

    use super::*;

    const MS: u64 = 1_000_000;

    fn change(time_ns: u64) -> ContentChange {
        ContentChange {
            time_ns,
            pid: 7,
            process: None,
            container: None,
            path: b"/srv/a".to_vec(),
            kind: ChangeKind::Overwritten,
            before: None,
            after: None,
        }
    }

    fn waiting(times: &[u64], now_ns: u64) -> Deferred {
        let mut deferred = Deferred::default();
        deferred.add(times.iter().copied().map(change), now_ns);
        deferred
    }

    fn due(deferred: &mut Deferred, (until_ns, now_ns): (u64, u64), is_known: bool) -> Vec<u64> {
        let due = deferred.take_due(Seen { until_ns, now_ns }, |_| is_known);
        due.iter().map(|change| change.time_ns).collect()
    }

    #[test]
    fn a_change_waits_for_all_events_before_it_however_well_its_process_is_known() {
        let mut deferred = waiting(&[100 * MS, 900 * MS], 900 * MS);
        assert!(due(&mut deferred, (99 * MS, 901 * MS), true).is_empty());
        assert_eq!(due(&mut deferred, (100 * MS, 1_200 * MS), true), [100 * MS]);
        assert_eq!(due(&mut deferred, (1_300 * MS, 1_300 * MS), true), [900 * MS]);
        assert!(due(&mut deferred, (1_400 * MS, 1_400 * MS), true).is_empty());
    }

    #[test]
    fn one_of_nobody_known_waits_until_events_of_a_while_after_it_are_read() {
        let mut deferred = waiting(&[100 * MS], 100 * MS);
        assert!(due(&mut deferred, (150 * MS, 1_900 * MS), false).is_empty());
        assert_eq!(due(&mut deferred, (160 * MS, 1_901 * MS), false), [100 * MS]);
    }

    #[test]
    fn events_without_end_hold_up_nothing_for_ever() {
        let mut deferred = waiting(&[100 * MS], 100 * MS);
        assert!(due(&mut deferred, (50 * MS, 2_099 * MS), true).is_empty());
        assert_eq!(due(&mut deferred, (51 * MS, 2_100 * MS), true), [100 * MS]);
    }

    #[test]
    fn more_than_there_is_room_for_are_judged_the_oldest_first() {
        let times: Vec<u64> = (0..WAITING_MAX as u64 + 2).map(|at| MS + at).collect();
        let mut deferred = waiting(&times, MS);
        assert_eq!(due(&mut deferred, (0, MS), true), times[..2]);
    }
}
