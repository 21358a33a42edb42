//! Files of a process that was killed while it waited to open what it had just made: in a container's layer nobody told of them.
//! The kernel makes the file first, asks then, and takes the question back when the one who waits dies.
use std::collections::{BTreeMap, HashMap};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;

use norn_events::ProcessUid;
use norn_journal::file::{PlaceId, Stamp};
use norn_journal::record::{PlaceKind, Time};
use norn_os as os;
use norn_os::paths::{join, parent};
use norn_watch::watched::Watched;

use crate::plan::{IN_PLACE, Plan, Target, Want};
use crate::tree::Tree;
use crate::unwatched::listed;

/// Names looked at in one restore.
const ENTRIES_MAX: usize = 50_000;
/// A file's times are those of the last tick of the kernel's clock, at 100 a second, ns.
const TICK: Time = 10_000_000;

/// Adds to the plan what is empty, came after the scope's first change and not before `made_since`, lies where the scope worked, and
/// has no known maker.
pub fn add(watched: &Watched, plan: &mut Plan, made_since: Time) {
    let mut layers = HashMap::new();
    let mut worked: BTreeMap<(PlaceId, Vec<u8>), (Time, ProcessUid)> = BTreeMap::new();
    for ((place, path), target) in &plan.targets {
        let layer = layers.entry(*place).or_insert_with(|| layer(watched, *place));
        let Some((_, tree)) = layer else {
            continue;
        };
        let since = changed_at(tree, path, target).max(made_since);
        let at = worked.entry((*place, parent(path).to_vec()));
        let (first, _) = at.or_insert((since, target.process));
        *first = since.min(*first);
    }
    let mut left = ENTRIES_MAX;
    for ((place, directory), (since, process)) in worked {
        let Some(Some((upper, tree))) = layers.get(&place) else {
            continue;
        };
        let names = listed(upper, &directory);
        let names = names.into_iter().flatten().flatten();
        for name in names.map(|entry| entry.file_name()).take(left) {
            left -= 1;
            let path = join(&directory, name.as_bytes());
            if let Some(stray) = stray(watched, (tree, place, &path), (since, process)) {
                plan.targets.entry((place, path)).or_insert(stray);
            }
        }
    }
}

/// A container's layer, and the view of it that is changed; one whose container has gone is mounted for this.
fn layer(watched: &Watched, place: PlaceId) -> Option<(Vec<u8>, Tree)> {
    let kind = watched.store.index().places.get(&place).cloned();
    match kind {
        Some(PlaceKind::Overlay { upper, .. }) => Some((upper, Tree::open(watched, place).ok()?)),
        _ => None,
    }
}

/// On the clock of the journal.
fn since_boot(wall_ns: i128) -> Time {
    (wall_ns - i128::from(os::wall_ns()) + i128::from(os::boot_ns())) as Time
}

/// A close is told when its turn comes; the file itself knows when it was last written.
fn changed_at(tree: &Tree, path: &[u8], target: &Target) -> Time {
    let is_in_place = target.change == IN_PLACE;
    let found = is_in_place.then(|| tree.lookup(path).ok().flatten()).flatten();
    let written = found.map(|entry| since_boot(Stamp::from(&entry.stat).changed_ns));
    written.map_or(target.time, |written| written.min(target.time))
}

fn stray(
    watched: &Watched,
    (tree, place, path): (&Tree, PlaceId, &[u8]),
    (since, process): (Time, ProcessUid),
) -> Option<Target> {
    let entry = tree.lookup(path).ok()??;
    let is_empty = entry.stat.st_mode & libc::S_IFMT == libc::S_IFREG && entry.stat.st_size == 0;
    let born = since_boot(os::birth_ns(entry.file.as_raw_fd()).into());
    if !is_empty || born + TICK < since {
        return None;
    }
    let index = watched.store.index();
    let is_known = index.state(entry.key).is_some() || index.name_at(place, path, Time::MAX).is_some();
    (!is_known).then(|| Target {
        put: Some(entry.key),
        seen: [b"/", path].concat(),
        ..Target::new(Want::Absent, "created", (born, process))
    })
}
