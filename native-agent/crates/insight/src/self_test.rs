//! Does known work and looks for it: a hash loop of this very thread must be sampled, decoded and found in its image.
use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::{Decoder, Instructions, Kernel, Origin, Pace, Sample, Sampler, cpus, thread_cpu_ns};

/// Looked for while this much work is done, ns of CPU time: on a busy machine that takes longer.
const PATIENCE_NS: u64 = 200_000_000;
const PERIOD_NS: u64 = 200_000;
/// A sample's cost is measured by that many.
const DENSE_PERIOD_NS: u64 = 50_000;
/// CPUs that are tried at most, and for how long in all: others are believed until they are busy and give no samples.
const CPUS_TRIED_MAX: usize = 64;
const CPUS_PATIENCE: Duration = Duration::from_secs(3);
/// A CPU that gives nothing for this much work, ns, is silent: 200 samples.
const WORK_NS: u64 = 40_000_000;
/// So often it is armed anew before it is given up.
const ARMED_MAX: usize = 2;
/// Runs of the work, of which the shortest counts.
const RUNS: usize = 4;
/// What a sample may cost by any measure, ns.
const SAMPLE_MIN_NS: u64 = 500;
const SAMPLE_MAX_NS: u64 = 50_000;

/// What came out as it should.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SelfTest {
    /// A sample of the loop was decoded, and is what the loop computes.
    pub decoded: bool,
    /// A sample of the loop lies in a file's memory, and its stack does not.
    pub placed: bool,
    /// CPU time that the kernel spends on one sample, ns.
    pub sample_ns: u64,
}

/// Takes some ten milliseconds of one CPU, and one or two of each other. The sampler knows afterwards what its samples cost.
pub fn self_test(sampler: &mut Sampler, decoder: Option<&dyn Decoder>) -> SelfTest {
    let mut result = SelfTest::default();
    sampler.set_period(PERIOD_NS);
    try_each_cpu(sampler);
    let begun_ns = thread_cpu_ns();
    let own = std::process::id();
    while thread_cpu_ns() - begun_ns < PATIENCE_NS
        && !(result.placed && (result.decoded || decoder.is_none()))
    {
        black_box(hash(black_box(0x9e37_79b9)));
        let mut samples = Vec::new();
        sampler.drain(&mut |sample| {
            if sample.pid == own && !sample.in_kernel {
                samples.push(sample);
            }
        });
        for sample in samples {
            result.placed |= is_placed(sampler, &sample);
            result.decoded |= decoder.is_some_and(|decoder| is_hash(sampler, decoder, &sample));
        }
    }
    result.sample_ns = sample_cost(sampler);
    sampler.set_sample_ns(result.sample_ns);
    sampler.set_pace(Pace::Calm);
    result
}

/// The work is done on each CPU: one proves nothing of the others.
fn try_each_cpu(sampler: &mut Sampler) {
    let mut numbers = cpus::online();
    numbers.truncate(CPUS_TRIED_MAX);
    let begun = Instant::now();
    cpus::on_each(&numbers, |cpu| {
        for _ in 0..=ARMED_MAX {
            if is_heard(sampler, cpu) {
                break;
            }
            let (watch, period_ns) = sampler.watch();
            watch.arm_anew(cpu, period_ns);
        }
        begun.elapsed() < CPUS_PATIENCE
    });
}

/// This thread runs on that CPU.
fn is_heard(sampler: &mut Sampler, cpu: u32) -> bool {
    let begun_ns = thread_cpu_ns();
    let (watch, _) = sampler.watch();
    watch.is_heard(cpu, &mut |_| {});
    while thread_cpu_ns() - begun_ns < WORK_NS {
        black_box(hash(black_box(0x9e37_79b9)));
        if watch.is_heard(cpu, &mut |_| {}) {
            return true;
        }
    }
    false
}

