//! Ransomware and wipers, by what becomes of the files: evidence is scored for each process and summed up its ancestors;
//! the lowest process whose subtree holds the evidence is blamed. Volume alone is never evidence.
mod evidence;
mod names;
mod pairs;
mod score;

use std::collections::{HashMap, HashSet};

use norn_events::{
    ChangeKind, ContentChange, ContentFormat, ContentShape, Event, Process, ProcessIndex, ProcessUid,
};

use crate::firing::evidence as field;
use crate::lineage::{author, chain, does_as_told, image_name, is_foreign, is_shell};
use crate::{Context, Firing, Rule};
use evidence::{Harm, could_be_ciphertext, had_format, judge};
use names::Names;
use pairs::{Half, Pairs};
use score::{Piece, Score};

/// Five files harmed (evidence fades, hence not 5.0): fewer happen by accident (a converter, a broken save), more is loss.
const THRESHOLD: f32 = 4.5;
/// Three files, for a program that did not come with the system (upper layer, memory, tmpfs, new since start).
const THRESHOLD_FOREIGN: f32 = 2.5;
/// A process is blamed instead of its ancestor when it holds at least this part of what stands against the ancestor.
const HOLDS: f32 = 0.8;
/// Notes and renames count for the process and so many above it, itself included.
const NAMES_REACH: usize = 2;
/// A new file and a deleted one that fit by size and moment only.
const UNNAMED_PAIR: f32 = 0.8;
/// A dedicated tool made the ciphertext and somebody else removed the original: `gpg -c f && rm f`.
const PROVEN_PAIR: f32 = 0.5;
/// Processes with a score, lineages with halves and names; the oldest go first.
const TRACKED_MAX: usize = 4_096;
/// Harmed files that one lineage is known by; beyond it a file may count twice.
const HARMED_MAX: usize = 8_192;
/// Scores and lineages untouched for this long are forgotten, ns.
const FORGET_NS: u64 = 1_800_000_000_000;

/// What a lineage (all that share the topmost blamable ancestor) has in common.
#[derive(Debug, Default)]
struct Lineage {
    pairs: Pairs,
    names: Names,
    harmed: HashSet<u64>,
    last_ns: u64,
}

/// Who did it, and who may be blamed for it.
struct Actor {
    uid: ProcessUid,
    chain: Vec<ProcessUid>,
    foreign: bool,
}

impl Actor {
    fn origin(&self) -> ProcessUid {
        self.chain.last().copied().unwrap_or(self.uid)
    }
}

#[derive(Debug, Default)]
pub struct Ransomware {
    scores: HashMap<ProcessUid, Score>,
    lineages: HashMap<ProcessUid, Lineage>,
    fired: HashMap<ProcessUid, u64>,
}

impl Ransomware {
    /// One change of content, as the vault saw it.
    pub fn judge(&mut self, change: &ContentChange, context: &mut Context<'_>) -> Option<Firing> {
        if !self.matters(change) {
            return None;
        }
        let index = actor_of(change, context)?;
        let actor = self.actor(index, context)?;
        let (piece, blamed_from, path) = match change.kind {
            ChangeKind::Overwritten | ChangeKind::Replaced => self.on_overwrite(change, &actor, context)?,
            ChangeKind::Created => self.on_create(change, &actor, context)?,
            ChangeKind::Unlinked => {
                let before = change.before?;
                self.on_half(half(change, &actor, before, None), &actor, context)?
            }
            ChangeKind::Renamed | ChangeKind::Metadata => return None,
        };
        self.credit(&piece, &actor.chain[blamed_from..], &path);
        self.decide((&actor, blamed_from), change.time_ns, context)
    }

