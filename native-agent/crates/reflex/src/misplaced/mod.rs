//! Code that runs from where none should be: memory that no image is mapped in, or with a stack that is none. Compilers at
//! run time do so for a living; they are known by where they come from, and by the shape of what they make.
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use norn_events::{ImageFlag, Process, ProcessIndex, ProcessTable, ProcessUid};
use norn_insight::Origin;

use crate::firing::evidence as field;
use crate::sight::{Listing, Place, Sight};
use crate::{Context, Firing, Rule};
use norn_programs::lineage::{image_name, is_compiling_runtime, is_foreign, is_system_path};

/// Samples, and rounds they came in, before anything is said: a trampoline on a stack is a few instructions long.
const SAMPLES_MIN: u32 = 5;
const ROUNDS_MIN: u32 = 2;
/// Processes with odd samples remembered.
const ODD_MAX: usize = 256;
/// How long they are, and how long the sampler looks closely, ns.
const ODD_NS: u64 = 60_000_000_000;
const WATCH_NS: u64 = 5_000_000_000;

const COROUTINES: &str = "coroutines may have stacks of their own making";
const OWN_CODE: &str = "a program of no package may make code of its own";

#[derive(Debug, Default)]
struct Odd {
    first_ns: u64,
    last_ns: u64,
    samples: u32,
    rounds: u32,
    all: u32,
    cpu_ns: u64,
    calls: u32,
    /// Of the worst that was seen.
    oddity: Option<Oddity>,
}

/// What is odd, and why it is only told of.
#[derive(Debug, Clone)]
struct Oddity {
    what: &'static str,
    stack: String,
    observe_only: Option<&'static str>,
}

#[derive(Default)]
pub(crate) struct Misplaced {
    odd: HashMap<ProcessUid, Odd>,
    fired: HashSet<ProcessUid>,
    now_ns: u64,
}

impl Misplaced {
    /// True when the sample is one too many.
    pub fn see(&mut self, sight: &Sight<'_>, (now_ns, context): (u64, &mut Context<'_>)) -> bool {
        let (Some(place), Some(process)) = (sight.place, context.processes.get(sight.index)) else {
            return false;
        };
        if let Some(odd) = self.odd.get_mut(&process.uid) {
            odd.all += 1;
        }
        if place.own {
            return false;
        }
        // Of one that has ended nobody can tell any more where it came from.
        if self.fired.contains(&process.uid) || process.end_time_ns.is_some() {
            return false;
        }
        let Some(oddity) = judge(process, place, context) else {
            return false;
        };
        if self.odd.len() >= ODD_MAX && !self.odd.contains_key(&process.uid) {
            return false;
        }
        let odd = self.odd.entry(process.uid).or_insert_with(|| Odd {
            first_ns: now_ns,
            all: 1,
            ..Odd::default()
        });
        odd.rounds += u32::from(odd.last_ns != now_ns);
        odd.last_ns = now_ns;
        odd.samples += 1;
        odd.cpu_ns += sight.sample.weight_ns;
        odd.calls += u32::from(sight.calls);
        let is_worse = odd
            .oddity
            .as_ref()
            .is_none_or(|known| known.observe_only.is_some() && oddity.observe_only.is_none());
        if is_worse {
            odd.oddity = Some(oddity);
        }
        odd.samples >= SAMPLES_MIN && odd.rounds >= ROUNDS_MIN
    }

    pub fn decide(
        &mut self,
        index: ProcessIndex,
        list: &mut dyn FnMut() -> Listing,
        (now_ns, context): (u64, &Context<'_>),
    ) -> Option<Firing> {
        let process = context.processes.get(index)?;
        let is_due = |odd: &Odd| odd.samples >= SAMPLES_MIN && odd.rounds >= ROUNDS_MIN;
        if !self.odd.get(&process.uid).is_some_and(is_due) || !self.fired.insert(process.uid) {
            return None;
        }
        let odd = self.odd.remove(&process.uid)?;
        let oddity = odd.oddity.as_ref()?;
        Some(firing(process, (&odd, oddity), (now_ns, &list())))
    }

    /// It was odd lately, and is not judged yet.
    pub fn watches(&self, process: ProcessUid) -> bool {
        self.odd.contains_key(&process)
    }

    pub fn is_watching(&self) -> bool {
        self.odd.values().any(|odd| odd.last_ns + WATCH_NS > self.now_ns)
    }

    pub fn sweep(&mut self, now_ns: u64, processes: &ProcessTable) {
        self.now_ns = now_ns;
        self.odd.retain(|_, odd| odd.last_ns + ODD_NS > now_ns);
        self.fired.retain(|uid| processes.by_uid(*uid).is_some());
    }
}

