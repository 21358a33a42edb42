//! From the journal: which name should hold which file, in which state, for the scope's work to be undone.
mod found;
mod older;
mod scope;
mod target;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use norn_events::ProcessUid;
use norn_journal::file::{FileKey, PlaceId};
use norn_journal::index::{FileState, Index};
use norn_journal::record::{Actor, Aspect, NameKind, NameOperation, Time, is_restorer};

use norn_os::paths::sibling;

use crate::RestoreRequest;
use crate::nameless::{Nameless, names_lost};
use crate::origin::origin;

use found::found;
use older::Older;
pub use scope::Scope;
pub use target::{IN_PLACE, METADATA, Spot, Target, Want};

/// One that the scope gave another name.
#[derive(Debug)]
pub struct Directory {
    pub place: PlaceId,
    pub from: Vec<u8>,
    pub to: Vec<u8>,
    pub key: Option<FileKey>,
    /// What the scope made under the name `to` since, or exchanged this one for: the two change places.
    pub made: Option<FileKey>,
    /// The two were exchanged, also when it is not known for what; one of them may be a file.
    pub is_exchange: bool,
    /// Nobody changed it back since.
    pub is_in_force: bool,
    /// What the process called `to`.
    pub seen: Vec<u8>,
    pub time: Time,
    pub process: ProcessUid,
}

#[derive(Debug, Default)]
pub struct Plan {
    pub targets: BTreeMap<Spot, Target>,
    /// To be moved back, in this order.
    pub directories: Vec<Directory>,
    /// Files the scope made.
    pub made: HashSet<FileKey>,
    /// Files and directories that it made so long before that they stay.
    pub older: HashSet<FileKey>,
    /// Those of these directories that got another name as early. From the last to the first.
    kept_moves: Vec<Directory>,
    /// Files whose content or metadata the scope changed.
    pub changed: HashSet<FileKey>,
    pub containers: HashMap<ProcessUid, String>,
    /// Where each file of this plan may lie now, or is to lie.
    pub spots: HashMap<FileKey, BTreeSet<Spot>>,
    /// What others made of a file since gives way too.
    pub over_conflicts: bool,
    /// Files that the scope changed under a name that is another file's target.
    pub displaced: Vec<(Spot, Target)>,
    /// Where the file had lost the name, by nobody of the scope, before the scope changed it.
    pub unnamed: HashSet<Spot>,
    /// Files that have no name now.
    pub nameless: Vec<Nameless>,
}

/// The scope's changes to one file's content or metadata.
struct Work<'a> {
    key: FileKey,
    state: &'a FileState,
    actor: &'a Actor,
    /// Of the last one.
    time: Time,
    change: &'static str,
}

impl<'a> Work<'a> {
    fn of(scope: &Scope<'a>, key: FileKey, state: &'a FileState) -> Option<Self> {
        let mut last = None;
        let mut change = METADATA;
        for known in &state.changes {
            if let Some(actor) = scope.holds_of(key, known.pid, known.time) {
                last = Some((actor, known.time));
                if known.aspect == Aspect::Content {
                    change = IN_PLACE;
                }
            }
        }
        let (actor, time) = last?;
        Some(Self {
            key,
            state,
            actor,
            time,
            change,
        })
    }
}

pub fn plan(index: &Index, request: &RestoreRequest) -> Plan {
    let scope = Scope::new(index, request);
    let mut plan = Plan {
        made: scope.older.nameless().collect(),
        older: scope.older.files().collect(),
        ..Plan::default()
    };
    let conflicts = plan.names(&scope);
    plan.leave_changed_back(index);
    plan.contents(&scope);
    let wanted = plan.targets.values().filter_map(|target| target.want.file());
    let lost = names_lost(&scope, &wanted.collect());
    for (spot, target) in &mut plan.targets {
        target.conflict |= conflicts.contains(spot);
        let origin = settle(&scope, target);
        let key = target.want.file();
        if key.is_some_and(|key| {
            lost.get(&key)
                .is_some_and(|(at, time)| at == spot && *time < origin)
        }) {
            plan.unnamed.insert(spot.clone());
        }
    }
    for (_, target) in &mut plan.displaced {
        settle(&scope, target);
    }
    plan.mark_directories();
    plan
}

