//! The kernel calls the vault makes, each behind a safe function.
use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

mod inode;
mod rename;

pub use inode::{
    Lease, Loosened, Node, has_entries, is_open_to_write, link_file_at, loosen, mount_of, node_at,
    open_again, open_directory_itself, own_user, random, strip_privileges,
};
pub use rename::{exchange_at, rename_at};

/// Largest file handle the kernel gives (MAX_HANDLE_SZ).
const HANDLE_BYTES_MAX: usize = 128;
/// Largest extended attribute value the kernel keeps.
const XATTR_BYTES_MAX: usize = 64 * 1024;
/// The attribute that gives a program capabilities.
pub const CAPABILITY: &[u8] = b"security.capability";
/// Says who beside owner and group may do what.
pub const ACCESS_ACL: &[u8] = b"system.posix_acl_access";
/// Of a directory: says so of what is made in it.
pub const DEFAULT_ACL: &[u8] = b"system.posix_acl_default";

pub type Stat = libc::stat;

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn own(result: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: the kernel just gave this descriptor to us, nobody else owns it.
    check(result).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
}

pub fn c_string(bytes: &[u8]) -> io::Result<CString> {
    CString::new(bytes).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` outlives the call; a fixed, valid clock id can't fail.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// CLOCK_BOOTTIME, ns: the clock of all events.
pub fn boot_ns() -> u64 {
    clock_ns(libc::CLOCK_BOOTTIME)
}

pub fn wall_ns() -> u64 {
    clock_ns(libc::CLOCK_REALTIME)
}

pub fn fanotify_init(flags: u32, event_flags: i32) -> io::Result<OwnedFd> {
    // SAFETY: takes integers only.
    own(unsafe { libc::fanotify_init(flags, event_flags as u32) })
}

/// Marks `path` below `dir`, or `dir` itself when `path` is `None`.
pub fn fanotify_mark(
    group: &OwnedFd,
    (flags, mask): (u32, u64),
    dir: RawFd,
    path: Option<&CStr>,
) -> io::Result<()> {
    let name = path.map_or(std::ptr::null(), CStr::as_ptr);
    // SAFETY: `name` is null or a C string that outlives the call.
    check(unsafe { libc::fanotify_mark(group.as_raw_fd(), flags, mask, dir, name) }).map(drop)
}

pub fn read(fd: RawFd, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the kernel writes at most `buffer.len()` bytes into `buffer`.
    let count = unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), buffer.len()) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

pub fn pread(fd: RawFd, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    // SAFETY: the kernel writes at most `buffer.len()` bytes into `buffer`.
    let count = unsafe { libc::pread(fd, buffer.as_mut_ptr().cast(), buffer.len(), offset as i64) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

pub fn write(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the kernel reads at most `bytes.len()` bytes from `bytes`.
    let count = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

pub fn event_fd() -> io::Result<OwnedFd> {
    // SAFETY: takes integers only.
    own(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })
}

/// Waits for any of `fds` (with its `poll` events) for at most `timeout_ms`; says which are ready.
pub fn poll<const N: usize>(fds: [(RawFd, i16); N], timeout_ms: i32) -> [bool; N] {
    let mut set = fds.map(|(fd, events)| libc::pollfd {
        fd,
        events,
        revents: 0,
    });
    // SAFETY: `set` is an array of N pollfd that outlives the call.
    let count = unsafe { libc::poll(set.as_mut_ptr(), N as libc::nfds_t, timeout_ms) };
    set.map(|entry| count > 0 && entry.revents != 0)
}

/// The next run of the file at or after `from` that is not a hole, as (start, end); `None` when only holes follow. A file
/// system that knows no holes says all is data.
pub fn next_data(fd: RawFd, from: u64) -> io::Result<Option<(u64, u64)>> {
    // SAFETY: takes integers only.
    let seek = |at: u64, whence: i32| unsafe { libc::lseek(fd, at as i64, whence) };
    let start = seek(from, libc::SEEK_DATA);
    if start < 0 {
        let error = io::Error::last_os_error();
        return match error.raw_os_error() {
            Some(libc::ENXIO) => Ok(None),
            _ => Err(error),
        };
    }
    let end = seek(start as u64, libc::SEEK_HOLE);
    if end < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Some((start as u64, end as u64)))
}

/// Gives the range's blocks back; the size stays.
pub fn punch_hole(fd: RawFd, from: u64, length: u64) -> io::Result<()> {
    let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
    // SAFETY: takes integers only.
    check(unsafe { libc::fallocate(fd, mode, from as i64, length as i64) }).map(drop)
}

/// The same inode of the same file system.
pub fn is_one(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

/// `to` shares the blocks of `from` until either is written to; an error where the file system can't do that.
pub fn clone_file(from: RawFd, to: RawFd) -> io::Result<()> {
    // SAFETY: takes integers only.
    check(unsafe { libc::ioctl(to, libc::FICLONE, from) }).map(drop)
}

/// Of the file system that `dir` is on, what is free for everybody.
pub fn free_percent(dir: &std::path::Path) -> io::Result<u64> {
    use std::os::unix::ffi::OsStrExt;
    let dir = c_string(dir.as_os_str().as_bytes())?;
    // SAFETY: all zeros is a valid value of this struct of integers.
    let mut about: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: `dir` and `about` outlive the call.
    check(unsafe { libc::statvfs(dir.as_ptr(), &raw mut about) })?;
    Ok(about.f_bavail * 100 / about.f_blocks.max(1))
}

/// What FIONREAD says; 0 when it says nothing.
pub fn waiting_bytes(fd: RawFd) -> u64 {
    let mut bytes: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int, and `bytes` outlives the call.
    unsafe { libc::ioctl(fd, libc::FIONREAD, &raw mut bytes) };
    bytes.max(0) as u64
}

/// Lets this process have as many descriptors as it may; says how many.
pub fn raise_descriptors() -> u64 {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` outlives both calls; a refusal leaves the limit as it was.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
    }
    limit.rlim_cur
}

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

