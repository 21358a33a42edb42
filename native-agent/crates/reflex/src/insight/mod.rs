//! Looks at what processes execute, within a budget, and hands what it finds to the reflexes that judge it: the miner's and
//! that of misplaced code.
mod known;
mod listing;
mod status;

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet, VecDeque};

use norn_events::{Event, Process, ProcessIndex, ProcessTable, ProcessUid};
use norn_insight::{Allowance, Decoder, FileId, Instructions, Kernel, Pace, Sample, SelfTest, Unsupported};

use crate::miner::Miner;
use crate::misplaced::Misplaced;
use crate::sight::{Listing, Place, Sight};
use crate::{Context, Firing};
use known::{Known, is_odd};
use listing::Listings;
pub use status::InsightStatus;
use status::Told;

/// Samples are fetched this often, ns: often enough to find short-lived processes alive.
const ROUND_NS: u64 = 100_000_000;
/// And at least this often, ns, when a round costs so much that nothing would be left to look with.
const ROUND_MAX_NS: u64 = 2_000_000_000;
/// The part of what may be spent that rounds take at most, as long as they are not that rare.
const ROUNDS_ONE_IN: u64 = 3;
/// Samples taken in a round; more are dropped and counted.
const SAMPLES_MAX: usize = 8_192;
/// Processes whose memory and loops are kept.
const KNOWN_MAX: usize = 64;
/// How long they are kept without a sample, ns.
const KNOWN_NS: u64 = 30_000_000_000;
/// Processes that have ended and may still have samples on their way.
const ENDED_MAX: usize = 1_024;
/// Lines of a loop that a finding shows: with `LINE_MAX` of the decoder below what is kept of a text.
const LINES_MAX: usize = 16;

/// Programs whose wait is known; it begins anew beyond.
const PROGRAMS_MAX: usize = 256;

/// What one round may do at once, as long as the allowance lasts: a look decodes at most 10 KiB and takes 80 µs.
const LOOKS_CALM: u32 = 1;
const LOOKS_CLOSE: u32 = 2;
const MAPS: u32 = 1;

/// What the reflexes have of the kernel, and of this CPU's code.
pub struct Source {
    pub instructions: Box<dyn Instructions>,
    pub decoder: Result<Box<dyn Decoder>, Unsupported>,
    pub self_test: SelfTest,
    /// CPU time of the thread that looks, ns: [`norn_insight::thread_cpu_ns`] but in tests.
    pub cpu_ns: fn() -> u64,
}

/// A process and its samples of one round.
type Group = (ProcessIndex, Vec<Sample>);

pub(crate) struct Insight {
    source: Option<Source>,
    round_ns: u64,
    /// CPU time of a round that looks at nothing, ns.
    bare_ns: u64,
    known: HashMap<ProcessUid, Known>,
    ended: VecDeque<(u32, ProcessIndex)>,
    pace: Pace,
    allowance: Allowance,
    /// Samples of a program, by device and inode, that were not decoded since one of its processes was looked at: who does its
    /// work as many short processes has its turn as well.
    programs: HashMap<(u64, u64), usize>,
    /// CPU time of reading maps, ns.
    maps_ns: u64,
    status: InsightStatus,
    told: Told,
    code: Vec<u8>,
    /// Of programs that hash, by device and inode: a process that has ended when it is blamed can't be read any more.
    listings: Listings,
    /// The agent's own code in other processes.
    own: HashSet<FileId>,
}

impl Insight {
    pub fn new(source: Option<Source>) -> Self {
        let decoder = source.as_ref().and_then(|source| source.decoder.as_ref().ok());
        let (before, behind) = decoder.map_or((0, 0), |decoder| decoder.reach());
        let undecoded = source.as_ref().and_then(|source| source.decoder.as_ref().err());
        let mut insight = Self {
            status: InsightStatus {
                available: source.is_some(),
                undecoded: undecoded.map(ToString::to_string).unwrap_or_default(),
                self_test: source.as_ref().map(|source| source.self_test).unwrap_or_default(),
                ..InsightStatus::default()
            },
            source,
            round_ns: 0,
            bare_ns: 0,
            known: HashMap::new(),
            ended: VecDeque::new(),
            pace: Pace::Calm,
            allowance: Allowance::default(),
            programs: HashMap::new(),
            maps_ns: 0,
            told: Told::default(),
            code: vec![0; before + behind],
            listings: Listings::default(),
            own: HashSet::new(),
        };
        insight.measure_coverage();
        insight
    }

    fn measure_coverage(&mut self) {
        if let Some(source) = &self.source {
            self.status.coverage = source.instructions.coverage();
        }
    }

    pub fn set_own_code(&mut self, files: HashSet<FileId>) {
        self.own = files;
    }