/// Finds the state that is to be there again. Returns from when on the scope changed it.
fn settle(scope: &Scope<'_>, target: &mut Target) -> Time {
    let mut first = target.time;
    let kept = target.put.filter(|_| target.repair);
    if let Some(key) = target.want.file().or(kept) {
        let state = scope.index.state(key);
        let state = state.as_deref();
        let origin = state.and_then(|state| origin(scope, (key, state)));
        // Another name says nothing of when the content changed.
        first = match origin {
            Some(origin) if target.repair => origin,
            Some(origin) => origin.min(target.time),
            None => target.time,
        };
        let is_untouched = origin.is_none() && scope.older.is_before(key, target.time);
        target.version = state
            .filter(|_| !is_untouched)
            .and_then(|state| found(scope, (key, state), first));
        target.conflict |= state.is_some_and(|state| is_changed_later(scope, state, first));
    }
    if let Some(put) = target.put.filter(|put| Want::File(*put) != target.want) {
        let state = scope.index.state(put);
        target.conflict |= state.is_some_and(|state| is_changed_later(scope, &state, target.time));
    }
    first
}

/// When the scope changed anything for the first time: the open before its first change, or a name.
pub fn first_change(index: &Index, request: &RestoreRequest) -> Option<Time> {
    let scope = Scope::new(index, request);
    let touched = index.touched.iter();
    let contents = touched.filter_map(|(&key, state)| origin(&scope, (key, state)));
    let names = index
        .operations
        .iter()
        .filter(|known| scope.holds(known.pid, known.time).is_some());
    contents.chain(names.map(|known| known.time)).min()
}

fn is_changed_later(scope: &Scope<'_>, state: &FileState, time: Time) -> bool {
    state
        .changes
        .iter()
        .filter(|change| change.time > time && !is_restorer(change.pid))
        .any(|change| scope.holds(change.pid, change.time).is_none())
}

impl Plan {
    /// What others are to lie in again is a directory, also where the vault never learned what it was.
    fn mark_directories(&mut self) {
        let is_within = |spot: &Spot| {
            let (place, path) = spot;
            let below = [&path[..], b"/"].concat();
            let next = self.targets.range((*place, below.clone())..).next();
            next.is_some_and(|((there, inner), _)| there == place && inner.starts_with(&below))
        };
        let unknown = |target: &Target| target.version.is_none() && target.want != Want::Absent;
        let found: Vec<Spot> = self
            .targets
            .iter()
            .filter(|(spot, target)| !target.directory && unknown(target) && is_within(spot))
            .map(|(spot, _)| spot.clone())
            .collect();
        for spot in found {
            self.targets
                .entry(spot)
                .and_modify(|target| target.directory = true);
        }
    }

    /// A person decided for the state from before, of `paths` or of all.
    pub fn overrule(&mut self, paths: &[String]) {
        let is_meant = |seen: &[u8]| {
            let name = String::from_utf8_lossy(seen);
            paths.is_empty() || paths.iter().any(|path| *path == name)
        };
        self.targets.retain(|_, target| is_meant(&target.seen));
        self.displaced.retain(|(_, target)| is_meant(&target.seen));
        let displaced = self.displaced.iter_mut().map(|(_, target)| target);
        for target in self.targets.values_mut().chain(displaced) {
            target.conflict = false;
        }
        self.over_conflicts = true;
    }

    /// Walks the scope's name changes backwards. Returns the names others changed later.
    fn names(&mut self, scope: &Scope<'_>) -> HashSet<Spot> {
        let all = scope.index.operations.iter();
        let mut operations: Vec<_> = all.filter(|known| known.time >= scope.since).collect();
        operations.sort_by_key(|operation| operation.time);
        let mut touched: HashSet<Spot> = HashSet::new();
        let mut conflicts = HashSet::new();
        let mut mine = Vec::new();
        for operation in operations {
            let spots = [Some(&operation.path), operation.target.as_ref()]
                .into_iter()
                .flatten()
                .map(|path| (operation.place, path.to_vec()));
            if let Some(actor) = scope.holds(operation.pid, operation.time) {
                let stays = scope.older.leaves(operation);
                touched.extend(spots.filter(|_| !stays));
                mine.push((operation, actor));
            } else if !is_restorer(operation.pid) {
                conflicts.extend(spots.filter(|spot| touched.contains(spot)));
            }
        }
        for &(operation, actor) in mine.iter().rev() {
            let whole = self.called_since(operation.whole());
            match scope.older.leaves(operation) {
                true => self.leave(&whole, actor),
                false => self.undo(&whole, actor, &scope.older),
            }
        }
        self.targets.retain(|_, target| !target.stays);
        conflicts
    }

