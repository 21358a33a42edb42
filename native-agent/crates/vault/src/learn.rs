//! Directories of the host that containers have mounted, volumes among them: watched without anybody asking for it. They are
//! found in the mount table of the container's processes; what is left out is said, with the reason.
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use norn_events::ContainerId;
use norn_events::wire::event::v1::Capability;

use crate::capture::Shared;
use crate::file::PlaceId;
use crate::mounts::{Mount, mounts};
use crate::places::{Root, below, leads_to};
use crate::record::{PlaceKind, Record};
use crate::sys;
use crate::vault::remember_place;
use crate::watch::Entry;

/// Mounted directories that are watched; more are refused.
pub const MOUNTS_MAX: usize = 256;
/// Files and directories below one; a larger directory is refused.
pub const MOUNT_ENTRIES_MAX: usize = 50_000;
/// Refusals that are remembered by name; more are counted only.
const REFUSED_MAX: usize = 256;
/// Processes that wait to have their mount table read.
const ASKED_MAX: usize = 1024;

/// File systems of this machine's disks. Their files have handles, and nobody changes them behind the kernel's back.
const LOCAL: [&[u8]; 7] = [b"ext4", b"ext3", b"ext2", b"xfs", b"btrfs", b"f2fs", b"bcachefs"];
/// No files that outlive the machine or the container: nobody expects them back.
const PASSING: [&[u8]; 19] = [
    b"proc",
    b"sysfs",
    b"tmpfs",
    b"ramfs",
    b"devtmpfs",
    b"devpts",
    b"mqueue",
    b"cgroup",
    b"cgroup2",
    b"bpf",
    b"securityfs",
    b"debugfs",
    b"tracefs",
    b"hugetlbfs",
    b"nsfs",
    b"pstore",
    b"configfs",
    b"binfmt_misc",
    b"autofs",
];
/// The host's own: whoever mounts these administers the host.
const SYSTEM: [&[u8]; 14] = [
    b"/",
    b"/etc",
    b"/home",
    b"/lib",
    b"/lib64",
    b"/opt",
    b"/root",
    b"/srv",
    b"/tmp",
    b"/var",
    b"/var/cache",
    b"/var/lib",
    b"/var/log",
    b"/var/tmp",
];
/// With all below them.
const SYSTEM_TREES: [&[u8]; 10] = [
    b"/bin",
    b"/boot",
    b"/dev",
    b"/proc",
    b"/run",
    b"/sbin",
    b"/sys",
    b"/usr",
    b"/var/lib/containerd",
    b"/var/lib/containers",
];
/// Files that a runtime makes for each container.
const RUNTIME_FILES: [&[u8]; 4] = [
    b"/etc/hosts",
    b"/etc/hostname",
    b"/etc/resolv.conf",
    b"/dev/termination-log",
];

/// A mounted directory that has no pre-images, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedMount {
    /// On the host where that is known, else as the container sees it.
    pub path: Vec<u8>,
    pub reason: &'static str,
}

#[derive(Debug)]
pub struct Learned {
    state: Mutex<State>,
    pub wake: OwnedFd,
}

/// A mount namespace's inode, which the kernel gives to another as soon as it is free, and the file system that is its root.
type Namespace = (u64, PlaceId);

#[derive(Debug, Default)]
struct State {
    /// Those that were read.
    namespaces: HashSet<Namespace>,
    asked: HashMap<u32, ContainerId>,
    watched: HashSet<Vec<u8>>,
    refused: BTreeMap<Vec<u8>, &'static str>,
    refused_count: u64,
}

impl Learned {
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            state: Mutex::default(),
            wake: sys::event_fd()?,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A process of a container began: its mount table may be a new one.
    pub fn ask(&self, pid: u32, container: &ContainerId) {
        let mut state = self.state();
        if state.asked.len() < ASKED_MAX && state.asked.insert(pid, container.clone()).is_none() {
            drop(state);
            self.ring();
        }
    }

