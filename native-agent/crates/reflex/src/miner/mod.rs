//! Crypto-mining by what the CPU spends its time on: samples of running instructions, the loops around them, and for how
//! long. Arguments, names and pools are not looked at.
mod code;
mod sampler;

use std::collections::{BTreeMap, HashMap, HashSet};

use norn_events::{ProcessIndex, ProcessUid};

use crate::firing::evidence as field;
use crate::lineage::{does_as_told, image_name, is_foreign};
use crate::{Context, Firing, Rule};
use code::{Kernel, REACH_BYTES, classify};
pub use sampler::Sampler;

/// Samples a second on each CPU.
pub const HZ: u32 = 99;
/// Processes are judged once in this time, ns.
const BUCKET_NS: u64 = 2_000_000_000;
/// Of one core, per cent: less is not worth an operator's while, and a busy server's TLS reaches it.
const CORE_PERCENT_MIN: u32 = 20;
/// Samples of one process that are decoded in a bucket.
const DECODED_MAX: usize = 32;
/// Samples kept in a bucket; the rest is dropped and counted.
const SAMPLES_MAX: usize = 65_536;
/// Processes decoded in a bucket: with `DECODED_MAX` it bounds the cost to 2 ms of CPU.
const PROCESSES_MAX: usize = 8;

/// How long, and how much of a process's time, hash kernels must run before it is a miner. A program that came with the
/// system is given more: backups and downloads hash too, but not only.
struct Patience {
    buckets: u32,
    percent: u32,
}
const FOREIGN: Patience = Patience {
    buckets: 5,
    percent: 50,
};
const UNKNOWN: Patience = Patience {
    buckets: 10,
    percent: 70,
};

/// Where samples of running code come from.
pub trait Instructions {
    /// Hands over what was sampled since the last call: process id and instruction address, user mode only.
    fn drain(&mut self, sink: &mut dyn FnMut(u32, u64));
    /// Reads code of a process; the bytes read.
    fn read(&self, pid: u32, address: u64, buffer: &mut [u8]) -> usize;
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MinerStatus {
    pub available: bool,
    pub samples: u64,
    pub samples_dropped: u64,
    pub decoded: u64,
}

#[derive(Debug, Default)]
struct Streak {
    buckets: u32,
    crypto: u32,
    decoded: u32,
    core_percent: u32,
    first_ns: u64,
    kernels: BTreeMap<Kernel, u32>,
}

pub struct Miner {
    source: Option<Box<dyn Instructions>>,
    bucket_started_ns: u64,
    samples: Vec<(u32, u64)>,
    streaks: HashMap<ProcessUid, Streak>,
    fired: HashSet<ProcessUid>,
    status: MinerStatus,
    code: Vec<u8>,
}

impl Miner {
    pub fn new(source: Option<Box<dyn Instructions>>) -> Self {
        Self {
            status: MinerStatus {
                available: source.is_some(),
                ..MinerStatus::default()
            },
            source,
            bucket_started_ns: 0,
            samples: Vec::new(),
            streaks: HashMap::new(),
            fired: HashSet::new(),
            code: vec![0; 2 * REACH_BYTES],
        }
    }

    pub fn status(&self) -> MinerStatus {
        self.status
    }

    pub fn tick(&mut self, now_ns: u64, context: &mut Context<'_>) -> Vec<Firing> {
        if self.bucket_started_ns == 0 {
            self.bucket_started_ns = now_ns;
        }
        let elapsed = now_ns.saturating_sub(self.bucket_started_ns);
        if elapsed < BUCKET_NS {
            return Vec::new();
        }
        self.collect();
        self.bucket_started_ns = now_ns;
        let samples = std::mem::take(&mut self.samples);
        let firings = self.judge(&samples, (now_ns, elapsed), context);
        self.samples = samples;
        self.samples.clear();
        firings
    }

    fn collect(&mut self) {
        let (samples, status) = (&mut self.samples, &mut self.status);
        if let Some(source) = self.source.as_mut() {
            source.drain(&mut |pid, address| {
                status.samples += 1;
                if samples.len() < SAMPLES_MAX {
                    samples.push((pid, address));
                } else {
                    status.samples_dropped += 1;
                }
            });
        }
    }

