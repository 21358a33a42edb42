//! Which process a pid was at a time, and who created it: enough to tell subtrees apart after they ended.
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use norn_events::ProcessUid;

use crate::record::{Actor, Time, is_restorer};

/// Ancestors looked at; a longer chain is cut.
const DEPTH_MAX: usize = 256;
/// The start time in /proc and the event's clock may disagree by this much, ns.
const START_SLACK: Time = 10_000_000;
/// The last close of a process comes this much after its exit at most, ns.
const END_SLACK: Time = 2_000_000_000;
/// The sensor tells of a process this long after a change of it at most, ns.
const PENDING_FOR: Time = 2_000_000_000;

/// Processes with a journaled change, and their ancestors.
#[derive(Debug, Default)]
pub struct Actors {
    by_uid: HashMap<ProcessUid, Actor>,
    by_pid: HashMap<u32, Vec<(Time, ProcessUid)>>,
    ended: HashMap<ProcessUid, Time>,
    /// Pids with a change whose process is not known yet, and when it was made.
    pending: HashMap<u32, Time>,
    /// Some of them were not looked up yet: to be seen without the index.
    fresh: Arc<AtomicBool>,
}

impl Actors {
    const PENDING_MAX: usize = 65_536;

    /// `false` when it was known already.
    pub fn insert(&mut self, actor: Actor) -> bool {
        if self.by_uid.contains_key(&actor.uid) {
            return false;
        }
        self.pending.remove(&actor.pid);
        let starts = self.by_pid.entry(actor.pid).or_default();
        starts.push((actor.start, actor.uid));
        starts.sort_unstable();
        self.by_uid.insert(actor.uid, actor);
        true
    }

    pub fn end(&mut self, uid: ProcessUid, time: Time) {
        if self.by_uid.contains_key(&uid) {
            self.ended.insert(uid, time);
        }
    }

    pub fn len(&self) -> usize {
        self.by_uid.len()
    }

    /// Forgets all but the `used`, their ancestors, and who started after `recent`.
    pub fn retain(&mut self, mut used: HashSet<ProcessUid>, recent: Time) {
        let young = self.by_uid.values().filter(|actor| actor.start > recent);
        used.extend(young.map(|actor| actor.uid));
        for mut at in used.clone() {
            while let Some(actor) = self.by_uid.get(&at) {
                if !used.insert(actor.parent) {
                    break;
                }
                at = actor.parent;
            }
        }
        self.by_uid.retain(|uid, _| used.contains(uid));
        self.ended.retain(|uid, _| used.contains(uid));
        for starts in self.by_pid.values_mut() {
            starts.retain(|(_, uid)| used.contains(uid));
        }
        self.by_pid.retain(|_, starts| !starts.is_empty());
    }

    pub fn get(&self, uid: ProcessUid) -> Option<&Actor> {
        self.by_uid.get(&uid)
    }

    pub fn contains(&self, uid: ProcessUid) -> bool {
        self.by_uid.contains_key(&uid)
    }

    /// Nobody of its subtree did anything before; `Time::MAX` when nobody of it is known.
    pub fn begin_of(&self, uid: ProcessUid) -> Time {
        let children = || self.by_uid.values().filter(|actor| actor.parent == uid);
        let own = self.by_uid.get(&uid).map(|actor| actor.start);
        let begun = own.or_else(|| children().map(|actor| actor.start).min());
        begun.map_or(Time::MAX, |start| start - START_SLACK)
    }

    /// The process that had `pid` at `time`.
    pub fn at(&self, pid: u32, time: Time) -> Option<&Actor> {
        let uid = self.started(pid, time)?;
        let gone = self.ended.get(&uid).is_some_and(|end| end + END_SLACK < time);
        if gone { None } else { self.by_uid.get(&uid) }
    }

    /// When the process ended that had `pid` last before `time`; `Time::MAX` when nobody has told of that yet.
    pub fn end_of(&self, pid: u32, time: Time) -> Time {
        let end = self.started(pid, time).and_then(|uid| self.ended.get(&uid));
        end.copied().unwrap_or(Time::MAX)
    }

    fn started(&self, pid: u32, time: Time) -> Option<ProcessUid> {
        let mut starts = self.by_pid.get(&pid)?.iter().rev();
        let (_, uid) = starts.find(|(start, _)| *start <= time + START_SLACK)?;
        Some(*uid)
    }

