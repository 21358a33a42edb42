//! Which file systems ask before a program starts: all that the host and its containers have mounted and that answer by
//! themselves. One mark on the file system below an overlay covers every container on it, later ones too.
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{self, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::Shared;

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

/// What a look at the mounts gave.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Marked {
    pub file_systems: usize,
    /// Kinds that are mounted and don't ask.
    pub left_out: BTreeSet<String>,
}

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
        for mount in text.split(|&byte| byte == b'\n').filter_map(parse) {
            if seen.len() >= MARKS_MAX {
                return marked;
            }
            if !asks(&mount, is_host) {
                if !PSEUDO.contains(&mount.kind.as_str()) && mount.kind != "overlay" {
                    marked.left_out.insert(mount.kind);
                }
                continue;
            }
            if seen.contains(&mount.device) {
                continue;
            }
            let below = mount.at.strip_prefix("/").unwrap_or(&mount.at);
            if mark(shared, &root.join(below), Some(&mount)) {
                seen.insert(mount.device);
            }
        }
    }
    marked.file_systems = seen.len();
    marked
}

/// An overlay's files are asked about where they lie; the host's own root may lie on one that is mounted nowhere.
fn asks(mount: &Mount, is_host: bool) -> bool {
    KINDS.contains(&mount.kind.as_str()) || (is_host && mount.kind == "overlay" && mount.at == Path::new("/"))
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
        mount.kind == "btrfs"
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

#[derive(Debug, PartialEq, Eq)]
pub struct Mount {
    device: u64,
    at: PathBuf,
    kind: String,
}

/// One line of a mount table (proc_pid_mountinfo(5)).
fn parse(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|&byte| byte == b' ');
    let (major, minor) = std::str::from_utf8(fields.nth(2)?).ok()?.split_once(':')?;
    let at = unescape(fields.nth(1)?);
    let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
    Some(Mount {
        device: nix::sys::stat::makedev(major.parse().ok()?, minor.parse().ok()?),
        at: PathBuf::from(std::ffi::OsStr::from_bytes(&at)),
        kind: String::from_utf8_lossy(kind).into_owned(),
    })
}

/// Without the octal escapes of mountinfo.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut found = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        rest = after;
        if let (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) = (byte, after) {
            found.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
            rest = after;
        } else {
            found.push(*byte);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_mounted_where() {
        let mount = parse(b"640 600 254:3 /srv /my\\040data ro master:1 - ext4 /dev/vda rw").unwrap();
        assert_eq!(mount.device, nix::sys::stat::makedev(254, 3));
        assert_eq!(
            (mount.at.as_path(), mount.kind.as_str()),
            (Path::new("/my data"), "ext4")
        );
        assert_eq!(parse(b"garbage"), None);
    }

    #[test]
    fn what_has_to_wait_for_somebody_is_not_asked_about() {
        let asked = |kind: &str, at: &str, is_host| {
            let line = format!("1 2 0:9 / {at} rw - {kind} none rw");
            asks(&parse(line.as_bytes()).unwrap(), is_host)
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
