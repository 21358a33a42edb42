//! The journal in memory: every record folded into what is known of files, names and processes.
mod at_rest;
mod bounds;
mod exchanges;
mod fold;
mod history;
mod holders;
mod holds;
mod located;
mod making;
mod moves;
mod names;
mod operations;
mod seen;
mod state;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use norn_events::ProcessUid;

use crate::actors::Actors;
use crate::file::{FileKey, PlaceId};
use crate::record::{Aspect, Change, Location, PlaceKind, Time, Version};

/// What a table of 32,768 buckets holds.
const OPENS_MAX: usize = 28_672;
const SUSPECTS_MAX: usize = 1_024;

/// In a place; the text is shared with the file that has it.
type Name = (PlaceId, Arc<[u8]>);

#[derive(Debug, Default)]
pub struct Index {
    pub places: HashMap<PlaceId, PlaceKind>,
    /// Files somebody changed, or gave another name.
    pub touched: HashMap<FileKey, FileState>,
    /// The others, and their names.
    at_rest: AtRest,
    names: HashMap<Name, History>,
    prefixes: Prefixes,
    moves: Moves,
    pub operations: Operations,
    /// Names and files that were created, to see the second report of the same creation.
    created: HashSet<(FileKey, u64)>,
    /// Seen at their first open, before their directory reports them; and whether it did since.
    born: HashMap<FileKey, bool>,
    pub actors: Actors,
    /// The last open of a file that was not saved; recent ones only.
    opens: HashMap<FileKey, (Time, u32)>,
    /// Opens that were let go before their pre-image was there: when, and by whom.
    late: HashMap<FileKey, (Time, u32)>,
    pub aliases: HashMap<FileKey, FileKey>,
    /// Subtrees whose pre-images stay, the longest held first.
    pub held: Vec<ProcessUid>,
    /// Subtrees that looked like an attack, and may be one that is slow; the longest suspected first.
    suspects: VecDeque<ProcessUid>,
    /// Of each container, its own file system.
    pub homes: HashMap<String, PlaceId>,
    pub evicted: u64,
    /// Names of files whose state is no longer kept: opens of them must ask again.
    forgotten: Vec<(PlaceId, Vec<u8>)>,
    /// Of files that were read while they were written: when they were closed with nobody left who could write to them, or that
    /// somebody was left at the last close.
    sole_writes: HashMap<FileKey, Option<Time>>,
    /// Unix time, ns: what changed before was told by nobody.
    pub watched_since_ns: i128,
    limits: Limits,
}

use at_rest::AtRest;
pub use bounds::{FILES_AT_REST_MAX, oldest};
pub use exchanges::Exchange;
pub use fold::shift;
use history::History;
pub use holds::Holds;
use moves::Moves;
pub use operations::Operation;
use operations::{Operations, name_hash};
use seen::Prefixes;
pub use state::FileState;
use state::VERSIONS_MAX;

/// Sizes at which to look again; above the maximum only as long as what is held does not fit.
#[derive(Debug, Default)]
struct Limits {
    files: usize,
    names: usize,
    operations: usize,
    actors: usize,
}

impl Index {
    /// Was this file's creation under this name recorded already?
    pub fn knows_creation(&self, key: FileKey, path: &[u8]) -> bool {
        self.created.contains(&(self.original(key), name_hash(path)))
    }

    /// Will be recorded when its directory reports it: only that knows the order of what happened to the name. `false` when an
    /// earlier open made it.
    pub fn note_birth(&mut self, key: FileKey) -> bool {
        if self.born.len() >= OPENS_MAX {
            self.born.clear();
        }
        let known = self.born.len();
        self.born.entry(key).or_default();
        self.born.len() > known
    }

    /// Its directory reports a name of it: `true` when that is the one it was made under by an open, and not a link.
    pub fn reports_birth(&mut self, key: FileKey) -> bool {
        self.born
            .get_mut(&key)
            .is_some_and(|is_reported| !std::mem::replace(is_reported, true))
    }

    pub fn knows_birth(&self, key: FileKey, path: &[u8]) -> bool {
        self.born.contains_key(&key) || self.knows_creation(key, path)
    }

    /// A file made again by a restore stands for the one it replaces.
    pub fn original(&self, key: FileKey) -> FileKey {
        let mut at = key;
        for _ in 0..VERSIONS_MAX {
            match self.aliases.get(&at) {
                Some(&old) => at = old,
                None => break,
            }
        }
        at
    }

