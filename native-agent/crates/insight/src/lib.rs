//! What processes execute: samples of running code, the loops around them, what those compute, and the memory they lie in.
//! Knows nothing of who may do so; that is the reflexes' to judge.
mod aarch64;
mod allowance;
mod architecture;
mod body;
mod cpus;
mod decoder;
mod kernel;
mod memory;
mod ring;
mod sampler;
mod self_test;
mod watch;
mod x86;

use nix::time::{ClockId, clock_gettime};

pub use allowance::Allowance;
pub use architecture::{Unsupported, of, of_this_cpu};
pub use decoder::{Decoder, Loop};
pub use kernel::{Kernel, Mix};
pub use memory::{FileId, Memory, Origin, Region};
pub use sampler::Sampler;
pub use self_test::{SelfTest, self_test};

/// CPU time of this thread, what the kernel did meanwhile included, ns.
pub fn thread_cpu_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(0, |time| {
        time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
    })
}

/// One moment of one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    pub pid: u32,
    pub thread: u32,
    /// Where its user code is: in a system call, behind the instruction that made it.
    pub address: u64,
    /// 0: not known.
    pub stack: u64,
    pub in_kernel: bool,
    /// CPU time this sample stands for, ns.
    pub weight_ns: u64,
}

/// How closely to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Nothing is odd.
    Calm,
    /// Something is.
    Close,
}

impl Pace {
    /// Samples a second on each CPU.
    pub fn hz(self) -> u64 {
        match self {
            Self::Calm => 49,
            Self::Close => 199,
        }
    }

    pub fn period_ns(self) -> u64 {
        1_000_000_000 / self.hz()
    }

    /// All of it, in the kernel and here, may take this part of one core: below the 0.2 % that the agent promises.
    pub fn one_in(self) -> u64 {
        match self {
            Self::Calm => 1_500,
            Self::Close => 700,
        }
    }
}

/// Which CPUs are looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Online.
    pub cpus: u32,
    /// Of these, those that give no samples: what runs there is not seen.
    pub silent: u32,
}

/// Where samples of running code come from, and the memory of who runs it.
pub trait Instructions: Send {
    /// Hands over what was sampled since the last call, oldest first on each CPU.
    fn drain(&mut self, sink: &mut dyn FnMut(Sample));
    /// Samples that found no room, in all.
    fn lost(&self) -> u64;
    fn coverage(&self) -> Coverage;
    fn set_pace(&mut self, pace: Pace);
    /// Reads code of a process; the bytes read.
    fn read(&self, pid: u32, address: u64, buffer: &mut [u8]) -> usize;
    /// What is mapped where in a process; `None` when it is gone.
    fn memory(&self, pid: u32) -> Option<Memory>;
}
