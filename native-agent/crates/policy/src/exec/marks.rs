//! Which file systems ask before a program starts: all that the host and its containers have mounted and that answer by
//! themselves. One mark on the file system below an overlay covers every container on it, later ones too.
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use norn_os::mounts::{Mount, mounts};

use super::shared::{Marked, Shared};

/// File systems marked at most in one look.
const MARKS_MAX: usize = 4_096;
/// Whose files are read without asking anybody: no network, no program behind them. An answer that has to wait for one would
/// hold up every exec.
const KINDS: [&str; 19] = [
    "ext2", "ext3", "ext4", "xfs", "btrfs", "bcachefs", "f2fs", "zfs", "jfs", "nilfs2", "tmpfs", "ramfs",
    "squashfs", "erofs", "iso9660", "udf", "vfat", "exfat", "ntfs3",
];
/// Nothing is started from these.
const PSEUDO: [&str; 19] = [
    "proc",
    "sysfs",
    "cgroup",
    "cgroup2",
    "devpts",
    "mqueue",
    "securityfs",
    "debugfs",
    "tracefs",
    "bpf",
    "pstore",
    "configfs",
    "fusectl",
    "hugetlbfs",
    "autofs",
    "binfmt_misc",
    "nsfs",
    "devtmpfs",
    "efivarfs",
];

/// Marks what is mounted, again and again: a mark that is there stays, and goes with its file system.
pub fn mark_all(shared: &Shared, containers: &HashMap<String, u32>) -> Marked {
    let mut marked = Marked::default();
    let mut seen = HashSet::new();
    let tables = std::iter::once(("/proc/self/mountinfo".to_owned(), PathBuf::from("/"), true)).chain(
        containers.values().map(|pid| {
            let root = PathBuf::from(format!("/proc/{pid}/root"));
            (format!("/proc/{pid}/mountinfo"), root, false)
        }),
    );
    for (table, root, is_host) in tables {
        let Ok(text) = fs::read(&table) else { continue };
        for mount in mounts(&text) {
            if seen.len() >= MARKS_MAX {
                return marked;
            }
            if !asks(&mount, is_host) {
                let kind = String::from_utf8_lossy(&mount.kind);
                if !PSEUDO.contains(&&*kind) && kind != "overlay" {
                    marked.left_out.insert(kind.into_owned());
                }
                continue;
            }
            if seen.contains(&mount.device) {
                continue;
            }
            let below = mount.at.strip_prefix(b"/").unwrap_or(&mount.at);
            if mark(shared, &root.join(OsStr::from_bytes(below)), Some(&mount)) {
                seen.insert(mount.device);
            }
        }
    }
    marked.file_systems = seen.len();
    marked
}

/// An overlay's files are asked about where they lie; the host's own root may lie on one that is mounted nowhere.
fn asks(mount: &Mount, is_host: bool) -> bool {
    let asked = KINDS.iter().any(|kind| kind.as_bytes() == mount.kind);
    asked || (is_host && mount.kind == b"overlay" && mount.at == b"/")
}

/// The file system of this path, if it is still the one that was listed.
pub fn mark(shared: &Shared, path: &Path, listed: Option<&Mount>) -> bool {
    let Ok(top) = OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_PATH)
        .open(path)
    else {
        return false;
    };
    // A subvolume of btrfs has a number of its own.
    let is_listed = |mount: &Mount| {
        mount.kind == b"btrfs"
            || top
                .metadata()
                .is_ok_and(|metadata| metadata.dev() == mount.device)
    };
    if !listed.is_none_or(is_listed) {
        return false;
    }
    let name = format!("/proc/self/fd/{}", top.as_raw_fd());
    let done = shared.mark(&name);
    if let Err(error) = done {
        tracing::warn!(%error, path = %path.display(), "mark_refused: programs on this file system start unasked");
    }
    done.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_to_wait_for_somebody_is_not_asked_about() {
        let asked = |kind: &str, at: &str, is_host| {
            let line = format!("1 2 0:9 / {at} rw - {kind} none rw");
            asks(&mounts(line.as_bytes())[0], is_host)
        };
        assert!(asked("ext4", "/", true) && asked("tmpfs", "/dev/shm", false));
        assert!(
            !asked("fuse.sshfs", "/mnt", true)
                && !asked("nfs4", "/mnt", true)
                && !asked("proc", "/proc", true)
        );
        assert!(
            asked("overlay", "/", true)
                && !asked("overlay", "/merged", true)
                && !asked("overlay", "/", false)
        );
    }
}