    pub fn status(&self) -> InsightStatus {
        self.status.clone()
    }

    /// A process has ended; its last samples are still to come.
    pub fn ended(&mut self, event: &Event<'_>, context: &Context<'_>) {
        if let Some(process) = context.processes.get(event.process) {
            if self.ended.len() >= ENDED_MAX {
                self.ended.pop_front();
            }
            self.ended.push_back((process.pid, event.process));
        }
    }

    /// Hands what was sampled to the reflexes; what fired.
    pub fn tick(
        &mut self,
        now_ns: u64,
        (miner, misplaced): (&mut Miner, &mut Misplaced),
        context: &mut Context<'_>,
    ) -> Vec<Firing> {
        let Some(cpu_ns) = self.source.as_ref().map(|source| source.cpu_ns) else {
            return Vec::new();
        };
        if now_ns < self.round_ns + self.every_ns() {
            return Vec::new();
        }
        self.round_ns = now_ns;
        self.allowance.grow(now_ns, self.pace);
        let (started_ns, sampled, maps_ns) = (cpu_ns(), self.status.samples, self.maps_ns);
        let looked = self.status.looks + self.status.maps;
        let firings = self.round(now_ns, (miner, misplaced), context);
        let taken_ns = (self.status.samples - sampled) * self.status.self_test.sample_ns;
        let round_ns = cpu_ns().saturating_sub(started_ns);
        let spent_ns = taken_ns + round_ns;
        let maps_ns = self.maps_ns - maps_ns;
        self.allowance.spend_on_maps(maps_ns);
        self.allowance.spend(spent_ns.saturating_sub(maps_ns));
        self.status.spent_ns += spent_ns;
        self.status.left_ns = self.allowance.left_ns();
        self.measure_coverage();
        if self.status.looks + self.status.maps == looked {
            self.measure_bare(round_ns);
        }
        self.told.tell(now_ns, &self.status);
        firings
    }

    /// On a slow machine the rounds alone would take all that may be spent, and nothing would ever be looked at: they have a
    /// third of it.
    fn every_ns(&self) -> u64 {
        let every_ns = ROUNDS_ONE_IN * self.pace.one_in() * self.bare_ns;
        every_ns.clamp(ROUND_NS, ROUND_MAX_NS)
    }

    /// A round that took long may have been a virtual machine that stood still.
    fn measure_bare(&mut self, bare_ns: u64) {
        self.bare_ns = match self.bare_ns {
            0 => bare_ns,
            known => (7 * known + bare_ns.min(2 * known)) / 8,
        };
    }

    fn round(
        &mut self,
        now_ns: u64,
        (miner, misplaced): (&mut Miner, &mut Misplaced),
        context: &mut Context<'_>,
    ) -> Vec<Firing> {
        let mut firings = Vec::new();
        let mut looks = match self.pace {
            _ if !self.allowance.is_left() => 0,
            Pace::Calm => LOOKS_CALM,
            Pace::Close => LOOKS_CLOSE,
        };
        let mut groups = self.drain(context);
        self.read_maps(&mut groups, (now_ns, context));
        self.sort(&mut groups, context, |known, program| known.undecoded + program);
        for (index, samples) in groups {
            miner.spent(index, &samples, (now_ns, context));
            for &sample in &samples {
                let Some(sight) = self.look(index, sample, (now_ns, context, &mut looks)) else {
                    continue;
                };
                let (kernel, place) = sight;
                let sight = Sight {
                    index,
                    sample,
                    kernel,
                    place: place.as_ref(),
                    calls: place.as_ref().is_some_and(|place| self.calls(sample, place)),
                };
                let mined = miner.see(&sight, (now_ns, context));
                let odd = misplaced.see(&sight, (now_ns, context));
                self.mark(index, context, |uid| mined || misplaced.watches(uid));
                if mined || odd {
                    let processes = context.processes;
                    let mut list = || self.list((index, sample), place.as_ref(), processes);
                    firings.extend(miner.decide(index, &mut list, (now_ns, context)));
                    firings.extend(misplaced.decide(index, &mut list, (now_ns, context)));
                }
            }
        }
        self.settle(now_ns, miner.is_watching() || misplaced.is_watching());
        miner.sweep(now_ns, context.processes);
        misplaced.sweep(now_ns, context.processes);
        firings
    }

