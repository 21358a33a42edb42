//! Samples what every CPU runs: perf's cpu-clock, read from rings whenever somebody looks.
use std::io;
use std::time::{Duration, Instant};

use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;

use crate::cpus;
use crate::ring::Ring;
use crate::watch::{Open, Watch};
use crate::{Coverage, Instructions, Memory, Pace, Sample};

/// The part of what a pace allows that samples may take in the kernel.
const SAMPLES_ONE_IN: u64 = 4;

/// How often CPUs are looked for that came, or that give no samples.
const CHECKED: Duration = Duration::from_secs(30);

/// One ring for each CPU that is online.
pub struct Sampler {
    watch: Watch,
    checked: Instant,
    period_ns: u64,
    sample_ns: u64,
    lost: u64,
}

impl Sampler {
    /// # Errors
    /// When the kernel refuses: no CAP_PERFMON, or `kernel.perf_event_paranoid` above 2 without it.
    pub fn open() -> io::Result<Self> {
        Self::open_with(Ring::open)
    }

    pub(crate) fn open_with(open: Open) -> io::Result<Self> {
        let period_ns = Pace::Calm.period_ns();
        Ok(Self {
            watch: Watch::open(&cpus::online(), period_ns, open)?,
            checked: Instant::now(),
            period_ns,
            sample_ns: 0,
            lost: 0,
        })
    }

    /// What the kernel spends on one sample, ns: from then on samples take a quarter of what a pace allows at most, however many
    /// CPUs there are. The rest is for fetching them and for looking.
    pub fn set_sample_ns(&mut self, sample_ns: u64) {
        self.sample_ns = sample_ns;
    }

    /// For measurements and tests: a period of one's own, ns.
    pub fn set_period(&mut self, period_ns: u64) {
        if self.period_ns != period_ns {
            self.period_ns = period_ns;
            self.watch.set_period(period_ns);
        }
    }

    pub(crate) fn watch(&mut self) -> (&mut Watch, u64) {
        (&mut self.watch, self.period_ns)
    }

    fn period_of(&self, pace: Pace) -> u64 {
        let bearable_ns = SAMPLES_ONE_IN * pace.one_in() * self.sample_ns * self.watch.rings() as u64;
        pace.period_ns().max(bearable_ns)
    }

    /// By the slower pace: it may have been the pace meanwhile.
    fn check(&mut self) {
        self.checked = Instant::now();
        let period_ns = self.period_of(Pace::Calm);
        self.watch.check(&cpus::online(), period_ns, cpus::busy);
    }
}

impl Instructions for Sampler {
    fn drain(&mut self, sink: &mut dyn FnMut(Sample)) {
        self.lost += self.watch.drain(self.period_ns, sink);
        if self.checked.elapsed() >= CHECKED {
            self.check();
        }
    }

    fn lost(&self) -> u64 {
        self.lost
    }

    fn coverage(&self) -> Coverage {
        self.watch.coverage()
    }

    fn set_pace(&mut self, pace: Pace) {
        self.set_period(self.period_of(pace));
    }

    fn read(&self, pid: u32, address: u64, buffer: &mut [u8]) -> usize {
        let remote = RemoteIoVec {
            base: address as usize,
            len: buffer.len(),
        };
        let mut local = [io::IoSliceMut::new(buffer)];
        process_vm_readv(Pid::from_raw(pid as i32), &mut local, &[remote]).unwrap_or(0)
    }

    fn memory(&self, pid: u32) -> Option<Memory> {
        let maps = std::fs::read(format!("/proc/{pid}/maps")).ok()?;
        (!maps.is_empty()).then(|| Memory::parse(&maps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_that_cost_more_are_taken_less_often() {
        let Ok(mut sampler) = Sampler::open() else {
            eprintln!("perf_event_open is not allowed here: not tested");
            return;
        };
        for pace in [Pace::Calm, Pace::Close] {
            sampler.set_sample_ns(1);
            sampler.set_pace(pace);
            assert_eq!(sampler.period_ns, pace.period_ns());
            sampler.set_sample_ns(50_000);
            sampler.set_pace(pace);
            let taken = 1_000_000_000 / sampler.period_ns * sampler.watch.rings() as u64;
            assert!(
                taken * 50_000 * SAMPLES_ONE_IN <= 1_000_000_000 / pace.one_in(),
                "{taken} a second"
            );
        }
    }

    #[test]
    fn a_busy_loop_of_this_process_is_sampled_with_its_code_and_its_stack() {
        let Ok(mut sampler) = Sampler::open() else {
            eprintln!("perf_event_open is not allowed here: not tested");
            return;
        };
        sampler.set_pace(Pace::Close);
        let (own, here) = (std::process::id(), 0_u8);
        for _ in 0..400 {
            let mut number = 1_u64;
            for _ in 0..4_000_000 {
                number = std::hint::black_box(number.rotate_left(7) ^ 0x9e37);
            }
            let mut samples = Vec::new();
            sampler.drain(&mut |sample| samples.push(sample));
            let of_this_thread = |sample: &&Sample| {
                let near = sample.stack.abs_diff((&raw const here) as u64) < 1 << 20;
                sample.pid == own && !sample.in_kernel && near
            };
            let Some(sample) = samples.iter().find(of_this_thread) else {
                continue;
            };
            let mut code = [0; 16];
            assert_eq!(sampler.read(own, sample.address, &mut code), 16);
            let memory = sampler.memory(own).unwrap();
            assert!(memory.at(sample.address).unwrap().executable);
            return;
        }
        panic!("no sample of this thread in 400 rounds of work");
    }
}
