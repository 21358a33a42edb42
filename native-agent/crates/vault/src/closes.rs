//! Files closed after writing, between the kernel and the closer.
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use norn_journal::record::Time;
use norn_os as os;

use crate::capture::Shared;
use crate::events::{RawEvent, parse};
use crate::mapped::can_be_written;

/// Closes waiting for the closer, each with a descriptor; more are lost, and counted.
pub const CLOSES_MAX: usize = 4096;
const READ_BYTES: usize = 4096;
/// Two milliseconds in all.
const LETS_GO_LOOKS: u32 = 8;
const LETS_GO_EVERY: Duration = Duration::from_micros(250);

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
    idle: AtomicBool,
    wake: OwnedFd,
}

impl Closes {
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            waiting: Mutex::default(),
            idle: AtomicBool::new(false),
            wake: os::event_fd()?,
        })
    }

    pub fn pop(&self) -> Option<Close> {
        self.waiting().pop_front()
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Close>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes an idle closer look up; a full counter is awake already.
    pub fn ring(&self) {
        if self.idle.load(Ordering::SeqCst) {
            drop(os::write(self.wake.as_raw_fd(), &1_u64.to_ne_bytes()));
        }
    }
}

/// Takes what the kernel has. The closer does so for itself, and the responder before it looks at an open: what was closed
/// before that has the earlier time then, though the two come by different ways.
pub fn gather(shared: &Shared) -> bool {
    let mut buffer = [0_u8; READ_BYTES];
    let mut found = false;
    let mut waiting = shared.closes.waiting();
    loop {
        let mut read = shared.progress.closes.begin();
        let Ok(count) = os::read(shared.watch.closes.as_raw_fd(), &mut buffer) else {
            return found;
        };
        let events = parse(&buffer[..count]);
        *read += events.len() as u64;
        drop(read);
        found = true;
        events
            .into_iter()
            .for_each(|event| take(shared, &mut waiting, event));
        if count < READ_BYTES / 2 {
            return found;
        }
    }
}

fn take(shared: &Shared, waiting: &mut VecDeque<Close>, event: RawEvent) {
    let is_own = event.pid == std::process::id();
    match event.fd {
        Some(fd) if !is_own && waiting.len() < CLOSES_MAX => {
            let (pid, time) = (event.pid, os::boot_ns() as Time);
            return waiting.push_back(Close { fd, pid, time });
        }
        Some(_) if is_own => {}
        _ => drop(shared.pulse.events_lost.fetch_add(1, Ordering::Relaxed)),
    }
    shared.progress.closes.handled(1);
}

/// Somebody can write to the file, or has closed it after writing and that is not taken in yet. `file` is open for reading.
pub fn is_being_written(shared: &Shared, file: RawFd, stat: &os::Stat) -> io::Result<bool> {
    // An error: the file system has no leases, and nobody can tell.
    if can_be_written(shared, file, stat).unwrap_or(false) {
        return Ok(true);
    }
    // A close is told before the lease can be had.
    if gather(shared) {
        shared.closes.ring();
    }
    Ok(is_waiting(shared, stat))
}

fn is_waiting(shared: &Shared, stat: &os::Stat) -> bool {
    let is_it = |close: &Close| os::fstat(close.fd.as_raw_fd()).is_ok_and(|closed| os::is_one(&closed, stat));
    shared.closes.waiting().iter().any(is_it)
}

/// Of a file whose close was told: somebody else can write to it, or has closed it since. Whoever closed it lets go of it a moment
/// after that is told; where nobody can tell, nobody else writes.
pub fn is_written_by_others(shared: &Shared, file: RawFd, stat: &os::Stat) -> bool {
    for _ in 0..LETS_GO_LOOKS {
        if !is_being_written(shared, file, stat).unwrap_or(false) {
            return false;
        }
        if is_waiting(shared, stat) {
            return true;
        }
        std::thread::sleep(LETS_GO_EVERY);
    }
    true
}

/// Until something was closed, at most `at_most`.
pub fn wait(shared: &Shared, at_most: Duration) {
    let closes = &shared.closes;
    closes.idle.store(true, Ordering::SeqCst);
    let is_empty = closes.waiting().is_empty();
    if is_empty {
        let wake = closes.wake.as_raw_fd();
        let sources = [
            (shared.watch.closes.as_raw_fd(), libc::POLLIN),
            (wake, libc::POLLIN),
        ];
        let [_, rung] = os::poll(sources, at_most.as_millis() as i32);
        if rung {
            drop(os::read(wake, &mut [0; 8]));
        }
    }
    closes.idle.store(false, Ordering::SeqCst);
}
