//! What was learned of a process lately: its memory, and the loops it runs. Most samples cost nothing by it.
use std::collections::{HashMap, HashSet};

use norn_insight::{FileId, Kernel, Loop, Memory, Origin, Sample};

use crate::sight::Place;

/// Maps are read again after this, ns: code may have come.
const MEMORY_NS: u64 = 10_000_000_000;
/// And so soon when a sample lies where nothing was mapped.
const MISS_NS: u64 = 500_000_000;
/// Maps that cost much are read so seldom that it is this part of one core.
const MEMORY_ONE_IN: u64 = 1_500;
/// What they cost in most programs, ns.
const MAPS_NS: u64 = 1_000_000;
/// And again as seldom where nothing says that they changed: somebody else may have none yet.
const HITS_ONE_IN: u64 = 10;
/// But not more seldom than that, ns: a machine that stood still meanwhile makes them look costly.
const MEMORY_MAX_NS: u64 = 60_000_000_000;
/// Loops are decoded again after this, ns: code may have changed.
const LOOPS_NS: u64 = 10_000_000_000;
const LOOPS_MAX: usize = 64;
const ADDRESSES_MAX: usize = 512;
/// A longer loop that computes nothing of interest may hold one that does, bytes.
const SURE_BYTES: u64 = 1_024;

/// Parts of the names of libraries that make code at run time: Java, .NET, JavaScript, LLVM, Lua, Ruby, PHP, regular
/// expressions, foreign functions, WebAssembly, graphics.
const ENGINES: [&[u8]; 22] = [
    b"libjvm",
    b"libj9",
    b"libcoreclr",
    b"libclrjit",
    b"libmono",
    b"libnode",
    b"libv8",
    b"libmozjs",
    b"javascriptcore",
    b"libLLVM",
    b"llvmlite",
    b"libluajit",
    b"libruby",
    b"opcache",
    b"libpcre",
    b"libffi",
    b"libwasm",
    b"libgccjit",
    b"libtcc",
    b"libpypy",
    b"Qml",
    b"libgallium",
];

/// Memory in which no program keeps its code.
pub fn is_odd(origin: Origin) -> bool {
    !matches!(origin, Origin::File | Origin::Kernel)
}

#[derive(Debug, Default)]
pub struct Known {
    pub seen_ns: u64,
    pub samples: usize,
    /// Samples that waited for its maps, and for a loop, since it last got them.
    pub unplaced: usize,
    pub undecoded: usize,
    /// A reflex watches it: it is not forgotten before it is judged.
    pub is_odd: bool,
    image_number: u32,
    memory: Option<Memory>,
    engine: bool,
    memory_ns: u64,
    memory_rest_ns: u64,
    loops: Vec<Loop>,
    addresses: HashMap<u64, Option<Kernel>>,
    loops_ns: u64,
}

impl Known {
    /// Forgets what another image, or another time, has taught.
    pub fn seen(&mut self, image_number: u32, (now_ns, samples): (u64, usize)) {
        if self.image_number != image_number {
            *self = Self {
                image_number,
                ..Self::default()
            };
        }
        if now_ns > self.loops_ns + LOOPS_NS {
            self.loops_ns = now_ns;
            self.loops.clear();
            self.addresses.clear();
        }
        self.samples = self.samples.saturating_add(samples);
        self.seen_ns = now_ns;
    }

    pub fn wants_memory(&self, sample: &Sample, now_ns: u64) -> bool {
        let age_ns = now_ns - self.memory_ns;
        let is_hit = self
            .memory
            .as_ref()
            .is_some_and(|memory| memory.at(sample.address).is_some_and(|region| region.executable));
        let fresh_ns = if is_hit {
            MEMORY_NS.max(HITS_ONE_IN * self.memory_rest_ns)
        } else {
            MISS_NS.max(self.memory_rest_ns)
        };
        self.memory_ns == 0 || age_ns > fresh_ns.min(MEMORY_MAX_NS)
    }

    /// `cost_ns`: CPU time of reading it.
    pub fn learn(&mut self, memory: Option<Memory>, (now_ns, cost_ns): (u64, u64)) {
        self.unplaced = 0;
        self.memory_ns = now_ns;
        self.memory_rest_ns = cost_ns.saturating_mul(MEMORY_ONE_IN).min(MEMORY_MAX_NS);
        self.engine = memory
            .as_ref()
            .is_some_and(|memory| ENGINES.iter().any(|part| memory.has_file_like(part)));
        self.memory = memory;
    }

