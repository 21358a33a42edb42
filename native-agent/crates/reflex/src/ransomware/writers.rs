//! Who wrote what others put in place: a mover or a copier is blamed together with whoever wrote the content, also where
//! nothing is protected.
use std::collections::{HashMap, VecDeque};

use norn_events::{ChangeKind, Event, ProcessUid};

use super::blame::{Actor, common_ancestor};
use super::names::hash_of;
use crate::Context;
use norn_programs::lineage::{base_name, image_name, is_copier};

/// The latest that opened a file of a name for writing.
#[derive(Debug, Clone, Copy)]
struct Written {
    path: u64,
    by: ProcessUid,
    time_ns: u64,
}

/// Who opened files for writing, the latest; by path, with when it was moved there (0: written there), and by the last part of it.
#[derive(Debug, Default)]
pub struct Writers {
    by_path: HashMap<u64, (ProcessUid, u64)>,
    by_name: HashMap<u64, Written>,
    order: VecDeque<(u64, u64)>,
}

/// Where a file got content from somebody, how and when.
pub type Placed<'a> = (&'a [u8], ChangeKind, u64);

impl Writers {
    const MAX: usize = 16_384;
    /// A file elsewhere that was written longer ago and has the same name is another's: many have an `index.html`, ns.
    const RECENT_NS: u64 = 60_000_000_000;

    /// A file was opened for writing.
    pub fn note(&mut self, event: &Event<'_>, context: &Context<'_>) {
        let Some(process) = context.processes.get(event.process) else {
            return;
        };
        // A copy has the content of another's file.
        if !is_copier(process) {
            self.add(event.path, (process.uid, 0), event.time_ns);
        }
    }

    pub fn rename(&mut self, event: &Event<'_>) {
        if let Some(&(writer, _)) = self.by_path.get(&hash_of(event.path)) {
            self.add(event.target, (writer, event.time_ns), event.time_ns);
        }
    }

    fn add(&mut self, path: &[u8], by: (ProcessUid, u64), time_ns: u64) {
        let (path, name) = (hash_of(path), hash_of(base_name(path)));
        let written = Written {
            path,
            by: by.0,
            time_ns,
        };
        self.by_name.insert(name, written);
        if self.by_path.insert(path, by).is_some() {
            return;
        }
        self.order.push_back((path, name));
        if self.order.len() > Self::MAX
            && let Some((path, name)) = self.order.pop_front()
        {
            self.by_path.remove(&path);
            if self
                .by_name
                .get(&name)
                .is_some_and(|written| written.path == path)
            {
                self.by_name.remove(&name);
            }
        }
    }

    /// Who wrote the content that a copier put there: of the file that was moved there just now, or, unless it only got this name, of
    /// one of this name elsewhere. Who wrote what was there before has no part in it.
    fn of(&self, (path, _, time_ns): Placed<'_>, is_renamed: bool) -> Option<ProcessUid> {
        let at = hash_of(path);
        let is_recent = |then_ns: u64| then_ns.saturating_add(Self::RECENT_NS) > time_ns;
        let is_source = |written: &&Written| !is_renamed && written.path != at && is_recent(written.time_ns);
        let named = self.by_name.get(&hash_of(base_name(path)));
        let elsewhere = named.filter(is_source).map(|written| written.by);
        let moved = || {
            self.by_path
                .get(&at)
                .filter(|(_, moved_ns)| *moved_ns > 0 && is_recent(*moved_ns))
        };
        elsewhere.or_else(|| moved().map(|(writer, _)| *writer))
    }

    /// Where in the actor's chain it meets the writer's; 0 for whoever is no copier, or when nobody is known.
    pub fn blamed_from(&self, placed: Placed<'_>, actor: &Actor, context: &Context<'_>) -> usize {
        let process = context
            .processes
            .by_uid(actor.uid)
            .and_then(|index| context.processes.get(index));
        let Some(copier) = process.filter(|process| is_copier(process)) else {
            return 0;
        };
        // Of the rename itself is told too, if a moment later.
        let is_renamed = placed.1 == ChangeKind::Replaced && image_name(copier) == b"mv";
        self.of(placed, is_renamed)
            .filter(|writer| *writer != actor.uid)
            .map_or(0, |writer| common_ancestor(actor, writer, context))
    }
}
