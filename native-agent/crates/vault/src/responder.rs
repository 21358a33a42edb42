//! The one thread that answers permission events. It opens nothing, waits for no disk, and lets go after a deadline.
use std::collections::HashMap;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use norn_journal::file::{FileKey, Stamp};
use norn_journal::record::Time;
use norn_os as os;
use norn_watch::closing;
use norn_watch::events::{RawEvent, parse};

use crate::capture::is_newborn;
use crate::opens::{Done, Job, allow};
use crate::shared::Shared;

/// How long an open of a protected file waits for its pre-image at most.
pub const OPEN_WAITS: Duration = Duration::from_millis(20);
/// Captures waiting for a worker; an open beyond waits for its deadline alone.
pub const JOBS_MAX: usize = 4096;
/// 24 bytes an event, each with a descriptor.
const READ_BYTES: usize = 4096;
const IDLE_MS: i32 = 1000;
const GUARD_EVERY: Duration = Duration::from_millis(250);
/// Longer than any read that makes progress, ns.
const READ_NS_MAX: u64 = 3_000_000_000;

struct Waiting {
    fd: Arc<OwnedFd>,
    deadline_ns: u64,
    released: Arc<AtomicBool>,
    /// Of whose open: file, time, pid.
    open: (FileKey, Time, u32),
}

/// Where the responder sends what it does not do itself.
pub struct Outlets {
    pub small: SyncSender<Box<Job>>,
    pub large: SyncSender<Box<Job>>,
}

pub struct Responder {
    shared: Arc<Shared>,
    done: Arc<Done>,
    outlets: Outlets,
    waiting: HashMap<u64, Waiting>,
    next_id: u64,
    own_pid: u32,
    open_waits_ns: u64,
}

impl Responder {
    pub fn new(shared: Arc<Shared>, done: Arc<Done>, outlets: Outlets, open_waits: Duration) -> Self {
        Self {
            open_waits_ns: open_waits.as_nanos() as u64,
            shared,
            done,
            outlets,
            waiting: HashMap::new(),
            next_id: 0,
            own_pid: std::process::id(),
        }
    }

    pub fn run(mut self) {
        let _crash = CrashNotHang;
        let opens = self.shared.watch.opens.as_raw_fd();
        let wake = self.done.wake.as_raw_fd();
        let mut buffer = vec![0_u8; READ_BYTES];
        while !self.shared.quiet.load(Ordering::Relaxed) {
            let now = os::boot_ns();
            self.shared.pulse.beat_ns.store(now, Ordering::Relaxed);
            let [events, woken] = os::poll([(opens, libc::POLLIN), (wake, libc::POLLIN)], self.timeout(now));
            if woken {
                drop(os::read(wake, &mut [0; 8]));
            }
            for id in self.done.take() {
                self.waiting.remove(&id);
            }
            if events {
                self.read(&mut buffer);
            }
            self.expire();
        }
        let left = std::mem::take(&mut self.waiting);
        for waiting in left.values() {
            self.answer(waiting);
        }
    }

    fn read(&mut self, buffer: &mut [u8]) {
        let shared = self.shared.clone();
        let since = os::boot_ns();
        shared.pulse.reading_since_ns.store(since, Ordering::Release);
        let events = opens(&shared, buffer);
        let closed = closing::gather(&shared);
        shared.pulse.reading_since_ns.store(0, Ordering::Release);
        let number = events.len() as u64;
        events.into_iter().for_each(|event| self.handle(event));
        shared.progress.opens.handled(number);
        if closed {
            shared.closes.ring();
        }
    }

    fn timeout(&self, now: u64) -> i32 {
        let next = self.waiting.values().map(|waiting| waiting.deadline_ns).min();
        next.map_or(IDLE_MS, |next| (next.saturating_sub(now) / 1_000_000 + 1) as i32)
    }

    fn handle(&mut self, event: RawEvent) {
        let Some(fd) = event.fd else {
            self.shared.pulse.events_lost.fetch_add(1, Ordering::Relaxed);
            return;
        };
        self.open(fd, event.pid, os::boot_ns() as Time);
    }

