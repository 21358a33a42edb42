//! What a thread waits for: descriptors, other threads, and signals.
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Ends a wait from another thread.
#[derive(Clone)]
pub struct Waker(Arc<UnixStream>);

impl Waker {
    pub fn wake(&self) {
        // Full means that a wake-up is pending already.
        let _pending = (&*self.0).write(&[1]);
    }
}

pub struct Waiter {
    woken: UnixStream,
    waker: Waker,
    signals: SignalFd,
}

impl Waiter {
    /// Blocks these signals for this thread and all started after: call it before any other thread starts.
    pub fn new(signals: &[Signal]) -> io::Result<Self> {
        let (woken, waker) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        waker.set_nonblocking(true)?;
        let signals = SigSet::from_iter(signals.iter().copied());
        signals.thread_block()?;
        let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Self {
            woken,
            waker: Waker(Arc::new(waker)),
            signals,
        })
    }

    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Until one of `sources` can be read from, a signal came or a waker woke. `link` can be read from, too, or be written to if its
    /// second part says so. The signals that came.
    pub fn wait(
        &mut self,
        link: Option<(BorrowedFd<'_>, bool)>,
        sources: &[BorrowedFd<'_>],
        timeout: Duration,
    ) -> Vec<Signal> {
        let mut fds = vec![
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.woken.as_fd(), PollFlags::POLLIN),
        ];
        fds.extend(
            sources
                .iter()
                .map(|&source| PollFd::new(source, PollFlags::POLLIN)),
        );
        if let Some((link, writes)) = link {
            let interest = if writes {
                PollFlags::POLLIN | PollFlags::POLLOUT
            } else {
                PollFlags::POLLIN
            };
            fds.push(PollFd::new(link, interest));
        }
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
        let _interrupted = poll(&mut fds, timeout);
        drop(fds);
        let mut buffer = [0; 256];
        while self
            .woken
            .read(&mut buffer)
            .is_ok_and(|length| length == buffer.len())
        {}
        let read = || self.signals.read_signal().ok().flatten();
        std::iter::from_fn(read)
            .filter_map(|signal| Signal::try_from(signal.ssi_signo.cast_signed()).ok())
            .collect()
    }
}
