//! Names below protected directories, as the kernel reports them: created, renamed, deleted, attributes changed.
pub mod changes;
mod halves;
pub mod made;
mod new_directory;

use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering;
use std::time::Duration;

use norn_events::{ChangeKind, ContentShape};
use norn_journal::file::{FileKey, Metadata};
use norn_journal::index::FileState;
use norn_journal::record::{
    Aspect, Change, Location, NameKind, NameOperation, Record, Time, Version, is_restorer,
};
use norn_os as os;
use norn_os::paths::join;
use norn_watch::events::{Name, RawEvent, parse};
use norn_watch::spot::{Spot, identify, location, operation};

use crate::arrivals::{is_taken, tell_arrival};
use crate::links;
use crate::shared::Shared;
use crate::told::{before, tell};

use changes::{directory_moved, rename, unlinked};
use made::{Made, is_unseen};
use new_directory::watch_new;

const READ_BYTES: usize = 64 * 1024;
const IDLE_MS: i32 = 500;
/// Who makes many files is not followed one by one; whoever renames or deletes is.
const GATHER: Duration = Duration::from_micros(500);

/// Works until the vault stops.
pub fn run(shared: &Shared) {
    let own = std::process::id();
    let mut buffer = vec![0_u8; READ_BYTES];
    let names = shared.watch.names.as_raw_fd();
    while !shared.stop.load(Ordering::Relaxed) {
        let [ready] = os::poll([(names, libc::POLLIN)], IDLE_MS);
        if !ready {
            continue;
        }
        let mut read = shared.progress.names.begin();
        let Ok(count) = os::read(names, &mut buffer) else {
            continue;
        };
        let events = parse(&buffer[..count]);
        *read += events.len() as u64;
        drop(read);
        for event in &events {
            if event.mask & libc::FAN_Q_OVERFLOW != 0 {
                shared.pulse.events_lost.fetch_add(1, Ordering::Relaxed);
            } else if event.pid == own {
                follow(shared, event);
            } else {
                handle(shared, event);
            }
        }
        let done = halves::handled(shared, events.len() as u64);
        shared.progress.names.handled(done);
        let creates = |event: &RawEvent| event.mask & (libc::FAN_RENAME | libc::FAN_DELETE) == 0;
        if events.iter().all(creates) {
            std::thread::sleep(GATHER);
        }
    }
}

fn spot(shared: &Shared, name: Option<&Name>) -> Option<Spot> {
    let name = name?;
    let Some(directory) = shared.watch.directory(name.directory) else {
        let root = shared
            .places
            .root(shared.watch.alone(name.directory, &name.name)?)?;
        let path = name.name.clone();
        return Some(Spot { root, path });
    };
    let root = shared.places.root(directory.place)?;
    let own = name.name.is_empty() || name.name == b".";
    let path = if own {
        directory.path
    } else {
        join(&directory.path, &name.name)
    };
    Some(Spot { root, path })
}

fn handle(shared: &Shared, event: &RawEvent) {
    let time = os::boot_ns() as Time;
    let by = (event.pid, time);
    let directory = event.mask & libc::FAN_ONDIR != 0;
    if event.mask & (libc::FAN_DELETE_SELF | libc::FAN_MOVE_SELF) != 0 {
        shared.learned.look_again();
    }
    if event.mask & libc::FAN_CREATE != 0
        && let Some(spot) = spot(shared, event.at.as_ref())
    {
        let made = Made::of(event);
        halves::told(shared, made.key, &spot);
        created(shared, &spot, made, by);
    }
    if event.mask & libc::FAN_ATTRIB != 0
        && let Some(key) = event.key
        && shared.store.index().state(key).is_some()
        && let Some(spot) = spot(shared, event.at.as_ref())
    {
        attributes(shared, &spot, key, by);
    }
    if event.mask & libc::FAN_RENAME != 0 {
        renamed(shared, event, by);
    }
    if event.mask & libc::FAN_DELETE != 0
        && let Some(spot) = spot(shared, event.at.as_ref())
    {
        halves::reached(shared, event.key, &spot);
        halves::tell_first(shared, event.key, &spot);
        unlinked(shared, &spot, (event.key, directory), by);
    }
}