    /// Renames carry no content: they tell by their names.
    pub fn rename(&mut self, event: &Event<'_>, context: &mut Context<'_>) -> Option<Firing> {
        let suffix = names::added_suffix(event.path, event.target);
        if suffix.is_none() && self.lineages.is_empty() {
            return None;
        }
        let actor = self.actor(event.process, context)?;
        let known = self.lineages.contains_key(&actor.origin());
        if known {
            self.lineage(&actor, event.time_ns)
                .pairs
                .rename(event.path, event.target);
        }
        let pattern = self.lineage(&actor, event.time_ns).names.rename(suffix?);
        if !pattern || is_proven(event.process, context) {
            return None;
        }
        let piece = Piece {
            weight: names::RENAME_WEIGHT,
            harm: None,
            proven: false,
            time_ns: event.time_ns,
        };
        self.credit(&piece, &actor.chain, event.path);
        self.decide((&actor, 0), event.time_ns, context)
    }

    /// Drops what is old. Call it about once a minute.
    pub fn sweep(&mut self, now_ns: u64) {
        self.scores.retain(|_, score| score.last_ns + FORGET_NS > now_ns);
        self.lineages
            .retain(|_, lineage| lineage.last_ns + FORGET_NS > now_ns);
        self.fired.retain(|_, &mut at| at + FORGET_NS > now_ns);
    }

