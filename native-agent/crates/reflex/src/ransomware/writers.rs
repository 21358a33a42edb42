//! Who wrote what others put in place: a mover or a copier is blamed together with whoever wrote the content, also where
//! nothing is protected.
use std::collections::{HashMap, VecDeque};

use norn_events::{Event, ProcessUid};

use super::blame::{Actor, common_ancestor};
use super::names::hash_of;
use crate::Context;
use norn_programs::lineage::{base_name, is_copier};

/// Who opened files for writing, the latest; by path, and by the last part of it.
#[derive(Debug, Default)]
pub struct Writers {
    by_path: HashMap<u64, ProcessUid>,
    by_name: HashMap<u64, (u64, ProcessUid)>,
    order: VecDeque<(u64, u64)>,
}

impl Writers {
    const MAX: usize = 16_384;

    /// A file was opened for writing.
    pub fn note(&mut self, event: &Event<'_>, context: &Context<'_>) {
        let Some(process) = context.processes.get(event.process) else {
            return;
        };
        // A copy has the content of another's file.
        if !is_copier(process) {
            self.add(event.path, process.uid);
        }
    }

    pub fn rename(&mut self, from: &[u8], to: &[u8]) {
        if let Some(&writer) = self.by_path.get(&hash_of(from)) {
            self.add(to, writer);
        }
    }

    fn add(&mut self, path: &[u8], writer: ProcessUid) {
        let (path, name) = (hash_of(path), hash_of(base_name(path)));
        self.by_name.insert(name, (path, writer));
        if self.by_path.insert(path, writer).is_some() {
            return;
        }
        self.order.push_back((path, name));
        if self.order.len() > Self::MAX
            && let Some((path, name)) = self.order.pop_front()
        {
            self.by_path.remove(&path);
            if self.by_name.get(&name).is_some_and(|(at, _)| *at == path) {
                self.by_name.remove(&name);
            }
        }
    }

    /// Who wrote the content that a copier put at `path`: the file had this path before, or one of this name elsewhere.
    fn of(&self, path: &[u8]) -> Option<ProcessUid> {
        let at = hash_of(path);
        let named = || self.by_name.get(&hash_of(base_name(path)));
        let elsewhere = named()
            .filter(|(other, _)| *other != at)
            .map(|(_, writer)| *writer);
        elsewhere.or_else(|| self.by_path.get(&at).copied())
    }

    /// Where in the actor's chain it meets the writer's; 0 for whoever is no copier, or when nobody is known.
    pub fn blamed_from(&self, path: &[u8], actor: &Actor, context: &Context<'_>) -> usize {
        let process = context
            .processes
            .by_uid(actor.uid)
            .and_then(|index| context.processes.get(index));
        if !process.is_some_and(is_copier) {
            return 0;
        }
        self.of(path)
            .filter(|writer| *writer != actor.uid)
            .map_or(0, |writer| common_ancestor(actor, writer, context))
    }
}
