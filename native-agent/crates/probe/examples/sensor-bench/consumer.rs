//! The sensor with what Baldur does with its events: batches, compressed. In a process of its own, so that its CPU and
//! memory are told apart from the workload's and the workload is not the agent's own.
use std::fs;
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use norn_events::{BatchBuilder, BatchIdentity};
use norn_probe::{Probe, ProbeOptions, ProbeStats};

pub struct Consumer {
    pid: i32,
    /// Ask by a byte, be answered by the figures; closing ends the consumer.
    ask: fs::File,
    answer: fs::File,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    pub events: u64,
    pub batch_bytes: u64,
    pub cpu_ns: u64,
    pub rss_bytes: u64,
    stats: [u64; 3],
}

impl Consumer {
    /// Returns when the sensor is attached.
    pub fn start() -> Self {
        let (ask_read, ask_write) = pipe();
        let (answer_read, answer_write) = pipe();
        // SAFETY: this program has one thread here, so the child may do anything.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            drop((ask_write, answer_read));
            consume(ask_read, answer_write);
            std::process::exit(0);
        }
        let mut consumer = Self {
            pid,
            ask: ask_write,
            answer: answer_read,
        };
        drop((ask_read, answer_write));
        consumer.settle();
        consumer
    }

    /// Waits until the start's own work is done: the snapshot, and the hashes of what runs.
    fn settle(&mut self) {
        const QUIET_NS: u64 = 10_000_000;
        const PATIENCE: usize = 50;
        let mut before = self.figures_now().cpu_ns;
        for _ in 0..PATIENCE {
            std::thread::sleep(Duration::from_millis(200));
            let now = self.figures_now().cpu_ns;
            if now - before < QUIET_NS {
                return;
            }
            before = now;
        }
    }

    pub fn figures(&self) -> Figures {
        let mut twin = Self {
            pid: 0,
            ask: self.ask.try_clone().expect("descriptors are left"),
            answer: self.answer.try_clone().expect("descriptors are left"),
        };
        twin.figures_now()
    }

    fn figures_now(&mut self) -> Figures {
        self.ask.write_all(b"?").expect("the consumer lives");
        let mut words = [0_u8; 7 * 8];
        self.answer
            .read_exact(&mut words)
            .expect("the consumer answers: is this root, on a kernel with BTF?");
        let word = |at: usize| u64::from_ne_bytes(words[at * 8..][..8].try_into().unwrap_or_default());
        Figures {
            events: word(0),
            batch_bytes: word(1),
            cpu_ns: word(2),
            rss_bytes: word(3),
            stats: [word(4), word(5), word(6)],
        }
    }

    pub fn stop(mut self) -> ProbeStats {
        let [lost_critical, lost_bulk, shed_bulk] = self.figures_now().stats;
        let pid = self.pid;
        drop(self);
        // SAFETY: waits for our own child, whose end is due as its pipe is closed.
        unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
        ProbeStats {
            lost_critical,
            lost_bulk,
            shed_bulk,
            ..ProbeStats::default()
        }
    }
}

fn pipe() -> (fs::File, fs::File) {
    let mut ends = [0; 2];
    // SAFETY: the kernel writes two descriptors, which nobody else knows.
    unsafe {
        assert_eq!(
            libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC),
            0,
            "descriptors are left"
        );
        (
            OwnedFd::from_raw_fd(ends[0]).into(),
            OwnedFd::from_raw_fd(ends[1]).into(),
        )
    }
}

static ASKED: AtomicBool = AtomicBool::new(false);
static ENDED: AtomicBool = AtomicBool::new(false);

fn consume(mut ask: fs::File, mut answer: fs::File) {
    let mut probe = Probe::start(&ProbeOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    let identity = BatchIdentity {
        stream_id: [1; 16],
        boot_id: probe.boot_id(),
        wall_offset_ns: probe.wall_offset_ns(),
    };
    let mut builder = BatchBuilder::new(identity).expect("zstd has its context");
    let mut figures = Figures::default();
    std::thread::spawn(move || {
        let mut byte = [0];
        while ask.read(&mut byte).is_ok_and(|read| read == 1) {
            ASKED.store(true, Ordering::Release);
        }
        ENDED.store(true, Ordering::Release);
    });
    let mut batches = 0;
    while !ENDED.load(Ordering::Acquire) {
        let events = probe
            .poll(Duration::from_millis(20), &mut [&mut builder])
            .unwrap_or_else(|error| panic!("{error}"));
        figures.events += events as u64;
        while builder.is_full() {
            batches += 1;
            figures.batch_bytes += builder.finish(batches, "").columns.len() as u64;
        }
        if ASKED.swap(false, Ordering::AcqRel) {
            let stats = probe.stats();
            let words = [
                figures.events,
                figures.batch_bytes,
                cpu_ns(),
                rss_bytes(),
                stats.lost_critical,
                stats.lost_bulk,
                stats.shed_bulk,
            ];
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            if answer.write_all(&bytes).is_err() {
                return;
            }
        }
    }
}

fn cpu_ns() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes one timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn rss_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap_or_default();
    line.trim()
        .trim_end_matches(" kB")
        .parse::<u64>()
        .unwrap_or_default()
        * 1024
}
