//! The agent's side of the shared memory: makes it, reads the records, counts what was lost.
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use norn_hook::calls;
use norn_hook::channel::{self as shared, CHANNEL_BYTES, MAGIC, RECORDS, Record, VERSION};

/// A record that was begun and is not complete after this time will never be: its thread was ended, or is stopped.
const PATIENCE: Duration = Duration::from_millis(50);

/// What is wanted of a process's calls.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub recorded: Vec<u64>,
    /// Calls before which the process waits for the agent's answer; only those that it makes to change something.
    pub questioned: Vec<u64>,
    /// How long it waits.
    pub deadline: Duration,
    /// After a question without an answer, none is asked for this long.
    pub hold_off: Duration,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            recorded: calls::ALL.to_vec(),
            questioned: Vec::new(),
            deadline: Duration::from_millis(20),
            hold_off: Duration::from_secs(1),
        }
    }
}

/// One call of a process, before the kernel had it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// CLOCK_MONOTONIC; 0 from a process that may make no calls of the library's own where the clock needs one.
    pub time_ns: u64,
    /// In the process's own pid namespace.
    pub pid: u32,
    pub tid: u32,
    pub number: u64,
    pub flags: u16,
    pub args: [u64; 6],
    /// A path, name or socket address; empty for calls that have none.
    pub first: Vec<u8>,
    pub second: Vec<u8>,
}

/// What was lost or refused in one process tree, since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    pub dropped: u64,
    pub torn: u64,
    pub unanswered: u64,
    pub unasked: u64,
    pub unread: u64,
    pub unfollowed: u64,
}

pub struct Channel {
    at: *mut shared::Channel,
    file: File,
    reading: Mutex<Reading>,
}

// SAFETY: what the pointer leads to is only touched through atomics, or read as bytes that are checked afterwards.
unsafe impl Send for Channel {}
// SAFETY: as above; the reader's own position is behind a lock.
unsafe impl Sync for Channel {}

#[derive(Default)]
struct Reading {
    tail: u64,
    torn: u64,
    waiting_since: Option<Instant>,
}

