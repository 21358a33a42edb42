//! Calls that the kernel has seen and a process's hooks have not: its hooks were undone, or it makes its calls past them.
//!
//! The hooks tell before a call, the kernel after it, and the two streams come at different times, on a busy machine by seconds. So both are counted in
//! steps of time; a call of the kernel's is looked for once all that the hooks told until then has been read, and what they told is kept
//! until the kernel's events have come as far.
use std::collections::{BTreeMap, HashMap};

use norn_events::{Event, EventKind, ProcessIndex, ProcessTable, ProcessUid};

use crate::firing::evidence as field;
use crate::{Firing, Rule};
use norn_programs::lineage::image_name;

/// Calls are counted by this much time, ns.
const STEP_NS: u64 = 100_000_000;
/// A call takes at most this long from its hook to its end.
const CALL_STEPS: u64 = 50;
/// However late the kernel's events are, what was told before this is forgotten.
const TOLD_STEPS_MAX: u64 = 600;
/// A call that was under way when the hooks came has no record, ns.
const SETTLE_NS: u64 = 500_000_000;
/// Calls without a record before anything is said.
const CALLS_MIN: u32 = 3;
/// Processes of all trees; those beyond are not judged.
const MEMBERS_MAX: usize = 4_096;

/// Processes that share hooks: one that was hooked, and its forks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TreeId(pub u64);

/// Calls that both the kernel and the hooks tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HookedCall {
    Exec,
    Unlink,
    Rename,
}

/// By step of time.
type Counts = BTreeMap<(u64, HookedCall), u32>;

#[derive(Debug, Default)]
struct Tree {
    since_ns: u64,
    /// All that the hooks told until then has been read.
    read_until_ns: u64,
    told: Counts,
    happened: BTreeMap<(u64, HookedCall), HashMap<ProcessUid, u32>>,
    /// Records were lost: what happened until then is not judged.
    excused_until: u64,
    missing: HashMap<ProcessUid, Missing>,
}

#[derive(Debug, Default)]
struct Missing {
    first_ns: u64,
    calls: BTreeMap<HookedCall, u32>,
    told: bool,
}

/// Feed it every event of the kernel's in order, and what the hooks tell; collect with `settle`.
#[derive(Debug, Default)]
pub struct Bypass {
    trees: HashMap<TreeId, Tree>,
    members: HashMap<ProcessUid, TreeId>,
    /// The kernel's events have come as far as this.
    seen_until_ns: u64,
}

impl Bypass {
    /// The hooks of `root` are in place.
    pub fn watch(&mut self, tree: TreeId, root: ProcessUid, since_ns: u64) {
        let since_ns = since_ns + SETTLE_NS;
        self.trees.insert(
            tree,
            Tree {
                since_ns,
                ..Tree::default()
            },
        );
        self.join(root, tree);
    }

    pub fn end(&mut self, tree: TreeId) {
        self.trees.remove(&tree);
        self.members.retain(|_, of| *of != tree);
    }

    /// Whose hooks a process has.
    pub fn tree_of(&self, uid: ProcessUid) -> Option<TreeId> {
        self.members.get(&uid).copied()
    }

    /// Whether anybody still has the hooks of this tree.
    pub fn has_members(&self, tree: TreeId) -> bool {
        self.members.values().any(|of| *of == tree)
    }

    /// What the hooks told.
    pub fn told(&mut self, tree: TreeId, call: HookedCall, time_ns: u64) {
        if let Some(tree) = self.trees.get_mut(&tree) {
            *tree.told.entry((time_ns / STEP_NS, call)).or_default() += 1;
        }
    }

    /// All that the hooks told before this time has been told here.
    pub fn read(&mut self, tree: TreeId, until_ns: u64) {
        if let Some(tree) = self.trees.get_mut(&tree) {
            tree.read_until_ns = until_ns;
        }
    }

    /// Records of this tree were lost before now.
    pub fn lost(&mut self, tree: TreeId, now_ns: u64) {
        if let Some(tree) = self.trees.get_mut(&tree) {
            tree.excused_until = now_ns / STEP_NS + 1;
        }
    }

    /// An event of the kernel's.
    pub fn observe(&mut self, event: &Event<'_>, processes: &ProcessTable) {
        self.seen_until_ns = self.seen_until_ns.max(event.time_ns);
        let Some(process) = processes.get(event.process) else {
            return;
        };
        match event.kind {
            EventKind::Fork => {
                if let Some(&tree) = self.members.get(&process.parent_uid) {
                    self.join(process.uid, tree);
                }
            }
            EventKind::Exec => {
                self.happened(process.uid, HookedCall::Exec, event.time_ns);
                // A failed one leaves the process as it was.
                if event.result >= 0 {
                    self.members.remove(&process.uid);
                }
            }
            EventKind::Exit => drop(self.members.remove(&process.uid)),
            EventKind::FileRename => self.happened(process.uid, HookedCall::Rename, event.time_ns),
            EventKind::FileUnlink if event.flags == 0 => {
                self.happened(process.uid, HookedCall::Unlink, event.time_ns);
            }
            _ => {}
        }
    }

