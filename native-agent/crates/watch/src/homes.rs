//! Where containers have their files: the overlay at their root, and what is mounted elsewhere in it.
use std::collections::HashMap;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use norn_events::ContainerId;
use norn_journal::file::PlaceId;
use norn_os as os;
use norn_os::mounts::{Mount, mounts};
use norn_os::paths::{below, join, open_path, within};

use crate::kinds::LOCAL;
use crate::places::{Overlay, Places, leads_to};

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
    pub fn overlay_of(&self, container: &ContainerId) -> Option<PlaceId> {
        self.lock().get(container).map(|home| home.overlay)
    }

    fn insert(&self, container: &ContainerId, home: Home) {
        let mut homes = self.lock();
        if homes.len() >= CONTAINERS_MAX {
            homes.clear();
        }
        homes.insert(container.clone(), home);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ContainerId, Home>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is another file system mounted there in the container, as far as is known?
    pub fn is_mounted(&self, container: &ContainerId, path: &[u8]) -> bool {
        let homes = self.lock();
        let home = homes.get(container);
        home.is_some_and(|home| home.mounts.iter().any(|mount| within(path, &mount.at).is_some()))
    }

    /// The host's name of what the container has under this one, which is mounted there or in a directory that is.
    pub fn host_path(&self, container: &ContainerId, path: &[u8]) -> Option<Vec<u8>> {
        let homes = self.lock();
        let mounts = homes.get(container)?.mounts.iter();
        let inside = mounts.filter_map(|mount| Some((mount, within(path, &mount.at)?)));
        let (mount, rest) = inside.max_by_key(|(mount, _)| mount.at.len())?;
        Some(named(mount.host.as_ref()?, rest))
    }

    /// The container's name of what the host has under this one.
    pub fn path_inside(&self, container: &str, path: &[u8]) -> Option<Vec<u8>> {
        let homes = self.lock();
        let mounts = homes.get(container)?.mounts.iter();
        let holding = mounts.filter_map(|mount| Some((&mount.at, within(path, mount.host.as_ref()?)?)));
        let (at, rest) = holding.min_by_key(|(_, rest)| rest.len())?;
        Some(named(at, rest))
    }
}

fn named(top: &[u8], rest: &[u8]) -> Vec<u8> {
    if rest.is_empty() {
        top.to_vec()
    } else {
        join(top, rest)
    }
}

/// Looks where a process of the container has its root, and remembers it.
pub fn find((homes, places): (&Homes, &Places), pid: u32, container: &ContainerId) -> Option<Arc<Overlay>> {
    let root = open_path(format!("/proc/{pid}/root").as_bytes()).ok()?;
    let overlay = places.overlay(os::fstat(root.as_raw_fd()).ok()?.st_dev)?;
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
    homes.insert(container, home);
    Some(overlay)
}

/// The host's name of what is mounted, for file systems of its disks: the one that leads to the same inode.
pub fn host_path(pid: u32, mount: &Mount, host: &[Mount]) -> Option<Vec<u8>> {
    if !LOCAL.contains(&&mount.kind[..]) {
        return None;
    }
    let inside = [format!("/proc/{pid}/root").as_bytes(), &mount.at].concat();
    let there = os::stat_at(libc::AT_FDCWD, &inside).ok()?;
    let same = |path: &Vec<u8>| leads_to(path, &there);
    let shown = host.iter().filter(|known| known.device == mount.device);
    let mut paths = shown.filter_map(|known| {
        let rest = match mount.root == known.root {
            true => &b""[..],
            false => below(&mount.root, &known.root)?,
        };
        match (known.at.as_slice(), rest) {
            (b"/", rest) => Some([b"/", rest].concat()),
            (at, b"") => Some(at.to_vec()),
            (at, rest) => Some([at, b"/", rest].concat()),
        }
    });
    paths.find(same)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn mount(device: u64, root: &[u8], at: &[u8]) -> Mount {
        Mount {
            device,
            root: root.to_vec(),
            at: at.to_vec(),
            kind: b"ext4".to_vec(),
            read_only: false,
        }
    }

    #[test]
    fn the_host_path_leads_to_the_same_inode() {
        let dir = std::env::temp_dir().canonicalize().unwrap();
        let dir = dir.as_os_str().as_bytes();
        let own = std::process::id();
        let host = [mount(1, b"/", b"/nowhere"), mount(1, b"/deep", b"/")];
        let found = host_path(own, &mount(1, &[b"/deep", dir].concat(), dir), &host);
        assert_eq!(found.as_deref(), Some(dir));
        assert_eq!(host_path(own, &mount(2, b"/deep", dir), &host), None);
    }
}
