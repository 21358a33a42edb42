//! Groups that are told of files, and their marks.
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use crate::calls::{check, own};

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