    pub fn state(&self, key: FileKey) -> Option<Cow<'_, FileState>> {
        let key = self.original(key);
        let touched = self.touched.get(&key).map(Cow::Borrowed);
        touched.or_else(|| self.at_rest.get(key).map(|file| Cow::Owned(file.into())))
    }

    /// Files with a state.
    pub fn file_count(&self) -> usize {
        self.touched.len() + self.at_rest.len()
    }

    /// Of the files at rest, those in at most `most` slots from this one on, and the slot to go on with.
    pub fn some_at_rest(&self, from: usize, most: usize) -> (impl Iterator<Item = FileKey>, Option<usize>) {
        let (files, next) = self.at_rest.some(from, most);
        (files.map(|file| file.key), next)
    }

    /// The states of a file that have content in this segment.
    pub fn resting_on(&self, key: FileKey, segment: u32) -> Vec<(Location, Version)> {
        let is_there = |version: &Version| version.content.rests_on(segment);
        if let Some(state) = self.touched.get(&key) {
            let resting = state.versions.iter().filter(|version| is_there(version));
            return resting
                .map(|version| (state.location(key), version.clone()))
                .collect();
        }
        let file = self.at_rest.get(key).filter(|(_, version)| is_there(version));
        file.into_iter().collect()
    }

    fn knows(&self, key: FileKey) -> bool {
        self.touched.contains_key(&key) || self.at_rest.contains(key)
    }

    /// A state taken later may be what the change in question left: a scan sees new files as soon as they are there.
    pub fn has_state_before(&self, key: FileKey, time: Time) -> bool {
        self.state(key).is_some_and(|state| state.before(time).is_some())
    }

    /// Content changed by the process that asks again, and by nobody since: its own state is no pre-image.
    pub fn is_own_work(&self, key: FileKey, pid: u32) -> bool {
        self.state(key).is_some_and(|state| {
            let content = |change: &&Change| change.aspect == Aspect::Content;
            let last = state.changes.iter().rev().find(content);
            last.is_some_and(|change| change.pid == pid)
                && self.opens.get(&key).is_none_or(|&(_, by)| by == pid)
        })
    }

    /// Who opened the file last, and has not closed it after writing since.
    pub fn opener(&self, key: FileKey) -> Option<u32> {
        let (opened, by) = self.opened(key)?;
        let is_closed = |change: &Change| change.aspect == Aspect::Content && change.time > opened;
        let state = self.state(key);
        (!state.is_some_and(|state| state.changes.iter().any(is_closed))).then_some(by)
    }

    /// Who wrote to it last has opened it again since his last close. As he does not wait for a copy, he may be writing.
    pub fn is_reopened(&self, key: FileKey) -> bool {
        self.opener(key).is_some_and(|by| self.is_own_work(key, by))
    }

    pub fn note_open(&mut self, key: FileKey, time: Time, pid: u32) {
        if self.opens.len() >= OPENS_MAX {
            self.opens.clear();
        }
        self.opens.insert(key, (time, pid));
    }

    /// Until the worker says what became of the pre-image, or a change proves that it came too late.
    pub fn note_late(&mut self, key: FileKey, time: Time, pid: u32) {
        if self.late.len() < OPENS_MAX {
            self.late.entry(key).or_insert((time, pid));
        }
    }

    /// The open of this file whose pre-image is still owed.
    pub fn take_late(&mut self, key: FileKey) -> Option<(Time, u32)> {
        let late = self.late.remove(&key)?;
        let pays = |version: &Version| (version.time, version.pid) == late;
        let paid = self
            .state(key)
            .is_some_and(|state| state.versions.iter().any(pays));
        (!paid).then_some(late)
    }

    /// Whether anybody else could still write to a file when it was closed.
    pub fn note_other_writers(&mut self, key: FileKey, time: Time, is_shared: bool) {
        if self.sole_writes.len() >= OPENS_MAX {
            self.sole_writes.clear();
        }
        let key = self.original(key);
        self.sole_writes.insert(key, (!is_shared).then_some(time));
    }

    /// Somebody could still write to it at its last close.
    pub fn has_other_writers(&self, key: FileKey) -> bool {
        self.sole_writes.get(&self.original(key)) == Some(&None)
    }

    /// When it was closed, at `time` or later, nobody else could write to it: what was in the making was the work of who closed it.
    pub fn had_one_writer(&self, key: FileKey, time: Time) -> bool {
        let closed = self.sole_writes.get(&self.original(key)).copied().flatten();
        closed.is_some_and(|closed| closed >= time)
    }

    /// When an open of it was told last, and by whom. Of a file that has a copy none is told.
    pub fn opened(&self, key: FileKey) -> Option<(Time, u32)> {
        self.opens.get(&key).copied()
    }

    pub fn opened_since(&self, key: FileKey, time: Time) -> bool {
        self.opened(key).is_some_and(|(opened, _)| opened > time)
    }

    pub fn take_forgotten(&mut self) -> Vec<(PlaceId, Vec<u8>)> {
        std::mem::take(&mut self.forgotten)
    }

    /// What is kept of this state now: all, or that it gave way to later ones.
    pub fn kept_of(&self, key: FileKey, version: &Version) -> Option<Version> {
        let is_it = |known: &&Version| {
            known.time == version.time && (known.content == version.content || known.is_thinned())
        };
        self.state(key)?.versions.iter().find(is_it).cloned()
    }

    /// Did a process of a held subtree do it?
    pub fn is_held(&self, pid: u32, time: Time) -> bool {
        if self.held.is_empty() {
            return false;
        }
        let held = self.held.iter().copied().collect();
        self.actors
            .at(pid, time)
            .is_some_and(|actor| self.actors.is_below(actor.uid, &held))
    }

    /// The oldest suspicion gives way to a new one.
    pub fn suspect(&mut self, scope: ProcessUid) {
        if self.suspects.contains(&scope) {
            return;
        }
        self.suspects.push_back(scope);
        if self.suspects.len() > SUSPECTS_MAX {
            self.suspects.pop_front();
        }
    }
}