/// A restore makes directories again and moves them back: nobody's change, but they are to be watched.
fn follow(shared: &Shared, event: &RawEvent) {
    if event.mask & libc::FAN_ONDIR == 0 {
        return;
    }
    if event.mask & libc::FAN_RENAME == 0 {
        return;
    }
    match (spot(shared, event.old.as_ref()), spot(shared, event.new.as_ref())) {
        // Of what it moved to and fro some was told once, or is over.
        (Some(old), Some(new)) if has_it(shared, &new, event.key) => {
            directory_moved(shared, (&old, event.key), &new.path, os::boot_ns() as Time);
        }
        // It was made aside, which nobody watches.
        (None, Some(new)) => {
            if let Err(error) = shared.watch.tree(&new.root, &new.path) {
                tracing::debug!(%error, "a directory that was made again can't be watched");
            }
        }
        _ => {}
    }
}

fn has_it(shared: &Shared, spot: &Spot, key: Option<FileKey>) -> bool {
    let found = || identify(&shared.places, spot).map(|(found, _)| found);
    key.is_none() || found() == key
}

/// What was made outside of the protected directories, where nobody looked, has a name in one now.
fn arrived(shared: &Shared, spot: &Spot, made: Made<'_>, by: (u32, Time)) {
    let Made { key, directory, .. } = made;
    halves::tell_first(shared, None, spot);
    let named = (spot.root.id, &spot.path[..]);
    let replaced = key.and_then(|key| shared.store.index().name_before(named, by.1, key));
    if let Some(replaced) = replaced.filter(|_| !directory) {
        let gone = operation(NameKind::Unlink, spot, by);
        shared.store.record(Record::Name(NameOperation {
            key: Some(replaced),
            ..gone
        }));
    }
    created(shared, spot, made, by);
    if directory {
        return;
    }
    let before = replaced.and_then(|replaced| before(shared, replaced, by.1));
    tell_arrival(shared, spot, (key, before, replaced.is_some()), by);
}

pub fn created(shared: &Shared, spot: &Spot, made: Made<'_>, by: (u32, Time)) {
    let Made { key, directory, .. } = made;
    let known = key.is_some_and(|key| shared.store.index().knows_creation(key, &spot.path));
    let gone = links::last_unlinked(shared, spot, by.1);
    let born = !known && !directory && key.is_some_and(|key| shared.store.index().reports_birth(key));
    if !known {
        let other = !directory && !born && key.is_some_and(|key| is_other_name(shared, spot, (key, by.1)));
        let kind = if other { NameKind::Link } else { NameKind::Create };
        let created = operation(kind, spot, by);
        shared.store.record(Record::Name(NameOperation {
            key,
            directory,
            ..created
        }));
    }
    if directory {
        watch_new(shared, spot, made, by);
    } else if let Some(key) = key.filter(|_| !born) {
        links::came_in(shared, spot, (key, gone), by);
    }
    if spot.root.only.is_some() {
        watch_successor(shared, spot);
    }
}

/// Another file has the name of one that is protected alone: a container that is made again has this one mounted.
fn watch_successor(shared: &Shared, spot: &Spot) {
    match shared.watch.file(&spot.root) {
        Ok(()) => shared.put_off(spot.root.id, spot.path.clone()),
        Err(error) => tracing::debug!(%error, "a file that took a protected name can't be watched"),
    }
}

/// The kernel reports a hard link as it reports a new file.
fn is_other_name(shared: &Shared, spot: &Spot, (key, time): (FileKey, Time)) -> bool {
    let linked = || {
        let (found, file) = identify(&shared.places, spot)?;
        let stat = os::fstat(file.as_raw_fd()).ok()?;
        Some(found == key && stat.st_nlink > 1)
    };
    shared.store.index().has_state_before(key, time) || linked().unwrap_or(false)
}

