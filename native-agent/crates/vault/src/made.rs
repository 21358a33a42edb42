//! Directories that were just made: what was in them before they were watched was made too, or moved there, and nobody told of it.
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;

use norn_journal::file::FileKey;
use norn_journal::record::{NameKind, NameOperation, Record, Time};
use norn_os as os;
use norn_os::paths::{last, parent};
use norn_watch::events::RawEvent;
use norn_watch::protect;
use norn_watch::protect::key_of;
use norn_watch::root::Root;
use norn_watch::spot::{Spot, identify, operation};
use norn_watch::watch::{Entry, entries, is_store, open_directory};

use crate::arrivals::{tell_arrival, tell_change};
use crate::halves;
use crate::shared::Shared;
use crate::told::LOOKED_AT_MAX;
use crate::waiting::Found;

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
    fn open(&self, spot: &Spot) -> io::Result<OwnedFd> {
        let Some(handle) = self.handle else {
            return open_directory(&spot.root, &spot.path);
        };
        let top = spot.root.open(libc::O_RDONLY)?;
        let flags = libc::O_RDONLY | libc::O_DIRECTORY;
        os::open_by_handle(top.as_raw_fd(), handle, flags)
    }
}

/// What is in a new directory already came in before it was watched.
pub fn watch_new(shared: &Shared, spot: &Spot, made: Made<'_>, by: (u32, Time)) {
    if let Some(key) = made.key {
        protect::taken_in(shared, key);
    }
    let root = &spot.root;
    let mut walk = Walk {
        shared,
        root,
        by,
        count: 0,
    };
    match made.open(spot).and_then(|top| walk.one(&spot.path, top)) {
        Ok(inside) => walk.all(inside),
        Err(error) => {
            // Gone already: what was in it left it before.
            halves::looked(shared);
            tracing::debug!(%error, "a new directory can't be watched");
        }
    }
}

/// A directory that is in another.
type Inside = (Vec<u8>, Rc<OwnedFd>);

/// By descriptors: names above may change meanwhile.
struct Walk<'a> {
    shared: &'a Shared,
    root: &'a Arc<Root>,
    by: (u32, Time),
    count: usize,
}

impl Walk<'_> {
    fn all(&mut self, mut waiting: Vec<Inside>) {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
        while let Some((path, above)) = waiting.pop() {
            let opened = os::open_below(above.as_raw_fd(), last(&path), flags, os::BELOW_HERE);
            let is_new =
                |directory: &OwnedFd| key_of(directory).is_ok_and(|key| !self.is_known_elsewhere(key, &path));
            // What went away meanwhile is told of: the directory above is watched.
            if let Some(directory) = opened.ok().filter(is_new)
                && let Ok(inside) = self.one(&path, directory)
            {
                waiting.extend(inside);
            }
        }
    }

    /// Returns the directories in it that are new.
    fn one(&mut self, path: &[u8], directory: OwnedFd) -> io::Result<Vec<Inside>> {
        let entries = self.shared.watch.opened(self.root, path, &directory)?;
        halves::looked(self.shared);
        let directory = Rc::new(directory);
        let mut inside = Vec::new();
        for entry in entries {
            let whole = [&self.root.path[..], b"/", &entry.path].concat();
            if !is_store(&whole) && self.take_in(&directory, &entry) {
                inside.push((entry.path, directory.clone()));
            }
        }
        // What left it while it was looked into was told by then.
        halves::looked(self.shared);
        Ok(inside)
    }

    /// `true` for a directory that is new.
    fn take_in(&mut self, above: &OwnedFd, entry: &Entry) -> bool {
        let Some(key) = self.key_of(above, entry) else {
            return false;
        };
        let spot = Spot {
            root: self.root.clone(),
            path: entry.path.clone(),
        };
        if entry.is_directory && !self.is_known_elsewhere(key, &entry.path) {
            note_name(self.shared, &spot, (key, true), self.by);
            self.shared.put_off(self.root.id, spot.path);
            return true;
        }
        self.count += 1;
        let found = Found {
            spot,
            key,
            directory: entry.is_directory,
            by: self.by,
            is_looked_at: self.count <= LOOKED_AT_MAX,
        };
        halves::found(self.shared, found);
        false
    }

    fn key_of(&self, above: &OwnedFd, entry: &Entry) -> Option<FileKey> {
        let flags = libc::O_PATH | libc::O_NOFOLLOW;
        let file = os::open_below(above.as_raw_fd(), last(&entry.path), flags, os::BELOW_HERE).ok()?;
        let stat = os::fstat(file.as_raw_fd()).ok()?;
        self.shared.places.key(file.as_raw_fd(), &stat).ok()
    }

    /// A directory that was moved here is watched, and all in it: of the move is told, with its old name.
    fn is_known_elsewhere(&self, key: FileKey, path: &[u8]) -> bool {
        let known = self.shared.watch.directory(key);
        known.is_some_and(|known| known.place == self.root.id && known.path != path)
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
fn note_name(shared: &Shared, spot: &Spot, (key, directory): (FileKey, bool), by: (u32, Time)) -> bool {
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
