//! Whose work is to be undone, and from when on.
use std::collections::HashSet;

use norn_events::ProcessUid;
use norn_journal::file::FileKey;
use norn_journal::index::{Index, Operation};
use norn_journal::record::{Actor, Time};

use super::older::Older;
use crate::request::RestoreRequest;

pub struct Scope<'a> {
    pub index: &'a Index,
    roots: HashSet<ProcessUid>,
    request: &'a RestoreRequest,
    /// Nobody below the roots did anything before; most of what the vault knows is older, and need not be looked at closer.
    pub since: Time,
    pub older: Older,
}

impl<'a> Scope<'a> {
    pub fn new(index: &'a Index, request: &'a RestoreRequest) -> Self {
        let roots: HashSet<ProcessUid> = request.scopes.iter().copied().collect();
        let begun = roots.iter().map(|&root| index.actors.begin_of(root));
        let asked = request.since_ns.map_or(Time::MIN, |since| since as Time);
        let mut scope = Self {
            since: begun.min().unwrap_or(Time::MIN).max(asked),
            index,
            roots,
            request,
            older: Older::default(),
        };
        if let Some(since) = request.made_since_ns {
            let between = (scope.since, since as Time);
            let is_scopes = |known: &Operation| scope.holds(known.pid, known.time).is_some();
            scope.older = Older::made_before(between, index.operations.iter(), is_scopes);
        }
        scope
    }

    /// The process, when what it did at `time` is to be undone.
    pub fn holds(&self, pid: u32, time: Time) -> Option<&'a Actor> {
        if time < self.since {
            return None;
        }
        let actor = self.index.actors.at(pid, time)?;
        let below = self.roots.is_empty() || self.index.actors.is_below(actor.uid, &self.roots);
        let inside = self
            .request
            .container
            .as_deref()
            .is_none_or(|id| actor.container.as_deref() == Some(id));
        (below && inside).then_some(actor)
    }

    /// The same of what it did to this file: of one that stays, what was done before is as if others had done it.
    pub fn holds_of(&self, key: FileKey, pid: u32, time: Time) -> Option<&'a Actor> {
        let is_early = self.older.is_before(key, time);
        self.holds(pid, time).filter(|_| !is_early)
    }

    /// Nothing that is to be undone was done to this file before.
    pub fn since_of(&self, key: FileKey) -> Time {
        self.older
            .since_of(key)
            .map_or(self.since, |since| since.max(self.since))
    }
}
