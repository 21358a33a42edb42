//! A stopped thread makes system calls for the injector, at a `syscall` instruction that its libc has anyway: no byte of code is changed for it.
//!
//! The calls are followed by their own stops, not by single steps: no signal is made, and signals that the program gets meanwhile wait
//! behind a mask. At the end the thread is back in the kind of stop in which it was met, with the registers that it had: so the kernel
//! starts an interrupted call again as it would have.
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::unistd::Pid;

use crate::error::InjectError;
use crate::schedule;
use crate::stop::{Stop, Stopped, Thread, wait};

const PTRACE_GETSIGMASK: libc::c_uint = 0x420a;
const PTRACE_SETSIGMASK: libc::c_uint = 0x420b;
/// Stops that an ended or stopped thread may make before the one that is waited for.
const STOPS_MAX: usize = 64;

pub struct Remote<'a> {
    pub stopped: &'a mut Stopped,
    pub memory: File,
    pub tid: i32,
    syscall: u64,
    signals: u64,
    is_moved: bool,
    turns: Option<schedule::Before>,
}

impl<'a> Remote<'a> {
    /// `syscall` is the address of a `syscall` instruction in the process.
    pub fn begin(stopped: &'a mut Stopped, syscall: u64) -> Result<Self, InjectError> {
        let memory = File::options()
            .read(true)
            .write(true)
            .open(format!("/proc/{}/mem", stopped.pid))
            .map_err(|error| stopped.failed("opening the memory", error))?;
        let tid = choose(stopped, &memory)?;
        let mut signals = 0u64;
        signal_mask(PTRACE_GETSIGMASK, tid, &mut signals)
            .map_err(|error| stopped.failed("reading the signal mask", error))?;
        signal_mask(PTRACE_SETSIGMASK, tid, &mut u64::MAX.clone())
            .map_err(|error| stopped.failed("setting the signal mask", error))?;
        Ok(Self {
            stopped,
            memory,
            tid,
            syscall,
            signals,
            is_moved: false,
            turns: schedule::hurry(tid),
        })
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
        let mut registers = self.stopped.threads.get(&self.tid).ok_or(Errno::ESRCH)?.registers;
        registers.rip = self.syscall;
        (registers.rax, registers.orig_rax) = (number as u64, u64::MAX);
        [
            registers.rdi,
            registers.rsi,
            registers.rdx,
            registers.r10,
            registers.r8,
            registers.r9,
        ] = args;
        self.is_moved = true;
        ptrace::setregs(tid, registers)?;
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

    fn end(&mut self) -> Result<(), Errno> {
        let ended = self.put_back();
        self.turns.iter().for_each(schedule::Before::restore);
        ended
    }

    fn put_back(&mut self) -> Result<(), Errno> {
        let tid = Pid::from_raw(self.tid);
        if self.is_moved {
            ptrace::interrupt(tid)?;
            self.go_on(libc::PTRACE_CONT, Stop::Event)?;
            let registers = self.stopped.threads.get(&self.tid).ok_or(Errno::ESRCH)?.registers;
            ptrace::setregs(tid, registers)?;
        }
        signal_mask(PTRACE_SETSIGMASK, self.tid, &mut self.signals.clone())
    }
}

impl Drop for Remote<'_> {
    fn drop(&mut self) {
        // Fails only for a thread that was killed meanwhile.
        let _ = self.end();
    }
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
