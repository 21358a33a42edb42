//! Mount tables, as /proc/PID/mountinfo lists them: proc_pid_mountinfo(5).
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// One line of a mount table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    pub device: u64,
    /// What of its file system is mounted.
    pub root: Vec<u8>,
    /// Where, as the table's process sees it.
    pub at: Vec<u8>,
    /// "ext4", "proc", ….
    pub kind: Vec<u8>,
    pub read_only: bool,
}

/// Every mount of a table, in its order: a later one covers an earlier one of the same place.
pub fn mounts(mountinfo: &[u8]) -> Vec<Mount> {
    mountinfo
        .split(|&byte| byte == b'\n')
        .filter_map(parse_mount)
        .collect()
}

fn parse_mount(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|&byte| byte == b' ');
    let device = parse_device(fields.nth(2)?)?;
    let (root, at) = (unescape(fields.next()?), unescape(fields.next()?));
    let read_only = fields
        .next()?
        .split(|&byte| byte == b',')
        .any(|option| option == b"ro");
    let kind = fields.skip_while(|field| *field != b"-").nth(1)?.to_vec();
    Some(Mount {
        device,
        root,
        at,
        kind,
        read_only,
    })
}

/// Where the whole v2 hierarchy of control groups is mounted.
pub fn cgroup_root() -> Option<PathBuf> {
    let is_whole = |mount: &Mount| mount.kind == b"cgroup2" && mount.root == b"/";
    let mount = mounts(&fs::read("/proc/self/mountinfo").ok()?)
        .into_iter()
        .find(is_whole)?;
    Some(PathBuf::from(OsString::from_vec(mount.at)))
}

/// One overlay that can be written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverlayMount {
    pub device: u64,
    pub merged: Vec<u8>,
    /// Topmost first, absolute.
    pub lower: Vec<Vec<u8>>,
    pub upper: Vec<u8>,
    pub work: Vec<u8>,
}

/// Writable overlays but the host's own root.
pub fn overlays(mountinfo: &[u8]) -> Vec<OverlayMount> {
    mountinfo
        .split(|&byte| byte == b'\n')
        .filter_map(parse)
        .filter(|mount| mount.merged != b"/")
        .collect()
}

fn parse(line: &[u8]) -> Option<OverlayMount> {
    let mut fields = line.split(|&byte| byte == b' ');
    let device = fields.nth(2)?;
    let merged = unescape(fields.nth(1)?);
    let mut rest = fields.skip_while(|field| *field != b"-").skip(1);
    if rest.next()? != b"overlay" {
        return None;
    }
    let options = unescape(rest.nth(1)?);
    let (mut lower, mut upper, mut work) = (Vec::new(), None, None);
    for option in split(&options, b',') {
        if let Some(path) = option.strip_prefix(b"upperdir=") {
            upper = Some(plain(path));
        } else if let Some(path) = option.strip_prefix(b"workdir=") {
            work = Some(plain(path));
        } else if let Some(paths) = option.strip_prefix(b"lowerdir=") {
            lower.extend(split(paths, b':').into_iter().map(|path| plain(&path)));
        } else if let Some(path) = option.strip_prefix(b"lowerdir+=") {
            lower.push(plain(path));
        }
    }
    let upper = upper.filter(|path| path.starts_with(b"/"))?;
    let lower = lower.into_iter().map(|path| absolute(path, &upper)).collect();
    Some(OverlayMount {
        device: parse_device(device)?,
        merged,
        lower,
        upper,
        work: work?,
    })
}

/// Runtimes shorten long lists by a working directory: the one that holds the folder of the upper directory.
fn absolute(path: Vec<u8>, upper: &[u8]) -> Vec<u8> {
    if path.starts_with(b"/") {
        return path;
    }
    let home = upper.rsplitn(3, |&byte| byte == b'/').nth(2).unwrap_or_default();
    [home, b"/", &path].concat()
}

fn parse_device(text: &[u8]) -> Option<u64> {
    let (major, minor) = std::str::from_utf8(text).ok()?.split_once(':')?;
    Some(libc::makedev(major.parse().ok()?, minor.parse().ok()?))
}

/// Splits at `by` where no backslash stands before it.
fn split(text: &[u8], by: u8) -> Vec<Vec<u8>> {
    let mut parts = vec![Vec::new()];
    let mut escaped = false;
    for &byte in text {
        if byte == by && !escaped {
            parts.push(Vec::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(byte);
        }
        escaped = byte == b'\\' && !escaped;
    }
    parts
}

/// Without the overlay's own backslashes.
fn plain(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        plain.push(if byte == b'\\' {
            bytes.next().copied().unwrap_or(byte)
        } else {
            byte
        });
    }
    plain
}

/// Without the octal escapes of mountinfo.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut found = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match text.get(at + 1..at + 4) {
            Some(&[a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7']) if byte == b'\\' => {
                found.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                at += 4;
            }
            _ => {
                found.push(byte);
                at += 1;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_docker_mount_with_short_names_is_resolved() {
        let line: &[u8] = b"524 27 0:61 / /var/lib/docker/overlay2/ab/merged rw,relatime shared:243 - overlay overlay \
rw,lowerdir=/var/lib/docker/overlay2/l/X:l/Y,upperdir=/var/lib/docker/overlay2/ab/diff,workdir=/var/lib/docker/overlay2/ab/work\n";
        let found = overlays(line);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].device, libc::makedev(0, 61));
        assert_eq!(
            found[0].lower,
            [
                &b"/var/lib/docker/overlay2/l/X"[..],
                b"/var/lib/docker/overlay2/l/Y"
            ]
        );
        assert_eq!(found[0].upper, b"/var/lib/docker/overlay2/ab/diff");
    }

    #[test]
    fn a_bind_mount_says_what_is_mounted_where() {
        let line: &[u8] =
            b"640 600 254:0 /srv/my\\040data /data ro,relatime master:1 - ext4 /dev/vda rw,discard\n";
        let found = mounts(line);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (&found[0].root[..], &found[0].at[..]),
            (&b"/srv/my data"[..], &b"/data"[..])
        );
        assert_eq!(found[0].kind, b"ext4");
        assert!(found[0].read_only);
        assert_eq!(found[0].device, libc::makedev(254, 0));
    }

    #[test]
    fn odd_names_are_unescaped() {
        let line: &[u8] =
            b"1 2 0:9 / /a\\040b rw - overlay none rw,lowerdir=/l\\134:x:/m,upperdir=/u,workdir=/w";
        let found = overlays(line);
        assert_eq!(found[0].merged, b"/a b");
        assert_eq!(found[0].lower, [&b"/l:x"[..], b"/m"]);
    }

    #[test]
    fn read_only_overlays_and_other_file_systems_are_left_out() {
        let lines: &[u8] =
            b"1 2 0:9 / /a rw - overlay none ro,lowerdir=/l:/m\n2 2 8:1 / / rw - ext4 /dev/sda rw\n";
        assert_eq!(overlays(lines), []);
    }
}
