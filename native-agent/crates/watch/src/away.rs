//! Directories that were moved out of what is protected: each is a place of its own where it is now, since whoever moved it, or
//! somebody else, may go on with its files. What is marked stays marked: nothing is walked through, no open is missed.
use std::io;
use std::os::fd::AsRawFd;

use norn_journal::file::FileKey;
use norn_journal::record::{Location, Record, Time, Version};
use norn_os as os;
use norn_os::paths::{below, join, within};

use crate::protect::remember;
use crate::root::Root;
use crate::spot::Spot;
use crate::watched::Watched;

/// A directory that has no name in its place any more, and what was in it.
pub struct Leaving<'a> {
    pub spot: &'a Spot,
    pub handle: &'a os::Handle,
    pub inside: &'a [(Vec<u8>, FileKey)],
}

/// Goes on with it where it is now. ESTALE when it is removed, another error when it is elsewhere already.
pub fn follow(watched: &Watched, leaving: &Leaving<'_>) -> io::Result<()> {
    let Leaving { spot, handle, inside } = leaving;
    let top = spot.root.open(libc::O_RDONLY)?;
    let directory = os::open_by_handle(top.as_raw_fd(), handle, libc::O_RDONLY | libc::O_DIRECTORY)?;
    let path = os::path_of(directory.as_raw_fd())?;
    if os::fstat(directory.as_raw_fd())?.st_nlink == 0 {
        return Err(io::Error::from_raw_os_error(libc::ESTALE));
    }
    // One that was removed is known by its name for a while, which another has now.
    let is_held = |root: &Root| within(&path, &root.path).is_some() && root.is_named();
    if watched.places.roots().iter().any(|root| is_held(root)) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let root = Root::new(path, &directory, spot.root.mount.clone(), None)?;
    let root = watched.places.add_root(root);
    watched.watch.cut_off((spot.root.id, &spot.path), root.id);
    watched.watch.heed_end(&directory)?;
    remember(watched, &root);
    watched.away.add(root.id);
    for (path, key) in *inside {
        let Some(path) = below(path, &spot.path) else {
            continue;
        };
        note(watched, &root, (path, *key));
    }
    Ok(())
}

/// What is known of the file is known under the name that it has now.
fn note(watched: &Watched, root: &Root, (path, key): (&[u8], FileKey)) {
    let last = watched
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
    watched.store.record(Record::Version(location, version));
}