/// What no other mount namespace ever was or will be called until the next boot (Linux 6.11).
pub fn mount_namespace_id(namespace: RawFd) -> io::Result<u64> {
    const NS_GET_MNTNS_ID: u64 = 0x8008_b705;
    let mut id = 0_u64;
    // SAFETY: the kernel writes eight bytes to `id`.
    check(unsafe { libc::ioctl(namespace, NS_GET_MNTNS_ID as _, &raw mut id) }).map(|_| id)
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

/// What a descriptor's path is from here, or as the mount namespace it belongs to has it.
pub fn path_of(fd: RawFd) -> io::Result<Vec<u8>> {
    use std::os::unix::ffi::OsStringExt;
    std::fs::read_link(format!("/proc/self/fd/{fd}")).map(|path| path.into_os_string().into_vec())
}

pub const BELOW: u64 = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_SYMLINKS | libc::RESOLVE_NO_MAGICLINKS;
/// And not into what is mounted there.
pub const BELOW_HERE: u64 = BELOW | libc::RESOLVE_NO_XDEV;
/// Symbolic links are followed, but never out of the root.
pub const IN_ROOT: u64 = libc::RESOLVE_IN_ROOT | libc::RESOLVE_NO_MAGICLINKS;

/// Opens `path` below `dir` under the rules of `resolve`.
pub fn open_below(dir: RawFd, path: &[u8], flags: i32, resolve: u64) -> io::Result<OwnedFd> {
    let path = c_string(if path.is_empty() { b"." } else { path })?;
    // SAFETY: open_how is plain integers, zero is valid for all.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = (flags | libc::O_CLOEXEC) as u64;
    how.resolve = resolve;
    // SAFETY: `path` and `how` outlive the call, and the size is that of `how`.
    let result = unsafe {
        libc::syscall(
            libc::SYS_openat2,
            dir,
            path.as_ptr(),
            &raw const how,
            size_of::<libc::open_how>(),
        )
    };
    own(result as libc::c_int)
}

/// Makes `name` in `dir`; fails when it is there.
pub fn create_at(dir: RawFd, name: &CStr, mode: u32) -> io::Result<OwnedFd> {
    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | libc::O_CLOEXEC;
    // SAFETY: `name` outlives the call.
    own(unsafe { libc::openat(dir, name.as_ptr(), flags, mode) })
}

pub fn unlink_at(dir: RawFd, name: &CStr, directory: bool) -> io::Result<()> {
    let flags = if directory { libc::AT_REMOVEDIR } else { 0 };
    // SAFETY: `name` outlives the call.
    check(unsafe { libc::unlinkat(dir, name.as_ptr(), flags) }).map(drop)
}

pub fn symlink_at(target: &CStr, dir: RawFd, name: &CStr) -> io::Result<()> {
    // SAFETY: both strings outlive the call.
    check(unsafe { libc::symlinkat(target.as_ptr(), dir, name.as_ptr()) }).map(drop)
}

pub fn make_directory_at(dir: RawFd, name: &CStr, mode: u32) -> io::Result<()> {
    // SAFETY: `name` outlives the call.
    check(unsafe { libc::mkdirat(dir, name.as_ptr(), mode) }).map(drop)
}

pub fn read_link_at(dir: RawFd, name: &CStr) -> io::Result<Vec<u8>> {
    let mut target = vec![0_u8; libc::PATH_MAX as usize];
    // SAFETY: the kernel writes at most `target.len()` bytes into `target`.
    let count = unsafe { libc::readlinkat(dir, name.as_ptr(), target.as_mut_ptr().cast(), target.len()) };
    target.truncate(usize::try_from(count).map_err(|_| io::Error::last_os_error())?);
    Ok(target)
}

/// Owner of the file itself, links not followed.
pub fn change_owner(fd: RawFd, uid: u32, gid: u32) -> io::Result<()> {
    let flags = libc::AT_EMPTY_PATH | libc::AT_SYMLINK_NOFOLLOW;
    // SAFETY: the path is a constant C string.
    check(unsafe { libc::fchownat(fd, c"".as_ptr(), uid, gid, flags) }).map(drop)
}

/// Works on any descriptor, O_PATH included (not on symbolic links, which have no mode).
pub fn change_mode(fd: RawFd, mode: u32) -> io::Result<()> {
    let path = c_string(format!("/proc/self/fd/{fd}").as_bytes())?;
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

/// Extended attributes by name, ACLs and capabilities included. Works on O_PATH descriptors too.
pub fn attributes(fd: RawFd) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let path = c_string(format!("/proc/self/fd/{fd}").as_bytes())?;
    let mut names = vec![0_u8; 4096];
    // SAFETY: the kernel writes at most `names.len()` bytes into `names`.
    let mut count = unsafe { libc::listxattr(path.as_ptr(), names.as_mut_ptr().cast(), names.len()) };
    if count < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::ERANGE) {
        names.resize(XATTR_BYTES_MAX, 0);
        // SAFETY: as above, with the longer buffer.
        count = unsafe { libc::listxattr(path.as_ptr(), names.as_mut_ptr().cast(), names.len()) };
    }
    if count <= 0 {
        return match io::Error::last_os_error() {
            _ if count == 0 => Ok(Vec::new()),
            error if error.raw_os_error() == Some(libc::EOPNOTSUPP) => Ok(Vec::new()),
            error => Err(error),
        };
    }
    names.truncate(count as usize);
    let each = names.split(|&byte| byte == 0).filter(|name| !name.is_empty());
    Ok(each
        .filter_map(|name| Some((name.to_vec(), attribute(&path, name)?)))
        .collect())
}