    /// Samples by process.
    fn drain(&mut self, context: &Context<'_>) -> Vec<Group> {
        let Some(source) = self.source.as_mut() else {
            return Vec::new();
        };
        let mut by_pid: HashMap<u32, Vec<Sample>> = HashMap::new();
        let (status, mut count) = (&mut self.status, 0_usize);
        source.instructions.drain(&mut |sample| {
            count += 1;
            if count <= SAMPLES_MAX {
                by_pid.entry(sample.pid).or_default().push(sample);
            }
        });
        let dropped = count.saturating_sub(SAMPLES_MAX) as u64;
        status.samples += count as u64;
        status.samples_lost = status.samples_lost.max(source.instructions.lost()) + dropped;
        let index = |pid: u32| {
            let ended = || self.ended.iter().rev().find(|(ended, _)| *ended == pid);
            context
                .processes
                .by_pid(pid)
                .or_else(|| ended().map(|(_, index)| *index))
        };
        by_pid
            .into_iter()
            .filter(|(pid, _)| !context.guarded.contains(pid))
            .filter_map(|(pid, samples)| Some((index(pid)?, samples)))
            .collect()
    }

    /// Who waited longest is first, and of those who did not the one that computes most: a newcomer has its turn when nobody
    /// waits, and many newcomers do not keep one that stays from its own.
    fn sort(&self, groups: &mut [Group], context: &Context<'_>, waited: fn(&Known, usize) -> usize) {
        groups.sort_by_cached_key(|(index, samples)| {
            let process = context.processes.get(*index);
            let waited = process.and_then(|process| {
                let program = self.programs.get(&program_of(process)).copied().unwrap_or(0);
                Some(waited(self.known.get(&process.uid)?, program))
            });
            Reverse((waited.unwrap_or(0), samples.len()))
        });
    }