/// Mode, owner, extended attributes or times were set. The file's new state becomes a version of its own.
fn attributes(shared: &Shared, spot: &Spot, key: FileKey, (pid, time): (u32, Time)) {
    let Some((found, file)) = identify(&shared.places, spot) else {
        return;
    };
    let Ok(stat) = os::fstat(file.as_raw_fd()) else {
        return;
    };
    let Ok(metadata) = Metadata::read(file.as_raw_fd(), &stat) else {
        return;
    };
    // A link count changes the attributes too; a size, the content.
    let known = shared
        .store
        .index()
        .state(key)
        .and_then(|state| set_at(&state, &metadata, time));
    let Some((time, is_news, shape)) = known.filter(|_| found == key) else {
        return;
    };
    let location = location(spot, key);
    tell(
        shared,
        &location.seen,
        (pid, time),
        (ChangeKind::Metadata, shape, shape),
    );
    shared.store.record(Record::Change(
        location.clone(),
        Change {
            time,
            pid,
            aspect: Aspect::Metadata,
        },
    ));
    if is_news {
        refresh_metadata(shared, location, (metadata, time));
    }
}

/// When the file got this metadata, whether no state of it is known that has it, and what it held. Told at `told`, it was set before
/// the open that found it so. `None` when it is nothing new.
fn set_at(state: &FileState, metadata: &Metadata, told: Time) -> Option<(Time, bool, Option<ContentShape>)> {
    let last = state.last()?;
    if !metadata.is_like(&last.metadata) {
        return Some((told, true, last.shape));
    }
    let before = state.before(last.time - 1)?;
    let mut changes = state.changes.iter();
    let is_told = changes.any(|change| before.time < change.time && change.time < last.time);
    let is_opens = last.pid != 0 && !is_restorer(last.pid);
    let is_set = (metadata.mode, metadata.uid, metadata.gid, &metadata.attributes)
        != (
            before.metadata.mode,
            before.metadata.uid,
            before.metadata.gid,
            &before.metadata.attributes,
        );
    (is_opens && is_set && !is_told).then_some((last.time - 1, false, last.shape))
}

/// The content that was saved, under its new metadata, is a version of its own. Told late, it may be known in a later state already: that
/// one has the metadata too, and what was written since.
pub fn refresh_metadata(shared: &Shared, location: Location, (metadata, time): (Metadata, Time)) {
    let last = shared
        .store
        .index()
        .state(location.key)
        .and_then(|state| state.last().cloned());
    if let Some(last) = last.filter(|last| last.time <= time && last.metadata.size == metadata.size) {
        let version = Version {
            time: time + 1,
            pid: 0,
            metadata,
            ..last
        };
        shared.store.record(Record::Version(location, version));
    }
}

fn renamed(shared: &Shared, event: &RawEvent, by: (u32, Time)) {
    let (old, new) = (spot(shared, event.old.as_ref()), spot(shared, event.new.as_ref()));
    let what = (event.key, event.mask & libc::FAN_ONDIR != 0);
    match (old, new) {
        (Some(old), Some(new)) if old.root.id == new.root.id => {
            if what.1 && is_second_half(shared, (&old, &new), what.0, by) {
                rename(shared, (&old, &new), what, by);
            } else if halves::is_news(shared, (&old, &new), what, by) {
                halves::tell_first(shared, None, &new);
                halves::replaces(shared, &new, event.key);
                match event.key.is_some_and(|key| is_unseen(shared, &old, key)) {
                    true => arrived(shared, &new, Made::of(event), by),
                    false => rename(shared, (&old, &new), what, by),
                }
            }
        }
        (old, new) => {
            // It left the protected directory, or came in from outside; or one of the two directories is too young to be watched.
            if let Some(old) = old.filter(|old| !is_taken(shared, old, (event.key, by.1))) {
                halves::departed(shared, old, Made::of(event), by);
            }
            if let Some(new) = new
                && !halves::arrived(shared, &new, what, by.1)
            {
                arrived(shared, &new, Made::of(event), by);
            }
        }
    }
}

/// Of an exchange of directories: where the second goes is known since the first half.
fn is_second_half(
    shared: &Shared,
    (old, new): (&Spot, &Spot),
    key: Option<FileKey>,
    by: (u32, Time),
) -> bool {
    let moved = NameOperation {
        target: new.path.clone(),
        key,
        ..operation(NameKind::Rename, old, by)
    };
    shared.store.index().exchanged_for(&moved).is_some()
}
