//! Whether every CPU gives samples. One that does not is armed anew: an event dies with its CPU when that goes offline, and
//! nothing says so.
use std::collections::HashMap;
use std::io;

use crate::ring::Ring;
use crate::{Coverage, Sample};

/// A CPU that was busy for this many samples and gave none is silent: by chance that is one in e^30.
const SAMPLES_MISSED: u64 = 30;

/// Opens the ring of a CPU with this period, ns.
pub type Open = fn(i32, u64) -> io::Result<Ring>;

/// One CPU.
struct Cpu {
    number: u32,
    /// None: the kernel refused.
    ring: Option<Ring>,
    /// It gave a sample since it was looked at last.
    is_heard: bool,
    /// How long it had been busy when it last was known to give samples, ns.
    busy_ns: Option<u64>,
    /// So often in a row it was busy and gave nothing.
    silent: u32,
}

/// The rings of all CPUs that are online.
pub struct Watch {
    cpus: Vec<Cpu>,
    open: Open,
}

impl Watch {
    /// # Errors
    /// When the kernel refuses the ring of every CPU: the first refusal.
    pub fn open(numbers: &[u32], period_ns: u64, open: Open) -> io::Result<Self> {
        let mut watch = Self {
            cpus: Vec::new(),
            open,
        };
        let mut refusal = None;
        for &number in numbers {
            match (open)(number as i32, period_ns) {
                Ok(ring) => watch.add(number, Some(ring)),
                Err(error) => {
                    watch.add(number, None);
                    refusal.get_or_insert(error);
                }
            }
        }
        if watch.rings() > 0 {
            return Ok(watch);
        }
        Err(refusal.unwrap_or_else(|| io::Error::other("no CPU is online")))
    }

    fn add(&mut self, number: u32, ring: Option<Ring>) {
        self.cpus.push(Cpu {
            number,
            ring,
            is_heard: false,
            busy_ns: None,
            silent: 0,
        });
    }

    pub fn rings(&self) -> usize {
        self.cpus.iter().filter(|cpu| cpu.ring.is_some()).count()
    }

    pub fn coverage(&self) -> Coverage {
        let silent = self
            .cpus
            .iter()
            .filter(|cpu| cpu.ring.is_none() || cpu.silent > 0);
        Coverage {
            cpus: self.cpus.len() as u32,
            silent: silent.count() as u32,
        }
    }

    pub fn set_period(&self, period_ns: u64) {
        let rings = self.cpus.iter().filter_map(|cpu| cpu.ring.as_ref());
        rings.for_each(|ring| ring.set_period(period_ns));
    }

    /// Samples lost since the last call.
    pub fn drain(&mut self, weight_ns: u64, sink: &mut dyn FnMut(Sample)) -> u64 {
        let mut lost = 0;
        for cpu in &mut self.cpus {
            let Some(ring) = &cpu.ring else { continue };
            let drained = ring.drain(weight_ns, sink);
            lost += drained.lost;
            if drained.any {
                cpu.is_heard = true;
                cpu.silent = 0;
            }
        }
        lost
    }

    /// Whether one CPU gave anything since the last call.
    pub fn is_heard(&mut self, number: u32, sink: &mut dyn FnMut(Sample)) -> bool {
        self.drain(0, sink);
        let cpu = self.cpus.iter_mut().find(|cpu| cpu.number == number);
        cpu.is_some_and(|cpu| std::mem::take(&mut cpu.is_heard))
    }

    /// A CPU that was seen to be busy and gave nothing: first its timer is set anew, then its ring is opened anew.
    pub fn arm_anew(&mut self, number: u32, period_ns: u64) {
        let open = self.open;
        let Some(cpu) = self.cpus.iter_mut().find(|cpu| cpu.number == number) else {
            return;
        };
        cpu.silent += 1;
        cpu.busy_ns = None;
        match &cpu.ring {
            Some(ring) if cpu.silent == 1 => ring.arm_again(),
            // The old one stays where the kernel refuses another.
            _ => cpu.ring = open(number as i32, period_ns).ok().or_else(|| cpu.ring.take()),
        }
    }

