//! A stopped thread makes system calls for the injector, at a `syscall` instruction that its libc has anyway: no byte of code is changed for it.
//!
//! The calls are followed by their own stops, not by single steps: no signal is made, and signals that the program gets meanwhile wait
//! behind a mask, and should the injector be killed the thread comes back by itself (`will`). At the end the thread is back in the kind of stop in which it was met, with the registers that it had: so the kernel
//! starts an interrupted call again as it would have.
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::unistd::Pid;

use crate::error::{Blind, InjectError};
use crate::schedule;
use crate::seccomp;
use crate::stop::{Stop, Stopped, Thread, wait};
use crate::will::{Gadgets, Will};

const PTRACE_GETSIGMASK: libc::c_uint = 0x420a;
const PTRACE_SETSIGMASK: libc::c_uint = 0x420b;
/// Stops that an ended or stopped thread may make before the one that is waited for.
const STOPS_MAX: usize = 64;

pub struct Remote<'a> {
    pub stopped: &'a mut Stopped,
    pub memory: File,
    pub tid: i32,
    will: Will,
    signals: u64,
    is_moved: bool,
    turns: Option<schedule::Before>,
}

impl<'a> Remote<'a> {
    /// `gadgets` by their addresses in the process.
    pub fn begin(stopped: &'a mut Stopped, gadgets: Gadgets) -> Result<Self, InjectError> {
        let memory = open_memory(stopped)?;
        let tid = choose(stopped, &memory)?;
        let mut signals = 0u64;
        signal_mask(PTRACE_GETSIGMASK, tid, &mut signals)
            .map_err(|error| stopped.failed("reading the signal mask", error))?;
        let registers = stopped.threads.get(&tid).map(|thread| thread.registers);
        let registers = registers.ok_or(Blind::Gone { pid: stopped.pid })?;
        let will = Will::write((tid, registers, signals), gadgets, &memory)
            .map_err(|error| stopped.failed("writing below the stack", error))?;
        let mut remote = Self {
            stopped,
            memory,
            tid,
            will,
            signals,
            is_moved: false,
            turns: None,
        };
        remote
            .borrow()
            .map_err(|error| remote.stopped.failed("borrowing a thread", error))?;
        Ok(remote)
    }

    /// From here on the thread would come back by itself. What is changed of it is changed after that.
    fn borrow(&mut self) -> Result<(), Errno> {
        self.is_moved = true;
        self.stand_by()?;
        signal_mask(PTRACE_SETSIGMASK, self.tid, &mut u64::MAX.clone())?;
        let turns = schedule::Before::of(self.tid);
        let Some(turns) = turns.filter(|_| seccomp::may(self.tid, &[libc::SYS_sched_setattr])) else {
            return Ok(());
        };
        let put = self.will.put(turns.bytes(), &self.memory);
        let added = put.and_then(|at| {
            let args = [0, at, 0, 0, 0, 0];
            self.will.add_call(libc::SYS_sched_setattr, args, &self.memory)
        });
        added.map_err(|_| Errno::EFAULT)?;
        self.stand_by()?;
        let _keeps_its_turns = !turns.hurry() && !turns.shorten();
        self.turns = Some(turns);
        Ok(())
    }

    /// For the time until the next call.
    pub fn stand_by(&self) -> Result<(), Errno> {
        ptrace::setregs(Pid::from_raw(self.tid), self.will.returning())
    }

    /// Should the injector be killed, the thread makes this call, then those that were named before.
    pub fn if_killed(&mut self, number: i64, args: [u64; 6]) -> Result<(), InjectError> {
        let added = self.will.add_call(number, args, &self.memory);
        let done = added.and_then(|()| Ok(self.stand_by()?));
        done.map_err(|error| self.stopped.failed("writing below the stack", error))
    }

    /// What was named last is no longer to be done: from the next call on.
    pub fn never_mind(&mut self) {
        self.will.forget_last();
    }

    /// The kernel's answer; an errno is an error.
    pub fn call(&mut self, doing: &'static str, number: i64, args: [u64; 6]) -> Result<u64, InjectError> {
        let answer = self
            .try_call(number, args)
            .map_err(|error| self.stopped.failed(doing, error))? as i64;
        if (-4095..0).contains(&answer) {
            return Err(self.stopped.failed(doing, Errno::from_raw(-answer as i32)));
        }
        Ok(answer as u64)
    }

