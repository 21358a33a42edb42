//! How far each thread of the vault has come, so that a restore can wait for exactly what was there before it.
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use norn_os as os;

use crate::watch::Watch;

/// FIONREAD on a fanotify group counts this many bytes an event, whatever else the event carries.
const EVENT_BYTES: u64 = size_of::<libc::fanotify_event_metadata>() as u64;
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// A fanotify group, and how many of its events were read and are done with.
#[derive(Debug, Default)]
pub struct Reading {
    read: Mutex<u64>,
    handled: AtomicU64,
}

impl Reading {
    /// To be held while reading, so that no event is between the kernel and the count.
    pub fn begin(&self) -> MutexGuard<'_, u64> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn handled(&self, events: u64) {
        self.handled.fetch_add(events, Ordering::Release);
    }

    /// The count of handled events at which all that happened before this call is handled.
    pub fn goal(&self, group: &OwnedFd) -> u64 {
        let read = self.begin();
        *read + os::waiting_bytes(group.as_raw_fd()) / EVENT_BYTES
    }
}

/// A channel between two of the vault's threads.
#[derive(Debug, Default)]
pub struct Lane {
    sent: AtomicU64,
    done: AtomicU64,
}

impl Lane {
    pub fn sent(&self) {
        self.sent.fetch_add(1, Ordering::AcqRel);
    }

    pub fn done(&self) {
        self.done.fetch_add(1, Ordering::AcqRel);
    }
}

#[derive(Debug, Default)]
pub struct Progress {
    pub opens: Reading,
    pub closes: Reading,
    pub names: Reading,
    pub captures: Lane,
    pub notes: Lane,
    /// Files that wait for their copy at rest.
    pub rests: Gauge,
    /// Places whose files are copied at rest for the first time.
    pub scans: Lane,
    /// Files whose copy at rest was put off.
    pub overdue: Lane,
}

#[derive(Debug, Default)]
pub struct Gauge(AtomicUsize);

impl Gauge {
    pub fn set(&self, count: usize) {
        self.0.store(count, Ordering::Release);
    }
}

impl Progress {
    /// Waits until what happened before this call is in the journal, at most `at_most`; says whether it is.
    pub fn settle(&self, watch: &Watch, at_most: Duration) -> bool {
        let until = Instant::now() + at_most;
        let opened = self.opens.goal(&watch.opens);
        let closed = self.closes.goal(&watch.closes);
        let named = self.names.goal(&watch.names);
        let read = |reading: &Reading, goal: u64| wait(until, &reading.handled, goal);
        let through = |lane: &Lane| wait(until, &lane.done, lane.sent.load(Ordering::Acquire));
        // In this order: what the groups hold goes into the lanes.
        read(&self.opens, opened)
            && read(&self.closes, closed)
            && read(&self.names, named)
            && through(&self.captures)
            && through(&self.notes)
    }
}

impl Progress {
    /// Waits until all that was closed before this call is in the journal, at most `at_most`.
    pub fn close(&self, watch: &Watch, at_most: Duration) -> bool {
        let closed = self.closes.goal(&watch.closes);
        wait(Instant::now() + at_most, &self.closes.handled, closed)
    }

    /// Waits until every copy at rest that is due was made, at most `at_most`; says whether it was.
    pub fn rest(&self, at_most: Duration) -> bool {
        let until = Instant::now() + at_most;
        let through = |lane: &Lane| wait(until, &lane.done, lane.sent.load(Ordering::Acquire));
        if !through(&self.scans) || !through(&self.overdue) {
            return false;
        }
        wait_until(until, || self.rests.0.load(Ordering::Acquire) == 0)
    }
}

fn wait(until: Instant, count: &AtomicU64, goal: u64) -> bool {
    wait_until(until, || count.load(Ordering::Acquire) >= goal)
}

/// Says whether it came to be so in time.
pub fn wait_until(until: Instant, is_so: impl Fn() -> bool) -> bool {
    while !is_so() {
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    true
}
