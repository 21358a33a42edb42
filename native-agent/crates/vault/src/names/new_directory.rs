//! Directories that were just made: what was in them before they were watched was made too, or moved there, and nobody told of it.
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;

use norn_journal::file::FileKey;
use norn_journal::record::Time;
use norn_os as os;
use norn_os::paths::last;
use norn_watch::protect;
use norn_watch::root::{Root, key_of};
use norn_watch::spot::Spot;
use norn_watch::watch::{Entry, is_store};

use super::halves;
use super::made::{Made, note_name};
use crate::shared::Shared;
use crate::told::LOOKED_AT_MAX;
use crate::waiting::Found;

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
