//! The scope's changes of names, undone from the last to the first.
use std::collections::HashSet;

use norn_journal::file::FileKey;
use norn_journal::record::{Actor, NameKind, NameOperation, is_restorer};
use norn_os::paths::sibling;

use super::older::Older;
use super::scope::Scope;
use crate::plan::{Directory, Plan, Spot, Target, Want};

impl Plan {
    /// Walks the scope's name changes backwards. Returns the names others changed later.
    pub fn names(&mut self, scope: &Scope<'_>) -> HashSet<Spot> {
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

    /// Nothing of it is undone. It is known all the same what lies under these names, should one of them be another file's that was
    /// there before.
    fn leave(&mut self, operation: &NameOperation, actor: &Actor) {
        let (path, target) = (operation.path.clone(), operation.target.clone());
        match operation.kind {
            NameKind::Create | NameKind::Link => self.stays(operation, actor, (path, "created")),
            NameKind::Unlink => self.stays(operation, actor, (path, "unlinked")),
            NameKind::Rename | NameKind::Exchange if operation.directory => self.kept_moves.push(Directory {
                place: operation.place,
                from: path,
                to: target,
                key: operation.key,
                made: None,
                is_exchange: operation.kind == NameKind::Exchange,
                is_in_force: true,
                seen: Vec::new(),
                time: operation.time,
                process: actor.uid,
            }),
            NameKind::Rename | NameKind::Exchange => {
                self.stays(operation, actor, (target, "replaced"));
                self.stays(operation, actor, (path, "renamed"));
            }
        }
    }

    fn stays(&mut self, operation: &NameOperation, actor: &Actor, (path, change): (Vec<u8>, &'static str)) {
        let mut target = left(operation, actor, (&path, change));
        target.stays = true;
        self.targets.entry((operation.place, path)).or_insert(target);
    }

    /// By the names that directories have which stay where the scope moved them later.
    fn called_since(&mut self, mut operation: NameOperation) -> NameOperation {
        let place = operation.place;
        let mut its_own = HashSet::new();
        for (number, kept) in self.kept_moves.iter().enumerate().rev() {
            if kept.place != place {
                continue;
            }
            if kept.from == operation.path && !kept.is_exchange {
                its_own.insert(number);
            }
            for name in [&mut operation.path, &mut operation.target] {
                if let Some(now) = kept.other(name) {
                    *name = now;
                }
            }
        }
        // What had these names before is another.
        if operation.kind == NameKind::Create {
            let mut number = 0..;
            self.kept_moves
                .retain(|_| number.next().is_none_or(|number| !its_own.contains(&number)));
        }
        operation
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
