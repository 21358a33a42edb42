//! A thread that is about to start a program: the program is hooked before an instruction of its own runs.
//!
//! seize ─▶ its call goes on ─▶ stop at the exec ─▶ from call to call of its loader, until libc and a thread pointer are there ─▶ hook ─▶ let go
//!
//! Nothing is written until the hook itself, no breakpoint is set: should we be killed, the program goes on by itself at any of these stops.
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::unistd::Pid;

use crate::blind;
use crate::eject::Hooked;
use crate::error::{Blind, InjectError};
use crate::inject::{Options, hook_stopped};
use crate::maps;
use crate::plan::Plans;
use crate::respond::Answerer;
use crate::schedule;
use crate::stop::{self, Stop, Stopped, wait};

/// The call has to be made and to have come so far within this; then the thread is let go as it is.
const EXEC: Duration = Duration::from_millis(50);
/// The loader has to have come so far, while it is held at each of its calls.
const LOADER: Duration = Duration::from_millis(50);
const LOOK: Duration = Duration::from_micros(30);
/// Calls that a loader makes, and their ends. A usual program has libc after 50, one with many libraries after a thousand.
const STOPS_MAX: usize = 20_000;

/// Hooks the program that the first thread of `pid` is about to start. `is_followed` is called when the thread may make its call: once it can no
/// longer escape. On a thread of the caller's that ends after this.
pub fn hook_next(
    pid: i32,
    plans: &Plans,
    (options, answerer): (&Options, Box<dyn Answerer>),
    is_followed: impl FnOnce(),
) -> Result<Hooked, InjectError> {
    if !keeps_rights() {
        return Err(Blind::NotAllowed { pid }.into());
    }
    schedule::hurry_own_thread();
    let mut follower = Follower::seize(pid)?;
    is_followed();
    follower.await_exec()?;
    blind::check_started(pid)?;
    follower.await_loader()?;
    let target = blind::examine_code(pid, plans)?;
    hook_stopped(follower.into_stopped()?, target, options, &mut Some(answerer))
}

/// A program that gains rights at its start does not gain them when it is followed by somebody without this one.
fn keeps_rights() -> bool {
    const CAP_SYS_PTRACE: u32 = 19;
    let own = maps::status(std::process::id() as i32, "CapEff");
    own.and_then(|rights| u64::from_str_radix(&rights, 16).ok())
        .is_some_and(|rights| rights >> CAP_SYS_PTRACE & 1 == 1)
}

/// Lets go of its thread when it is dropped.
struct Follower {
    pid: i32,
    is_stopped: bool,
    /// That it was about to get when it stopped.
    signal: i32,
}

impl Follower {
    fn seize(pid: i32) -> Result<Self, InjectError> {
        let options = ptrace::Options::PTRACE_O_TRACESYSGOOD | ptrace::Options::PTRACE_O_TRACEEXEC;
        ptrace::seize(Pid::from_raw(pid), options).map_err(|error| match error {
            Errno::EPERM => stop::refused(pid, pid),
            _ => failed(pid, error),
        })?;
        Ok(Self {
            pid,
            is_stopped: false,
            signal: 0,
        })
    }

    fn await_exec(&mut self) -> Result<(), InjectError> {
        let began = Instant::now();
        while began.elapsed() < EXEC {
            match wait(self.pid, libc::WNOHANG).map_err(|error| failed(self.pid, error))? {
                None => std::thread::sleep(LOOK),
                Some(Stop::Exec) => {
                    self.is_stopped = true;
                    return Ok(());
                }
                Some(found) => {
                    self.stopped_by(found)?;
                    self.go_on(libc::PTRACE_CONT)?;
                }
            }
        }
        Err(InjectError::NoExec {
            pid: self.pid,
            waited_ms: EXEC.as_millis() as u64,
        })
    }

