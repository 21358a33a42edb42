//! What got a name that nobody told of: it was made in a new directory before that was watched.
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use norn_journal::file::FileKey;
use norn_journal::record::{NameKind, NameOperation, Record, Time};
use norn_os as os;
use norn_os::paths::parent;
use norn_watch::events::RawEvent;
use norn_watch::root::{Root, key_of};
use norn_watch::spot::{Spot, identify, operation};
use norn_watch::watch::{Entry, entries, open_directory};

use crate::arrivals::{tell_arrival, tell_change};
use crate::shared::Shared;
use crate::told::LOOKED_AT_MAX;

/// What is in a directory that is younger than this, ns, and not known, was made with it.
const YOUNG_NS: u64 = 60_000_000_000;

/// What got a name.
#[derive(Debug, Clone, Copy)]
pub struct Made<'a> {
    pub key: Option<FileKey>,
    pub directory: bool,
    pub handle: Option<&'a os::Handle>,
}

impl<'a> Made<'a> {
    pub fn of(event: &'a RawEvent) -> Self {
        Self {
            key: event.key,
            directory: event.mask & libc::FAN_ONDIR != 0,
            handle: event.handle.as_ref(),
        }
    }

    /// The directory itself: it may be called otherwise by now, and one that is gone has left its name to another, whose files
    /// nobody made.
    pub fn open(&self, spot: &Spot) -> io::Result<OwnedFd> {
        let Some(handle) = self.handle else {
            return open_directory(&spot.root, &spot.path);
        };
        let top = spot.root.open(libc::O_RDONLY)?;
        let flags = libc::O_RDONLY | libc::O_DIRECTORY;
        os::open_by_handle(top.as_raw_fd(), handle, flags)
    }
}

/// Of a directory that was moved, and was where nobody looks in between: what somebody wrote to there is told.
pub fn look_through(shared: &Shared, top: &Spot, by: (u32, Time)) {
    let mut waiting = vec![top.path.clone()];
    while let Some(path) = waiting.pop() {
        let opened = open_directory(&top.root, &path);
        let inside = opened.and_then(|directory| entries(&path, &directory));
        for entry in inside.unwrap_or_default() {
            if entry.is_directory {
                waiting.push(entry.path);
                continue;
            }
            let root = top.root.clone();
            let path = entry.path;
            let spot = Spot { root, path };
            if let Some((key, _)) = identify(&shared.places, &spot) {
                tell_change(shared, &spot, key, by);
            }
        }
    }
}

/// Of a directory that is protected since it was made: what is in it was made by the same.
pub fn note_made(shared: &Shared, root: &Arc<Root>, entries: &[Entry], by: (u32, Time)) {
    for (number, entry) in entries.iter().enumerate() {
        let inside = Spot {
            root: root.clone(),
            path: entry.path.clone(),
        };
        let Some((key, _)) = identify(&shared.places, &inside) else {
            continue;
        };
        if entry.is_directory {
            note_name(shared, &inside, (key, true), by);
            shared.put_off(root.id, inside.path);
        } else {
            note_file(shared, &inside, (key, number < LOOKED_AT_MAX), by);
        }
    }
}

pub fn note_file(shared: &Shared, spot: &Spot, (key, is_looked_at): (FileKey, bool), by: (u32, Time)) {
    let is_news = note_name(shared, spot, (key, false), by);
    if is_news && is_looked_at {
        tell_arrival(shared, spot, (Some(key), None, false), by);
    } else {
        shared.put_off(spot.root.id, spot.path.clone());
    }
}

/// It was made in a new directory before that was watched, and left it before it was found there: it has a name now, and nobody
/// told of one it had before.
pub fn is_unseen(shared: &Shared, old: &Spot, key: FileKey) -> bool {
    let is_unknown = {
        let index = shared.store.index();
        let is_named = index.name_at(old.root.id, &old.path, Time::MAX).is_some();
        index.state(key).is_none() && !is_named
    };
    is_unknown && shared.watch.directory(key).is_none() && is_in_young(shared, old)
}

/// Its directory was made a moment ago, and that was told.
pub fn is_in_young(shared: &Shared, spot: &Spot) -> bool {
    let above = parent(&spot.path);
    if above.is_empty() {
        return false;
    }
    let Ok(directory) = open_directory(&spot.root, above) else {
        return false;
    };
    let made_ns = os::birth_ns(directory.as_raw_fd());
    let is_young = made_ns > 0 && os::wall_ns().saturating_sub(made_ns) < YOUNG_NS;
    is_young && key_of(&directory).is_ok_and(|key| shared.store.index().knows_creation(key, above))
}

/// `false` when it was told already.
pub fn note_name(shared: &Shared, spot: &Spot, (key, directory): (FileKey, bool), by: (u32, Time)) -> bool {
    if shared.store.index().knows_creation(key, &spot.path) {
        return false;
    }
    let is_back = shared.store.index().has_state_before(key, by.1);
    let kind = if is_back { NameKind::Link } else { NameKind::Create };
    let named = operation(kind, spot, by);
    shared.store.record(Record::Name(NameOperation {
        key: Some(key),
        directory,
        ..named
    }));
    true
}
