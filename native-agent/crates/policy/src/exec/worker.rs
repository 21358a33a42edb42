//! What takes a look into files: checksums, and whether a file is the loader of the program before it. The exec goes on at its
//! deadline; the work is finished all the same, so that the next one is answered at once.
use std::fs::File;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::fanotify::{FanotifyEvent, Response};
use nix::sys::stat::{Mode, fstat};

use super::shared::Shared;
use crate::engine::{Answer, Engine};
use crate::facts::ProgramFacts;

/// An exec that waits.
pub struct Job {
    pub event: Arc<FanotifyEvent>,
    pub engine: Arc<Engine>,
    pub pid: u32,
    /// Of the program this process was about to run just before.
    pub loader: Option<Arc<str>>,
    /// Somebody has answered.
    pub answered: Arc<AtomicBool>,
}

pub fn run(shared: &Shared, queue: &Mutex<Receiver<Job>>) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        // The responder has ended.
        let Ok(job) = next else { return };
        work(shared, &job);
    }
}

fn work(shared: &Shared, job: &Job) {
    let Some(fd) = job.event.fd() else { return };
    let reads = || !shared.stops();
    let mut facts = ProgramFacts::starting(&shared.sources, job.pid, fd, Some(&reads));
    let answer = match job.engine.judge_exec(job.pid, &mut facts) {
        Answer::Deny(_) if job.loader.as_deref().is_some_and(|loader| is_loader(job, loader)) => {
            Answer::Allow
        }
        answer => answer,
    };
    let rights = job.engine.rights(&mut facts);
    if let Ok(stat) = fstat(fd) {
        job.engine.expect(job.pid, stat.st_ino, rights);
    }
    if job.answered.swap(true, Ordering::AcqRel) {
        return;
    }
    conclude(shared, &job.event, answer);
}

/// The one place where an exec is answered with what was found.
pub fn conclude(shared: &Shared, event: &FanotifyEvent, answer: Answer) {
    match answer {
        Answer::Deny(denial) => {
            shared.answer(event, Response::FAN_DENY);
            shared.outlet.tell(*denial);
        }
        Answer::AllowUnknown => {
            shared.answer(event, Response::FAN_ALLOW);
            shared.outlet.let_through();
        }
        Answer::Allow => shared.answer(event, Response::FAN_ALLOW),
    }
}

/// The kernel opens a program's loader right after the program, as if it were one: the rules mean programs.
fn is_loader(job: &Job, loader: &str) -> bool {
    let found = || {
        let root = File::open(format!("/proc/{}/root", job.pid)).ok()?;
        let how = OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
            .mode(Mode::empty())
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        let named = fstat(openat2(root.as_fd(), loader, how).ok()?).ok()?;
        let opened = fstat(job.event.fd()?).ok()?;
        // An overlay's file has another device than the one below, and the rest in common.
        let of =
            |stat: &nix::sys::stat::FileStat| (stat.st_ino, stat.st_size, stat.st_mtime, stat.st_mtime_nsec);
        Some(of(&named) == of(&opened))
    };
    found().unwrap_or(false)
}
