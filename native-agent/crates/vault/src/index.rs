//! The journal in memory: every record folded into what is known of files, names and processes.
mod at_rest;
mod bounds;
mod exchanges;
mod history;
mod located;
mod making;
mod moves;
mod operations;
mod seen;
mod state;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use norn_events::ProcessUid;

use crate::actors::Actors;
use crate::file::{FileKey, PlaceId};
use crate::places::below;
use crate::record::{
    Aspect, Change, Content, Location, Missing, NameKind, NameOperation, PlaceKind, Record, Time, Version,
    is_restorer,
};

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
use moves::Moves;
pub use operations::Operation;
use operations::{Operations, is_move};
use seen::{Prefixes, Seen};
pub use state::FileState;
use state::VERSIONS_MAX;

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

    fn of(&mut self, index: &Index, pid: u32, time: Time) -> Option<ProcessUid> {
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

    /// An opener that waits holds its file under this name; anybody else may have seen a name that changed since.
    fn locate(&mut self, location: &Location, version: &Version) {
        let free = self
            .name_at(location.place, &location.path, version.time)
            .flatten()
            .is_none();
        if version.pid != 0 || free {
            self.bind((location.place, &location.path), version.time, Some(location.key));
        }
    }

    /// Two names of an image's file are one file to the journal, though each may be changed on its own: it has both.
    fn locate_other(&mut self, location: &Location, time: Time) {
        let (place, path) = (location.place, &location.path[..]);
        let state = self.touched.get(&location.key);
        if state.is_some_and(|state| state.path[..] != *path) && self.name_at(place, path, time).is_none() {
            let first = state.map(|state| (state.place, state.path.clone()));
            self.bind((place, path), time, Some(location.key));
            if let Some((place, path)) =
                first.filter(|(place, path)| self.name_at(*place, path, time).is_none())
            {
                self.bind((place, &path), time, Some(location.key));
            }
        }
    }

    fn bind(&mut self, (place, path): (PlaceId, &[u8]), since: Time, key: Option<FileKey>) {
        let name = (place, Arc::from(path));
        self.names.entry(name).or_default().bind(since, key);
    }

    /// The text as it is in memory already, when it is.
    fn shared(&self, place: PlaceId, path: &[u8]) -> Arc<[u8]> {
        let name = (place, Arc::from(path));
        let known = self.names.get_key_value(&name).map(|(known, _)| known.1.clone());
        known.unwrap_or(name.1)
    }

    /// Who had the name at `time`: `None` when that is not known, `Some(None)` when nobody had it.
    pub fn name_at(&self, place: PlaceId, path: &[u8], time: Time) -> Option<Option<FileKey>> {
        self.holder((place, path), time, None)
    }

    /// Who had the name before `key` got it by an operation at `time`; somebody may have opened it since.
    pub fn name_before(&self, name: (PlaceId, &[u8]), time: Time, key: FileKey) -> Option<FileKey> {
        self.holder(name, time, Some(key)).flatten()
    }

    /// Of holders other than `but`. What was known below a directory's former names holds below its present one.
    fn holder(
        &self,
        (place, path): (PlaceId, &[u8]),
        time: Time,
        but: Option<FileKey>,
    ) -> Option<Option<FileKey>> {
        let at = |path: &[u8], time| {
            let known = self.named_so((place, path), time, but);
            known.filter(|(_, since)| !self.moves.has_left((place, path), *since..time))
        };
        let known = at(path, time);
        if self.moves.is_empty() || known.is_some() && !self.moves.has_exchanges() {
            return known.map(|(holder, _)| holder);
        }
        let mut name = (path.to_vec(), known);
        for former in self.moves.former((place, path), time) {
            let until = former.until;
            let is_stale = |since: Time| former.is_exchange && since <= until;
            if let Some((holder, _)) = name.1.filter(|(_, since)| !is_stale(*since)) {
                return Some(holder);
            }
            let known = match former.is_exchange {
                true => self.before_exchange(place, (&former.path, &name.0), (until, but)),
                false => at(&former.path, until),
            };
            name = (former.path, known);
        }
        name.1.map(|(holder, _)| holder)
    }

    /// By this very name, and since when.
    fn named_so(
        &self,
        (place, path): (PlaceId, &[u8]),
        time: Time,
        but: Option<FileKey>,
    ) -> Option<(Option<FileKey>, Time)> {
        match self.names.get(&(place, Arc::from(path))) {
            Some(history) => history.at(time, but),
            None => {
                let (key, since) = self.at_rest.holder(place, path)?;
                (since <= time && but != Some(key)).then_some((Some(key), since))
            }
        }
    }

    /// The names that each of these files has now, as far as is known. A name below a directory that was moved since is none.
    pub fn names_of(&self, keys: &HashSet<FileKey>) -> HashMap<FileKey, BTreeSet<(PlaceId, Vec<u8>)>> {
        let mut found: HashMap<FileKey, BTreeSet<_>> = HashMap::new();
        for (name, history) in &self.names {
            let Some((key, since)) = history.holder().filter(|(key, _)| keys.contains(key)) else {
                continue;
            };
            let present = self.moves.present((name.0, &name.1), since);
            found.entry(key).or_default().insert((name.0, present));
        }
        if self.moves.has_exchanges() {
            self.correct_exchanged(keys, &mut found);
        }
        let resting = keys
            .iter()
            .filter_map(|key| Some((*key, self.at_rest.get(*key)?.0)));
        found.extend(resting.map(|(key, at)| (key, BTreeSet::from([(at.place, at.path)]))));
        found
    }

    fn apply_name(&mut self, operation: &NameOperation) {
        self.actors.expect(operation.pid, operation.time);
        let (place, time) = (operation.place, operation.time);
        match operation.kind {
            NameKind::Create => {
                if let Some(key) = operation.key.filter(|_| !is_restorer(operation.pid)) {
                    self.created.insert((key, name_hash(&operation.path)));
                }
                self.bind((place, &operation.path), time, operation.key);
            }
            NameKind::Link => self.bind((place, &operation.path), time, operation.key),
            NameKind::Unlink => self.bind((place, &operation.path), time, None),
            NameKind::Rename => {
                self.bind((place, &operation.path), time, None);
                self.bind((place, &operation.target), time, operation.key);
            }
            NameKind::Exchange => {
                if let Some(half) = self.operations.take_half_of(operation) {
                    self.moves.forget(half.time, (&operation.target, &operation.path));
                }
                self.bind((place, &operation.path), time, operation.replaced);
                self.bind((place, &operation.target), time, operation.key);
            }
        }
        if let (NameKind::Rename | NameKind::Exchange, Some(key)) = (operation.kind, operation.key)
            && let Some(state) = self.touched.get_mut(&key)
        {
            state.path = Arc::from(&operation.target[..]);
        }
        if let (NameKind::Exchange, Some(key)) = (operation.kind, operation.replaced)
            && let Some(state) = self.touched.get_mut(&key)
        {
            state.path = Arc::from(&operation.path[..]);
        }
        if operation.directory && is_move(operation.kind) {
            self.moves.note(operation);
        }
        let slim = self.slim(operation);
        self.operations.push(slim);
    }

    fn slim(&mut self, operation: &NameOperation) -> Operation {
        let NameOperation {
            place, path, target, ..
        } = operation;
        let text = self.shared(*place, path);
        let to = (!target.is_empty()).then(|| self.shared(*place, target));
        let named = if is_move(operation.kind) { target } else { path };
        let seen = match &operation.seen[..] {
            [] => Seen::default(),
            seen => self.prefixes.seen(seen, named),
        };
        Operation::new(operation, (text, to), seen)
    }

    /// Is anything known below this name?
    pub fn is_directory(&self, place: PlaceId, path: &[u8]) -> bool {
        let inside = |known: &[u8]| below(known, path).is_some();
        let names = self.names.keys().map(|(place, path)| (*place, &path[..]));
        names
            .chain(self.at_rest.peeks().map(|file| (file.place, file.path)))
            .any(|(at, known)| at == place && inside(known))
    }

    /// What is known to lie below this name at `time`.
    pub fn files_below(&self, (place, path): (PlaceId, &[u8]), time: Time) -> Vec<(Vec<u8>, FileKey)> {
        let names = self.names.keys().map(|(place, path)| (*place, &path[..]));
        let known = names.chain(self.at_rest.peeks().map(|file| (file.place, file.path)));
        // By the name it has now, when a directory above it was moved since it was known.
        let present = |known: &[u8]| self.moves.present((place, known), Time::MIN);
        let inside: BTreeSet<Vec<u8>> = known
            .filter(|(at, _)| *at == place)
            .flat_map(|(_, known)| [known.to_vec(), present(known)])
            .filter(|known| below(known, path).is_some())
            .collect();
        let holder = |path: Vec<u8>| {
            let key = self.name_at(place, &path, time).flatten()?;
            Some((path, key))
        };
        inside.into_iter().filter_map(holder).collect()
    }

    /// Was this file's creation under this name recorded already?
    pub fn knows_creation(&self, key: FileKey, path: &[u8]) -> bool {
        self.created.contains(&(self.original(key), name_hash(path)))
    }

    /// Will be recorded when its directory reports it: only that knows the order of what happened to the name.
    pub fn note_birth(&mut self, key: FileKey) {
        if self.born.len() >= OPENS_MAX {
            self.born.clear();
        }
        self.born.entry(key).or_default();
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
    pub fn len(&self) -> usize {
        self.touched.len() + self.at_rest.len()
    }

    /// Of the files at rest, those in so many slots from this one on, and the slot to go on with.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_directorys_new_name() {
        let mut index = Index::default();
        let (place, key) = (PlaceId(1), FileKey(9));
        index.bind((place, b"a/file"), 10, Some(key));
        for (time, from, to) in [(20, "a", "b"), (30, "b", "c/d")] {
            let moved = NameOperation {
                time,
                pid: 7,
                place,
                kind: NameKind::Rename,
                path: from.into(),
                target: to.into(),
                key: None,
                replaced: None,
                directory: true,
                seen: Vec::new(),
            };
            index.apply(&Record::Name(moved));
        }
        assert_eq!(index.name_at(place, b"b/file", 25), Some(Some(key)));
        assert_eq!(index.name_at(place, b"c/d/file", 35), Some(Some(key)));
        assert_eq!(index.name_at(place, b"c/d/file", 25), None);
        let below = |path: &[u8], time| index.files_below((place, path), time);
        assert_eq!(below(b"c", 35), [(b"c/d/file".to_vec(), key)]);
        assert_eq!(below(b"a", 15), [(b"a/file".to_vec(), key)]);
        assert!(below(b"c", 25).is_empty() && below(b"other", 35).is_empty());
    }

    #[test]
    fn a_name_is_known_as_of_a_time() {
        let mut index = Index::default();
        let (place, key) = (PlaceId(1), FileKey(9));
        index.bind((place, b"a"), 10, Some(key));
        index.bind((place, b"a"), 20, None);
        assert_eq!(index.name_at(place, b"a", 5), None);
        assert_eq!(index.name_at(place, b"a", 15), Some(Some(key)));
        assert_eq!(index.name_at(place, b"a", 25), Some(None));
    }
}
