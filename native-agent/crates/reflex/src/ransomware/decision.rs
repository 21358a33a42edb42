//! Whom the evidence is credited to, and who is blamed for it.
use norn_events::ProcessUid;

use super::blame::{Actor, HOLDS, climb, is_forked_from, threshold};
use super::finding::firing;
use super::pairs::Pairs;
use super::score::{Exhibit, Piece};
use super::{Ransomware, make_room};
use crate::{Context, Firing};

/// Notes and renames count for at most this many processes: the one that made them, and those above it.
const NAMES_REACH: usize = 2;

impl Ransomware {
    pub(super) fn credit(&mut self, piece: &Piece, chain: &[ProcessUid], exhibit: &Exhibit) {
        make_room(&mut self.scores, |score| score.last_ns);
        // A name says something of who gave it and of the script that had it given, nothing of everybody above.
        let reach = if piece.harm.is_none() {
            NAMES_REACH
        } else {
            chain.len()
        };
        for (height, &uid) in chain.iter().enumerate().take(reach) {
            let child = height.checked_sub(1).map(|below| chain[below]);
            self.scores.entry(uid).or_default().add(piece, child, exhibit);
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
    pub(super) fn decide(
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
                && (0..at).all(|below| {
                    totals[below] < HOLDS * totals[at]
                        || is_forked_from(candidates[at], candidates[below], context)
                })
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
        // What the stopped one left half done is no crime of whoever clears it away.
        if let Some(lineage) = self.lineages.get_mut(&actor.origin()) {
            lineage.pairs = Pairs::default();
        }
        firing(actor, scope, &blamed, (now_ns, context))
    }
}
