//! Where containers have their files: the overlay at their root, and what is mounted elsewhere in it.
use std::collections::HashMap;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use norn_events::ContainerId;
use norn_journal::file::PlaceId;
use norn_os as os;
use norn_os::mounts::mounts;
use norn_os::paths::{below, join, open_path, parent};

use crate::capture::Shared;
use crate::places::Overlay;
use crate::restore::note_home;
use crate::sensor::{Note, clean};
use crate::table::host_path;

const CONTAINERS_MAX: usize = 10_000;

/// Of a container: its overlay, and where other file systems are mounted in it.
#[derive(Debug, Clone)]
pub struct Home {
    overlay: PlaceId,
    mounts: Vec<Mounted>,
}

#[derive(Debug, Clone)]
struct Mounted {
    /// In the container.
    at: Vec<u8>,
    /// The host's name of it, when it is of a disk and has one.
    host: Option<Vec<u8>>,
}

#[derive(Debug, Default)]
pub struct Homes(Mutex<HashMap<ContainerId, Home>>);

impl Homes {
    fn lock(&self) -> MutexGuard<'_, HashMap<ContainerId, Home>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is another file system mounted there in the container, as far as is known?
    fn is_mounted(&self, container: &ContainerId, path: &[u8]) -> bool {
        let homes = self.lock();
        let home = homes.get(container);
        home.is_some_and(|home| home.mounts.iter().any(|mount| below(path, &mount.at).is_some()))
    }

    /// The host's name of what the container has under this one in a directory that is mounted there.
    pub fn host_path(&self, container: &ContainerId, path: &[u8]) -> Option<Vec<u8>> {
        let homes = self.lock();
        let mounts = homes.get(container)?.mounts.iter();
        let inside = mounts.filter_map(|mount| Some((mount, below(path, &mount.at)?)));
        let (mount, rest) = inside.max_by_key(|(mount, _)| mount.at.len())?;
        Some([mount.host.as_ref()?, &b"/"[..], rest].concat())
    }

    /// The container's name of what the host has under this one.
    pub fn path_inside(&self, container: &str, path: &[u8]) -> Option<Vec<u8>> {
        let homes = self.lock();
        let mounts = homes.get(container)?.mounts.iter();
        let holding = mounts.filter_map(|mount| Some((&mount.at, below(path, mount.host.as_ref()?)?)));
        let (at, rest) = holding.min_by_key(|(_, rest)| rest.len())?;
        Some(join(at, rest))
    }
}

/// The overlay that the event's process has as its root, and the path inside.
pub fn home(shared: &Shared, note: &Note) -> Option<(Arc<Overlay>, Vec<u8>)> {
    let Some(container) = &note.container else {
        let (overlay, path) = shared.places.overlay_of_host_path(&note.path)?;
        return Some((overlay, clean(path)));
    };
    let known = shared.homes.lock().get(container).map(|home| home.overlay);
    let overlay = known.and_then(|id| shared.places.by_id(id));
    let overlay = overlay.or_else(|| find(shared, note.pid, container))?;
    Some((overlay, clean(&note.path)))
}

/// Looks where a process of the container has its root, and remembers it.
pub fn find(shared: &Shared, pid: u32, container: &ContainerId) -> Option<Arc<Overlay>> {
    let root = open_path(format!("/proc/{pid}/root").as_bytes()).ok()?;
    let overlay = shared.places.overlay(os::fstat(root.as_raw_fd()).ok()?.st_dev)?;
    let read = |pid: &str| std::fs::read(format!("/proc/{pid}/mountinfo")).map(|text| mounts(&text));
    let (theirs, host) = (read(&pid.to_string()).ok()?, read("self").ok()?);
    let others = theirs.into_iter().filter(|mount| mount.at != b"/");
    let mounted = others.map(|mount| Mounted {
        host: host_path(pid, &mount, &host),
        at: mount.at,
    });
    let home = Home {
        overlay: overlay.id,
        mounts: mounted.collect(),
    };
    let mut homes = shared.homes.lock();
    if homes.len() >= CONTAINERS_MAX {
        homes.clear();
    }
    homes.insert(container.clone(), home);
    drop(homes);
    note_home(shared, container, overlay.id);
    Some(overlay)
}

/// Volumes and other mounts inside the container are not the overlay; those that are protected report themselves. When its
/// process has just ended nothing is mounted there any more: then what was known of it counts.
pub fn elsewhere(shared: &Shared, overlay: &Overlay, note: &Note, path: &[u8]) -> bool {
    let Some(container) = &note.container else {
        return false;
    };
    let root = open_path(format!("/proc/{}/root", note.pid).as_bytes());
    let directory =
        root.and_then(|root| os::open_below(root.as_raw_fd(), parent(path), libc::O_PATH, os::IN_ROOT));
    let device = directory.and_then(|directory| os::fstat(directory.as_raw_fd()));
    device.is_ok_and(|stat| stat.st_dev != overlay.mount.device)
        || shared.homes.is_mounted(container, &[b"/", path].concat())
}