fn judge(process: &Process, place: &Place, context: &mut Context<'_>) -> Option<Oddity> {
    let oddity = |what, observe_only| {
        Some(Oddity {
            what,
            stack: String::new(),
            observe_only,
        })
    };
    match place.origin {
        Origin::File | Origin::Kernel | Origin::Nothing => judge_stack(process, place, context),
        Origin::Deleted => is_gone(process, place)
            .then(|| oddity("a deleted file", None))
            .flatten(),
        Origin::Stack if !makes_code(process, place, context) => oddity("the stack", None),
        Origin::Heap if !makes_code(process, place, context) => oddity("the heap", None),
        // The exec of a memfd is another reflex's; a container runtime's sealed copy is one.
        Origin::Memfd if has(process, ImageFlag::Memfd) => None,
        Origin::Memfd if !makes_code(process, place, context) => oddity("a file in memory", None),
        Origin::Anonymous if !makes_code(process, place, context) => {
            judge_anonymous(process, place, context).and_then(|only| oddity("anonymous memory", only))
        }
        _ => None,
    }
}

/// `Some(None)`: what no known compiler does. Who writes code, and then takes the right to write away, compiles as it should:
/// from a program that came with the system that is nobody's business.
fn judge_anonymous(
    process: &Process,
    place: &Place,
    context: &mut Context<'_>,
) -> Option<Option<&'static str>> {
    if is_foreign(process) {
        return Some(None);
    }
    if !place.writable {
        return None;
    }
    let is_packaged = context.provenance.is_package_owned(process);
    Some((!is_packaged).then_some(OWN_CODE))
}

/// A stack in a file's memory, in the heap, or where code lies. Most programs have theirs in anonymous memory of its own,
/// so that says nothing.
fn judge_stack(process: &Process, place: &Place, context: &mut Context<'_>) -> Option<Oddity> {
    let is_none = place.stack_executable && place.stack != Some(Origin::Stack)
        || matches!(
            place.stack?,
            Origin::Heap | Origin::File | Origin::Deleted | Origin::Memfd
        );
    if !is_none || place.origin == Origin::Kernel || makes_code(process, place, context) {
        return None;
    }
    Some(Oddity {
        what: "a stack that is none",
        stack: place.stack_region.clone(),
        observe_only: (!is_foreign(process)).then_some(COROUTINES),
    })
}

/// A compiler at run time by its libraries, or one that is known by name and lies where such programs do.
fn makes_code(process: &Process, place: &Place, context: &mut Context<'_>) -> bool {
    place.engine || (is_compiling_runtime(process) && context.provenance.is_whole_runtime(process))
}

/// Nothing is at its name any more. An upgrade, or a build, puts another file there.
fn is_gone(process: &Process, place: &Place) -> bool {
    let is_known = has(process, ImageFlag::Deleted) || is_system_path(&place.path);
    let root = Path::new("/proc").join(process.pid.to_string()).join("root");
    let name = place.path.strip_prefix(b"/").unwrap_or(&place.path);
    !is_known && !place.engine && !root.join(OsStr::from_bytes(name)).exists()
}

fn has(process: &Process, flag: ImageFlag) -> bool {
    process.image.flags & flag as u32 != 0
}

fn firing(process: &Process, (odd, oddity): (&Odd, &Oddity), (now_ns, list): (u64, &Listing)) -> Firing {
    let name = String::from_utf8_lossy(image_name(process)).into_owned();
    let duration_ns = now_ns.saturating_sub(odd.first_ns);
    let verb = if oddity.stack.is_empty() {
        "runs code from"
    } else {
        "runs on"
    };
    let mut evidence = vec![
        field("process.executable", &process.image.path),
        field("process.command_line", &process.image.command_line),
        field("code.origin", oddity.what),
        field("code.region", &list.region),
        field("samples", odd.samples.to_string()),
        field(
            "samples.misplaced_percent",
            (odd.samples * 100 / odd.all.max(1)).min(100).to_string(),
        ),
        field("cpu.ms", (odd.cpu_ns / 1_000_000).to_string()),
        field("duration_ms", (duration_ns / 1_000_000).to_string()),
        field("image.foreign", is_foreign(process).to_string()),
    ];
    if !oddity.stack.is_empty() {
        evidence.push(field("stack.region", &oddity.stack));
    }
    if odd.calls > 0 {
        evidence.push(field("samples.in_system_calls", odd.calls.to_string()));
    }
    evidence.push(field("code.disassembly", list.lines.join("\n")));
    Firing {
        rule: Rule::MisplacedCode,
        process: process.uid,
        scope: process.uid,
        container: process.container.clone(),
        time_ns: now_ns,
        first_act_ns: odd.first_ns,
        files_changed: 0,
        killed_at_exec: false,
        observe_only: oddity.observe_only.map(Into::into),
        first_evidence: [&process.image_number.to_le_bytes()[..], &process.image.path].concat(),
        evidence,
        summary: format!("{name} {verb} {}", oddity.what),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
