//! The time of a process and of all that it started, over the last minute.
use std::collections::BTreeMap;

use norn_insight::Kernel;

const SLOTS: usize = 12;
const SLOT_NS: u64 = 5_000_000_000;

#[derive(Debug, Clone, Copy, Default)]
pub struct Slot {
    number: u64,
    pub cpu_ns: u64,
    decoded: u32,
    hash: u32,
    foreign: u32,
}

#[derive(Debug, Default)]
pub struct Account {
    slots: [Slot; SLOTS],
    /// When the first hash was seen, since hashing was last idle for a window.
    first_ns: u64,
    last_ns: u64,
    kernels: BTreeMap<Kernel, u32>,
}

impl Account {
    /// What is remembered, ns.
    pub const WINDOW_NS: u64 = SLOTS as u64 * SLOT_NS;

    pub fn slot(&mut self, now_ns: u64) -> &mut Slot {
        let number = now_ns / SLOT_NS;
        // Whatever is older than the window goes, also when nothing was accounted for meanwhile.
        for slot in &mut self.slots {
            if slot.number + (SLOTS as u64) <= number {
                *slot = Slot::default();
            }
        }
        self.last_ns = now_ns;
        let slot = &mut self.slots[(number % SLOTS as u64) as usize];
        slot.number = number;
        slot
    }

    pub fn see(&mut self, kernel: Option<Kernel>, foreign: bool, now_ns: u64) {
        if self.hashes() == 0 {
            self.first_ns = now_ns;
            self.kernels.clear();
        }
        let slot = self.slot(now_ns);
        slot.decoded += 1;
        if let Some(kernel) = kernel {
            slot.hash += 1;
            slot.foreign += u32::from(foreign);
            *self.kernels.entry(kernel).or_default() += 1;
        }
    }

    fn sum(&self, of: impl Fn(&Slot) -> u64) -> u64 {
        self.slots.iter().map(of).sum()
    }

    fn hashes(&self) -> u64 {
        self.sum(|slot| u64::from(slot.hash))
    }

    pub fn decoded(&self) -> u32 {
        self.sum(|slot| u64::from(slot.decoded)) as u32
    }

    pub fn cpu_ns(&self) -> u64 {
        self.sum(|slot| slot.cpu_ns)
    }

    /// Time spent in hashes: all time, by the share of what was decoded.
    pub fn hash_ns(&self) -> u64 {
        self.sum(|slot| slot.cpu_ns * u64::from(slot.hash) / u64::from(slot.decoded.max(1)))
    }

    pub fn hash_percent(&self) -> u32 {
        (self.hash_ns() * 100 / self.cpu_ns().max(1)) as u32
    }

    /// Most of its hashing was done by programs that did not come with the system.
    pub fn is_foreign(&self) -> bool {
        self.sum(|slot| u64::from(slot.foreign)) * 2 > self.hashes()
    }

    /// Since the first hash.
    pub fn duration_ns(&self, now_ns: u64) -> u64 {
        now_ns.saturating_sub(self.first_ns)
    }

    /// What it computed most.
    pub fn kernel(&self) -> &'static str {
        let most = self.kernels.iter().max_by_key(|(_, count)| **count);
        most.map_or("", |(kernel, _)| kernel.name())
    }

    pub fn is_idle(&self, now_ns: u64) -> bool {
        self.last_ns + Self::WINDOW_NS < now_ns
    }
}
