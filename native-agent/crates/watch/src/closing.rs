//! What was closed after writing is taken from the kernel, and who can still write is asked.
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::Ordering;
use std::time::Duration;

use norn_journal::record::Time;
use norn_os as os;

use crate::closes::{CLOSES_MAX, Close};
use crate::events::{RawEvent, parse};
use crate::mapped::can_be_written;
use crate::watched::Watched;

const READ_BYTES: usize = 4096;
/// Two milliseconds in all.
const LETS_GO_LOOKS: u32 = 8;
const LETS_GO_EVERY: Duration = Duration::from_micros(250);

/// Takes what the kernel has. The closer does so for itself, and the responder before it looks at an open: what was closed
/// before that has the earlier time then, though the two come by different ways.
pub fn gather(watched: &Watched) -> bool {
    let mut buffer = [0_u8; READ_BYTES];
    let mut found = false;
    let mut waiting = watched.closes.waiting();
    loop {
        let mut read = watched.progress.closes.begin();
        let Ok(count) = os::read(watched.watch.closes.as_raw_fd(), &mut buffer) else {
            return found;
        };
        let events = parse(&buffer[..count]);
        *read += events.len() as u64;
        drop(read);
        found = true;
        events
            .into_iter()
            .for_each(|event| take(watched, &mut waiting, event));
        if count < READ_BYTES / 2 {
            return found;
        }
    }
}

fn take(watched: &Watched, waiting: &mut VecDeque<Close>, event: RawEvent) {
    let is_own = event.pid == std::process::id();
    match event.fd {
        Some(fd) if !is_own && waiting.len() < CLOSES_MAX => {
            let (pid, time) = (event.pid, os::boot_ns() as Time);
            return waiting.push_back(Close { fd, pid, time });
        }
        Some(_) if is_own => {}
        _ => drop(watched.closes.lost.fetch_add(1, Ordering::Relaxed)),
    }
    watched.progress.closes.handled(1);
}

/// Somebody can write to the file, or has closed it after writing and that is not taken in yet. `file` is open for reading.
pub fn is_being_written(watched: &Watched, file: RawFd, stat: &os::Stat) -> io::Result<bool> {
    // An error: the file system has no leases, and nobody can tell.
    if can_be_written(watched, file, stat).unwrap_or(false) {
        return Ok(true);
    }
    // A close is told before the lease can be had.
    if gather(watched) {
        watched.closes.ring();
    }
    Ok(is_waiting(watched, stat))
}

fn is_waiting(watched: &Watched, stat: &os::Stat) -> bool {
    let is_it = |close: &Close| os::fstat(close.fd.as_raw_fd()).is_ok_and(|closed| os::is_one(&closed, stat));
    watched.closes.waiting().iter().any(is_it)
}

/// Of a file whose close was told: somebody else can write to it, or has closed it since. Whoever closed it lets go of it a moment
/// after that is told; where nobody can tell, nobody else writes.
pub fn is_written_by_others(watched: &Watched, file: RawFd, stat: &os::Stat) -> bool {
    for _ in 0..LETS_GO_LOOKS {
        if !is_being_written(watched, file, stat).unwrap_or(false) {
            return false;
        }
        if is_waiting(watched, stat) {
            return true;
        }
        std::thread::sleep(LETS_GO_EVERY);
    }
    true
}

/// Until something was closed, at most `at_most`.
pub fn wait(watched: &Watched, at_most: Duration) {
    let closes = &watched.closes;
    closes.idle.store(true, Ordering::SeqCst);
    let is_empty = closes.waiting().is_empty();
    if is_empty {
        let wake = closes.wake.as_raw_fd();
        let sources = [
            (watched.watch.closes.as_raw_fd(), libc::POLLIN),
            (wake, libc::POLLIN),
        ];
        let [_, rung] = os::poll(sources, at_most.as_millis() as i32);
        if rung {
            drop(os::read(wake, &mut [0; 8]));
        }
    }
    closes.idle.store(false, Ordering::SeqCst);
}