    /// `None` when the memory is not known, or was another when the sample was taken. `own`: files of the agent's own code; what
    /// can be written to is none.
    pub fn place(&self, sample: &Sample, own: &HashSet<FileId>) -> Option<Place> {
        let memory = self.memory.as_ref()?;
        let region = memory.at(sample.address).filter(|region| region.executable)?;
        let stack = (sample.stack != 0).then(|| memory.at(sample.stack)).flatten();
        Some(Place {
            origin: region.origin,
            writable: region.writable,
            path: region.path.clone(),
            region: if is_odd(region.origin) {
                region.describe()
            } else {
                String::new()
            },
            stack: stack.map(|stack| stack.origin),
            stack_executable: stack.is_some_and(|stack| stack.executable),
            stack_region: stack
                .filter(|stack| {
                    stack.executable || !matches!(stack.origin, Origin::Anonymous | Origin::Stack)
                })
                .map(|stack| stack.describe())
                .unwrap_or_default(),
            engine: self.engine,
            own: !region.writable && region.file.is_some_and(|file| own.contains(&file)),
        })
    }

    /// How long it has waited for its maps; of those that cost much, as much less as they cost more.
    pub fn waits_for_maps(&self) -> usize {
        let cost = self.memory_rest_ns / (MAPS_NS * MEMORY_ONE_IN);
        self.unplaced / (cost as usize).max(1)
    }

    /// `None` when the memory is not known.
    pub fn region_at(&self, address: u64) -> Option<String> {
        let region = self.memory.as_ref()?.at(address)?;
        Some(region.describe())
    }

    /// What is computed there, if that is known.
    pub fn kernel_at(&self, address: u64) -> Option<Option<Kernel>> {
        let exact = self.addresses.get(&address).copied();
        exact.or_else(|| self.loop_at(address).map(|found| found.kernel))
    }

    pub fn loop_at(&self, address: u64) -> Option<Loop> {
        let holds = |found: &&Loop| (found.start..found.end).contains(&address);
        let sure = |found: &&Loop| found.kernel.is_some() || found.end - found.start <= SURE_BYTES;
        self.loops
            .iter()
            .filter(holds)
            .filter(sure)
            .min_by_key(|found| found.end - found.start)
            .copied()
    }

    pub fn learn_loop(&mut self, found: Loop, address: u64) -> Option<Kernel> {
        if self.loops.len() < LOOPS_MAX && !self.loops.contains(&found) {
            self.loops.push(found);
        }
        if self.addresses.len() < ADDRESSES_MAX {
            self.addresses.insert(address, found.kernel);
        }
        found.kernel
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_that_cost_much_are_read_again_later_and_sooner_where_a_sample_is_elsewhere() {
        const SECOND_NS: u64 = 1_000_000_000;
        let sample = |address| Sample {
            pid: 1,
            thread: 1,
            address,
            stack: 0,
            in_kernel: false,
            weight_ns: 0,
        };
        let seconds = |cost_ns, address| {
            let mut known = Known::default();
            let memory = Memory::parse(b"00400000-00402000 r-xp 00000000 fe:00 131 /usr/bin/program");
            known.learn(Some(memory), (SECOND_NS, cost_ns));
            let is_wanted = |&after: &u64| known.wants_memory(&sample(address), (1 + after) * SECOND_NS);
            (1..100).find(is_wanted).unwrap()
        };
        assert_eq!(
            [100_000, 2_000_000, 50_000_000].map(|cost_ns| seconds(cost_ns, 0x40_0000)),
            [11, 31, 61]
        );
        assert_eq!(
            [100_000, 2_000_000, 50_000_000].map(|cost_ns| seconds(cost_ns, 0x50_0000)),
            [1, 4, 61]
        );
    }

    #[test]
    fn maps_that_cost_much_wait_longer_for_their_turn() {
        let waits = |cost_ns| {
            let mut known = Known::default();
            known.learn(None, (1, cost_ns));
            known.unplaced = 100;
            known.waits_for_maps()
        };
        assert_eq!([0, 900_000, 4_000_000, 25_000_000].map(waits), [100, 100, 25, 4]);
    }
}