    fn undo(&mut self, operation: &NameOperation, actor: &Actor, older: &Older) {
        let is_there = operation.key.map_or(Want::Unknown, Want::File);
        let is_older = |key: &FileKey| older.is_before(*key, operation.time);
        let replaced = operation.replaced.filter(|key| !is_older(key));
        let was_there = replaced.map_or(Want::Absent, Want::File);
        let path = || operation.path.clone();
        match operation.kind {
            NameKind::Create => {
                let new = !operation.directory || operation.key.is_some();
                self.made.extend(operation.key.filter(|_| new));
                self.target(operation, actor, (path(), Want::Absent, "created"));
            }
            NameKind::Link => self.target(operation, actor, (path(), Want::Absent, "created")),
            NameKind::Unlink => self.target(operation, actor, (path(), is_there, "unlinked")),
            NameKind::Rename if operation.directory => self.undo_directory(operation, actor),
            NameKind::Rename => {
                let change = if operation.replaced.is_some() {
                    "replaced"
                } else {
                    "created"
                };
                self.target(operation, actor, (operation.target.clone(), was_there, change));
                match operation.key.as_ref().is_some_and(is_older) {
                    true => self.stays(operation, actor, (path(), "renamed")),
                    false => self.target(operation, actor, (path(), is_there, "renamed")),
                }
            }
            NameKind::Exchange if operation.directory => self.undo_directory(operation, actor),
            NameKind::Exchange => {
                let other = operation.replaced.map_or(Want::Unknown, Want::File);
                self.target(operation, actor, (operation.target.clone(), other, "replaced"));
                self.target(operation, actor, (path(), is_there, "renamed"));
            }
        }
    }

    /// What was said of names below the new directory holds for those below the old one.
    fn undo_directory(&mut self, operation: &NameOperation, actor: &Actor) {
        let (place, from, to) = (operation.place, &operation.target, &operation.path);
        let there = self.targets.get(&(place, to.clone()));
        let made = there
            .and_then(|target| target.put)
            .filter(|put| self.made.contains(put) || self.older.contains(put));
        let is_exchange = operation.kind == NameKind::Exchange;
        self.directories.push(Directory {
            made: if is_exchange { operation.replaced } else { made },
            is_exchange,
            is_in_force: true,
            place,
            from: from.clone(),
            to: to.clone(),
            key: operation.key,
            seen: sibling(&operation.seen, from, to),
            time: operation.time,
            process: actor.uid,
        });
        self.containers
            .entry(actor.uid)
            .or_insert_with(|| actor.container.clone().unwrap_or_default());
        let here = self.directories.last();
        let changed = |path: &[u8]| here.and_then(|moved| moved.other(path));
        for kept in self.kept_moves.iter_mut().filter(|kept| kept.place == place) {
            for name in [&mut kept.from, &mut kept.to] {
                *name = changed(name).unwrap_or_else(|| std::mem::take(name));
            }
        }
        let moved: Vec<(Spot, Vec<u8>)> = self
            .targets
            .keys()
            .filter(|(at, _)| *at == place)
            .filter_map(|spot| Some((spot.clone(), changed(&spot.1)?)))
            .collect();
        // All at once: one may get the name of another.
        let taken: Vec<_> = moved
            .into_iter()
            .filter_map(|(spot, path)| Some(((place, path), self.targets.remove(&spot)?)))
            .collect();
        self.targets.extend(taken);
    }

