//! Ransomware and wipers, by what becomes of the files: evidence is scored for each process and summed up its ancestors;
//! the lowest process whose subtree holds the evidence is blamed. Volume alone is never evidence.
mod births;
mod blame;
mod canaries;
mod decision;
mod disguise;
mod emptied;
mod evidence;
mod finding;
mod judging;
mod loss;
mod movers;
mod names;
mod pairs;
mod passing;
mod removals;
mod score;
mod trust;
mod writers;

use std::collections::{HashMap, HashSet};

use norn_events::{Event, ProcessIndex, ProcessUid};
use norn_programs::lineage::{chain, is_foreign};

use crate::Context;
use births::Births;
use blame::Actor;
use canaries::Canaries;
use emptied::AllEmptied;
use movers::Movers;
use names::Names;
use pairs::Pairs;
use removals::Removals;
use score::{Score, TRACKED_MAX};
use writers::Writers;

/// Harmed files that one lineage is known by; beyond it a file may count twice.
const HARMED_MAX: usize = 8_192;
/// Scores and lineages untouched for this long are forgotten, ns.
const FORGET_NS: u64 = 1_800_000_000_000;

/// What a lineage (all that share the topmost blamable ancestor) has in common.
#[derive(Debug, Default)]
struct Lineage {
    pairs: Pairs,
    names: Names,
    removals: Removals,
    harmed: HashSet<u64>,
    last_ns: u64,
}

#[derive(Debug, Default)]
pub struct Ransomware {
    scores: HashMap<ProcessUid, Score>,
    lineages: HashMap<ProcessUid, Lineage>,
    fired: HashMap<ProcessUid, u64>,
    births: Births,
    emptied: AllEmptied,
    writers: Writers,
    movers: Movers,
    canaries: Canaries,
    /// Processes with first evidence against them, which nobody has asked for yet.
    suspects: Vec<ProcessUid>,
    suspected: HashSet<ProcessUid>,
}

impl Ransomware {
    /// Paths, or names of files anywhere.
    pub fn set_canaries(&mut self, files: Vec<Vec<u8>>) {
        self.canaries = Canaries::new(files);
    }

    /// Who is suspected since the last call: once each.
    pub fn take_suspects(&mut self) -> Vec<ProcessUid> {
        std::mem::take(&mut self.suspects)
    }

    fn suspect(&mut self, uid: ProcessUid) {
        if self.suspected.len() >= TRACKED_MAX {
            self.suspected.clear();
            self.suspects.clear();
        }
        if self.suspected.insert(uid) {
            self.suspects.push(uid);
        }
    }

    /// A file was opened for writing, anywhere.
    pub fn opened(&mut self, event: &Event<'_>, context: &Context<'_>) {
        self.writers.note(event, context);
    }

    /// A directory was deleted.
    pub fn directory_gone(&mut self, event: &Event<'_>, context: &Context<'_>) {
        if let Some(actor) = self.actor(event.process, context)
            && let Some(lineage) = self.lineages.get_mut(&actor.origin())
        {
            lineage.removals.forget();
        }
    }

    /// Drops what is old. Call it about once a minute.
    pub fn sweep(&mut self, now_ns: u64) {
        self.scores.retain(|_, score| score.last_ns + FORGET_NS > now_ns);
        self.lineages
            .retain(|_, lineage| lineage.last_ns + FORGET_NS > now_ns);
        self.fired.retain(|_, &mut at| at + FORGET_NS > now_ns);
        self.emptied.sweep(now_ns);
    }

    fn actor(&self, index: ProcessIndex, context: &Context<'_>) -> Option<Actor> {
        let process = context.processes.get(index)?;
        if context.guarded.contains(&process.pid) {
            return None;
        }
        let uids: Vec<ProcessUid> = chain(context.processes, index, context.guarded)
            .into_iter()
            .filter_map(|index| Some(context.processes.get(index)?.uid))
            .collect();
        let settled = uids
            .iter()
            .any(|&uid| self.fired.contains_key(&uid) || context.released.holds(uid));
        (!settled).then(|| Actor {
            uid: process.uid,
            foreign: is_foreign(process),
            chain: uids,
        })
    }

    fn lineage(&mut self, actor: &Actor, now_ns: u64) -> &mut Lineage {
        make_room(&mut self.lineages, |lineage| lineage.last_ns);
        let lineage = self.lineages.entry(actor.origin()).or_default();
        lineage.last_ns = now_ns;
        lineage
    }

    fn is_first_harm(&mut self, path: &[u8], actor: &Actor, now_ns: u64) -> bool {
        self.is_first_harm_of(names::hash_of(path), actor, now_ns)
    }

    fn is_first_harm_of(&mut self, path: u64, actor: &Actor, now_ns: u64) -> bool {
        let harmed = &mut self.lineage(actor, now_ns).harmed;
        if harmed.len() >= HARMED_MAX {
            harmed.clear();
        }
        harmed.insert(path)
    }
}

fn make_room<T>(map: &mut HashMap<ProcessUid, T>, last_ns: impl Fn(&T) -> u64) {
    if map.len() < TRACKED_MAX {
        return;
    }
    let mut times: Vec<u64> = map.values().map(&last_ns).collect();
    let (_, &mut median, _) = times.select_nth_unstable(TRACKED_MAX / 2);
    map.retain(|_, value| last_ns(value) > median);
}

#[cfg(test)]
mod tests;
