//! Modes, owners, times, attributes, ACLs and a capability. What the file system or the caller's rights do not allow is left out:
//! the manifest taken before an attack says what there is.
use std::ffi::CStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use crate::call::{c_path, checked};
use crate::random::Random;

const MODES: [u32; 11] = [
    0o644, 0o640, 0o600, 0o664, 0o444, 0o755, 0o4755, 0o2711, 0o1666, 0o000, 0o400,
];
const FOLDER_MODES: [u32; 8] = [0o755, 0o750, 0o700, 0o2775, 0o755, 0o711, 0o1777, 0o775];
const OWNERS: [(u32, u32); 5] = [(0, 0), (1000, 1000), (33, 33), (65534, 65534), (1000, 33)];
pub const ACL_NUMBER: u32 = 4;
pub const CAPABILITY_NUMBER: u32 = 18;
pub const LONG_ATTRIBUTE_NUMBER: u32 = 25;
/// Seconds since 1970, and how many after it a file may have been changed (900 days).
const OLDEST: i64 = 1_700_000_000;
const AGES: u64 = 60 * 60 * 24 * 900;

/// The order is the kernel's: an owner's change drops set-id bits and capabilities, an attribute's none, and times come last.
pub fn dress_file(path: &Path, number: u32, random: &mut Random) -> anyhow::Result<()> {
    let at = number as usize;
    let (user, group) = OWNERS[at % OWNERS.len()];
    let _unprivileged = chown(path, Some(user), Some(group));
    fs::set_permissions(path, fs::Permissions::from_mode(mode_of(at)))?;
    if number.is_multiple_of(5) {
        set_attribute(path, c"user.origin", format!("scanner {number}").as_bytes());
        set_attribute(path, c"user.empty", b"");
    }
    if number == LONG_ATTRIBUTE_NUMBER {
        set_attribute(path, c"user.thumbnail", &random.bytes(2_000));
    }
    if number % 9 == ACL_NUMBER {
        set_attribute(path, c"system.posix_acl_access", &acl(1000 + number % 3));
    }
    if number == CAPABILITY_NUMBER {
        set_attribute(path, c"security.capability", &capability());
    }
    set_time(path, OLDEST + random.below(AGES) as i64, 123_456_789)
}

/// Who is not root must still be able to read the file, or there would be no manifest.
fn mode_of(at: usize) -> u32 {
    let mode = MODES[at % MODES.len()];
    // SAFETY: has no arguments and cannot fail.
    if unsafe { libc::geteuid() } == 0 {
        mode
    } else {
        mode | 0o400
    }
}

pub fn dress_folder(path: &Path, number: usize) -> anyhow::Result<()> {
    let (user, group) = OWNERS[number % OWNERS.len()];
    let _unprivileged = chown(path, Some(user), Some(group));
    fs::set_permissions(path, fs::Permissions::from_mode(FOLDER_MODES[number]))?;
    match number {
        2 => set_attribute(path, c"user.department", b"legal"),
        3 => set_attribute(path, c"system.posix_acl_default", &acl(1000)),
        _ => {}
    }
    Ok(())
}

/// Of the link itself when `path` is one.
pub fn set_time(path: &Path, seconds: i64, nanoseconds: i64) -> anyhow::Result<()> {
    let path = c_path(path)?;
    let time = libc::timespec {
        tv_sec: seconds,
        tv_nsec: nanoseconds,
    };
    let times = [time, time];
    // SAFETY: path and times outlive the call.
    checked("utimensat", unsafe {
        libc::utimensat(
            libc::AT_FDCWD,
            path.as_ptr(),
            times.as_ptr(),
            libc::AT_SYMLINK_NOFOLLOW,
        )
    })
}

fn set_attribute(path: &Path, name: &CStr, value: &[u8]) {
    let Ok(path) = c_path(path) else { return };
    // SAFETY: all pointers outlive the call and the length is that of `value`.
    unsafe {
        libc::lsetxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_ptr().cast(),
            value.len(),
            0,
        )
    };
}

/// Owner rw, one named user rw, group r, mask rw, others nothing. Format: linux/posix_acl_xattr.h.
fn acl(user: u32) -> Vec<u8> {
    const ANY: u32 = u32::MAX;
    let entries: [(u16, u16, u32); 5] = [
        (0x01, 6, ANY),
        (0x02, 6, user),
        (0x04, 4, ANY),
        (0x10, 6, ANY),
        (0x20, 0, ANY),
    ];
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        bytes.extend_from_slice(&tag.to_le_bytes());
        bytes.extend_from_slice(&permissions.to_le_bytes());
        bytes.extend_from_slice(&id.to_le_bytes());
    }
    bytes
}

/// CAP_NET_BIND_SERVICE, permitted and effective. Format: `vfs_cap_data` of linux/capability.h, revision 2.
fn capability() -> Vec<u8> {
    [0x0200_0001_u32, 1 << 10, 0, 0, 0]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect()
}
