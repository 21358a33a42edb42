//! A process by pidfd: a signal sent through it can never reach another process that was given the same pid later.
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::process::Stat;

#[derive(Debug)]
pub struct ProcessHandle {
    pub stat: Stat,
    fd: OwnedFd,
}

impl ProcessHandle {
    /// `None` when the process is gone, or its pid belongs to another one by now.
    pub fn open(stat: Stat) -> Option<Self> {
        // SAFETY: pidfd_open takes plain numbers.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, stat.pid, 0) };
        if fd < 0 {
            return None;
        }
        // SAFETY: the kernel just gave this fd to us alone.
        let fd = unsafe { OwnedFd::from_raw_fd(fd as RawFd) };
        let now = Stat::of_any_thread(stat.pid)?;
        (now.start_ticks == stat.start_ticks).then_some(Self { stat, fd })
    }

    /// False when the process has ended.
    pub fn signal(&self, signal: libc::c_int) -> bool {
        // SAFETY: the fd is open for the call; a null siginfo means "as kill(2) would".
        let sent = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.fd.as_raw_fd(),
                signal,
                std::ptr::null::<libc::siginfo_t>(),
                0,
            )
        };
        sent == 0
    }
}

/// Waits until all have ended, at most `timeout`; those that have not.
pub fn wait_for_end(handles: &[ProcessHandle], timeout: Duration) -> io::Result<Vec<u32>> {
    let deadline = Instant::now() + timeout;
    let mut waiting: Vec<&ProcessHandle> = handles.iter().collect();
    while !waiting.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let mut fds: Vec<PollFd<'_>> = waiting
            .iter()
            .map(|handle| PollFd::new(handle.fd.as_fd(), PollFlags::POLLIN))
            .collect();
        poll(&mut fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX))?;
        let ended: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(true)).collect();
        let mut ended = ended.into_iter();
        waiting.retain(|_| !ended.next().unwrap_or(false));
    }
    Ok(waiting.iter().map(|handle| handle.stat.pid).collect())
}
