//! The one thread that answers execs. It waits for no disk and for no other process, and lets go after the deadline.
use std::collections::HashMap;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::fanotify::{FanotifyEvent, Response};
use nix::sys::stat::fstat;
use norn_os::clock::boot_ns;

use super::shared::Shared;
use super::worker::{Job, conclude};
use crate::engine::Answer;
use crate::facts::ProgramFacts;
use crate::files::FileVersion;

const IDLE: Duration = Duration::from_millis(200);
/// Processes in the middle of an exec.
const STARTING_MAX: usize = 4_096;

struct Waiting {
    event: Arc<FanotifyEvent>,
    answered: Arc<AtomicBool>,
    until: Instant,
}

pub struct Responder {
    shared: Arc<Shared>,
    jobs: SyncSender<Job>,
    waiting: Vec<Waiting>,
    /// The loader of the program that a process was last about to run.
    starting: HashMap<u32, Arc<str>>,
}

impl Responder {
    pub fn new(shared: Arc<Shared>, jobs: SyncSender<Job>) -> Self {
        Self {
            shared,
            jobs,
            waiting: Vec::new(),
            starting: HashMap::new(),
        }
    }

    pub fn run(mut self) {
        let _crash = CrashNotHang;
        let shared = Arc::clone(&self.shared);
        while !shared.stops() {
            shared.beat_ns.store(boot_ns(), Ordering::Relaxed);
            let mut fds = [PollFd::new(shared.group.as_fd(), PollFlags::POLLIN)];
            let ready = poll(&mut fds, self.timeout()).unwrap_or(0);
            if ready > 0 {
                for event in self.read() {
                    self.handle(event);
                }
            }
            self.expire(Instant::now());
        }
        // No mark is left: what asked before is the last.
        for event in self.read() {
            shared.answer(&event, Response::FAN_ALLOW);
        }
        for waiting in std::mem::take(&mut self.waiting) {
            self.let_go(&waiting);
        }
    }

    fn read(&self) -> Vec<FanotifyEvent> {
        self.shared.reading_since_ns.store(boot_ns(), Ordering::Release);
        let events = self.shared.group.read_events();
        self.shared.reading_since_ns.store(0, Ordering::Release);
        events.unwrap_or_default()
    }

    fn timeout(&self) -> PollTimeout {
        let next = self.waiting.iter().map(|waiting| waiting.until).min();
        let wait = next.map_or(IDLE, |until| {
            until.saturating_duration_since(Instant::now()) + Duration::from_millis(1)
        });
        PollTimeout::try_from(wait.min(IDLE)).unwrap_or(PollTimeout::ZERO)
    }

    fn handle(&mut self, event: FanotifyEvent) {
        let pid = u32::try_from(event.pid()).unwrap_or(0);
        let (Some(fd), false) = (event.fd(), self.is_guarded(pid)) else {
            return self.shared.answer(&event, Response::FAN_ALLOW);
        };
        let Ok(stat) = fstat(fd) else {
            return self.shared.answer(&event, Response::FAN_ALLOW);
        };
        let engine = self.shared.current.get();
        let loader = self.begin(
            pid,
            self.shared.sources.files.loader(fd, FileVersion::from(&stat)),
        );
        let sources = Arc::clone(&self.shared.sources);
        let mut facts = ProgramFacts::starting(&sources, pid, fd, None);
        let answer = engine.judge_exec(pid, &mut facts);
        let rights = engine.rights(&mut facts);
        engine.expect(pid, stat.st_ino, rights);
        let may_be_loader = loader.is_some() && matches!(answer, Answer::Deny(_));
        if may_be_loader || facts.lacks_content {
            return self.hand_over(Job {
                event: Arc::new(event),
                engine,
                pid,
                loader,
                answered: Arc::default(),
            });
        }
        conclude(&self.shared, &event, answer);
    }

    fn is_guarded(&self, pid: u32) -> bool {
        let guarded = self.shared.guarded.lock().unwrap_or_else(PoisonError::into_inner);
        pid == std::process::id() || guarded.contains(&pid)
    }

    /// Notes this program's loader; gives that of the one before.
    fn begin(&mut self, pid: u32, loader: Option<Arc<str>>) -> Option<Arc<str>> {
        if self.starting.len() >= STARTING_MAX {
            self.starting.clear();
        }
        match loader {
            Some(loader) => self.starting.insert(pid, loader),
            None => self.starting.remove(&pid),
        }
    }

    fn hand_over(&mut self, job: Job) {
        self.waiting.push(Waiting {
            event: Arc::clone(&job.event),
            answered: Arc::clone(&job.answered),
            until: Instant::now() + self.shared.deadline,
        });
        // With the queue full it waits for its deadline, and is counted there.
        let _full = self.jobs.try_send(job);
    }

    fn expire(&mut self, now: Instant) {
        let (late, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .filter(|waiting| !waiting.answered.load(Ordering::Acquire))
            .partition(|waiting| waiting.until <= now);
        self.waiting = waiting;
        let late: Vec<Waiting> = late;
        late.iter().for_each(|waiting| self.let_go(waiting));
    }

    fn let_go(&self, waiting: &Waiting) {
        if !waiting.answered.swap(true, Ordering::AcqRel) {
            self.shared.answer(&waiting.event, Response::FAN_ALLOW);
            self.shared.outlet.let_through();
        }
    }
}

/// A dead responder with a living process would block every exec for ever; a dead process blocks none.
struct CrashNotHang;

impl Drop for CrashNotHang {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}