    fn open(&mut self, fd: OwnedFd, pid: u32, time: Time) {
        let Some((stat, key)) = self.wants_capture(&fd, pid, time) else {
            self.allow(&fd);
            return;
        };
        self.next_id += 1;
        // A file that did not exist has no pre-image: nobody waits until its creation is written down. Its name is taken before,
        // since it may have another right after.
        let is_young = is_newborn(fd.as_raw_fd(), &stat, time);
        // Whoever opens it next finds it empty: that is how it was.
        let newborn = is_young && self.shared.store.index().note_birth(key);
        if newborn && self.shared.places.overlay(stat.st_dev).is_none() {
            self.allow(&fd);
            return;
        }
        let born = newborn.then(|| self.shared.places.find_in_overlay(fd.as_raw_fd(), &stat, key));
        let (born, is_making) = (born.flatten(), newborn);
        let newborn = born.is_some();
        if newborn {
            self.allow(&fd);
        }
        let (fd, released) = (Arc::new(fd), Arc::new(AtomicBool::new(newborn)));
        let deadline_ns = time as u64 + self.open_waits_ns;
        if !newborn {
            self.waiting.insert(
                self.next_id,
                Waiting {
                    fd: fd.clone(),
                    deadline_ns,
                    released: released.clone(),
                    open: (key, time, pid),
                },
            );
        }
        let job = Box::new(Job {
            id: self.next_id,
            fd,
            pid,
            time,
            stat,
            key,
            released,
            is_making,
            born,
        });
        let to = if stat.st_size > LARGE_BYTES {
            &self.outlets.large
        } else {
            &self.outlets.small
        };
        // With the queue full the open waits for its deadline, and is counted there.
        self.shared.progress.captures.sent();
        if to.try_send(job).is_err() {
            self.shared.progress.captures.done();
            if newborn {
                self.shared.pulse.events_lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// `None` when the open may go on at once.
    fn wants_capture(&self, fd: &OwnedFd, pid: u32, time: Time) -> Option<(os::Stat, FileKey)> {
        if pid == self.own_pid {
            return None;
        }
        let stat = os::fstat(fd.as_raw_fd()).ok()?;
        if stat.st_mode & libc::S_IFMT != libc::S_IFREG {
            return None;
        }
        let key = self.shared.places.key(fd.as_raw_fd(), &stat).ok()?;
        let mut index = self.shared.store.index();
        if index
            .state(key)
            .is_some_and(|state| state.saved() == Some(Stamp::from(&stat)))
        {
            drop(index);
            self.shared.ignore(fd.as_raw_fd());
            return None;
        }
        let is_own_work = index.is_own_work(key, pid);
        index.note_open(key, time, pid);
        (!is_own_work).then_some((stat, key))
    }

    /// `false` when a worker did before.
    fn answer(&self, waiting: &Waiting) -> bool {
        let first = !waiting.released.swap(true, Ordering::AcqRel);
        if first {
            self.allow(&waiting.fd);
        }
        first
    }

    fn expire(&mut self) {
        let now = os::boot_ns();
        let late = |(id, waiting): (&u64, &Waiting)| (waiting.deadline_ns <= now).then_some(*id);
        let late: Vec<u64> = self.waiting.iter().filter_map(late).collect();
        for id in late {
            let Some(waiting) = self.waiting.remove(&id) else {
                continue;
            };
            let (key, time, pid) = waiting.open;
            if !waiting.released.load(Ordering::Acquire) {
                self.shared.store.index().note_late(key, time, pid);
            }
            if self.answer(&waiting) {
                self.shared.pulse.timeouts.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn allow(&self, fd: &OwnedFd) {
        allow(&self.shared.watch, fd);
    }
}

fn opens(shared: &Shared, buffer: &mut [u8]) -> Vec<RawEvent> {
    let mut read = shared.progress.opens.begin();
    let count = os::read(shared.watch.opens.as_raw_fd(), buffer).unwrap_or(0);
    let events = parse(&buffer[..count]);
    *read += events.len() as u64;
    events
}

/// Reading an event opens its file for the reader, and that can wait for another who watches it, or for the responder
/// itself. A process that is gone holds up nobody; one that hangs, the whole host.
pub fn guard(shared: &Shared) {
    while !shared.stop.load(Ordering::Relaxed) {
        std::thread::sleep(GUARD_EVERY);
        let since = shared.pulse.reading_since_ns.load(Ordering::Acquire);
        if since > 0 && os::boot_ns().saturating_sub(since) > READ_NS_MAX {
            tracing::error!(
                "the responder hangs in a read; the agent ends, so that opens on this host go on"
            );
            std::process::abort();
        }
    }
}

/// A dead responder with a living process would block every open for ever; a dead process blocks none.
struct CrashNotHang;

impl Drop for CrashNotHang {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

/// Files above go to a worker of their own, so that they hold up no small ones.
const LARGE_BYTES: i64 = 1 << 20;