    /// Judges what both have told of.
    pub fn settle(&mut self, now_ns: u64, processes: &ProcessTable) -> Vec<Firing> {
        let mut firings = Vec::new();
        let awaited = (self.seen_until_ns / STEP_NS).saturating_sub(CALL_STEPS);
        let oldest = awaited.max((now_ns / STEP_NS).saturating_sub(TOLD_STEPS_MAX));
        for tree in self.trees.values_mut() {
            tree.match_read();
            tree.told.retain(|&(step, _), _| step >= oldest);
            for (uid, missing) in &mut tree.missing {
                let calls: u32 = missing.calls.values().sum();
                let index = processes.by_uid(*uid);
                if calls >= CALLS_MIN
                    && !missing.told
                    && let Some(index) = index
                {
                    missing.told = true;
                    firings.extend(firing((index, missing), now_ns, processes));
                }
            }
        }
        firings
    }

    fn join(&mut self, uid: ProcessUid, tree: TreeId) {
        if self.members.len() < MEMBERS_MAX {
            self.members.insert(uid, tree);
        }
    }

    fn happened(&mut self, uid: ProcessUid, call: HookedCall, time_ns: u64) {
        let tree = self.members.get(&uid).and_then(|tree| self.trees.get_mut(tree));
        if let Some(tree) = tree.filter(|tree| time_ns >= tree.since_ns) {
            let step = tree.happened.entry((time_ns / STEP_NS, call)).or_default();
            *step.entry(uid).or_default() += 1;
        }
    }
}

impl Tree {
    /// Takes from what was told, oldest first, what happened in the steps that have been read wholly. The clocks of the two may differ by a step.
    fn match_read(&mut self) {
        let last = (self.read_until_ns / STEP_NS).saturating_sub(2);
        while let Some((&(step, call), _)) = self.happened.first_key_value()
            && step <= last
        {
            let by = self.happened.remove(&(step, call)).unwrap_or_default();
            for (uid, count) in by {
                let missing = count - self.take_told((step, call), count);
                if missing > 0 && step > self.excused_until {
                    let known = self.missing.entry(uid).or_default();
                    if known.calls.is_empty() {
                        known.first_ns = step * STEP_NS;
                    }
                    *known.calls.entry(call).or_default() += missing;
                }
            }
        }
    }

    /// How many of `wanted` calls the hooks told of, in time; each counts once. The clocks of the two may differ by a step.
    fn take_told(&mut self, (step, call): (u64, HookedCall), wanted: u32) -> u32 {
        let mut left = wanted;
        for (_, count) in self
            .told
            .range_mut((step.saturating_sub(CALL_STEPS), HookedCall::Exec)..=(step + 1, HookedCall::Rename))
            .filter(|((_, told), _)| *told == call)
        {
            let taken = left.min(*count);
            *count -= taken;
            left -= taken;
        }
        wanted - left
    }
}

fn firing(
    (index, missing): (ProcessIndex, &Missing),
    now_ns: u64,
    processes: &ProcessTable,
) -> Option<Firing> {
    let process = processes.get(index)?;
    let name = String::from_utf8_lossy(image_name(process)).into_owned();
    let calls: u32 = missing.calls.values().sum();
    let mut evidence = vec![
        field("process.executable", &process.image.path),
        field("process.command_line", &process.image.command_line),
    ];
    for (call, count) in &missing.calls {
        let call = match call {
            HookedCall::Exec => "exec",
            HookedCall::Unlink => "unlink",
            HookedCall::Rename => "rename",
        };
        evidence.push(field(&format!("calls.unseen_by_hooks.{call}"), count.to_string()));
    }
    Some(Firing {
        rule: Rule::HooksBypassed,
        process: process.uid,
        scope: process.uid,
        container: process.container.clone(),
        time_ns: now_ns,
        first_act_ns: missing.first_ns,
        files_changed: 0,
        killed_at_exec: false,
        observe_only: None,
        first_evidence: [&process.image_number.to_le_bytes()[..], &process.image.path].concat(),
        evidence,
        summary: format!("{name} makes calls past the hooks in it: the kernel saw {calls} that they did not"),
    })
}

#[cfg(test)]
#[path = "bypass_tests.rs"]
mod tests;