    /// Remembers that a change by `pid` waits for its process to become known.
    pub fn expect(&mut self, pid: u32, time: Time) {
        let is_process = pid != 0 && !is_restorer(pid);
        if is_process && self.pending.len() < Self::PENDING_MAX && self.at(pid, time).is_none() {
            self.pending.insert(pid, time);
            self.fresh.store(true, Ordering::Release);
        }
    }

    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Raised whenever a change waits for a process that nobody was asked about.
    pub fn fresh(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.fresh)
    }

    /// Since the last call of `pending`.
    pub fn has_fresh(&self) -> bool {
        self.fresh.load(Ordering::Acquire) && self.has_pending()
    }

    /// Those whose change is older than `PENDING_FOR` are given up after this.
    pub fn pending(&mut self, now: Time) -> HashSet<u32> {
        self.fresh.store(false, Ordering::Release);
        let all = self.pending.keys().copied().collect();
        self.pending.retain(|_, time| *time + PENDING_FOR > now);
        all
    }

    /// Of those known from the journal: their ends were missed, and their pids may be others' by now.
    pub fn end_all_but(&mut self, is_living: impl Fn(ProcessUid) -> bool, now: Time) {
        for &uid in self.by_uid.keys().filter(|uid| !is_living(**uid)) {
            self.ended.entry(uid).or_insert(now - END_SLACK);
        }
    }

    /// Is `uid`, or an ancestor of it, among `roots`?
    pub fn is_below(&self, uid: ProcessUid, roots: &HashSet<ProcessUid>) -> bool {
        self.root_of(uid, roots).is_some()
    }

    /// The nearest of `roots` that `uid` is, or descends from.
    pub fn root_of(&self, uid: ProcessUid, roots: &HashSet<ProcessUid>) -> Option<ProcessUid> {
        let mut at = uid;
        for _ in 0..DEPTH_MAX {
            if roots.contains(&at) {
                return Some(at);
            }
            match self.by_uid.get(&at) {
                Some(actor) if actor.parent != at => at = actor.parent,
                _ => return None,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(uid: u8, parent: u8, pid: u32, start: Time) -> Actor {
        Actor {
            uid: ProcessUid([uid; 16]),
            parent: ProcessUid([parent; 16]),
            pid,
            start,
            container: None,
        }
    }

    #[test]
    fn a_reused_pid_is_told_apart_by_time() {
        let mut actors = Actors::default();
        actors.insert(actor(1, 0, 50, 1_000_000_000));
        actors.insert(actor(2, 0, 50, 9_000_000_000));
        actors.end(ProcessUid([1; 16]), 2_000_000_000);
        assert_eq!(
            actors.at(50, 1_500_000_000).map(|actor| actor.uid),
            Some(ProcessUid([1; 16]))
        );
        assert_eq!(
            actors.at(50, 9_500_000_000).map(|actor| actor.uid),
            Some(ProcessUid([2; 16]))
        );
        assert_eq!(
            actors.at(50, 8_000_000_000),
            None,
            "between the two nobody had it"
        );
    }

    #[test]
    fn a_process_of_the_journal_that_is_gone_does_not_take_the_changes_of_the_next() {
        let mut actors = Actors::default();
        actors.insert(actor(1, 0, 50, 1_000_000_000));
        actors.insert(actor(2, 0, 51, 1_000_000_000));
        let now = 100_000_000_000;
        actors.end_all_but(|uid| uid == ProcessUid([2; 16]), now);
        assert_eq!(actors.at(50, now + 1), None);
        assert!(actors.at(50, 50_000_000_000).is_some());
        assert!(actors.at(51, now + 1).is_some());
        actors.expect(50, now + 1);
        assert!(actors.pending.contains_key(&50) && !actors.pending.contains_key(&51));
        assert!(actors.pending(now).contains(&50) && actors.has_pending());
        assert!(actors.pending(now + PENDING_FOR * 2).contains(&50) && !actors.has_pending());
    }

    #[test]
    fn nobody_waits_for_the_sensor_to_tell_of_a_restore() {
        let mut actors = Actors::default();
        actors.expect(u32::MAX, 1);
        actors.expect(0, 1);
        assert!(!actors.has_pending());
        actors.expect(77, 1);
        assert!(actors.has_pending() && actors.has_fresh());
        assert!(actors.pending(1).contains(&77));
        assert!(actors.has_pending() && !actors.has_fresh(), "looked up once");
    }

    #[test]
    fn a_subtree_holds_grandchildren_and_not_siblings() {
        let mut actors = Actors::default();
        for (uid, parent) in [(2, 1), (3, 2), (4, 3), (5, 2)] {
            actors.insert(actor(uid, parent, uid.into(), 0));
        }
        let roots = HashSet::from([ProcessUid([3; 16])]);
        assert!(actors.is_below(ProcessUid([4; 16]), &roots));
        assert!(!actors.is_below(ProcessUid([5; 16]), &roots));
    }
}