    pub fn ring(&self) {
        drop(sys::write(self.wake.as_raw_fd(), &1_u64.to_ne_bytes()));
    }

    pub fn take_asked(&self) -> HashMap<u32, ContainerId> {
        drop(sys::read(self.wake.as_raw_fd(), &mut [0; 8]));
        std::mem::take(&mut self.state().asked)
    }

    pub fn watched(&self) -> u64 {
        self.state().watched.len() as u64
    }

    pub fn refused_count(&self) -> u64 {
        self.state().refused_count
    }

    pub fn refused(&self) -> Vec<RefusedMount> {
        let state = self.state();
        let each = state.refused.iter();
        each.map(|(path, &reason)| RefusedMount {
            path: path.clone(),
            reason,
        })
        .collect()
    }

    fn refuse(&self, path: &[u8], reason: &'static str) {
        let mut state = self.state();
        if state.refused.contains_key(path) {
            return;
        }
        state.refused_count += 1;
        if state.refused.len() < REFUSED_MAX {
            state.refused.insert(path.to_vec(), reason);
        }
        let path = String::from_utf8_lossy(path);
        tracing::info!(%path, reason, "a directory that a container has mounted is not protected");
    }
}

/// Directories named in a capability's detail; the rest are counted.
const NAMED_MAX: usize = 8;

/// Which directories that containers have mounted are protected, and which are not.
pub fn capability(shared: &Shared) -> Capability {
    let refused = shared.learned.refused();
    let named = refused.iter().take(NAMED_MAX).map(|mount| {
        let path = String::from_utf8_lossy(&mount.path);
        format!("{path} ({})", mount.reason)
    });
    let named: Vec<String> = named.collect();
    let mut detail = format!("{} mounted directories are protected", shared.learned.watched());
    if !named.is_empty() {
        let count = shared.learned.refused_count();
        detail.push_str(&format!("; {count} are not: {}", named.join(", ")));
    }
    Capability {
        name: "file.preimage.mount".to_owned(),
        available: true,
        mechanism: "fanotify".to_owned(),
        detail,
        verified: false,
    }
}

/// A directory that is watched from now on, and what it holds.
pub type Found = (Arc<Root>, Vec<Entry>);

/// Looks at every process on the host for mount tables that were not read yet.
pub fn all(shared: &Shared) -> Vec<Found> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let names = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let pids: Vec<u32> = names.collect();
    let namespaces = pids.iter().filter_map(|&pid| namespace(shared, pid));
    let living: HashSet<Namespace> = namespaces.collect();
    shared
        .learned
        .state()
        .namespaces
        .retain(|known| living.contains(known));
    some(shared, pids)
}

pub fn some(shared: &Shared, pids: impl IntoIterator<Item = u32>) -> Vec<Found> {
    pids.into_iter().flat_map(|pid| one(shared, pid)).collect()
}

/// `None` as long as its root is the host's: so it is before the runtime has changed it.
fn namespace(shared: &Shared, pid: u32) -> Option<Namespace> {
    let root = sys::stat_at(libc::AT_FDCWD, format!("/proc/{pid}/root/.").as_bytes()).ok()?;
    let overlay = shared.places.overlay(root.st_dev)?;
    let stat = fs::metadata(format!("/proc/{pid}/ns/mnt")).ok()?;
    Some((stat.ino(), overlay.id))
}

fn one(shared: &Shared, pid: u32) -> Vec<Found> {
    let Some(theirs) = namespace(shared, pid) else {
        return Vec::new();
    };
    if shared.learned.state().namespaces.contains(&theirs) {
        return Vec::new();
    }
    let read = |pid: &str| fs::read(format!("/proc/{pid}/mountinfo")).map(|text| mounts(&text));
    let (Ok(theirs_mounted), Ok(host)) = (read(&pid.to_string()), read("self")) else {
        return Vec::new();
    };
    shared.learned.state().namespaces.insert(theirs);
    let inside = theirs_mounted.iter().filter(|mount| mount.at != b"/");
    inside
        .filter_map(|mount| {
            let path = host_path(pid, mount, &host);
            let known = path.as_deref().unwrap_or(&mount.at);
            match wanted(shared, mount, path.as_deref()).and_then(|wanted| match wanted {
                Some(path) => watch(shared, path).map(Some),
                None => Ok(None),
            }) {
                Ok(found) => found,
                Err(reason) => {
                    shared.learned.refuse(known, reason);
                    None
                }
            }
        })
        .collect()
}

