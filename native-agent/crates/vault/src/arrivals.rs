//! What comes into a protected directory from outside: made where nobody looked, it has a name here now, and maybe another's.
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use norn_events::{ChangeKind, ContentShape};
use norn_journal::file::{FileKey, Stamp};
use norn_journal::index::Operation;
use norn_journal::record::{Aspect, Change, Location, NameKind, NameOperation, Record, Time};
use norn_os as os;
use norn_watch::spot::{Spot, identify, location, operation};

use crate::shared::Shared;
use crate::told::{before, look_at, look_by_name, looks_encrypted, tell};

/// A close that was before is told within this.
const CLOSES_WITHIN: Duration = Duration::from_millis(500);

pub fn look(shared: &Shared, spot: &Spot, key: Option<FileKey>) -> Option<ContentShape> {
    let (found, file) = identify(&shared.places, spot)?;
    look_by_name(spot, &file).filter(|_| key.is_none_or(|key| key == found))
}

/// Another file was told to have its name already: the two were exchanged. What only was seen there may have come later.
pub fn is_taken(shared: &Shared, old: &Spot, (key, time): (Option<FileKey>, Time)) -> bool {
    let index = shared.store.index();
    let (place, path) = (old.root.id, &old.path[..]);
    let Some(holder) = index.name_at(place, path, time).flatten() else {
        return false;
    };
    let is_holder = |key: FileKey| index.original(key) == index.original(holder);
    let told = || index.operations.last_of(place, path).and_then(Operation::key);
    !key.is_none_or(is_holder) && told().is_some_and(is_holder)
}

/// With a directory, all in it left. Nobody is told: it is not deleted. What was told to be deleted since is not returned.
pub fn left(shared: &Shared, spot: &Spot, by: (u32, Time)) -> Vec<(Vec<u8>, FileKey)> {
    let place = spot.root.id;
    let inside = shared.store.index().files_below((place, &spot.path), by.1);
    let is_there = |(path, key): &&(Vec<u8>, FileKey)| {
        shared.store.index().name_at(place, path, Time::MAX).flatten() == Some(*key)
    };
    let there = inside.iter().filter(is_there).cloned().collect();
    for (path, key) in &inside {
        let (path, key) = (path.clone(), *key);
        let is_directory = shared
            .store
            .index()
            .state(key)
            .and_then(|state| Some(state.last()?.metadata.mode & libc::S_IFMT == libc::S_IFDIR));
        let spot = Spot {
            root: spot.root.clone(),
            path,
        };
        let gone = operation(NameKind::Unlink, &spot, by);
        shared.store.record(Record::Name(NameOperation {
            key: Some(key),
            directory: is_directory.unwrap_or(false),
            ..gone
        }));
    }
    there
}

/// It was in a protected directory before, and left it with other content than it has now: what it was then.
fn changed_outside(
    shared: &Shared,
    (at, file): (&Location, &OwnedFd),
    (pid, time): (u32, Time),
) -> Option<ContentShape> {
    let shape = before(shared, at.key, time)?;
    if !is_changed(shared, file, (at.key, time)) {
        return None;
    }
    let aspect = Aspect::Content;
    let change = Change { time, pid, aspect };
    shared.store.record(Record::Change(at.clone(), change));
    Some(shape)
}

/// It has another name here, and was where nobody looks in between: somebody may have written to it there, who asked to open it
/// since its last copy, or else who moved it.
pub fn tell_change(shared: &Shared, spot: &Spot, key: FileKey, (pid, time): (u32, Time)) {
    let opener = |last: Time| {
        let opened = shared.store.index().opened(key);
        opened.filter(|(opened, _)| *opened > last)
    };
    if let Some((found, file)) = identify(&shared.places, spot)
        && found == key
        && let Some(last) = untold_since(shared, &file, (key, time))
    {
        let pid = opener(last).map_or(pid, |(_, opener)| opener);
        tell_written(shared, (&location(spot, key), &file), (pid, time));
    }
}

/// The same of one that is open (`O_PATH` will do), by the name that it is known by. Who gave it another name wrote to it: others
/// may have read it since its last copy.
pub fn tell_change_by(shared: &Shared, (at, file): (&Location, &OwnedFd), by: (u32, Time)) {
    if untold_since(shared, file, (at.key, by.1)).is_some() {
        tell_written(shared, (at, file), by);
    }
}

/// When its last copy was taken, if it has changed since and nobody was told.
fn untold_since(shared: &Shared, file: &OwnedFd, (key, time): (FileKey, Time)) -> Option<Time> {
    if !is_changed(shared, file, (key, time)) {
        return None;
    }
    // By one whose close is told, maybe.
    shared.progress.close(&shared.watch, CLOSES_WITHIN);
    let index = shared.store.index();
    let state = index.state(key)?;
    let last = state.before(time)?.time;
    let is_told = state.changes.iter().any(|change| change.time > last);
    (!is_told).then_some(last)
}

fn tell_written(shared: &Shared, (at, file): (&Location, &OwnedFd), by: (u32, Time)) {
    if let Some(before) = changed_outside(shared, (at, file), by) {
        let told = (ChangeKind::Overwritten, Some(before), look_at(file));
        tell(shared, &at.seen, by, told);
    }
}

fn is_changed(shared: &Shared, file: &OwnedFd, (key, time): (FileKey, Time)) -> bool {
    let now = || Some(Stamp::from(&os::fstat(file.as_raw_fd()).ok()?));
    let index = shared.store.index();
    let known = index
        .state(key)
        .and_then(|state| Some(state.before(time)?.metadata.stamp()));
    drop(index);
    let of = |stamp: Stamp| (stamp.size, stamp.modified_ns);
    known.zip(now()).is_some_and(|(known, now)| of(known) != of(now))
}

pub fn tell_arrival(
    shared: &Shared,
    spot: &Spot,
    (key, before, replaced): (Option<FileKey>, Option<ContentShape>, bool),
    by: (u32, Time),
) {
    let found = identify(&shared.places, spot).filter(|(found, _)| key.is_none_or(|key| key == *found));
    let Some((after, found)) = found.and_then(|found| Some((look_by_name(spot, &found.1)?, found))) else {
        return;
    };
    let own = key.and_then(|key| changed_outside(shared, (&location(spot, key), &found.1), by));
    let kind = match own {
        Some(_) => ChangeKind::Overwritten,
        None if replaced => ChangeKind::Replaced,
        None => ChangeKind::Created,
    };
    let seen = [&spot.root.path[..], b"/", &spot.path].concat();
    let before = own.or(before);
    tell(shared, &seen, by, (kind, before, Some(after)));
    // Nobody closes it here: without this, its first truncate(2) or unlink would find no copy.
    if !looks_encrypted(before, after) {
        shared.put_off(spot.root.id, spot.path.clone());
    }
}