    /// Called from the last change to the first: the first says what is wanted, the last what was left.
    fn target(&mut self, operation: &NameOperation, actor: &Actor, wanted: (Vec<u8>, Want, &'static str)) {
        let (path, want, change) = wanted;
        let moved = operation.kind == NameKind::Rename && path == operation.path;
        let left = || left(operation, actor, (&path, change));
        let spot = (operation.place, path.clone());
        let target = self.targets.entry(spot).or_insert_with(left);
        target.want = want;
        target.stays = false;
        target.change = stronger(target.change, change);
        target.time = operation.time;
        target.directory = operation.directory;
        target.moved_to = moved.then(|| operation.target.clone());
        self.containers
            .entry(actor.uid)
            .or_insert_with(|| actor.container.clone().unwrap_or_default());
    }

    /// Files whose content or metadata the scope changed, under the name they have.
    fn contents(&mut self, scope: &Scope<'_>) {
        let wanted: HashSet<FileKey> = self
            .targets
            .values()
            .filter_map(|target| target.want.file())
            .collect();
        let mut changed = Vec::new();
        for (&key, state) in &scope.index.touched {
            if self.made.contains(&key) {
                continue;
            }
            changed.extend(Work::of(scope, key, state));
        }
        self.changed = changed.iter().map(|work| work.key).collect();
        let keys = wanted.iter().copied().chain(changed.iter().map(|work| work.key));
        self.spots = scope.index.names_of(&keys.collect());
        for work in changed {
            self.change((&work, scope.index), wanted.contains(&work.key));
        }
        for (spot, target) in &self.targets {
            for key in [target.put, target.want.file()].into_iter().flatten() {
                self.spots.entry(key).or_default().insert(spot.clone());
            }
        }
    }

    /// A file with several names is put back under each; one of the image becomes a file of its own under every name it is
    /// copied up by, though all of them report the handle of the one they came from.
    fn change(&mut self, (work, index): (&Work<'_>, &Index), is_wanted: bool) {
        let Work {
            key, state, actor, ..
        } = *work;
        let mut names = self.spots.get(&key).cloned().unwrap_or_default();
        if !is_wanted {
            let last = index.last_name(key, state);
            // Of a file that has others, a name that it lost to nobody of the scope is none.
            if names.is_empty() || !index.is_former_name(key, (last.0, &last.1)) {
                names.insert(last);
            }
        }
        let mut others = Vec::new();
        let mut is_planned = is_wanted;
        for (place, path) in names {
            let seen = sibling(&state.seen(), &state.path, &path);
            let spot = (place, self.moved_back(place, &path));
            let target = Target {
                put: Some(key),
                seen,
                ..Target::new(Want::File(key), work.change, (work.time, actor.uid))
            };
            let Some(known) = self.targets.get_mut(&spot) else {
                self.targets.insert(spot, target);
                is_planned = true;
                continue;
            };
            known.repair |= known.want == Want::Absent && known.put == Some(key);
            match known.want == Want::File(key) || known.put == Some(key) {
                true => is_planned = true,
                false => others.push((spot, target)),
            }
        }
        if !is_planned {
            self.displaced.extend(others);
        }
        self.containers
            .entry(actor.uid)
            .or_insert_with(|| actor.container.clone().unwrap_or_default());
    }
}

/// What the scope left under a name, by its last change of it.
fn left(operation: &NameOperation, actor: &Actor, (path, change): (&[u8], &'static str)) -> Target {
    let is_source =
        path == &operation.path[..] && !matches!(operation.kind, NameKind::Create | NameKind::Link);
    let put = match operation.kind {
        NameKind::Unlink => None,
        NameKind::Exchange if is_source => operation.replaced,
        NameKind::Rename if is_source => None,
        _ => operation.key,
    };
    let seen = if is_source && operation.kind != NameKind::Unlink {
        sibling(&operation.seen, &operation.target, path)
    } else {
        operation.seen.clone()
    };
    Target {
        put,
        left_absent: is_source && operation.kind != NameKind::Exchange,
        seen,
        ..Target::new(Want::Absent, change, (operation.time, actor.uid))
    }
}

/// A file that was replaced was not just created.
fn stronger(known: &'static str, new: &'static str) -> &'static str {
    match (known, new) {
        ("replaced", "created") | ("unlinked", "created") => new,
        ("replaced", _) => known,
        _ => new,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_lie_in_is_a_directory_though_nothing_is_known_of_it() {
        let target = |want: Want| Target::new(want, "unlinked", (1, ProcessUid::UNKNOWN));
        let mut plan = Plan::default();
        let key = |number: u128| Want::File(FileKey(number));
        for (place, path, want) in [
            (1, "a", key(1)),
            (1, "a-b", key(2)),
            (1, "a/lib", key(3)),
            (1, "a/lib/x", key(4)),
            (1, "b", Want::Absent),
            (1, "b/y", Want::Absent),
            (2, "a-b/z", key(5)),
        ] {
            plan.targets.insert((PlaceId(place), path.into()), target(want));
        }
        plan.mark_directories();
        let directories = plan.targets.iter().filter(|(_, target)| target.directory);
        let names: Vec<&[u8]> = directories.map(|((_, path), _)| &path[..]).collect();
        assert_eq!(names, [&b"a"[..], b"a/lib"]);
    }
}
