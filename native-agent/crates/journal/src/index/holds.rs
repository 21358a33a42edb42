//! Whose pre-images are held, or were taken of suspects.
use std::collections::{HashMap, HashSet};

use norn_events::ProcessUid;

use super::{FileState, Index, Operation};
use crate::file::FileKey;
use crate::record::Time;

/// Finds out whose pre-images are held, or were taken of suspects; a process is looked at once, however many files it changed.
#[derive(Debug)]
pub struct Holds {
    held: HashSet<ProcessUid>,
    known: HashMap<ProcessUid, Option<ProcessUid>>,
}

impl Holds {
    pub fn new(index: &Index) -> Self {
        Self::of_scopes(index.held.iter())
    }

    pub fn of_suspects(index: &Index) -> Self {
        Self::of_scopes(index.suspects.iter())
    }

    fn of_scopes<'a>(scopes: impl Iterator<Item = &'a ProcessUid>) -> Self {
        Self {
            held: scopes.copied().collect(),
            known: HashMap::new(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    pub(super) fn of(&mut self, index: &Index, pid: u32, time: Time) -> Option<ProcessUid> {
        let actor = index.actors.at(pid, time)?;
        let root = || index.actors.root_of(actor.uid, &self.held);
        *self.known.entry(actor.uid).or_insert_with(root)
    }

    /// The held subtree that changed the file, or opened it to do so.
    pub fn of_state(&mut self, index: &Index, state: &FileState) -> Option<ProcessUid> {
        if self.is_empty() {
            return None;
        }
        let changes = state.changes.iter().map(|change| (change.pid, change.time));
        let opens = state.versions.iter().map(|version| (version.pid, version.time));
        changes
            .chain(opens)
            .find_map(|(pid, time)| self.of(index, pid, time))
    }

    /// The same of the file with this key.
    pub fn of_file(&mut self, index: &Index, key: FileKey) -> Option<ProcessUid> {
        if let Some(state) = index.touched.get(&key) {
            return self.of_state(index, state);
        }
        let file = index.at_rest.peek(key).filter(|file| file.pid != 0)?;
        self.of(index, file.pid, file.time)
    }

    /// The held subtree that gave files another name, or took theirs.
    pub fn of_operation(&mut self, index: &Index, operation: &Operation) -> Option<ProcessUid> {
        self.of(index, operation.pid, operation.time)
    }
}
