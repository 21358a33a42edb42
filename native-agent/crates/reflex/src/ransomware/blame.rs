//! Who is blamed: the process itself, a leader of forks, or whoever hands out the work; and how much must stand against it.
use norn_events::{Process, ProcessUid};

use crate::Context;
use norn_programs::lineage::{chain, is_foreign, is_shell};

/// Five files harmed (evidence fades, hence not 5.0): fewer happen by accident (a converter, a broken save), more is loss.
pub const THRESHOLD: f32 = 4.5;
/// Three files, for a program that did not come with the system (upper layer, memory, tmpfs, new since start).
pub const THRESHOLD_FOREIGN: f32 = 2.5;
/// A process is blamed instead of its ancestor when it holds at least this part of what stands against the ancestor.
pub const HOLDS: f32 = 0.8;
/// Less than one file of its own, which has faded.
const PART: f32 = 0.4;
/// Who did it, and who may be blamed for it.
pub struct Actor {
    pub uid: ProcessUid,
    pub chain: Vec<ProcessUid>,
    pub foreign: bool,
}

impl Actor {
    pub fn origin(&self) -> ProcessUid {
        self.chain.last().copied().unwrap_or(self.uid)
    }
}

/// Workers are blamed through the process that forked them, as long as it is the same program and more than one of them
/// is at it, however many forks lie between; so is a chain in which each does a part and forks the next. A parent of another kind
/// (a shell, a build, a server) is not drawn in by what one child did alone.
pub fn climb(candidates: &[ProcessUid], totals: &[f32], (holder, context): (usize, &Context<'_>)) -> usize {
    let image = |at: usize| Some(process_of(candidates[at], context)?.image.path.clone());
    let own = image(holder);
    if own.is_none() {
        return holder;
    }
    (holder + 1..candidates.len())
        .take_while(|&above| image(above) == own)
        .fold(holder, |at, above| {
            let has_part = || totals[above] > totals[at] + PART;
            let hands_on = || is_forked_from(candidates[above], candidates[at], context);
            if totals[at] < HOLDS * totals[above] || has_part() && hands_on() {
                above
            } else {
                at
            }
        })
}

/// The same program at the same work: forked, no exec between. Shells fork for every bracket and say nothing.
pub fn is_forked_from(uid: ProcessUid, worker: ProcessUid, context: &Context<'_>) -> bool {
    match (process_of(uid, context), process_of(worker, context)) {
        (Some(leader), Some(worker)) => {
            leader.image.path == worker.image.path
                && leader.image.command_line == worker.image.command_line
                && !is_shell(worker)
        }
        _ => false,
    }
}

pub fn process_of<'a>(uid: ProcessUid, context: &'a Context<'_>) -> Option<&'a Process> {
    context.processes.get(context.processes.by_uid(uid)?)
}

pub fn threshold(uid: ProcessUid, actor: &Actor, context: &Context<'_>) -> f32 {
    let blamed_is_foreign = context
        .processes
        .by_uid(uid)
        .and_then(|index| context.processes.get(index))
        .is_some_and(is_foreign);
    if actor.foreign || blamed_is_foreign {
        THRESHOLD_FOREIGN
    } else {
        THRESHOLD
    }
}

/// Where in the actor's chain the other process's chain meets it.
pub fn common_ancestor(actor: &Actor, other: ProcessUid, context: &Context<'_>) -> usize {
    let Some(index) = context.processes.by_uid(other) else {
        return 0;
    };
    let theirs: Vec<ProcessUid> = chain(context.processes, index, context.guarded)
        .into_iter()
        .filter_map(|index| Some(context.processes.get(index)?.uid))
        .collect();
    actor
        .chain
        .iter()
        .position(|uid| theirs.contains(uid))
        .unwrap_or(0)
}