/// The same work with many samples and with next to none: the difference is theirs.
fn sample_cost(sampler: &mut Sampler) -> u64 {
    let mut shortest = |period_ns| {
        sampler.set_period(period_ns);
        (0..RUNS).map(|_| work_ns()).min().unwrap_or_default()
    };
    let (bare, sampled) = (shortest(Pace::Calm.period_ns()), shortest(DENSE_PERIOD_NS));
    sampler.drain(&mut |_| {});
    let samples = (sampled / DENSE_PERIOD_NS).max(1);
    (sampled.saturating_sub(bare) / samples).clamp(SAMPLE_MIN_NS, SAMPLE_MAX_NS)
}

/// CPU time of the work, ns.
fn work_ns() -> u64 {
    let before = thread_cpu_ns();
    black_box(hash(black_box(0x9e37_79b9)));
    thread_cpu_ns() - before
}

fn is_placed(sampler: &Sampler, sample: &Sample) -> bool {
    let Some(memory) = sampler.memory(sample.pid) else {
        return false;
    };
    let is_file = |address: u64| {
        memory
            .at(address)
            .is_some_and(|region| matches!(region.origin, Origin::File | Origin::Deleted | Origin::Memfd))
    };
    is_file(sample.address) && !is_file(sample.stack)
}

fn is_hash(sampler: &Sampler, decoder: &dyn Decoder, sample: &Sample) -> bool {
    let mut code = vec![0; decoder.reach().1];
    let length = sampler.read(sample.pid, sample.address, &mut code);
    let found = decoder.look(&code[..length], sample.address, sample.address);
    found.and_then(|found| found.kernel) == Some(Kernel::WordHash)
}

/// Rounds in the manner of SHA-2, for about a millisecond.
#[inline(never)]
fn hash(seed: u32) -> u32 {
    let (mut a, mut b, mut c) = (seed, !seed, seed.rotate_left(9));
    for round in 0..20_000_u32 {
        for _ in 0..8 {
            a = (a.rotate_right(6) ^ a.rotate_right(11) ^ a.rotate_right(25)).wrapping_add(b ^ round);
            b = ((b & a) ^ (!b & c)).wrapping_add(a.rotate_right(2) ^ a.rotate_right(13));
            c = (c.rotate_right(7) ^ c.rotate_right(18) ^ a).wrapping_add(b);
        }
    }
    a ^ b ^ c
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::Ring;

    #[test]
    fn every_cpu_is_tried_and_one_that_is_silent_is_armed_anew_or_counted() {
        if Sampler::open().is_err() {
            eprintln!("perf_event_open is not allowed here: not tested");
            return;
        }
        // Each is silent from the start, as if its timer had been lost.
        let silenced = |cpu, period_ns| Ring::open(cpu, period_ns).inspect(Ring::silence);
        let mut sampler = Sampler::open_with(silenced).unwrap();
        let result = self_test(&mut sampler, None);
        assert!(result.placed);
        assert_eq!(sampler.coverage().silent, 0, "the timer is set anew");
        assert!(cpus::online().iter().all(|&cpu| hears(&mut sampler, cpu)));
        // These lost it for good: a period of an hour.
        let dead = |cpu, _| Ring::open(cpu, 3_600_000_000_000);
        let mut sampler = Sampler::open_with(dead).unwrap();
        try_each_cpu(&mut sampler);
        assert_eq!(sampler.coverage().silent, sampler.coverage().cpus);
    }

    fn hears(sampler: &mut Sampler, cpu: u32) -> bool {
        let mut heard = false;
        sampler.set_period(PERIOD_NS);
        cpus::on_each(&[cpu], |cpu| {
            heard = is_heard(sampler, cpu);
            true
        });
        heard
    }

    #[test]
    fn known_work_is_seen_for_what_it_is() {
        let Ok(mut sampler) = Sampler::open() else {
            eprintln!("perf_event_open is not allowed here: not tested");
            return;
        };
        let decoder = crate::of_this_cpu().ok();
        let result = self_test(&mut sampler, decoder.as_deref());
        assert_eq!((result.decoded, result.placed), (decoder.is_some(), true));
        let coverage = sampler.coverage();
        assert_eq!((coverage.cpus, coverage.silent), (cpus::online().len() as u32, 0));
        assert!(
            (SAMPLE_MIN_NS..=SAMPLE_MAX_NS).contains(&result.sample_ns),
            "{result:?}"
        );
    }
}
