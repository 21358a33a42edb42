//! What of a container's mount table is to be protected, and what is not, with the reason.
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use norn_journal::file::PlaceId;
use norn_os as os;
use norn_os::mounts::Mount;
use norn_os::paths::{below, open_path, parent};

use crate::homes::host_path;
use crate::kinds::{LOCAL, PASSING};
use crate::learned::{Namespace, Source};
use crate::mounted::watch;
use crate::protect::{Candidate, Found};
use crate::root::key_of;
use crate::watched::Watched;

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
/// Where everybody expects a file system in memory, whose files nobody expects back.
const IN_MEMORY: [&[u8]; 7] = [
    b"/dev",
    b"/proc",
    b"/sys",
    b"/run",
    b"/tmp",
    b"/var/run",
    b"/var/lock",
];
/// Files that a runtime makes for each container.
const RUNTIME_FILES: [&[u8]; 4] = [
    b"/etc/hosts",
    b"/etc/hostname",
    b"/etc/resolv.conf",
    b"/dev/termination-log",
];

pub fn is_host_root(root: (u64, u64)) -> bool {
    os::stat_at(libc::AT_FDCWD, b"/").is_ok_and(|host| (host.st_dev, host.st_ino) == root)
}

pub struct Reading<'a> {
    pub watched: &'a Watched,
    pub pid: u32,
    pub theirs: Namespace,
    pub host: Vec<Mount>,
    /// It has the host's root, as services have that the init system gives a namespace, and who calls unshare(1).
    pub sees_host: bool,
}

impl Reading<'_> {
    /// What is watched from now on, and all of it that is watched.
    pub fn all(&self, mounted: &[Mount]) -> (Vec<Found>, Vec<PlaceId>) {
        let (mut found, mut places) = (Vec::new(), Vec::new());
        for mount in mounted {
            let host = host_path(self.pid, mount, &self.host);
            if self.sees_host && (self.is_hosts(mount) || host.as_deref() == Some(&mount.at[..])) {
                continue;
            }
            match self.one(mount, host.as_deref()) {
                Ok(Some(new)) => {
                    places.push(new.0.id);
                    found.push(new);
                }
                Ok(None) => places.extend(self.known(mount)),
                Err(reason) => {
                    let path = host.as_deref().unwrap_or(&mount.at);
                    self.watched
                        .learned
                        .refuse(path, reason, Source::Mounted(self.theirs));
                }
            }
        }
        (found, places)
    }

    /// The host has it too, or it is a service's own directory for temporary files.
    fn is_hosts(&self, mount: &Mount) -> bool {
        let same =
            |known: &Mount| (known.device, &known.root, &known.at) == (mount.device, &mount.root, &mount.at);
        self.host.iter().any(same) || is_private(&mount.root)
    }

    fn inside(&self, mount: &Mount) -> Vec<u8> {
        [format!("/proc/{}/root", self.pid).as_bytes(), &mount.at].concat()
    }

    /// The place that has been watched before for this mount.
    fn known(&self, mount: &Mount) -> Option<PlaceId> {
        let directory = open_path(&self.inside(mount)).ok()?;
        let known = self.watched.watch.directory(key_of(&directory).ok()?)?;
        Some(known.place)
    }

    /// `None` when nobody would expect it to be protected, or it is already.
    fn one(&self, mount: &Mount, path: Option<&[u8]>) -> Result<Option<Found>, &'static str> {
        let kind = mount.kind.as_slice();
        if mount.read_only || RUNTIME_FILES.iter().any(|&file| mount.at.ends_with(file)) {
            return Ok(None);
        }
        if PASSING.contains(&kind) || kind == b"overlay" {
            let left_out = self.left_out(mount).filter(|_| self.known(mount).is_none());
            return left_out.map_or(Ok(None), Err);
        }
        if !LOCAL.contains(&kind) {
            return Err("its file system is not of a kind that is protected");
        }
        if mount.at == b"/" {
            return match self.sees_host {
                true => Ok(None),
                false => Err("the root of a container that is no overlay"),
            };
        }
        let Ok(file) = os::open_below(libc::AT_FDCWD, &self.inside(mount), libc::O_PATH, 0) else {
            // The process has ended, or something else is mounted above it.
            return Ok(None);
        };
        let stat = os::fstat(file.as_raw_fd()).map_err(|_| "it is gone")?;
        if let Some(path) = path {
            may_be_watched(self.watched, path)?;
        }
        let candidate = match stat.st_mode & libc::S_IFMT {
            // Nothing can be made in a directory that was removed.
            libc::S_IFDIR if stat.st_nlink == 0 => return Ok(None),
            libc::S_IFDIR => self.directory(mount, path, file),
            libc::S_IFREG if stat.st_nlink == 0 => {
                return Err(
                    "the file was replaced on the host, and only the container has the old one: start it again",
                );
            }
            libc::S_IFREG => alone(path.ok_or("a single file that has no name on the host")?)?,
            _ => return Ok(None),
        };
        watch(self.watched, candidate)
    }

    /// Why it is not protected, where somebody may think that it is.
    fn left_out(&self, mount: &Mount) -> Option<&'static str> {
        let is_of_system = |&tree: &&[u8]| mount.at == tree || below(&mount.at, tree).is_some();
        match mount.kind.as_slice() {
            // The container's own root is no business of this table's.
            b"overlay" => {
                let is_hosts = self.host.iter().any(|known| known.device == mount.device);
                (mount.at != b"/" && is_hosts).then_some("an overlay of the host's")
            }
            b"tmpfs" | b"ramfs" => {
                let is_left_out = !self.sees_host && !IN_MEMORY.iter().any(is_of_system);
                is_left_out.then_some("a file system in memory")
            }
            _ => None,
        }
    }

    /// What has no name on the host, since another file system lies over it or only the container has it mounted, is reached
    /// through the container's process.
    fn directory(&self, mount: &Mount, path: Option<&[u8]>, directory: OwnedFd) -> Candidate {
        let inside = self.inside(mount);
        let on_host = self.host.iter().find(|known| known.device == mount.device);
        Candidate {
            path: path.map_or_else(|| inside.clone(), <[u8]>::to_vec),
            directory,
            mount: on_host.map_or(inside, |known| known.at.clone()),
            only: None,
        }
    }
}

/// The init system's own directories for services' temporary files.
fn is_private(root: &[u8]) -> bool {
    root.split(|&byte| byte == b'/')
        .any(|part| part.starts_with(b"systemd-private-"))
}

fn alone(path: &[u8]) -> Result<Candidate, &'static str> {
    let above = match parent(path) {
        b"" => b"/",
        above => above,
    };
    Ok(Candidate {
        path: above.to_vec(),
        directory: open_path(above).map_err(|_| "its directory is gone")?,
        mount: above.to_vec(),
        only: Some(path[parent(path).len() + 1..].to_vec()),
    })
}

fn may_be_watched(watched: &Watched, path: &[u8]) -> Result<(), &'static str> {
    let is_in = |&tree: &&[u8]| tree == path || below(path, tree).is_some();
    if SYSTEM.contains(&path) || SYSTEM_TREES.iter().any(is_in) {
        return Err("a directory of the host's own system");
    }
    let own = watched.quarantine.as_os_str().as_bytes();
    if below(own, path).is_some() {
        return Err("it holds the vault itself");
    }
    Ok(())
}