    /// The loader sets the thread pointer once it has mapped libc.
    fn await_loader(&mut self) -> Result<(), InjectError> {
        let began = Instant::now();
        for _ in 0..STOPS_MAX {
            self.go_on(libc::PTRACE_SYSCALL)?;
            self.await_stop(Stop::Call, libc::PTRACE_SYSCALL)?;
            let registers =
                ptrace::getregs(Pid::from_raw(self.pid)).map_err(|error| failed(self.pid, error))?;
            if registers.fs_base != 0 {
                return Ok(());
            }
            if began.elapsed() > LOADER {
                break;
            }
        }
        Err(InjectError::Busy {
            pid: self.pid,
            tid: self.pid,
            waited_ms: began.elapsed().as_millis() as u64,
        })
    }

    /// In the kind of stop in which threads are borrowed.
    fn into_stopped(mut self) -> Result<Stopped, InjectError> {
        ptrace::interrupt(Pid::from_raw(self.pid)).map_err(|error| failed(self.pid, error))?;
        self.go_on(libc::PTRACE_CONT)?;
        self.await_stop(Stop::Event, libc::PTRACE_CONT)?;
        let stopped = Stopped::of_one(self.pid)?;
        // From here on that lets go of it.
        std::mem::forget(self);
        Ok(stopped)
    }

    fn await_stop(&mut self, wanted: Stop, how: libc::c_uint) -> Result<(), InjectError> {
        for _ in 0..STOPS_MAX {
            match wait(self.pid, 0).map_err(|error| failed(self.pid, error))? {
                Some(found) if found == wanted => {
                    self.is_stopped = true;
                    return Ok(());
                }
                Some(found) => {
                    self.stopped_by(found)?;
                    self.go_on(how)?;
                }
                None => {}
            }
        }
        Err(failed(self.pid, Errno::ELOOP))
    }

    /// A signal is the program's own; one that is stopped with its whole process is let go so.
    fn stopped_by(&mut self, found: Stop) -> Result<(), InjectError> {
        let pid = self.pid;
        match found {
            Stop::Ended => Err(Blind::Gone { pid }.into()),
            Stop::Event => {
                self.is_stopped = true;
                Err(Blind::Stopped { pid }.into())
            }
            Stop::Signal(signal) => {
                (self.is_stopped, self.signal) = (true, signal);
                Ok(())
            }
            Stop::Call | Stop::Exec => {
                self.is_stopped = true;
                Ok(())
            }
        }
    }

    fn go_on(&mut self, how: libc::c_uint) -> Result<(), InjectError> {
        let signal = std::mem::take(&mut self.signal) as usize;
        self.is_stopped = false;
        // SAFETY: resumes a thread that is stopped for us, with the signal that it stopped for.
        let done = Errno::result(unsafe { libc::ptrace(how, self.pid, 0usize, signal) });
        done.map(|_| ()).map_err(|error| failed(self.pid, error))
    }

    fn let_go(&mut self) -> Result<(), Errno> {
        let pid = Pid::from_raw(self.pid);
        while !self.is_stopped {
            ptrace::interrupt(pid)?;
            match wait(self.pid, 0)? {
                Some(Stop::Ended) => return Ok(()),
                Some(Stop::Signal(signal)) => (self.is_stopped, self.signal) = (true, signal),
                _ => self.is_stopped = true,
            }
        }
        // SAFETY: lets go of a thread that is stopped for us, with the signal that it stopped for.
        Errno::result(unsafe { libc::ptrace(libc::PTRACE_DETACH, self.pid, 0usize, self.signal as usize) })?;
        Ok(())
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // Fails only for a thread that was killed meanwhile.
        let _ = self.let_go();
    }
}

fn failed(pid: i32, error: Errno) -> InjectError {
    if error == Errno::ESRCH {
        return Blind::Gone { pid }.into();
    }
    InjectError::System {
        pid,
        doing: "following a program's start",
        source: error.into(),
    }
}
