//! What an emptied file says against who emptied it.
use norn_events::{ChangeKind, ContentChange, ContentShape, ProcessIndex};
use norn_programs::lineage::{directory, kind};

use super::Ransomware;
use super::blame::Actor;
use super::emptied::Waiting;
use super::evidence::{Harm, had_format};
use super::finding::exhibit;
use super::names::hash_of;
use super::passing::is_passing;
use super::score::{Exhibit, Piece};
use super::trust::is_proven;
use crate::Context;

impl Ransomware {
    /// It counts when enough others are as empty; those then count with it.
    pub(super) fn on_emptied(
        &mut self,
        change: &ContentChange,
        (actor, index): (&Actor, ProcessIndex),
        context: &mut Context<'_>,
    ) -> Option<(Piece, usize, Exhibit)> {
        self.on_loss(change, (change.before?, change.after?), ((actor, index), context))
    }

    /// Deleted, and made anew with nothing in it: `install /dev/null`, or an empty file that `mv` brings from elsewhere.
    pub(super) fn on_made_empty(
        &mut self,
        change: &ContentChange,
        (actor, index): (&Actor, ProcessIndex),
        context: &mut Context<'_>,
    ) -> Option<(Piece, usize, Exhibit)> {
        let lineage = self.lineages.get_mut(&actor.origin())?;
        let gone = lineage.pairs.take_gone(&change.path)?;
        let before = ContentShape {
            size: gone.size,
            entropy: 0.0,
            format: gone.format,
        };
        self.on_loss(change, (before, change.after?), ((actor, index), context))
    }

    fn on_loss(
        &mut self,
        change: &ContentChange,
        (before, after): (ContentShape, ContentShape),
        ((actor, index), context): ((&Actor, ProcessIndex), &mut Context<'_>),
    ) -> Option<(Piece, usize, Exhibit)> {
        if !had_format(&before) || is_passing(&change.path) {
            return None;
        }
        let proven = is_proven(index, context);
        if !proven {
            self.suspect(actor.uid);
        }
        let file = Waiting {
            path: hash_of(&change.path),
            kind: hash_of(kind(&change.path)),
            directory: hash_of(directory(&change.path)),
            held: change.kind == ChangeKind::Held,
            time_ns: change.time_ns,
            proven,
            chain: actor.chain.clone(),
            exhibit: exhibit(&change.path, Harm::Emptied, (&before, Some(&after))),
        };
        let mut counted = self.emptied.add(actor.origin(), file);
        counted.retain(|file| self.is_first_harm_of(file.path, actor, change.time_ns));
        let last = counted.pop()?;
        for file in &counted {
            self.credit(&piece(file.time_ns), &file.chain, &file.exhibit);
        }
        Some((piece(last.time_ns), 0, last.exhibit))
    }
}

fn piece(time_ns: u64) -> Piece {
    Piece {
        weight: Harm::Emptied.weight(),
        files: 1,
        harm: Some(Harm::Emptied),
        // Its bar is its own; a tool of a package that reached it is no better than others.
        proven: false,
        time_ns,
    }
}