/// The host's name of what is mounted, for file systems of its disks: the one that leads to the same inode.
pub fn host_path(pid: u32, mount: &Mount, host: &[Mount]) -> Option<Vec<u8>> {
    if !LOCAL.contains(&&mount.kind[..]) {
        return None;
    }
    let inside = [format!("/proc/{pid}/root").as_bytes(), &mount.at].concat();
    let there = sys::stat_at(libc::AT_FDCWD, &inside).ok()?;
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

/// The path when it is to be watched, `None` when nobody would expect it.
fn wanted<'a>(
    shared: &Shared,
    mount: &Mount,
    path: Option<&'a [u8]>,
) -> Result<Option<&'a [u8]>, &'static str> {
    let kind = mount.kind.as_slice();
    if mount.read_only
        || PASSING.contains(&kind)
        || kind == b"overlay"
        || RUNTIME_FILES.contains(&&mount.at[..])
    {
        return Ok(None);
    }
    if !LOCAL.contains(&kind) {
        return Err("its file system is not of a kind that is protected");
    }
    let path = path.ok_or("it has no name on the host")?;
    let stat = sys::stat_at(libc::AT_FDCWD, path).map_err(|_| "it is gone")?;
    match stat.st_mode & libc::S_IFMT {
        libc::S_IFDIR => {}
        libc::S_IFREG => return Err("a single file that is mounted is not protected"),
        _ => return Ok(None),
    }
    let system = SYSTEM.contains(&path)
        || SYSTEM_TREES
            .iter()
            .any(|&tree| tree == path || below(path, tree).is_some());
    if system {
        return Err("a directory of the host's own system");
    }
    let roots = shared.places.roots();
    if roots
        .iter()
        .any(|root| root.path == path || below(path, &root.path).is_some())
    {
        return Ok(None);
    }
    let own = shared.quarantine.as_os_str().as_bytes();
    if below(own, path).is_some() {
        return Err("it holds the vault itself");
    }
    Ok(Some(path))
}

fn watch(shared: &Shared, path: &[u8]) -> Result<Found, &'static str> {
    if shared.learned.state().watched.len() >= MOUNTS_MAX {
        return Err("too many mounted directories are watched already");
    }
    let name = Path::new(std::ffi::OsStr::from_bytes(path));
    if entries_up_to(name, MOUNT_ENTRIES_MAX) > MOUNT_ENTRIES_MAX {
        return Err("it holds more files than are watched");
    }
    let root = shared.places.add_root(path.to_vec());
    remember_place(
        shared,
        Record::Place(root.id, PlaceKind::Directory(path.to_vec())),
    );
    let entries = shared.watch.tree(&root, b"").map_err(|_| "it can't be watched")?;
    shared.learned.state().watched.insert(path.to_vec());
    let text = String::from_utf8_lossy(path);
    tracing::info!(path = %text, entries = entries.len(), "a directory that a container has mounted is protected");
    Ok((root, entries))
}

/// Counts what is below, and stops when there is more than `most`.
fn entries_up_to(top: &Path, most: usize) -> usize {
    let mut count = 0;
    let mut waiting = vec![top.to_path_buf()];
    while let Some(directory) = waiting.pop() {
        let Ok(entries) = fs::read_dir(directory) else {
            continue;
        };
        for entry in entries.flatten() {
            count += 1;
            if count > most {
                return count;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                waiting.push(entry.path());
            }
        }
    }
    count
}

#[cfg(test)]
mod tests {
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