    /// A process of one sample may be gone the next moment: its maps are read only when there is plenty to spend.
    fn read_maps(&mut self, groups: &mut [Group], (now_ns, context): (u64, &Context<'_>)) {
        for (index, samples) in groups.iter() {
            if let Some(process) = context.processes.get(*index) {
                self.meet(process, (now_ns, samples.len()));
            }
        }
        self.sort(groups, context, |known, _| known.waits_for_maps());
        let Some(source) = self.source.as_ref() else {
            return;
        };
        let mut maps = if self.allowance.is_left_for_maps() {
            MAPS
        } else {
            0
        };
        let enough = if self.allowance.is_plenty_for_maps() { 1 } else { 2 };
        for (index, samples) in groups.iter() {
            let Some(process) = context.processes.get(*index) else {
                continue;
            };
            let Some(known) = self.known.get_mut(&process.uid) else {
                continue;
            };
            let wanting = samples.iter().filter(|sample| known.wants_memory(sample, now_ns));
            let wanting = wanting.count();
            if wanting > 0 && maps > 0 && known.samples >= enough {
                maps -= 1;
                self.status.maps += 1;
                let begun_ns = (source.cpu_ns)();
                let memory = source.instructions.memory(process.pid);
                let cost_ns = (source.cpu_ns)().saturating_sub(begun_ns);
                self.maps_ns += cost_ns;
                known.learn(memory, (now_ns, cost_ns));
            } else {
                known.unplaced += wanting;
            }
        }
    }

    /// Somebody else is forgotten for it: who was not odd, was seen once, and that long ago. None that was seen this round.
    fn meet(&mut self, process: &Process, (now_ns, samples): (u64, usize)) {
        if !self.known.contains_key(&process.uid) && self.known.len() >= KNOWN_MAX {
            let others = self.known.iter().filter(|(_, known)| known.seen_ns < now_ns);
            let least = others.min_by_key(|(_, known)| (known.is_odd, known.samples > 1, known.seen_ns));
            let Some(uid) = least.map(|(uid, _)| *uid) else {
                return;
            };
            self.known.remove(&uid);
        }
        let known = self.known.entry(process.uid).or_default();
        known.seen(process.image_number, (now_ns, samples));
    }

    fn mark(&mut self, index: ProcessIndex, context: &Context<'_>, is_odd: impl Fn(ProcessUid) -> bool) {
        let uid = context.processes.get(index).map(|process| process.uid);
        if let Some((uid, known)) = uid.and_then(|uid| Some((uid, self.known.get_mut(&uid)?))) {
            known.is_odd = is_odd(uid);
        }
    }

    /// `None`: the process is gone, or nothing is left to spend on it.
    fn look(
        &mut self,
        index: ProcessIndex,
        sample: Sample,
        (now_ns, context, looks): (u64, &Context<'_>, &mut u32),
    ) -> Option<(Option<Option<Kernel>>, Option<Place>)> {
        let process = context.processes.get(index)?;
        let source = self.source.as_ref()?;
        let Some(known) = self.known.get_mut(&process.uid) else {
            self.status.refused += 1;
            return None;
        };
        let place = known.place(&sample, &self.own);
        let mut is_refused = place.is_none() && known.wants_memory(&sample, now_ns);
        let mut kernel = None;
        if let (Ok(decoder), false) = (&source.decoder, sample.in_kernel) {
            kernel = known.kernel_at(sample.address);
            let program = program_of(process);
            // Of one that has ended nothing can be read: the next of its program has the turn.
            if kernel.is_none() && (*looks == 0 || process.end_time_ns.is_some()) {
                known.undecoded += 1;
                if self.programs.len() >= PROGRAMS_MAX && !self.programs.contains_key(&program) {
                    self.programs.clear();
                }
                *self.programs.entry(program).or_default() += 1;
                is_refused = true;
            } else if kernel.is_none() {
                *looks -= 1;
                self.programs.remove(&program);
                self.status.looks += 1;
                known.undecoded = 0;
                let (base, length) = read(source, process.pid, sample.address, &mut self.code);
                let code = &self.code[..length];
                let found = decoder.look(code, base, sample.address);
                kernel = found.map(|found| known.learn_loop(found, sample.address));
                if let (Some(found), Some(Some(_))) = (found, kernel) {
                    self.listings.keep(program, || {
                        let stretch = (found.start.max(base), found.end);
                        let region = known.region_at(sample.address);
                        let region = region.or_else(|| region_of(source, process.pid, sample.address));
                        Listing {
                            region: region.unwrap_or_default(),
                            lines: decoder.disassemble((code, base), stretch, LINES_MAX),
                        }
                    });
                }
            }
        }
        self.status.refused += u64::from(is_refused);
        (kernel.is_some() || place.is_some()).then_some((kernel, place))
    }

    fn calls(&self, sample: Sample, place: &Place) -> bool {
        let decoder = self
            .source
            .as_ref()
            .and_then(|source| Some((source, source.decoder.as_ref().ok()?)));
        let Some((source, decoder)) = decoder.filter(|_| sample.in_kernel && is_odd(place.origin)) else {
            return false;
        };
        let (call, mut code) = (decoder.system_call(), [0; 8]);
        let code = &mut code[..call.len()];
        let at = sample.address.saturating_sub(call.len() as u64);
        source.instructions.read(sample.pid, at, code) == call.len() && code == call
    }

    fn list(
        &mut self,
        (index, sample): (ProcessIndex, Sample),
        place: Option<&Place>,
        processes: &ProcessTable,
    ) -> Listing {
        let (Some(process), Some(source)) = (processes.get(index), self.source.as_ref()) else {
            return Listing::default();
        };
        let known_loop = self
            .known
            .get(&process.uid)
            .and_then(|known| known.loop_at(sample.address));
        let lines = source.decoder.as_ref().map_or_else(
            |_| Vec::new(),
            |decoder| {
                let (base, length) = read(source, process.pid, sample.address, &mut self.code);
                let found = known_loop.or_else(|| decoder.look(&self.code[..length], base, sample.address));
                let start = found.map_or(sample.address, |found| found.start).max(base);
                let end = found.map_or(u64::MAX, |found| found.end);
                decoder.disassemble((&self.code[..length], base), (start, end), LINES_MAX)
            },
        );
        if lines.is_empty()
            && let Some(kept) = self.listings.of(program_of(process))
        {
            return kept.clone();
        }
        let shown = place
            .map(|place| place.region.clone())
            .filter(|region| !region.is_empty());
        let describe = || region_of(source, process.pid, sample.address);
        Listing {
            region: shown.or_else(describe).unwrap_or_default(),
            lines,
        }
    }

    /// What is odd is looked at more closely.
    fn settle(&mut self, now_ns: u64, is_odd: bool) {
        self.known.retain(|_, known| known.seen_ns + KNOWN_NS > now_ns);
        while self.ended.len() > ENDED_MAX / 2 {
            self.ended.pop_front();
        }
        self.pace = if is_odd { Pace::Close } else { Pace::Calm };
        if let Some(source) = self.source.as_mut() {
            source.instructions.set_pace(self.pace);
        }
    }
}

fn program_of(process: &Process) -> (u64, u64) {
    (process.image.device, process.image.inode)
}

/// Code around an address: where it begins, and how many bytes.
fn read(source: &Source, pid: u32, address: u64, code: &mut [u8]) -> (u64, usize) {
    let before = source
        .decoder
        .as_ref()
        .map_or(0, |decoder| decoder.reach().0 as u64);
    let base = address.saturating_sub(before);
    let length = source.instructions.read(pid, base, code);
    if length as u64 > address - base {
        return (base, length);
    }
    // The mapping begins less than that before the sample.
    let base = address & !0xfff;
    (base, source.instructions.read(pid, base, code))
}

/// Read for a finding alone.
fn region_of(source: &Source, pid: u32, address: u64) -> Option<String> {
    let memory = source.instructions.memory(pid)?;
    memory.at(address).map(|region| region.describe())
}

#[cfg(test)]
pub(crate) mod tests;
