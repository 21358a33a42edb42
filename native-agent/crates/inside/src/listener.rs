//! The kernel's side of seccomp user notification: calls that wait, and the word that lets them go on.
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// `_IOWR('!', 0, struct seccomp_notif)` and its like, `linux/seccomp.h`.
const RECEIVE: u64 = 0xc050_2100;
const SEND: u64 = 0xc018_2101;
const SET_FLAGS: u64 = 0x4008_2104;
/// The waiting thread is woken on this CPU, and at once (Linux 6.6).
const SYNC_WAKE_UP: u64 = 1;

/// A call that waits.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    pub id: u64,
    /// Thread, in this pid namespace.
    pub thread: u32,
    pub number: i64,
    pub arguments: [u64; 6],
}

pub struct Listener {
    fd: OwnedFd,
    /// Nobody is left who could call.
    over: bool,
}

impl Listener {
    pub fn new(fd: OwnedFd) -> Self {
        // SAFETY: the descriptor is a seccomp listener; an older kernel refuses the flag, and then waking is only slower.
        unsafe { libc::ioctl(fd.as_raw_fd(), SET_FLAGS as _, SYNC_WAKE_UP) };
        Self { fd, over: false }
    }

    /// `None` when nobody is left who could call.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        (!self.over).then(|| self.fd.as_fd())
    }

    /// The next call that waits, if there is one.
    pub fn next(&mut self) -> Option<Waiting> {
        let mut fds = [PollFd::new(self.fd.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO).ok()?;
        let state = fds[0].revents()?;
        if !state.contains(PollFlags::POLLIN) {
            self.over |= state.contains(PollFlags::POLLHUP);
            return None;
        }
        // SAFETY: all zeros is what the kernel asks for.
        let mut notification: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel fills a structure of this layout. Whoever was killed meanwhile is ENOENT.
        let result = unsafe { libc::ioctl(self.fd.as_raw_fd(), RECEIVE as _, &raw mut notification) };
        (result == 0).then(|| Waiting {
            id: notification.id,
            thread: notification.pid,
            number: i64::from(notification.data.nr),
            arguments: notification.data.args,
        })
    }

    /// Lets the call go on in the kernel as it was made. Its memory may have changed since it was read here: what is decided
    /// from it is evidence and pre-images, not access.
    pub fn let_go(&self, id: u64) -> io::Result<()> {
        let mut response = libc::seccomp_notif_resp {
            id,
            val: 0,
            error: 0,
            flags: libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32,
        };
        // SAFETY: the structure has the kernel's layout and outlives the call.
        match unsafe { libc::ioctl(self.fd.as_raw_fd(), SEND as _, &raw mut response) } {
            0 => Ok(()),
            // Killed, or interrupted by a signal: the call begins again.
            _ if Errno::last() == Errno::ENOENT => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}
