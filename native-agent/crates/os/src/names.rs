//! Names in directories: opened, made, removed. A file system is mounted without one.
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::sync::{Mutex, PoisonError};

use crate::calls::{c_string, check, own};
use crate::clock::boot_ns;

pub const BELOW: u64 = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_SYMLINKS | libc::RESOLVE_NO_MAGICLINKS;
/// And not into what is mounted there.
pub const BELOW_HERE: u64 = BELOW | libc::RESOLVE_NO_XDEV;
/// Symbolic links are followed, but into no other mount: a file system of somebody's own answers when he likes.
pub const ON_MOUNT: u64 = libc::RESOLVE_NO_XDEV | libc::RESOLVE_NO_MAGICLINKS;
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

/// What is not in memory is not waited for. The kernel has this since Linux 5.12.
const RESOLVE_CACHED: u64 = 0x20;
/// Tries at once, and then others for as long as the kernel may take to mount something, ns.
const TRIES_AT_ONCE: u32 = 8;
const WAIT_MAX_NS: u64 = 2_000_000;
/// Of each second, for all who ask: whoever changes names without end must not hold them up. ns.
const WAITS_A_SECOND_NS: u64 = 20_000_000;
/// Of the second that began last: when that was, and for how long was waited, ns.
static WAITED: Mutex<(u64, u64)> = Mutex::new((0, 0));

/// Where `path` leads to in `root`, O_PATH, from the kernel's memory alone: a file system may be its owner's own program, which answers when he
/// likes. The kernel refuses what it remembers while a name or a mount changes anywhere, and is asked again; it never follows a link whose time of
/// access it would have to write, as that of one made and followed within the same few milliseconds.
///
/// # Errors
/// EAGAIN when it refused for 2 ms, or at once when others waited for 20 ms of this second.
pub fn open_remembered(root: RawFd, path: &[u8]) -> io::Result<OwnedFd> {
    let open = || open_below(root, path, libc::O_PATH, IN_ROOT | RESOLVE_CACHED);
    let is_refused = |opened: &io::Result<OwnedFd>| {
        opened
            .as_ref()
            .is_err_and(|error| error.raw_os_error() == Some(libc::EAGAIN))
    };
    let mut opened = open();
    for _ in 1..TRIES_AT_ONCE {
        if !is_refused(&opened) {
            return opened;
        }
        opened = open();
    }
    let mut waited = WAITED.lock().unwrap_or_else(PoisonError::into_inner);
    let begun = boot_ns();
    if begun.saturating_sub(waited.0) > 1_000_000_000 {
        *waited = (begun, 0);
    }
    let most = WAIT_MAX_NS.min(WAITS_A_SECOND_NS.saturating_sub(waited.1));
    while is_refused(&opened) && boot_ns() - begun < most {
        // Who holds the kernel's names may wait for this processor.
        std::thread::yield_now();
        opened = open();
    }
    waited.1 += boot_ns() - begun;
    opened
}

/// What /proc calls the file behind a descriptor: it leads to that inode, whatever has its name.
pub fn link_of(fd: RawFd) -> String {
    format!("/proc/self/fd/{fd}")
}

/// What a descriptor's path is from here, or as the mount namespace it belongs to has it.
pub fn path_of(fd: RawFd) -> io::Result<Vec<u8>> {
    std::fs::read_link(link_of(fd)).map(|path| path.into_os_string().into_vec())
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