    fn try_call(&mut self, number: i64, args: [u64; 6]) -> Result<u64, Errno> {
        let tid = Pid::from_raw(self.tid);
        ptrace::setregs(tid, self.will.calling(number, args))?;
        for _ in 0..2 {
            self.go_on(libc::PTRACE_SYSCALL, Stop::Call)?;
        }
        Ok(ptrace::getregs(tid)?.rax)
    }

    fn go_on(&mut self, how: libc::c_uint, until: Stop) -> Result<(), Errno> {
        for _ in 0..STOPS_MAX {
            // SAFETY: resumes a thread that is stopped for us, without a signal.
            Errno::result(unsafe { libc::ptrace(how, self.tid, 0usize, 0usize) })?;
            match wait(self.tid, 0)? {
                Some(stop) if stop == until => return Ok(()),
                Some(Stop::Signal(signal)) => self.stopped.held.push((self.tid, signal)),
                Some(Stop::Ended) => return Err(Errno::ESRCH),
                _ => {}
            }
        }
        Err(Errno::ELOOP)
    }

    pub fn write(&self, address: u64, bytes: &[u8]) -> io::Result<()> {
        self.memory.write_all_at(bytes, address)
    }

    pub fn read(&self, address: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.memory.read_exact_at(bytes, address)
    }

    /// Each step leaves a thread that would come back by itself, or has.
    fn put_back(&mut self) -> Result<(), Errno> {
        if !self.is_moved {
            return Ok(());
        }
        let tid = Pid::from_raw(self.tid);
        ptrace::interrupt(tid)?;
        self.go_on(libc::PTRACE_CONT, Stop::Event)?;
        self.turns.iter().for_each(schedule::Before::restore);
        signal_mask(PTRACE_SETSIGMASK, self.tid, &mut self.signals.clone())?;
        let registers = self.stopped.threads.get(&self.tid).ok_or(Errno::ESRCH)?.registers;
        ptrace::setregs(tid, registers)?;
        self.will.erase(&self.memory).map_err(|_| Errno::EFAULT)
    }
}

impl Drop for Remote<'_> {
    fn drop(&mut self) {
        // Fails only for a thread that was killed meanwhile.
        let _ = self.put_back();
    }
}

pub fn open_memory(stopped: &Stopped) -> Result<File, InjectError> {
    File::options()
        .read(true)
        .write(true)
        .open(format!("/proc/{}/mem", stopped.pid))
        .map_err(|error| stopped.failed("opening the memory", error))
}

/// A thread that waits in the kernel, if there is one: it is in the middle of nothing. Never one that is about to get a signal, which belongs to
/// the very instruction that it stands at, nor one in a restartable sequence, which the kernel would not start again.
fn choose(stopped: &Stopped, memory: &File) -> Result<i32, InjectError> {
    let is_quiet = |thread: &&Thread| thread.signal == 0;
    let waits = stopped
        .threads
        .values()
        .filter(is_quiet)
        .find(|thread| (thread.registers.orig_rax as i64) >= 0);
    let runs = || {
        stopped
            .threads
            .values()
            .filter(is_quiet)
            .find(|thread| !is_in_sequence(thread.tid, memory))
    };
    waits
        .or_else(runs)
        .map(|thread| thread.tid)
        .ok_or(InjectError::Busy {
            pid: stopped.pid,
            tid: stopped.pid,
            waited_ms: 0,
        })
}

fn is_in_sequence(tid: i32, memory: &File) -> bool {
    const PTRACE_GET_RSEQ_CONFIGURATION: libc::c_uint = 0x420f;
    const SEQUENCE_OFFSET: u64 = 8;
    let mut configuration = [0u64; 3];
    let bytes = size_of_val(&configuration);
    // SAFETY: the thread is stopped for us; the kernel writes at most 24 bytes.
    let found = unsafe { libc::ptrace(PTRACE_GET_RSEQ_CONFIGURATION, tid, bytes, &raw mut configuration) };
    let mut sequence = [0u8; 8];
    let area = configuration[0];
    found > 0
        && area != 0
        && memory
            .read_exact_at(&mut sequence, area + SEQUENCE_OFFSET)
            .is_ok()
        && sequence != [0; 8]
}

fn signal_mask(request: libc::c_uint, tid: i32, mask: &mut u64) -> Result<(), Errno> {
    // SAFETY: the thread is stopped for us; the kernel reads or writes eight bytes.
    Errno::result(unsafe { libc::ptrace(request, tid, 8usize, &raw mut *mask) }).map(|_| ())
}