    fn judge(
        &mut self,
        samples: &[(u32, u64)],
        (now_ns, elapsed_ns): (u64, u64),
        context: &mut Context<'_>,
    ) -> Vec<Firing> {
        let mut by_process: HashMap<u32, Vec<u64>> = HashMap::new();
        for &(pid, address) in samples {
            by_process.entry(pid).or_default().push(address);
        }
        let per_core = (u64::from(HZ) * elapsed_ns / 1_000_000_000).max(1) as u32;
        let mut busy: Vec<(u32, Vec<u64>)> = by_process
            .into_iter()
            .filter(|(_, addresses)| addresses.len() as u32 * 100 / per_core >= CORE_PERCENT_MIN)
            .collect();
        busy.sort_unstable_by_key(|(_, addresses)| std::cmp::Reverse(addresses.len()));
        let mut seen = HashSet::new();
        let mut firings = Vec::new();
        for (pid, addresses) in busy.into_iter().take(PROCESSES_MAX) {
            let Some(index) = context.processes.by_pid(pid) else {
                continue;
            };
            let percent = addresses.len() as u32 * 100 / per_core;
            seen.extend(self.extend_streak(index, (&addresses, percent, now_ns), context));
            firings.extend(self.decide(index, now_ns, context));
        }
        self.streaks.retain(|uid, _| seen.contains(uid));
        self.fired.retain(|uid| context.processes.by_uid(*uid).is_some());
        firings
    }

    /// The process's uid while its streak lasts.
    fn extend_streak(
        &mut self,
        index: ProcessIndex,
        (addresses, core_percent, now_ns): (&[u64], u32, u64),
        context: &Context<'_>,
    ) -> Option<ProcessUid> {
        let process = context.processes.get(index)?;
        let (mut crypto, mut decoded) = (0, 0);
        let mut kernels: BTreeMap<Kernel, u32> = BTreeMap::new();
        for &address in addresses.iter().step_by(addresses.len().div_ceil(DECODED_MAX)) {
            decoded += 1;
            if let Some(kernel) = self.classify_at(process.pid, address) {
                crypto += 1;
                *kernels.entry(kernel).or_default() += 1;
            }
        }
        self.status.decoded += u64::from(decoded);
        if crypto * 100 < decoded * FOREIGN.percent
            || core_percent * crypto / decoded.max(1) < CORE_PERCENT_MIN
        {
            return None;
        }
        let streak = self.streaks.entry(process.uid).or_default();
        if streak.buckets == 0 {
            streak.first_ns = now_ns.saturating_sub(BUCKET_NS);
        }
        streak.buckets += 1;
        streak.crypto += crypto;
        streak.decoded += decoded;
        streak.core_percent = core_percent;
        for (kernel, count) in kernels {
            *streak.kernels.entry(kernel).or_default() += count;
        }
        Some(process.uid)
    }

    fn classify_at(&mut self, pid: u32, address: u64) -> Option<Kernel> {
        let source = self.source.as_ref()?;
        let reach = REACH_BYTES as u64;
        let base = address.saturating_sub(reach);
        let mut length = source.read(pid, base, &mut self.code);
        if length as u64 > address - base {
            return classify(&self.code[..length], base, address);
        }
        // The mapping begins less than `REACH_BYTES` before the sample.
        let base = address & !0xfff;
        length = source.read(pid, base, &mut self.code);
        (length as u64 > address - base)
            .then(|| classify(&self.code[..length], base, address))
            .flatten()
    }

    fn decide(&mut self, index: ProcessIndex, now_ns: u64, context: &mut Context<'_>) -> Option<Firing> {
        let process = context.processes.get(index)?;
        let streak = self.streaks.get(&process.uid)?;
        let patience = if is_foreign(process) { FOREIGN } else { UNKNOWN };
        let enough =
            streak.buckets >= patience.buckets && streak.crypto * 100 >= streak.decoded * patience.percent;
        if !enough || self.fired.contains(&process.uid) || context.guarded.contains(&process.pid) {
            return None;
        }
        if !does_as_told(process) && context.provenance.is_package_owned(process) {
            return None;
        }
        self.fired.insert(process.uid);
        Some(firing(process, streak, now_ns))
    }
}

fn firing(process: &norn_events::Process, streak: &Streak, now_ns: u64) -> Firing {
    let name = String::from_utf8_lossy(image_name(process)).into_owned();
    let kernel = streak
        .kernels
        .iter()
        .max_by_key(|(_, count)| **count)
        .map_or("", |(kernel, _)| kernel.name());
    let seconds = now_ns.saturating_sub(streak.first_ns) / 1_000_000_000;
    let share = streak.crypto * 100 / streak.decoded.max(1);
    Firing {
        rule: Rule::Miner,
        process: process.uid,
        scope: process.uid,
        container: process.container.clone(),
        time_ns: now_ns,
        first_act_ns: streak.first_ns,
        files_changed: 0,
        killed_at_exec: false,
        observe_only: None,
        first_evidence: [&process.image_number.to_le_bytes()[..], &process.image.path].concat(),
        evidence: vec![
            field("process.executable", &process.image.path),
            field("process.command_line", &process.image.command_line),
            field("kernel", kernel),
            field("samples.in_kernel_percent", share.to_string()),
            field("samples.decoded", streak.decoded.to_string()),
            field("cpu.core_percent", streak.core_percent.to_string()),
            field("duration_s", seconds.to_string()),
            field("image.foreign", is_foreign(process).to_string()),
        ],
        summary: format!("{name} spent {share} % of {seconds} s of computing in a mining kernel ({kernel})"),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
