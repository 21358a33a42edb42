//! Directories that were moved out of what is protected: each is a place of its own where it is now, since whoever moved it, or
//! somebody else, may go on with its files. What is marked stays marked: nothing is walked through, no open is missed.
use std::collections::VecDeque;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use norn_journal::file::{FileKey, PlaceId};
use norn_journal::record::{Location, Record, Time, Version};
use norn_os as os;
use norn_os::paths::{below, join};

use crate::capture::Shared;
use crate::names::Spot;
use crate::protect::{drop_root, let_go, remember};
use crate::root::Root;

/// The oldest give way.
const PLACES_MAX: usize = 64;

#[derive(Debug, Default)]
pub struct Away(Mutex<VecDeque<PlaceId>>);

impl Away {
    fn places(&self) -> MutexGuard<'_, VecDeque<PlaceId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_surplus(&self) -> Option<PlaceId> {
        let mut places = self.places();
        (places.len() > PLACES_MAX).then(|| places.pop_front()).flatten()
    }

    fn take(&self, id: PlaceId) -> bool {
        let mut places = self.places();
        let at = places.iter().position(|place| *place == id);
        at.is_some_and(|at| places.remove(at).is_some())
    }
}

/// A directory that has no name in its place any more, and what was in it.
pub struct Leaving<'a> {
    pub spot: &'a Spot,
    pub handle: &'a os::Handle,
    pub inside: &'a [(Vec<u8>, FileKey)],
}

/// Goes on with it where it is now. An error when it is gone, or elsewhere already.
pub fn follow(shared: &Shared, leaving: &Leaving<'_>) -> io::Result<()> {
    let Leaving { spot, handle, inside } = leaving;
    let top = spot.root.open(libc::O_RDONLY)?;
    let directory = os::open_by_handle(top.as_raw_fd(), handle, libc::O_RDONLY | libc::O_DIRECTORY)?;
    let path = os::path_of(directory.as_raw_fd())?;
    let is_held = |root: &Root| root.path == path || below(&path, &root.path).is_some();
    if os::fstat(directory.as_raw_fd())?.st_nlink == 0
        || shared.places.roots().iter().any(|root| is_held(root))
    {
        return Err(io::ErrorKind::NotFound.into());
    }
    let root = Root::new(path, &directory, spot.root.mount.clone(), None)?;
    let root = shared.places.add_root(root);
    shared.watch.cut_off((spot.root.id, &spot.path), root.id);
    shared.watch.heed_end(&directory)?;
    remember(shared, &root);
    shared.away.places().push_back(root.id);
    for (path, key) in *inside {
        let Some(path) = below(path, &spot.path) else {
            continue;
        };
        note(shared, &root, (path, *key));
    }
    Ok(())
}

/// What is known of the file is known under the name that it has now.
fn note(shared: &Shared, root: &Root, (path, key): (&[u8], FileKey)) {
    let last = shared
        .store
        .index()
        .state(key)
        .and_then(|state| state.last().cloned());
    let Some(last) = last else {
        return;
    };
    let location = Location {
        key,
        place: root.id,
        path: path.to_vec(),
        seen: join(&root.path, path),
    };
    let version = Version {
        time: os::boot_ns() as Time,
        pid: 0,
        ..last
    };
    shared.store.record(Record::Version(location, version));
}

/// More than there is room for. Whoever compares what is protected does it: the marks of a large one take a while.
pub fn let_oldest_go(shared: &Shared) {
    while let Some(oldest) = shared.away.take_surplus() {
        let_go(shared, oldest);
    }
}

/// It is in a protected directory again, or mounted into a container: it is watched as what that is.
pub fn taken_in(shared: &Shared, key: FileKey) {
    let known = shared.watch.directory(key);
    if let Some(known) = known.filter(|known| known.path.is_empty() && shared.away.take(known.place)) {
        drop_root(shared, known.place);
    }
}
