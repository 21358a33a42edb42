//! From the journal: which name should hold which file, in which state, for the scope's work to be undone.
mod found;
mod lost;
mod names;
mod older;
mod origin;
mod scope;
#[cfg(test)]
mod testing;

use std::collections::HashSet;

use norn_journal::file::FileKey;
use norn_journal::index::{FileState, Index};
use norn_journal::record::{Actor, Aspect, Time, is_restorer};
use norn_os::paths::sibling;

use crate::plan::{IN_PLACE, METADATA, Plan, Spot, Target, Want};
use crate::request::RestoreRequest;

use found::found;
use lost::names_lost;
use origin::origin;
use scope::Scope;

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

#[cfg(test)]
mod tests {
    use norn_events::ProcessUid;
    use norn_journal::file::PlaceId;

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