    /// CPUs that came, that went, and that should have been heard since the last call. `busy`: how long each was, ns; asked only
    /// if one was not heard.
    pub fn check(&mut self, online: &[u32], period_ns: u64, busy: impl FnOnce() -> HashMap<u32, u64>) {
        self.cpus.retain(|cpu| online.contains(&cpu.number));
        for &number in online {
            if self.cpus.iter().all(|cpu| cpu.number != number) {
                self.add(number, None);
            }
        }
        for cpu in self.cpus.iter_mut().filter(|cpu| cpu.ring.is_none()) {
            cpu.ring = (self.open)(cpu.number as i32, period_ns).ok();
        }
        let mut unheard = Vec::new();
        for cpu in &mut self.cpus {
            if std::mem::take(&mut cpu.is_heard) {
                cpu.busy_ns = None;
            } else {
                unheard.push(cpu.number);
            }
        }
        let busy = if unheard.is_empty() {
            HashMap::new()
        } else {
            busy()
        };
        for number in unheard {
            let Some(&busy_ns) = busy.get(&number) else {
                continue;
            };
            if self.was_busy_unheard(number, (busy_ns, period_ns)) {
                self.arm_anew(number, period_ns);
            }
        }
    }

    fn was_busy_unheard(&mut self, number: u32, (busy_ns, period_ns): (u64, u64)) -> bool {
        let cpu = self.cpus.iter_mut().find(|cpu| cpu.number == number);
        let since_ns = cpu.map_or(busy_ns, |cpu| *cpu.busy_ns.get_or_insert(busy_ns));
        busy_ns.saturating_sub(since_ns) >= SAMPLES_MISSED * period_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpus;

    const PERIOD_NS: u64 = 1_000_000;
    /// Of a CPU's work, ns: a hundred samples.
    const WORK_NS: u64 = 100_000_000;

    fn watch() -> Option<Watch> {
        let watch = Watch::open(&cpus::online(), PERIOD_NS, Ring::open);
        if watch.is_err() {
            eprintln!("perf_event_open is not allowed here: not tested");
        }
        watch.ok()
    }

    fn compute() {
        let (begun_ns, mut number) = (crate::thread_cpu_ns(), 1_u64);
        while crate::thread_cpu_ns() - begun_ns < WORK_NS {
            (0..10_000).for_each(|_| number = std::hint::black_box(number.rotate_left(7) ^ 0x9e37));
        }
    }

    /// Whether the CPU gives samples while this thread computes on it.
    fn gives(watch: &mut Watch, number: u32) -> bool {
        let mut heard = false;
        cpus::on_each(&[number], |_| {
            watch.is_heard(number, &mut |_| {});
            compute();
            heard = watch.is_heard(number, &mut |_| {});
            true
        });
        heard
    }

    /// All CPUs have been busy for `ns`.
    fn busy(watch: &Watch, ns: u64) -> HashMap<u32, u64> {
        watch.cpus.iter().map(|cpu| (cpu.number, ns)).collect()
    }

    fn ring_of(watch: &Watch, number: u32) -> &Ring {
        let cpu = watch.cpus.iter().find(|cpu| cpu.number == number);
        cpu.unwrap().ring.as_ref().unwrap()
    }

    #[test]
    fn a_cpu_that_went_silent_while_it_was_busy_gives_samples_again() {
        let Some(mut watch) = watch() else { return };
        let online = cpus::online();
        for &number in &online {
            ring_of(&watch, number).silence();
            assert!(!gives(&mut watch, number), "CPU {number} is silent");
            // Once to know how busy it was, then to see that it was busy since.
            let enough_ns = SAMPLES_MISSED * PERIOD_NS;
            for ns in [5, 5 + enough_ns] {
                let busy = busy(&watch, ns);
                watch.drain(0, &mut |_| {});
                watch
                    .cpus
                    .iter_mut()
                    .for_each(|cpu| cpu.is_heard = cpu.number != number);
                watch.check(&online, PERIOD_NS, || busy);
            }
            assert_eq!(watch.coverage().silent, 1);
            assert!(gives(&mut watch, number), "CPU {number} is armed again");
            assert_eq!(watch.coverage().silent, 0);
        }
    }

    #[test]
    fn a_cpu_that_is_idle_is_not_taken_for_silent() {
        let Some(mut watch) = watch() else { return };
        for ns in [5, 5 + SAMPLES_MISSED * PERIOD_NS - 1] {
            let busy = busy(&watch, ns);
            watch.cpus.iter_mut().for_each(|cpu| cpu.is_heard = false);
            watch.check(&cpus::online(), PERIOD_NS, || busy);
        }
        assert_eq!(watch.coverage().silent, 0);
    }

    #[test]
    fn a_ring_that_cannot_be_opened_is_told_of_and_tried_again() {
        static IS_REFUSED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(true);
        let open: Open = |cpu, period_ns| {
            if cpu == 0 && IS_REFUSED.load(std::sync::atomic::Ordering::Relaxed) {
                return Err(io::Error::from_raw_os_error(libc::EMFILE));
            }
            Ring::open(cpu, period_ns)
        };
        let online = cpus::online();
        // Of one CPU alone nothing is left.
        let Ok(mut watch) = Watch::open(&online, PERIOD_NS, open) else {
            return;
        };
        assert_eq!(
            (watch.coverage().cpus, watch.coverage().silent),
            (online.len() as u32, 1)
        );
        IS_REFUSED.store(false, std::sync::atomic::Ordering::Relaxed);
        watch.check(&online, PERIOD_NS, HashMap::new);
        assert_eq!(watch.coverage().silent, 0);
        assert!(gives(&mut watch, 0));
    }

    #[test]
    fn cpus_that_come_are_sampled_and_those_that_go_are_not_missed() {
        let Some(mut watch) = watch() else { return };
        let online = cpus::online();
        watch.check(&online[..1], PERIOD_NS, HashMap::new);
        assert_eq!((watch.coverage().cpus, watch.rings()), (1, 1));
        watch.check(&online, PERIOD_NS, HashMap::new);
        assert_eq!(watch.coverage().cpus, online.len() as u32);
        assert!(online.iter().all(|&number| gives(&mut watch, number)));
    }

    #[test]
    #[ignore = "computes on every CPU for a minute: needs perf"]
    fn long_every_cpu_goes_on_giving_samples_while_the_pace_changes() {
        const PACES_NS: [u64; 4] = [50_000, 20_408_163, 5_025_125, 200_000];
        const CHANGES: usize = 1_000;
        let mut watch = watch().expect("perf_event_open is allowed");
        let ends = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let numbers = cpus::online();
            for number in numbers.clone() {
                let ends = &ends;
                scope.spawn(move || {
                    cpus::on_each(&[number], |_| {
                        while !ends.load(std::sync::atomic::Ordering::Relaxed) {
                            compute();
                        }
                        true
                    });
                });
            }
            let mut unheard: HashMap<u32, usize> = HashMap::new();
            for change in 0..CHANGES {
                watch.set_period(PACES_NS[change % PACES_NS.len()]);
                std::thread::sleep(std::time::Duration::from_millis(60));
                for &number in &numbers {
                    let times = unheard.entry(number).or_default();
                    *times = if watch.is_heard(number, &mut |_| {}) {
                        0
                    } else {
                        *times + 1
                    };
                    if *times > 100 {
                        ends.store(true, std::sync::atomic::Ordering::Relaxed);
                        panic!("CPU {number} gave nothing for 100 changes, until change {change}");
                    }
                }
            }
            ends.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    }
}
