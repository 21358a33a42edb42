//! All threads of a process hold still. Whatever happens to the injector's thread, the kernel lets go of them when it ends.
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::{Duration, Instant};

use libc::user_regs_struct as Registers;
use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::unistd::Pid;

use crate::error::{Blind, InjectError};
use crate::maps;
use crate::schedule;

/// A thread that waits in the kernel without being interruptible (a parent in vfork, a dead network disk) stops only after that.
const STOP_MS: u64 = 200;
const THREADS_MAX: usize = 20_000;

pub struct Thread {
    pub tid: i32,
    pub registers: Registers,
    /// The signal that it was about to get when it stopped, or 0. It gets it when it goes on.
    pub signal: i32,
}

impl Thread {
    /// Moves the thread to where the instruction that it is about to run lies as well. At once: so it goes on there even if we are killed.
    pub fn move_to(&mut self, rip: u64) -> Result<(), Errno> {
        self.registers.rip = rip;
        ptrace::setregs(Pid::from_raw(self.tid), self.registers)
    }
}

/// The threads of one process, stopped; they go on when this is dropped.
pub struct Stopped {
    pub pid: i32,
    /// When the first of them may have stopped.
    pub since: Instant,
    pub threads: BTreeMap<i32, Thread>,
    /// Signals that came meanwhile and could not be held back by a mask.
    pub held: Vec<(i32, i32)>,
}

impl Stopped {
    /// On a thread of the caller's that ends when this has been dropped.
    pub fn stop(pid: i32) -> Result<Self, InjectError> {
        // This thread ends with it.
        schedule::hurry_own_thread();
        let mut stopped = Self {
            pid,
            since: Instant::now(),
            threads: BTreeMap::new(),
            held: Vec::new(),
        };
        // A thread may start others until it is stopped itself.
        while stopped.stop_new()? {}
        if stopped.threads.is_empty() {
            Err(Blind::Gone { pid }.into())
        } else {
            Ok(stopped)
        }
    }

    /// A process of one thread, which the calling thread has stopped.
    pub fn of_one(pid: i32) -> Result<Self, InjectError> {
        let mut stopped = Self {
            pid,
            since: Instant::now(),
            threads: BTreeMap::new(),
            held: Vec::new(),
        };
        stopped.note(pid, 0)?;
        Ok(stopped)
    }

    fn stop_new(&mut self) -> Result<bool, InjectError> {
        let tasks =
            fs::read_dir(format!("/proc/{}/task", self.pid)).map_err(|_| Blind::Gone { pid: self.pid })?;
        let mut asked = Vec::new();
        for tid in tasks
            .flatten()
            .filter_map(|task| task.file_name().to_str()?.parse().ok())
        {
            let has_room = self.threads.len() + asked.len() < THREADS_MAX;
            if !self.threads.contains_key(&tid) && has_room && self.interrupt(tid)? {
                asked.push(tid);
            }
        }
        // All at once: each has to have its turn on the CPU before it stops.
        let (mut found_new, is_only) = (false, self.threads.is_empty() && asked.len() == 1);
        for tid in asked {
            found_new |= self.await_thread(tid)?;
        }
        if is_only {
            // Until its turn came it waited as it would have.
            self.since = Instant::now();
        }
        Ok(found_new)
    }

    fn interrupt(&self, tid: i32) -> Result<bool, InjectError> {
        let thread = Pid::from_raw(tid);
        match ptrace::seize(thread, Options::PTRACE_O_TRACESYSGOOD).and_then(|()| ptrace::interrupt(thread)) {
            Ok(()) => Ok(true),
            Err(Errno::ESRCH) => Ok(false),
            // Also the answer for a thread that is just ending.
            Err(Errno::EPERM) if has_ended(tid) => Ok(false),
            Err(Errno::EPERM) => Err(refused(self.pid, tid)),
            Err(error) => Err(self.failed("stopping a thread", error)),
        }
    }

    fn await_thread(&mut self, tid: i32) -> Result<bool, InjectError> {
        let Some(signal) = self.wait_for_stop(tid)? else {
            return Ok(false);
        };
        self.note(tid, signal)?;
        Ok(true)
    }

    fn note(&mut self, tid: i32, signal: i32) -> Result<(), InjectError> {
        let registers =
            ptrace::getregs(Pid::from_raw(tid)).map_err(|error| self.failed("reading registers", error))?;
        self.threads.insert(
            tid,
            Thread {
                tid,
                registers,
                signal,
            },
        );
        Ok(())
    }

