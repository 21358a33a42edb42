//! What became of files that were opened, removed or replaced: looked at when whoever did it makes its next call, which
//! waits meanwhile, and by the clock.
use std::collections::{HashMap, VecDeque};

use norn_events::{ChangeKind, ContainerId, ContentChange, ContentShape, ProcessUid};

use crate::deeds::Actor;
use crate::preimage::{Stamp, shape_at};
use crate::target::Place;

/// Files looked at by the clock; the oldest go.
const PENDING_MAX: usize = 1_024;
/// A file that stays open is told of at most this many times.
const TOLD_MAX: u8 = 8;
/// At most this many further calls of whoever did it wait for a look; later it is looked at by the clock alone.
const CALLS_MAX: u8 = 3;
/// By the clock: first after this long, ns, then each time when it is twice as old.
const LOOK_FIRST_NS: u64 = 10_000_000;
const LOOK_LAST_NS: u64 = 500_000_000;

struct Pending {
    actor: ProcessUid,
    pid: u32,
    place: Place,
    kind: ChangeKind,
    before: Option<ContentShape>,
    /// At the last look; `None`: there was nothing.
    stamp: Option<Stamp>,
    since_ns: u64,
    next_ns: u64,
    calls: u8,
    told: u8,
}

#[derive(Default)]
pub struct Changes {
    /// By whoever is to do it: few each.
    fresh: HashMap<ProcessUid, Vec<Pending>>,
    aged: VecDeque<Pending>,
    found: Vec<ContentChange>,
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
        let fresh = self.fresh.entry(actor.uid).or_default();
        let is_known = |known: &&mut Pending| (known.kind, &known.place) == (kind, place);
        if let Some(known) = fresh.iter_mut().find(is_known) {
            known.calls = 0;
            return;
        }
        fresh.push(Pending {
            actor: actor.uid,
            pid: actor.pid,
            place: place.clone(),
            kind,
            before,
            stamp: Stamp::at(&place.real),
            since_ns: actor.now_ns,
            next_ns: actor.now_ns + LOOK_FIRST_NS,
            calls: 0,
            told: 0,
        });
    }

    /// Looks at what this process has just done.
    pub fn look_at(&mut self, actor: ProcessUid, now_ns: u64, container: Option<&ContainerId>) {
        let Some(mut fresh) = self.fresh.remove(&actor) else {
            return;
        };
        for pending in &mut fresh {
            pending.calls += 1;
            self.found.extend(pending.look(now_ns, container));
        }
        let (aged, fresh): (Vec<_>, Vec<_>) = fresh
            .into_iter()
            .filter(|pending| !pending.is_over())
            .partition(|pending| pending.calls >= CALLS_MAX);
        self.aged.extend(aged);
        let excess = self.aged.len().saturating_sub(PENDING_MAX);
        self.aged.drain(..excess);
        self.dropped += excess as u64;
        if !fresh.is_empty() {
            self.fresh.insert(actor, fresh);
        }
    }

    /// Looks at what is due by the clock.
    pub fn look_due(&mut self, now_ns: u64, container: Option<&ContainerId>) {
        let found = &mut self.found;
        let mut stays = |pending: &mut Pending| {
            if pending.next_ns <= now_ns {
                let age_ns = now_ns.saturating_sub(pending.since_ns);
                pending.next_ns = now_ns + age_ns.clamp(LOOK_FIRST_NS, LOOK_LAST_NS);
                found.extend(pending.look(now_ns, container));
            }
            !pending.is_over()
        };
        self.aged.retain_mut(&mut stays);
        self.fresh.retain(|_, fresh| {
            fresh.retain_mut(&mut stays);
            !fresh.is_empty()
        });
    }

    /// The process has ended: nothing more comes of what it opened.
    pub fn ended(&mut self, actor: ProcessUid, now_ns: u64, container: Option<&ContainerId>) {
        self.look_at(actor, now_ns, container);
        self.fresh.remove(&actor);
        let found = &mut self.found;
        self.aged.retain_mut(|pending| {
            let is_its = pending.actor == actor;
            if is_its {
                found.extend(pending.look(now_ns, container));
            }
            !is_its
        });
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
            _ => {
                let after = shape_at(&self.place.real)?;
                if self.is_touched_only(now, &after) {
                    self.stamp = now;
                    return None;
                }
                Some(after)
            }
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

    /// Its attributes were set. Not by size and time alone: whoever wrote may have set the time back.
    fn is_touched_only(&self, now: Option<Stamp>, after: &ContentShape) -> bool {
        matches!((now, self.stamp), (Some(now), Some(then)) if now.has_same_content_as(&then))
            && self.before.as_ref() == Some(after)
    }

    fn is_over(&self) -> bool {
        let once = matches!(self.kind, ChangeKind::Unlinked | ChangeKind::Replaced);
        self.told >= if once { 1 } else { TOLD_MAX }
    }
}
