//! Files closed after writing, between the kernel and the closer.
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use norn_journal::record::Time;
use norn_os as os;

/// Closes waiting for the closer, each with a descriptor; more are lost, and counted.
pub const CLOSES_MAX: usize = 4096;

/// A file was closed after writing.
#[derive(Debug)]
pub struct Close {
    pub fd: OwnedFd,
    pub pid: u32,
    pub time: Time,
}

#[derive(Debug)]
pub struct Closes {
    waiting: Mutex<VecDeque<Close>>,
    /// The closer sleeps until somebody wakes it.
    pub(crate) idle: AtomicBool,
    pub(crate) wake: OwnedFd,
    /// There was no room for them, or the kernel had none.
    pub lost: AtomicU64,
}

impl Closes {
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            waiting: Mutex::default(),
            idle: AtomicBool::new(false),
            wake: os::event_fd()?,
            lost: AtomicU64::new(0),
        })
    }

    pub fn pop(&self) -> Option<Close> {
        self.waiting().pop_front()
    }

    pub(crate) fn waiting(&self) -> MutexGuard<'_, VecDeque<Close>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes an idle closer look up; a full counter is awake already.
    pub fn ring(&self) {
        if self.idle.load(Ordering::SeqCst) {
            drop(os::write(self.wake.as_raw_fd(), &1_u64.to_ne_bytes()));
        }
    }
}
