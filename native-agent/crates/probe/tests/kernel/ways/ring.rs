//! Rings as whoever wants not to be seen sets them up.
use io_uring::{IoUring, squeue};

use crate::sensor::{Directory, Seen};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Plain,
    /// By a worker of the ring.
    Worker,
    /// A thread of the kernel's takes the requests.
    Poller,
    /// Results wait until the task fetches them.
    Deferred,
    DeferredWorker,
    /// Success is not told.
    Skipping,
}

impl Way {
    pub const ALL: [Self; 6] = [
        Self::Plain,
        Self::Worker,
        Self::Poller,
        Self::Deferred,
        Self::DeferredWorker,
        Self::Skipping,
    ];

    /// What came of it is not known to anybody when it is told.
    pub fn tells_attempts(self) -> bool {
        matches!(self, Self::Deferred | Self::DeferredWorker | Self::Skipping)
    }
}

pub fn ring_of(way: Way) -> IoUring {
    let ring = match way {
        Way::Poller => IoUring::builder().setup_sqpoll(100).build(16),
        Way::Deferred | Way::DeferredWorker => IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .build(16),
        _ => IoUring::new(16),
    };
    ring.expect("this kernel has io_uring")
}

/// Submits these, each with the flags of its way, and waits until they are done.
pub fn run(way: Way, requests: &[squeue::Entry]) {
    let mut ring = ring_of(way);
    for request in requests {
        let flags = match way {
            Way::Worker | Way::DeferredWorker => squeue::Flags::ASYNC,
            Way::Skipping => squeue::Flags::SKIP_SUCCESS,
            _ => squeue::Flags::empty(),
        };
        // SAFETY: what the requests point to outlives this.
        unsafe { ring.submission().push(&request.clone().flags(flags)).unwrap() };
    }
    let wait = if way == Way::Skipping { 0 } else { requests.len() };
    ring.submit_and_wait(wait).expect("they are taken");
    if way == Way::Skipping || way == Way::Poller {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// IORING_OP_LISTEN, which the crate does not have.
pub fn listen(fd: i32) -> squeue::Entry {
    const LISTEN: u8 = 57;
    let mut bytes = [0_u8; 64];
    bytes[0] = LISTEN;
    bytes[4..8].copy_from_slice(&fd.to_ne_bytes());
    // The backlog is where other requests have their length.
    bytes[24..28].copy_from_slice(&1_u32.to_ne_bytes());
    // SAFETY: an entry is the 64 bytes of the kernel's struct io_uring_sqe.
    unsafe { std::mem::transmute::<[u8; 64], squeue::Entry>(bytes) }
}

/// Whether it is about a file of this directory.
pub fn at(event: &Seen, directory: &Directory) -> bool {
    event.path.starts_with(&directory.path().display().to_string())
}
