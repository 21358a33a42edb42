//! What hooked processes start is hooked before an instruction of its own runs: they ask before an exec, and a thread of the agent's follows theirs into it.
//!
//! question ─▶ is it chosen, is there room ─▶ seized ─▶ answered ─▶ exec ─▶ hooked ─▶ matched with the sensor's event of the same exec
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, thread};

use norn_events::ProcessUid;
use norn_inject::{Call, Hooked, InjectError, Plans, hook_next};
use norn_os::Waker;
use norn_os::clock::boot_ns;
use norn_programs::lineage::has_runtime_name;
use norn_vault::Vault;

use crate::answers::{AnswerCounts, Answers, Starts};
use crate::calls::options;
use crate::choice::is_named;
use crate::pace::Pace;

/// Starts that are followed at a time, and a second: each costs the agent some 2 ms. What has no room starts as it is, and is hooked by the sensor's event.
const AT_ONCE_MAX: usize = 8;
const PER_SECOND_MAX: u32 = 50;
const BURST_MAX: u32 = 20;
/// Of processes that were hooked in any way, those that ended a moment ago with them.
const TREES_MAX: usize = 96;
/// An exec waits at most this long for a thread to follow it.
const HOLD: Duration = Duration::from_millis(20);
/// The sensor tells of the exec within this, or never.
const EVENT: Duration = Duration::from_secs(2);
const STACK_BYTES: usize = 256 << 10;

/// A start that is or was followed.
pub struct Start {
    pub pid: u32,
    pub namespace_pid: u32,
    /// Once the sensor has told of the exec.
    pub uid: Option<ProcessUid>,
    begun: Instant,
    pub outcome: Option<Outcome>,
}

pub struct Outcome {
    pub result: Result<Hooked, InjectError>,
    /// CLOCK_BOOTTIME, ns: since then every hooked call is told.
    pub time_ns: u64,
    pub took_us: u64,
}

/// What all hooked processes share.
pub struct Follower {
    pub plans: Plans,
    programs: Vec<Vec<u8>>,
    own_image: PathBuf,
    waker: Waker,
    starts: Mutex<Vec<Start>>,
    pace: Mutex<Pace>,
    running: AtomicUsize,
    /// Trees that there are.
    pub trees: AtomicUsize,
    /// Starts that were not followed: there was no room, or no thread in time.
    pub passed: AtomicU64,
}

/// For one process.
#[derive(Clone)]
pub struct Follow {
    pub follower: Arc<Follower>,
    pub vault: Option<Arc<Vault>>,
    pub counts: Arc<AnswerCounts>,
    /// Not only what is named.
    pub all: bool,
}

impl Follower {
    pub fn new(programs: Vec<Vec<u8>>, waker: Waker) -> Self {
        Self {
            plans: Plans::default(),
            programs,
            own_image: std::env::current_exe().unwrap_or_default(),
            waker,
            starts: Mutex::default(),
            pace: Mutex::new(Pace::new(Instant::now(), (PER_SECOND_MAX, BURST_MAX))),
            running: AtomicUsize::new(0),
            trees: AtomicUsize::new(0),
            passed: AtomicU64::new(0),
        }
    }

    /// The sensor tells of an exec. Whether it is one that is followed, so that nobody else needs to.
    pub fn sees(&self, pid: u32, uid: ProcessUid) -> bool {
        let mut starts = lock(&self.starts);
        let has_failed = |start: &Start| {
            start
                .outcome
                .as_ref()
                .is_some_and(|outcome| outcome.result.is_err())
        };
        let mut of_process = starts.iter_mut().filter(|start| start.pid == pid);
        let start = of_process.find(|start| start.uid.is_none() && !has_failed(start));
        start.map(|start| start.uid = Some(uid)).is_some()
    }

    /// What is decided: failed, or hooked and seen, or hooked and never seen.
    pub fn settled(&self) -> Vec<Start> {
        let is_settled = |start: &mut Start| {
            let is_over = start.uid.is_some() || start.begun.elapsed() > EVENT;
            let outcome = start.outcome.as_ref();
            outcome.is_some_and(|outcome| outcome.result.is_err() || is_over)
        };
        lock(&self.starts).extract_if(.., is_settled).collect()
    }