    /// The signal that the thread stopped for, or 0; None when it has ended instead.
    fn wait_for_stop(&self, tid: i32) -> Result<Option<i32>, InjectError> {
        let began = Instant::now();
        loop {
            match wait(tid, libc::WNOHANG) {
                Ok(None) if began.elapsed() > Duration::from_millis(STOP_MS) => {
                    return Err(InjectError::Busy {
                        pid: self.pid,
                        tid,
                        waited_ms: STOP_MS,
                    });
                }
                Ok(None) => std::thread::sleep(Duration::from_micros(20)),
                Ok(Some(Stop::Signal(signal))) => return Ok(Some(signal)),
                Ok(Some(Stop::Call | Stop::Event | Stop::Exec)) => return Ok(Some(0)),
                Ok(Some(Stop::Ended)) | Err(Errno::ECHILD) => return Ok(None),
                Err(error) => return Err(self.failed("waiting for a thread", error)),
            }
        }
    }

    pub fn failed(&self, doing: &'static str, error: impl Into<io::Error>) -> InjectError {
        InjectError::System {
            pid: self.pid,
            doing,
            source: error.into(),
        }
    }

    /// Moves the threads for which `to` knows another place.
    pub fn move_threads(&mut self, to: impl Fn(u64) -> Option<u64>) -> Result<(), Errno> {
        let moved = |thread: &mut Thread| to(thread.registers.rip).map_or(Ok(()), |rip| thread.move_to(rip));
        self.threads.values_mut().try_for_each(moved)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        for thread in self.threads.values() {
            let tid = Pid::from_raw(thread.tid);
            // SAFETY: lets go of a thread that is stopped for us, with the signal that it was about to get.
            unsafe { libc::ptrace(libc::PTRACE_DETACH, tid.as_raw(), 0usize, thread.signal as usize) };
        }
        for (tid, signal) in &self.held {
            // SAFETY: sends back a signal that the thread had been sent.
            unsafe { libc::syscall(libc::SYS_tgkill, self.pid, *tid, *signal) };
        }
    }
}

/// Why a thread may not be followed.
pub fn refused(pid: i32, tid: i32) -> InjectError {
    match maps::status_number(tid, "TracerPid") {
        // The attempt before is still letting go.
        Some(tracer @ 1..) if is_own(tracer) => InjectError::Busy {
            pid,
            tid,
            waited_ms: 0,
        },
        Some(tracer @ 1..) => Blind::Traced {
            pid,
            tracer: tracer as i32,
        }
        .into(),
        _ if has_ended(tid) => Blind::Gone { pid }.into(),
        _ => Blind::NotAllowed { pid }.into(),
    }
}

fn has_ended(tid: i32) -> bool {
    maps::status(tid, "State").is_none_or(|state| state.starts_with(['Z', 'X']))
}

/// A thread of ours, or one that has ended.
fn is_own(tracer: u64) -> bool {
    maps::status_number(tracer as i32, "Tgid").is_none_or(|process| process == u64::from(std::process::id()))
}

/// What a thread that is followed has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// At the start or end of a system call.
    Call,
    /// Because it was asked to, or with its whole process.
    Event,
    /// It is another program now.
    Exec,
    /// Before it gets this signal.
    Signal(i32),
    Ended,
}

/// None when `WNOHANG` is among the flags and nothing has happened. An end is only looked at: it is the parent's to take, which may be another thread of ours.
pub fn wait(tid: i32, flags: i32) -> Result<Option<Stop>, Errno> {
    // SAFETY: plain numbers.
    let mut found: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let look = libc::WEXITED | libc::WSTOPPED | libc::WNOWAIT | libc::__WALL | flags;
    // SAFETY: writes what was found.
    Errno::result(unsafe { libc::waitid(libc::P_PID, tid as u32, &raw mut found, look) })?;
    // SAFETY: `waitid` fills these in, or leaves zeros.
    if unsafe { found.si_pid() } == 0 {
        return Ok(None);
    }
    if matches!(
        found.si_code,
        libc::CLD_EXITED | libc::CLD_KILLED | libc::CLD_DUMPED
    ) {
        return Ok(Some(Stop::Ended));
    }
    let mut status = 0;
    // SAFETY: writes one number.
    Errno::result(unsafe { libc::waitpid(tid, &raw mut status, libc::__WALL) })?;
    let signal = libc::WSTOPSIG(status);
    Ok(Some(match () {
        () if !libc::WIFSTOPPED(status) => Stop::Ended,
        () if status >> 16 == libc::PTRACE_EVENT_EXEC => Stop::Exec,
        () if status >> 16 != 0 => Stop::Event,
        () if signal == libc::SIGTRAP | 0x80 => Stop::Call,
        () => Stop::Signal(signal),
    }))
}
