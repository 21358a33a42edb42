//! Opens that wait: what the responder and its workers tell each other of them.
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError};

use norn_journal::file::FileKey;
use norn_journal::record::Time;
use norn_os as os;
use norn_watch::places::Found;
use norn_watch::watch::Watch;

/// A file whose opener waits.
#[derive(Debug)]
pub struct Job {
    pub id: u64,
    pub fd: Arc<OwnedFd>,
    pub pid: u32,
    pub time: Time,
    pub stat: os::Stat,
    pub key: FileKey,
    /// The opener was let go at its deadline.
    pub released: Arc<AtomicBool>,
    /// The file was made by this open.
    pub is_making: bool,
    /// Where it was then; the open goes on already.
    pub born: Option<Found>,
}

/// Workers say here which opens they answered.
#[derive(Debug)]
pub struct Done {
    ids: Mutex<Vec<u64>>,
    pub wake: OwnedFd,
}

impl Done {
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            ids: Mutex::default(),
            wake: os::event_fd()?,
        })
    }

    /// The responder hears of it when it next looks up: nobody waits for that.
    pub fn push(&self, id: u64) {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).push(id);
    }

    /// Makes the responder look up; a full counter is awake already.
    pub fn ring(&self) {
        drop(os::write(self.wake.as_raw_fd(), &1_u64.to_ne_bytes()));
    }

    pub fn take(&self) -> Vec<u64> {
        std::mem::take(&mut *self.ids.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Figures the responder keeps for others.
#[derive(Debug, Default)]
pub struct Pulse {
    /// When it last went round its loop, CLOCK_BOOTTIME ns.
    pub beat_ns: AtomicU64,
    pub timeouts: AtomicU64,
    /// When the read began that it is in now; 0 when it is in none.
    pub reading_since_ns: AtomicU64,
    pub events_lost: AtomicU64,
}

/// Whoever opens the file goes on.
pub fn allow(watch: &Watch, fd: &OwnedFd) {
    let answer = libc::fanotify_response {
        fd: fd.as_raw_fd(),
        response: libc::FAN_ALLOW,
    };
    // SAFETY: the struct is two integers without padding, read as the bytes it is made of.
    let bytes = unsafe {
        std::slice::from_raw_parts(
            (&raw const answer).cast::<u8>(),
            size_of::<libc::fanotify_response>(),
        )
    };
    if let Err(error) = os::write(watch.opens.as_raw_fd(), bytes) {
        tracing::error!(%error, "an open can't be answered");
    }
}
