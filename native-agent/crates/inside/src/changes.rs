//! What became of files that were opened, removed or replaced: looked at when whoever did it makes its next call, which
//! waits meanwhile, and by the clock.
use std::collections::VecDeque;

use norn_events::{ChangeKind, ContainerId, ContentChange, ContentShape, ProcessUid};

use crate::deeds::Actor;
use crate::preimage::{Stamp, shape_at};
use crate::target::Place;

/// Files looked at at a time; the oldest go.
const PENDING_MAX: usize = 1_024;
/// A file that stays open is told of so often at most.
const TOLD_MAX: u8 = 8;
/// What was opened longer ago is looked at less often, ns.
const FRESH_NS: u64 = 200_000_000;
const STALE_EVERY_NS: u64 = 500_000_000;

struct Pending {
    actor: ProcessUid,
    pid: u32,
    place: Place,
    kind: ChangeKind,
    before: Option<ContentShape>,
    /// At the last look; `None`: there was nothing.
    stamp: Option<Stamp>,
    since_ns: u64,
    told: u8,
}

#[derive(Default)]
pub struct Changes {
    pending: VecDeque<Pending>,
    found: Vec<ContentChange>,
    stale_ns: u64,
    pub dropped: u64,
}

impl Changes {
    /// Something is about to happen to the file.
    pub fn expect(
        &mut self,
        actor: &Actor,
        place: &Place,
        (kind, before): (ChangeKind, Option<ContentShape>),
    ) {
        let is_known =
            |known: &&mut Pending| (known.actor, known.kind, &known.place) == (actor.uid, kind, place);
        if let Some(known) = self.pending.iter_mut().find(is_known) {
            known.since_ns = actor.now_ns;
            return;
        }
        if self.pending.len() >= PENDING_MAX {
            self.pending.pop_front();
            self.dropped += 1;
        }
        self.pending.push_back(Pending {
            actor: actor.uid,
            pid: actor.pid,
            place: place.clone(),
            kind,
            before,
            stamp: Stamp::at(&place.real),
            since_ns: actor.now_ns,
            told: 0,
        });
    }

    /// Looks at what this process has done, or, without one, at all.
    pub fn look(&mut self, actor: Option<ProcessUid>, now_ns: u64, container: Option<&ContainerId>) {
        let with_stale = now_ns >= self.stale_ns + STALE_EVERY_NS;
        if actor.is_none() && with_stale {
            self.stale_ns = now_ns;
        }
        for mut pending in std::mem::take(&mut self.pending) {
            let is_fresh = pending.since_ns + FRESH_NS > now_ns;
            let is_due = match actor {
                Some(actor) => pending.actor == actor,
                None => is_fresh || with_stale,
            };
            if is_due && let Some(change) = pending.look(now_ns, container) {
                self.found.push(change);
            }
            if !pending.is_over() {
                self.pending.push_back(pending);
            }
        }
    }

    /// The process has ended: nothing more comes of what it opened.
    pub fn ended(&mut self, actor: ProcessUid, now_ns: u64, container: Option<&ContainerId>) {
        self.look(Some(actor), now_ns, container);
        self.pending.retain(|pending| pending.actor != actor);
    }

    pub fn take(&mut self) -> Vec<ContentChange> {
        std::mem::take(&mut self.found)
    }
}

impl Pending {
    fn look(&mut self, now_ns: u64, container: Option<&ContainerId>) -> Option<ContentChange> {
        let now = Stamp::at(&self.place.real);
        if now == self.stamp {
            return None;
        }
        let is_same_file = matches!((now, self.stamp), (Some(now), Some(then)) if now.id == then.id);
        let after = match self.kind {
            ChangeKind::Unlinked if now.is_none() || !is_same_file => None,
            ChangeKind::Unlinked => return None,
            ChangeKind::Replaced if is_same_file || now.is_none() => return None,
            // Gone again: that is told of by whoever removed it.
            _ if now.is_none() => {
                self.told = TOLD_MAX;
                return None;
            }
            _ if self.is_touched_only(now) => {
                self.stamp = now;
                return None;
            }
            _ => Some(shape_at(&self.place.real)?),
        };
        self.stamp = now;
        self.told += 1;
        Some(ContentChange {
            time_ns: now_ns,
            pid: self.pid,
            process: Some(self.actor),
            container: container.cloned(),
            path: self.place.bytes().to_vec(),
            kind: self.kind,
            before: self.before,
            after,
        })
    }

    fn is_touched_only(&self, now: Option<Stamp>) -> bool {
        matches!((now, self.stamp), (Some(now), Some(then)) if now.has_same_content_as(&then))
    }

    fn is_over(&self) -> bool {
        let once = matches!(self.kind, ChangeKind::Unlinked | ChangeKind::Replaced);
        self.told >= if once { 1 } else { TOLD_MAX }
    }
}