    /// At the agent's end: those that nobody has fetched.
    pub fn take(&self) -> Vec<Hooked> {
        let starts = std::mem::take(&mut *lock(&self.starts));
        let hooked = |start: Start| start.outcome?.result.ok();
        starts.into_iter().filter_map(hooked).collect()
    }

    fn ended(&self, pid: u32, result: Result<Hooked, InjectError>, took_us: u64) {
        let outcome = Outcome {
            result,
            time_ns: boot_ns(),
            took_us,
        };
        let is_under_way = |start: &&mut Start| start.pid == pid && start.outcome.is_none();
        if let Some(start) = lock(&self.starts).iter_mut().find(is_under_way) {
            start.outcome = Some(outcome);
        }
        self.running.fetch_sub(1, Ordering::Relaxed);
        self.waker.wake();
    }

    fn has_room(&self) -> bool {
        self.trees.load(Ordering::Relaxed) < TREES_MAX
            && self.running.load(Ordering::Relaxed) < AT_ONCE_MAX
            && lock(&self.pace).take(Instant::now())
    }
}

impl Follow {
    /// To be told of what its process starts.
    pub fn starts(self) -> Starts {
        Box::new(move |ids, call, file| self.before(ids, call, file))
    }

    /// Returns when the process can no longer start `call`'s program without being followed, or has waited long enough.
    pub fn before(&self, (pid, namespace_pid): (u32, u32), call: &Call, path: &impl AsRawFd) {
        if !is_first_thread(pid) || !self.is_chosen(call, path) || self.is_followed(pid) {
            return;
        }
        if !self.follower.has_room() {
            self.follower.passed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let start = Start {
            pid,
            namespace_pid,
            uid: None,
            begun: Instant::now(),
            outcome: None,
        };
        lock(&self.follower.starts).push(start);
        self.follower.running.fetch_add(1, Ordering::Relaxed);
        let (hold, is_held) = sync_channel(1);
        let follow = self.clone();
        let spawned = thread::Builder::new()
            .name("hook-follower".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || follow.run((pid, namespace_pid), &hold));
        if let Err(source) = spawned {
            let failed = InjectError::System {
                pid: pid as i32,
                doing: "starting a thread to follow it",
                source,
            };
            self.follower.ended(pid, Err(failed), 0);
        }
        if is_held.recv_timeout(HOLD).is_err() {
            self.follower.passed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn run(&self, ids: (u32, u32), hold: &SyncSender<()>) {
        let begun = Instant::now();
        let answers = Answers::new(ids, self.vault.clone(), self.counts.clone());
        let answers = Box::new(answers.following(self.clone().starts()));
        let options = options(self.vault.is_some());
        let result = hook_next(ids.0 as i32, &self.follower.plans, (&options, answers), || {
            // Nobody waits any more: it took too long.
            let _late = hold.send(());
        });
        self.follower
            .ended(ids.0, result, begun.elapsed().as_micros() as u64);
    }

    /// As it is called, or as the file is found. What might be a runtime is left to those who know the process.
    fn is_chosen(&self, call: &Call, path: &impl AsRawFd) -> bool {
        let found = fs::read_link(format!("/proc/self/fd/{}", path.as_raw_fd())).unwrap_or_default();
        if found == self.follower.own_image || has_runtime_name(found.as_os_str().as_bytes()) {
            return false;
        }
        let programs = &self.follower.programs;
        self.all || is_named(programs, &call.first) || is_named(programs, found.as_os_str().as_bytes())
    }

    /// One that looks for its program in many places asks before each.
    fn is_followed(&self, pid: u32) -> bool {
        lock(&self.follower.starts)
            .iter()
            .any(|start| start.pid == pid && start.outcome.is_none())
    }
}

/// Another one gets the first one's id at its exec: that is left to the sensor's event.
fn is_first_thread(tid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
    status.contains(&format!("\nTgid:\t{tid}\n"))
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