    /// Cheap: most changes are no evidence and must not cost a walk through the tree.
    fn matters(&self, change: &ContentChange) -> bool {
        match change.kind {
            ChangeKind::Overwritten | ChangeKind::Replaced => match (&change.before, &change.after) {
                (Some(before), None) => had_format(before),
                (None, Some(after)) => could_be_ciphertext(after).is_some(),
                (Some(before), Some(after)) => {
                    had_format(before) && after.format != ContentFormat::Structured
                }
                (None, None) => false,
            },
            ChangeKind::Created => change.after.as_ref().is_some_and(|after| {
                could_be_ciphertext(after).is_some()
                    || (is_small_text(after)
                        && (!self.lineages.is_empty() || names::sounds_like_note(&change.path)))
            }),
            ChangeKind::Unlinked => change.before.as_ref().is_some_and(had_format),
            ChangeKind::Renamed | ChangeKind::Metadata => false,
        }
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

    fn on_overwrite(
        &mut self,
        change: &ContentChange,
        actor: &Actor,
        context: &mut Context<'_>,
    ) -> Option<(Piece, usize, Vec<u8>)> {
        // Renamed over before its content was looked at: what was there, and what is there now, come as two changes.
        let (before, after) = match (change.before, change.after) {
            (Some(before), None) => return self.on_half(half(change, actor, before, None), actor, context),
            (None, Some(after)) => {
                let made = could_be_ciphertext(&after);
                return self.on_half(half(change, actor, after, made), actor, context);
            }
            (before, after) => (before?, after?),
        };
        if after.size == 0 {
            return self.on_half(half(change, actor, before, None), actor, context);
        }
        let harm = judge(&before, &after, actor.foreign)?;
        if !self.is_first_harm(&change.path, actor, change.time_ns) {
            return None;
        }
        let proven = actor_of(change, context).is_some_and(|index| is_proven(index, context));
        let piece = Piece {
            weight: harm.weight(),
            harm: Some(harm),
            proven,
            time_ns: change.time_ns,
        };
        Some((piece, 0, change.path.clone()))
    }

    fn on_create(
        &mut self,
        change: &ContentChange,
        actor: &Actor,
        context: &mut Context<'_>,
    ) -> Option<(Piece, usize, Vec<u8>)> {
        let after = change.after?;
        if let Some(harm) = could_be_ciphertext(&after) {
            return self.on_half(half(change, actor, after, Some(harm)), actor, context);
        }
        let is_note = self.lineage(actor, change.time_ns).names.note(&change.path);
        let piece = Piece {
            weight: names::NOTE_WEIGHT,
            harm: None,
            proven: false,
            time_ns: change.time_ns,
        };
        is_note.then(|| (piece, 0, change.path.clone()))
    }

    fn on_half(
        &mut self,
        half: Half,
        actor: &Actor,
        context: &mut Context<'_>,
    ) -> Option<(Piece, usize, Vec<u8>)> {
        if half.made.is_none()
            && !had_format(&ContentShape {
                size: half.size,
                entropy: 0.0,
                format: half.format,
            })
        {
            return None;
        }
        let time_ns = half.time_ns;
        let other = self.lineage(actor, time_ns).pairs.complete(half.clone())?;
        let (made, gone) = if half.made.is_some() {
            (&half, &other)
        } else {
            (&other, &half)
        };
        if !self.is_first_harm(&gone.path, actor, time_ns) {
            return None;
        }
        let by_one = made.process == gone.process;
        let by_tool = context
            .processes
            .by_uid(made.process)
            .is_some_and(|index| is_proven(index, context));
        let harm = made.made.unwrap_or(Harm::Encrypted);
        let likeness = if crate::lineage::directory(&made.path) == crate::lineage::directory(&gone.path) {
            1.0
        } else {
            UNNAMED_PAIR
        };
        let weight = harm.weight() * likeness * if by_tool && !by_one { PROVEN_PAIR } else { 1.0 };
        let piece = Piece {
            weight,
            harm: Some(harm),
            proven: by_tool && by_one,
            time_ns,
        };
        Some((
            piece,
            common_ancestor(actor, other.process, context),
            gone.path.clone(),
        ))
    }

    fn is_first_harm(&mut self, path: &[u8], actor: &Actor, now_ns: u64) -> bool {
        let harmed = &mut self.lineage(actor, now_ns).harmed;
        if harmed.len() >= HARMED_MAX {
            harmed.clear();
        }
        harmed.insert(names::hash_of(path))
    }

    fn credit(&mut self, piece: &Piece, chain: &[ProcessUid], path: &[u8]) {
        make_room(&mut self.scores, |score| score.last_ns);
        // A name says something of who gave it and of the script that had it given, nothing of everybody above.
        let reach = if piece.harm.is_none() {
            NAMES_REACH
        } else {
            chain.len()
        };
        for (height, &uid) in chain.iter().enumerate().take(reach) {
            let child = height.checked_sub(1).map(|below| chain[below]);
            self.scores.entry(uid).or_default().add(piece, child, path);
        }
    }

    fn may_be_blamed(&self, uid: ProcessUid, actor: &Actor, (now_ns, context): (u64, &Context<'_>)) -> bool {
        self.scores
            .get(&uid)
            .is_some_and(|score| score.hands_out_work() || score.is_its_own(now_ns))
            || is_forked_from(uid, actor.uid, context)
    }

    /// The lowest process over its threshold. An ancestor is blamed only for what no single process below it holds: that
    /// it is over a lower threshold than its child says nothing of who did it.
    fn decide(
        &mut self,
        (actor, from): (&Actor, usize),
        now_ns: u64,
        context: &Context<'_>,
    ) -> Option<Firing> {
        let candidates = &actor.chain[from..];
        let totals: Vec<f32> = candidates
            .iter()
            .map(|uid| self.scores.get(uid).map_or(0.0, |score| score.total(now_ns)))
            .collect();
        let holder = (0..candidates.len()).find(|&at| {
            totals[at] >= threshold(candidates[at], actor, context)
                && self.may_be_blamed(candidates[at], actor, (now_ns, context))
                && totals[..at].iter().all(|&below| below < HOLDS * totals[at])
        })?;
        let at = climb(candidates, &totals, (holder, context));
        let scope = candidates[at];
        let blamed = self.scores.get(&scope)?.clone();
        for uid in &candidates[at + 1..] {
            if let Some(score) = self.scores.get_mut(uid) {
                score.discharge(&blamed, now_ns);
            }
        }
        self.fired.insert(scope, now_ns);
        firing(actor, scope, &blamed, (now_ns, context))
    }
}

/// Workers are blamed through the process that forked them, as long as it is the same program and more than one of them
/// is at it, however many forks lie between. A parent of another kind (a shell, a build, a server) is not drawn in by what
/// one child did alone.
fn climb(candidates: &[ProcessUid], totals: &[f32], (holder, context): (usize, &Context<'_>)) -> usize {
    let image = |at: usize| Some(process_of(candidates[at], context)?.image.path.clone());
    let own = image(holder);
    if own.is_none() {
        return holder;
    }
    (holder + 1..candidates.len())
        .take_while(|&above| image(above) == own)
        .fold(holder, |at, above| {
            if totals[at] < HOLDS * totals[above] {
                above
            } else {
                at
            }
        })
}

/// The same program at the same work: forked, no exec between. Shells fork for every bracket and say nothing.
fn is_forked_from(uid: ProcessUid, worker: ProcessUid, context: &Context<'_>) -> bool {
    match (process_of(uid, context), process_of(worker, context)) {
        (Some(leader), Some(worker)) => {
            leader.image.path == worker.image.path
                && leader.image.command_line == worker.image.command_line
                && !is_shell(worker)
        }
        _ => false,
    }
}

fn process_of<'a>(uid: ProcessUid, context: &'a Context<'_>) -> Option<&'a Process> {
    context.processes.get(context.processes.by_uid(uid)?)
}

fn threshold(uid: ProcessUid, actor: &Actor, context: &Context<'_>) -> f32 {
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

fn actor_of(change: &ContentChange, context: &Context<'_>) -> Option<ProcessIndex> {
    author(change, context.processes)
}

fn is_small_text(shape: &ContentShape) -> bool {
    shape.format == ContentFormat::Text && shape.size <= names::NOTE_BYTES_MAX
}

/// Dedicated tools only: an interpreter or `mv` does what it is told, whatever package it came in.
fn is_proven(index: ProcessIndex, context: &mut Context<'_>) -> bool {
    context
        .processes
        .get(index)
        .is_some_and(|process| !does_as_told(process) && context.provenance.is_package_owned(process))
}

fn half(change: &ContentChange, actor: &Actor, shape: ContentShape, made: Option<Harm>) -> Half {
    Half {
        path: change.path.clone(),
        size: shape.size,
        time_ns: change.time_ns,
        process: actor.uid,
        made,
        format: shape.format,
    }
}

/// Where in the actor's chain the other process's chain meets it.
fn common_ancestor(actor: &Actor, other: ProcessUid, context: &Context<'_>) -> usize {
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

fn make_room<T>(map: &mut HashMap<ProcessUid, T>, last_ns: impl Fn(&T) -> u64) {
    if map.len() < TRACKED_MAX {
        return;
    }
    let mut times: Vec<u64> = map.values().map(&last_ns).collect();
    let (_, &mut median, _) = times.select_nth_unstable(TRACKED_MAX / 2);
    map.retain(|_, value| last_ns(value) > median);
}

fn firing(actor: &Actor, scope: ProcessUid, score: &Score, when: (u64, &Context<'_>)) -> Option<Firing> {
    let (now_ns, context) = when;
    let blamed = context.processes.get(context.processes.by_uid(scope)?)?;
    let name = String::from_utf8_lossy(image_name(blamed)).into_owned();
    let word = if score.wiped * 2 > score.files {
        Harm::Wiped.word()
    } else {
        Harm::Encrypted.word()
    };
    let elapsed_ms = now_ns.saturating_sub(score.first_ns) / 1_000_000;
    let files = score.files;
    let noun = if files == 1 { "file" } else { "files" };
    Some(Firing {
        rule: Rule::Ransomware,
        process: actor.uid,
        scope,
        container: blamed.container.clone(),
        time_ns: now_ns,
        first_act_ns: score.first_ns,
        files_changed: files,
        killed_at_exec: false,
        observe_only: None,
        first_evidence: score.first_path.clone(),
        evidence: vec![
            field("process.executable", &blamed.image.path),
            field("process.command_line", &blamed.image.command_line),
            field("files.harmed", files.to_string()),
            field("files.first", &score.first_path),
            field(
                "score",
                format!(
                    "{:.1} of {:.1}",
                    score.total(now_ns),
                    threshold(scope, actor, context)
                ),
            ),
            field("score.names", format!("{:.1}", score.corroboration(now_ns))),
            field("duration_ms", elapsed_ms.to_string()),
        ],
        summary: format!("{name} {word} {files} {noun} in {elapsed_ms} ms"),
    })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