impl Channel {
    /// `file` is an empty memfd that allows seals; after this nobody can make it shorter.
    pub fn on(file: File, wanted: &Wanted) -> io::Result<Self> {
        file.set_len(CHANNEL_BYTES as u64)?;
        let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
        // SAFETY: adds seals to our own descriptor.
        if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new mapping of the whole file.
        let at = unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            libc::mmap(
                std::ptr::null_mut(),
                CHANNEL_BYTES,
                access,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let channel = Self {
            at: at.cast(),
            file,
            reading: Mutex::default(),
        };
        channel.fill(wanted);
        Ok(channel)
    }

    /// A channel in a memfd of our own.
    pub fn new(wanted: &Wanted) -> io::Result<Self> {
        use std::os::fd::FromRawFd;
        let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
        // SAFETY: the name is a string; the descriptor is new and ours.
        let descriptor = unsafe { libc::memfd_create(c"norn-hook-channel".as_ptr(), flags) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: as above.
        Self::on(unsafe { File::from_raw_fd(descriptor) }, wanted)
    }

    fn fill(&self, wanted: &Wanted) {
        let header = &raw mut self.raw().header;
        // SAFETY: nobody else has the memory yet.
        unsafe {
            (*header).magic = MAGIC;
            (*header).version = VERSION;
            (*header).deadline_ns = wanted.deadline.as_nanos() as u64;
            (*header).hold_off_ns = wanted.hold_off.as_nanos() as u64;
        }
        self.want(wanted);
    }

    /// May be called at any time; deadlines stay as they were.
    pub fn want(&self, wanted: &Wanted) {
        let mask = |numbers: &mut dyn Iterator<Item = &u64>| {
            numbers.fold([0u64; shared::CALLS / 64], |mut mask, number| {
                if let Some(word) = mask.get_mut((number / 64) as usize) {
                    *word |= 1 << (number % 64);
                }
                mask
            })
        };
        let recorded = mask(
            &mut wanted
                .recorded
                .iter()
                .chain(&wanted.questioned)
                .chain(&calls::ALWAYS),
        );
        let questioned = mask(&mut wanted.questioned.iter());
        let header = &self.shared().header;
        for (to, word) in header
            .recorded
            .iter()
            .zip(recorded)
            .chain(header.questioned.iter().zip(questioned))
        {
            to.store(word, Ordering::Release);
        }
    }

    pub fn shared(&self) -> &shared::Channel {
        // SAFETY: mapped in `on`, until `drop`; the other side's writes are to atomics, or to records that are copied and checked.
        unsafe { &*self.at }
    }

    /// For what is written before the process has the channel.
    #[allow(clippy::mut_from_ref)]
    pub(crate) fn raw(&self) -> &mut shared::Channel {
        // SAFETY: only used before the memory is shared.
        unsafe { &mut *self.at }
    }

    pub fn file(&self) -> &File {
        &self.file
    }

    /// Hands out the complete records in the order in which the calls took their places. Returns how many.
    pub fn read(&self, seen: &mut dyn FnMut(Call)) -> usize {
        let mut reading = self.reading();
        let mut found = 0;
        for _ in 0..RECORDS {
            match self.next(&mut reading) {
                Next::Call(call) => {
                    seen(call);
                    found += 1;
                }
                Next::Lost => reading.torn += 1,
                Next::Nothing => break,
            }
            reading.waiting_since = None;
            reading.tail += 1;
            self.shared()
                .header
                .tail
                .value
                .store(reading.tail, Ordering::Release);
        }
        found
    }

    /// Places that calls have taken. Once `taken` is as many, all of those have been handed out.
    pub fn written(&self) -> u64 {
        self.shared().header.head.value.load(Ordering::Acquire)
    }

    pub fn taken(&self) -> u64 {
        self.reading().tail
    }

    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, reading: &mut Reading) -> Next {
        let place = &raw const self.shared().ring[reading.tail as usize % RECORDS];
        let is_complete = || {
            // SAFETY: the place is in the ring; `ready` is an atomic.
            unsafe { (*place).ready.load(Ordering::Acquire) == reading.tail + 1 }
        };
        if is_complete() {
            let call = copy(place);
            std::sync::atomic::fence(Ordering::Acquire);
            return if is_complete() {
                Next::Call(call)
            } else {
                Next::Lost
            };
        }
        if self.shared().header.head.value.load(Ordering::Acquire) <= reading.tail {
            return Next::Nothing;
        }
        let since = *reading.waiting_since.get_or_insert_with(Instant::now);
        if since.elapsed() > PATIENCE {
            Next::Lost
        } else {
            Next::Nothing
        }
    }

    pub fn losses(&self) -> Losses {
        let counters = &self.shared().header.counters;
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Losses {
            dropped: count(&counters.dropped),
            torn: self.reading().torn,
            unanswered: count(&counters.unanswered),
            unasked: count(&counters.unasked),
            unread: count(&counters.unread),
            unfollowed: count(&counters.unfollowed),
        }
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        // SAFETY: mapped in `on`; nothing borrows it any more.
        unsafe { libc::munmap(self.at.cast(), CHANNEL_BYTES) };
    }
}

enum Next {
    Call(Call),
    Lost,
    Nothing,
}

/// Copies a record of memory that the other side may write to at any time; its lengths are cut to what there is.
pub(crate) fn copy(place: *const Record) -> Call {
    // SAFETY: the place is a record in the shared memory, and any bytes are one.
    let record = unsafe { std::ptr::read_volatile(place) };
    let first = (record.first_bytes as usize).min(record.text.len());
    let second = (record.second_bytes as usize).min(record.text.len() - first);
    Call {
        time_ns: record.time_ns,
        pid: record.pid,
        tid: record.tid,
        number: u64::from(record.call),
        flags: record.flags,
        args: record.args,
        first: record.text[..first].to_vec(),
        second: record.text[first..first + second].to_vec(),
    }
}
