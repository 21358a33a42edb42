//! What the kernel says of a file, its handle and its file system, and what may be set of it.
use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::calls::{c_string, check, own};
use crate::names::link_of;

/// Largest file handle the kernel gives (MAX_HANDLE_SZ).
const HANDLE_BYTES_MAX: usize = 128;

pub type Stat = libc::stat;

pub fn fstat(fd: RawFd) -> io::Result<Stat> {
    let mut stat = MaybeUninit::<Stat>::uninit();
    // SAFETY: the kernel fills `stat`, and it is read only after success.
    unsafe { check(libc::fstat(fd, stat.as_mut_ptr())).map(|_| stat.assume_init()) }
}

/// Of `path` below `dir`, symbolic links not followed at the end.
pub fn stat_at(dir: RawFd, path: &[u8]) -> io::Result<Stat> {
    let path = c_string(path)?;
    let mut stat = MaybeUninit::<Stat>::uninit();
    let flags = libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH;
    // SAFETY: `path` outlives the call; `stat` is read only after success.
    unsafe { check(libc::fstatat(dir, path.as_ptr(), stat.as_mut_ptr(), flags)).map(|_| stat.assume_init()) }
}

/// The same inode of the same file system.
pub fn is_one(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

/// When the file was made, CLOCK_REALTIME ns; 0 when the file system does not say.
pub fn birth_ns(fd: RawFd) -> u64 {
    let mut found = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: the path is a constant C string; `found` was zeroed, so reading it is fine whatever was filled.
    let found = unsafe {
        libc::statx(
            fd,
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            libc::STATX_BTIME,
            found.as_mut_ptr(),
        );
        found.assume_init()
    };
    found.stx_btime.tv_sec as u64 * 1_000_000_000 + u64::from(found.stx_btime.tv_nsec)
}

/// Of the file system that `dir` is on, what is free for everybody.
pub fn free_percent(dir: &Path) -> io::Result<u64> {
    let dir = c_string(dir.as_os_str().as_bytes())?;
    // SAFETY: all zeros is a valid value of this struct of integers.
    let mut about: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: `dir` and `about` outlive the call.
    check(unsafe { libc::statvfs(dir.as_ptr(), &raw mut about) })?;
    Ok(about.f_bavail * 100 / about.f_blocks.max(1))
}

/// Identity of a file system, as fanotify reports it.
pub fn file_system_id(fd: RawFd) -> io::Result<u64> {
    let mut found = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the kernel fills `found`, read only after success; fsid_t is two ints, 8 bytes.
    unsafe {
        check(libc::fstatfs(fd, found.as_mut_ptr()))?;
        Ok(std::mem::transmute::<libc::fsid_t, u64>(
            found.assume_init().f_fsid,
        ))
    }
}

/// What no other mount namespace ever was or will be called until the next boot (Linux 6.11).
pub fn mount_namespace_id(namespace: RawFd) -> io::Result<u64> {
    const NS_GET_MNTNS_ID: u64 = 0x8008_b705;
    let mut id = 0_u64;
    // SAFETY: the kernel writes eight bytes to `id`.
    check(unsafe { libc::ioctl(namespace, NS_GET_MNTNS_ID as _, &raw mut id) }).map(|_| id)
}

#[repr(C)]
struct RawHandle {
    bytes: u32,
    kind: i32,
    data: [u8; HANDLE_BYTES_MAX],
}

/// A file's handle: the same inode gives the same handle, also after a copy-up and a reboot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Handle {
    pub kind: i32,
    pub bytes: Vec<u8>,
}

/// Of `path` below `dir`, or of `dir` itself when `path` is empty; links are not followed.
pub fn handle_at(dir: RawFd, path: &CStr) -> io::Result<Handle> {
    let mut raw = RawHandle {
        bytes: HANDLE_BYTES_MAX as u32,
        kind: 0,
        data: [0; HANDLE_BYTES_MAX],
    };
    let mut mount = 0;
    let flags = libc::AT_EMPTY_PATH | libc::AT_HANDLE_FID;
    let pointer = (&raw mut raw).cast();
    // SAFETY: RawHandle is laid out as struct file_handle with room for `bytes` bytes.
    check(unsafe { libc::name_to_handle_at(dir, path.as_ptr(), pointer, &raw mut mount, flags) })?;
    Ok(Handle {
        kind: raw.kind,
        bytes: raw.data[..raw.bytes as usize].to_vec(),
    })
}

/// Opens by handle on the file system that `mount` lies on.
pub fn open_by_handle(mount: RawFd, handle: &Handle, flags: i32) -> io::Result<OwnedFd> {
    let mut raw = RawHandle {
        bytes: handle.bytes.len() as u32,
        kind: handle.kind,
        data: [0; HANDLE_BYTES_MAX],
    };
    raw.data
        .get_mut(..handle.bytes.len())
        .ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?
        .copy_from_slice(&handle.bytes);
    // SAFETY: RawHandle is laid out as struct file_handle and filled.
    own(unsafe { libc::open_by_handle_at(mount, (&raw mut raw).cast(), flags | libc::O_CLOEXEC) })
}

/// Owner of the file itself, links not followed.
pub fn change_owner(fd: RawFd, uid: u32, gid: u32) -> io::Result<()> {
    let flags = libc::AT_EMPTY_PATH | libc::AT_SYMLINK_NOFOLLOW;
    // SAFETY: the path is a constant C string.
    check(unsafe { libc::fchownat(fd, c"".as_ptr(), uid, gid, flags) }).map(drop)
}

/// Works on any descriptor, O_PATH included (not on symbolic links, which have no mode).
pub fn change_mode(fd: RawFd, mode: u32) -> io::Result<()> {
    let path = c_string(link_of(fd).as_bytes())?;
    // SAFETY: `path` outlives the call.
    check(unsafe { libc::chmod(path.as_ptr(), mode & 0o7777) }).map(drop)
}

/// Access time is left alone; modification time in ns since 1970.
pub fn change_time(fd: RawFd, modified_ns: i128) -> io::Result<()> {
    let second = 1_000_000_000_i128;
    let times = [
        libc::timespec {
            tv_sec: 0,
            tv_nsec: libc::UTIME_OMIT,
        },
        libc::timespec {
            tv_sec: modified_ns.div_euclid(second) as i64,
            tv_nsec: modified_ns.rem_euclid(second) as i64,
        },
    ];
    let flags = libc::AT_EMPTY_PATH | libc::AT_SYMLINK_NOFOLLOW;
    // SAFETY: the path is a constant C string and `times` has the two entries the call reads.
    check(unsafe { libc::utimensat(fd, c"".as_ptr(), times.as_ptr(), flags) }).map(drop)
}
