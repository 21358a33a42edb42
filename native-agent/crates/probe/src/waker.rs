//! Waits for the rings to call. Edge-triggered: that a few bulk records lie there is no call (they wait for the tick, or
//! for more of them), which a plain poll would take it for and so spin under load.
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

pub struct Waker(OwnedFd);

impl Waker {
    pub fn new<const N: usize>(rings: [BorrowedFd<'_>; N]) -> io::Result<Self> {
        // SAFETY: takes a flag only.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if epoll < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call has just made this descriptor and nobody else knows it.
        let epoll = unsafe { OwnedFd::from_raw_fd(epoll) };
        for ring in rings {
            let mut event = libc::epoll_event {
                events: (libc::EPOLLIN | libc::EPOLLET) as u32,
                u64: 0,
            };
            // SAFETY: both descriptors are open and the event outlives the call.
            let added = unsafe {
                libc::epoll_ctl(
                    epoll.as_raw_fd(),
                    libc::EPOLL_CTL_ADD,
                    ring.as_raw_fd(),
                    &raw mut event,
                )
            };
            if added < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(Self(epoll))
    }

    /// Until a ring calls or `timeout` is over. Takes the call, so that the descriptor is quiet until the next.
    pub fn wait(&self, timeout: Duration) -> io::Result<()> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 2];
        let timeout_ms = i32::try_from(timeout.as_micros().div_ceil(1_000)).unwrap_or(i32::MAX);
        // SAFETY: the kernel writes at most as many events as there is room for.
        let count = unsafe {
            libc::epoll_wait(
                self.0.as_raw_fd(),
                events.as_mut_ptr(),
                events.len() as i32,
                timeout_ms,
            )
        };
        match count {
            0.. => Ok(()),
            _ => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => Ok(()),
                error => Err(error),
            },
        }
    }

    /// Readable while a call has not been taken.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