fn attribute(path: &CStr, name: &[u8]) -> Option<Vec<u8>> {
    let name = c_string(name).ok()?;
    let mut value = vec![0_u8; XATTR_BYTES_MAX];
    // SAFETY: the kernel writes at most `value.len()` bytes into `value`.
    let count = unsafe {
        libc::getxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_mut_ptr().cast(),
            value.len(),
        )
    };
    value.truncate(usize::try_from(count).ok()?);
    Some(value)
}

/// `None` removes it.
pub fn set_attribute(fd: RawFd, name: &[u8], value: Option<&[u8]>) -> io::Result<()> {
    let path = c_string(format!("/proc/self/fd/{fd}").as_bytes())?;
    let name = c_string(name)?;
    // SAFETY: all pointers outlive the calls and the length is that of `value`.
    check(unsafe {
        match value {
            Some(value) => libc::setxattr(
                path.as_ptr(),
                name.as_ptr(),
                value.as_ptr().cast(),
                value.len(),
                0,
            ),
            None => libc::removexattr(path.as_ptr(), name.as_ptr()),
        }
    })
    .map(drop)
}

const FSCONFIG_SET_STRING: u32 = 1;
const FSCONFIG_CMD_CREATE: u32 = 6;

/// Mounts a file system without giving it a place in the tree; it goes with the last descriptor on it.
pub fn detached_mount(kind: &CStr, options: &[(&CStr, CString)]) -> io::Result<OwnedFd> {
    // SAFETY: `kind` outlives the call.
    let context = own(unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), 1) } as libc::c_int)?;
    let configure = |command: u32, key: *const libc::c_char, value: *const libc::c_char| {
        // SAFETY: key and value are null or C strings that outlive the call.
        check(
            unsafe { libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), command, key, value, 0) }
                as libc::c_int,
        )
    };
    for (key, value) in options {
        configure(FSCONFIG_SET_STRING, key.as_ptr(), value.as_ptr())?;
    }
    configure(FSCONFIG_CMD_CREATE, std::ptr::null(), std::ptr::null())?;
    // SAFETY: takes integers only.
    own(unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), 1, 0) } as libc::c_int)
}

/// A restore of many files, or reading a long journal, leaves much that is free and still counted as this process's.
pub fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes an integer only.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// To be called before threads are started: else each gets a heap of its own, and what one has freed is of no use to the others.
pub fn share_memory() {
    const HEAPS_MAX: libc::c_int = 2;
    #[cfg(target_env = "gnu")]
    // SAFETY: takes integers only.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, HEAPS_MAX);
    }
}

/// Takes an exclusive lock for as long as the descriptor lives; `false` when another has it.
pub fn lock(fd: RawFd) -> bool {
    // SAFETY: takes integers only.
    unsafe { libc::flock(fd, libc::LOCK_EX | libc::LOCK_NB) == 0 }
}
