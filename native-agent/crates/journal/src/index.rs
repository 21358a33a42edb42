//! The journal in memory: every record folded into what is known of files, names and processes.
mod at_rest;
mod bounds;
mod exchanges;
mod history;
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
use crate::record::{Aspect, Change, Content, Location, Missing, PlaceKind, Record, Time, Version};

/// What a table of 32,768 buckets holds.
const OPENS_MAX: usize = 28_672;
const SUSPECTS_MAX: usize = 1_024;
/// Containers whose file system is known; those that come later can't be restored as a whole.
const HOMES_MAX: usize = 50_000;

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
    limits: bounds::Limits,
}

use at_rest::AtRest;
pub use bounds::{FILES_AT_REST_MAX, oldest};
pub use exchanges::Exchange;
use history::History;
pub use holds::Holds;
use moves::Moves;
pub use operations::Operation;
use operations::Operations;
use seen::Prefixes;
pub use state::FileState;
use state::VERSIONS_MAX;

fn name_hash(path: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(path)
}

impl Index {
    pub fn apply(&mut self, record: &Record) {
        match self.of_original(record) {
            Some(record) => self.fold(&record),
            None => self.fold(record),
        }
    }

    /// What happens to a file that a restore made again belongs to the history of the one it replaces.
    fn of_original(&self, record: &Record) -> Option<Record> {
        if self.aliases.is_empty() {
            return None;
        }
        let mut record = record.clone();
        match &mut record {
            Record::Version(Location { key, .. }, _)
            | Record::Change(Location { key, .. }, _)
            | Record::Evicted(key, _) => *key = self.original(*key),
            Record::Name(operation) => {
                operation.key = operation.key.map(|key| self.original(key));
                operation.replaced = operation.replaced.map(|key| self.original(key));
            }
            _ => return None,
        }
        Some(record)
    }

    fn fold(&mut self, record: &Record) {
        if self.rests(record) {
            return;
        }
        match record {
            Record::Boot { .. } => {}
            Record::Place(id, kind) => {
                self.places.insert(*id, kind.clone());
            }
            Record::Version(location, version) => {
                self.locate(location, version);
                self.actors.expect(version.pid, version.time);
                self.file(location, version.time).add_version(version.clone());
            }
            Record::Change(location, change) => {
                self.locate_other(location, change.time);
                self.actors.expect(change.pid, change.time);
                self.file(location, change.time).add_change(*change);
            }
            Record::Name(operation) => self.apply_name(operation),
            Record::Actor(actor) => drop(self.actors.insert(actor.clone())),
            Record::Alias(new, old) => self.join(*new, *old),
            Record::Hold(scope) => self.hold(*scope),
            Record::Forget(scope) => self.held.retain(|held| held != scope),
            Record::Evicted(key, time) => self.evict(*key, *time),
            Record::Home(container, place) => {
                if self.homes.len() < HOMES_MAX {
                    self.homes.insert(container.clone(), *place);
                }
            }
        }
    }

    /// A file that is new, under a name that is, is kept in little room; all others that the record speaks of are kept whole
    /// from now on.
    fn rests(&mut self, record: &Record) -> bool {
        match record {
            Record::Version(location, version) => {
                let earlier = self.at_rest.get(location.key);
                let again = |(at, known): &(Location, Version)| at == location && known.time == version.time;
                let is_again = earlier.is_some_and(|earlier| again(&earlier));
                if is_again {
                    self.at_rest.take(location.key);
                }
                if is_again || self.is_new(location) {
                    self.actors.expect(version.pid, version.time);
                    self.at_rest.insert(location.clone(), version.clone());
                    return true;
                }
                self.touch(location.key);
                self.touch_name(location.place, &location.path);
            }
            Record::Change(Location { key, .. }, _) | Record::Evicted(key, _) => self.touch(*key),
            Record::Name(operation) => {
                let keys = [operation.key, operation.replaced].into_iter().flatten();
                keys.for_each(|key| self.touch(key));
                self.touch_name(operation.place, &operation.path);
                self.touch_name(operation.place, &operation.target);
            }
            Record::Alias(new, old) => [*new, *old].into_iter().for_each(|key| self.touch(key)),
            _ => {}
        }
        false
    }

    /// Neither the file nor its name was ever heard of.
    fn is_new(&self, location: &Location) -> bool {
        self.state(location.key).is_none()
            && self.name_at(location.place, &location.path, Time::MAX).is_none()
    }

