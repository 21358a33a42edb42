//! What is done with an open descriptor, whatever it is open on.
use std::io;
use std::os::fd::{OwnedFd, RawFd};

use crate::calls::{check, own};

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

/// What FIONREAD says; 0 when it says nothing.
pub fn waiting_bytes(fd: RawFd) -> u64 {
    let mut bytes: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int, and `bytes` outlives the call.
    unsafe { libc::ioctl(fd, libc::FIONREAD, &raw mut bytes) };
    bytes.max(0) as u64
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

/// `to` shares the blocks of `from` until either is written to; an error where the file system can't do that.
pub fn clone_file(from: RawFd, to: RawFd) -> io::Result<()> {
    // SAFETY: takes integers only.
    check(unsafe { libc::ioctl(to, libc::FICLONE, from) }).map(drop)
}

/// Takes an exclusive lock for as long as the descriptor lives; `false` when another has it.
pub fn lock(fd: RawFd) -> bool {
    // SAFETY: takes integers only.
    unsafe { libc::flock(fd, libc::LOCK_EX | libc::LOCK_NB) == 0 }
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