    fn touch(&mut self, key: FileKey) {
        if let Some((location, version)) = self.at_rest.take(key) {
            self.locate(&location, &version);
            self.file(&location, version.time).add_version(version);
        }
    }

    fn touch_name(&mut self, place: PlaceId, path: &[u8]) {
        if let Some((key, _)) = self.at_rest.holder(place, path) {
            self.touch(key);
        }
    }

    /// The version is how the file is now: nothing changed it since, and the file has not lost its name.
    pub fn is_current(&self, key: FileKey, time: Time) -> bool {
        self.state(key).is_some_and(|state| {
            let is_last = state.last().is_some_and(|last| last.time == time);
            let holder = || self.name_at(state.place, &state.path, Time::MAX);
            state.is_saved && is_last && holder().is_none_or(|holder| holder == Some(key))
        })
    }

    fn hold(&mut self, scope: ProcessUid) {
        if !self.held.contains(&scope) {
            self.held.push(scope);
        }
    }

    fn join(&mut self, new: FileKey, old: FileKey) {
        if new == old {
            return;
        }
        self.aliases.insert(new, old);
        let Some(state) = self.touched.remove(&new) else {
            return;
        };
        let saved = state.is_saved;
        let joined = self.touched.entry(old).or_default();
        state
            .versions
            .into_iter()
            .for_each(|version| joined.add_version(version));
        state
            .changes
            .into_iter()
            .for_each(|change| joined.add_change(change));
        joined.is_saved = saved;
        (joined.place, joined.path, joined.seen) = (state.place, state.path, state.seen);
        self.names
            .values_mut()
            .for_each(|history| history.replace(new, old));
    }

    fn file(&mut self, location: &Location, time: Time) -> &mut FileState {
        let path = self.name_since(location.key, (location.place, &location.path), time);
        let state = self.touched.entry(location.key).or_default();
        let Some(path) = path.filter(|_| state.is_newest(time)) else {
            return state;
        };
        state.place = location.place;
        if state.path != path {
            state.path = path;
        }
        if !location.seen.is_empty() {
            state.seen = self.prefixes.seen(&location.seen, &location.path);
        }
        state
    }

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

    /// When it was last opened by one who had to ask, and by whom.
    pub fn opened(&self, key: FileKey) -> Option<(Time, u32)> {
        self.opens.get(&key).copied()
    }

    pub fn opened_since(&self, key: FileKey, time: Time) -> bool {
        self.opened(key).is_some_and(|(opened, _)| opened > time)
    }

    fn evict(&mut self, key: FileKey, time: Time) {
        let Some(state) = self.touched.get_mut(&key) else {
            return;
        };
        self.forgotten.extend(present_name(state, &self.moves));
        for version in &mut state.versions {
            if version.time == time {
                version.content = Content::Missing(Missing::Evicted);
                self.evicted += 1;
            }
        }
        state.is_saved = false;
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

    pub fn last_name(&self, key: FileKey, state: &FileState) -> (PlaceId, Vec<u8>) {
        let last = last_name(state, &self.moves);
        if !self.moves.has_exchanges() {
            return last;
        }
        let is_its = |path: &[u8]| self.name_at(state.place, path, Time::MAX).flatten() == Some(key);
        match !is_its(&last.1) && is_its(&state.path) {
            true => (state.place, state.path.to_vec()),
            false => last,
        }
    }
}

/// The last name known of the file, below directories as they are called now.
fn last_name(state: &FileState, moves: &Moves) -> (PlaceId, Vec<u8>) {
    let since = bounds::last_touch(state);
    (state.place, moves.present((state.place, &state.path), since))
}

/// Where the file lies, when opens of it do not ask: who wrote to it since has them ask again.
fn present_name(state: &FileState, moves: &Moves) -> Option<(PlaceId, Vec<u8>)> {
    state.is_saved.then(|| last_name(state, moves))
}

/// Moves times of an earlier boot onto this boot's clock.
pub fn shift(record: &mut Record, by: Time) {
    match record {
        Record::Version(_, version) => version.time += by,
        Record::Change(_, change) => change.time += by,
        Record::Name(operation) => operation.time += by,
        Record::Actor(actor) => actor.start += by,
        Record::Evicted(_, time) => *time += by,
        _ => {}
    }
}
