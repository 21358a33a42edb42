//! What a change of content or of names says against who made it.
use norn_events::{ChangeKind, ContentChange, ContentFormat, ContentShape, Event, ProcessIndex};
use norn_programs::lineage::author;

use super::blame::{Actor, common_ancestor};
use super::disguise::{broke_its_promise, could_be_made_of, is_disguise_of};
use super::emptied::{has_content_again, is_lost};
use super::evidence::{Harm, had_format, judge};
use super::finding::exhibit;
use super::pairs::{self, Half};
use super::passing::is_passing;
use super::removals::{self, Removed};
use super::score::{Exhibit, Piece};
use super::trust::{is_proven, keeps_content_of, places_others_content};
use super::{Ransomware, canaries, names};
use crate::{Context, Firing};

impl Ransomware {
    /// One change of content, as the vault saw it.
    pub fn judge(&mut self, change: &ContentChange, context: &mut Context<'_>) -> Option<Firing> {
        if change.kind == ChangeKind::Created {
            self.births.note(change, context.processes);
        }
        if self.canaries.is_touched(change) {
            let index = actor_of(change, context)?;
            return self.on_canary((&change.path, change.time_ns), index, context);
        }
        if has_content_again(change) {
            self.emptied.refill(&change.path);
        }
        if !self.matters(change) {
            return None;
        }
        let index = actor_of(change, context)?;
        let actor = self.actor(index, context)?;
        let (piece, blamed_from, exhibit) = match change.kind {
            ChangeKind::Overwritten | ChangeKind::Cut | ChangeKind::Replaced => {
                self.on_overwrite(change, (&actor, index), context)?
            }
            ChangeKind::Held => self.on_emptied(change, (&actor, index), context)?,
            ChangeKind::Created if is_empty(change) => {
                self.on_made_empty(change, (&actor, index), context)?
            }
            ChangeKind::Created => self.on_create(change, &actor, context)?,
            ChangeKind::Unlinked => {
                let before = change.before?;
                let half = half(change, &actor, before, None);
                match self.on_half(half, &actor, context) {
                    Some(pair) => pair,
                    None => self.on_removal(change, (&actor, index), context)?,
                }
            }
            ChangeKind::Renamed | ChangeKind::Metadata => return None,
        };
        if !piece.proven {
            self.suspect(actor.uid);
        }
        let moved_from = self
            .movers
            .blamed_from(&change.path, (&actor, change.time_ns), context);
        let blamed_from = blamed_from.max(moved_from);
        self.credit(&piece, &actor.chain[blamed_from..], &exhibit);
        self.decide((&actor, blamed_from), change.time_ns, context)
    }

    /// Renames carry no content: they tell by their names.
    pub fn rename(&mut self, event: &Event<'_>, context: &mut Context<'_>) -> Option<Firing> {
        self.births.rename(event.path, event.target);
        self.writers.rename(event);
        self.movers.rename(event, context);
        if self.canaries.has(event.path) {
            return self.on_canary((event.path, event.time_ns), event.process, context);
        }
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
            files: 0,
            harm: None,
            proven: false,
            time_ns: event.time_ns,
        };
        let exhibit = Exhibit {
            path: event.path.to_vec(),
            what: format!("got the name {}", String::from_utf8_lossy(event.target)),
        };
        self.credit(&piece, &actor.chain, &exhibit);
        self.decide((&actor, 0), event.time_ns, context)
    }

    fn on_canary(
        &mut self,
        (path, time_ns): (&[u8], u64),
        index: ProcessIndex,
        context: &mut Context<'_>,
    ) -> Option<Firing> {
        let actor = self.actor(index, context)?;
        let piece = Piece {
            weight: canaries::WEIGHT,
            files: 1,
            harm: Some(Harm::Canary),
            proven: false,
            time_ns,
        };
        self.credit(&piece, &actor.chain, &canaries::exhibit(path));
        self.decide((&actor, 0), time_ns, context)
    }

    /// Cheap: most changes are no evidence and must not cost a walk through the tree.
    fn matters(&self, change: &ContentChange) -> bool {
        match change.kind {
            ChangeKind::Overwritten | ChangeKind::Cut | ChangeKind::Held | ChangeKind::Replaced => {
                match (&change.before, &change.after) {
                    (Some(before), None) => had_format(before),
                    (None, Some(after)) => could_be_made_of(&change.path, after).is_some(),
                    (Some(before), Some(after)) if before.size == 0 => {
                        could_be_made_of(&change.path, after).is_some()
                    }
                    (Some(before), Some(after)) => {
                        had_format(before)
                            && (after.format != ContentFormat::Structured
                                || broke_its_promise(&change.path, before.format, after))
                    }
                    (None, None) => false,
                }
            }
            ChangeKind::Created if is_empty(change) => !self.lineages.is_empty(),
            ChangeKind::Created => change.after.as_ref().is_some_and(|after| {
                could_be_made_of(&change.path, after).is_some()
                    || (is_small_text(after)
                        && (!self.lineages.is_empty() || names::sounds_like_note(&change.path)))
            }),
            ChangeKind::Unlinked => change.before.as_ref().is_some_and(had_format),
            ChangeKind::Renamed | ChangeKind::Metadata => false,
        }
    }

    fn on_overwrite(
        &mut self,
        change: &ContentChange,
        (actor, index): (&Actor, ProcessIndex),
        context: &mut Context<'_>,
    ) -> Option<(Piece, usize, Exhibit)> {
        // Renamed over before its content was looked at: what was there, and what is there now, come as two changes.
        let (before, after) = match (change.before, change.after) {
            (Some(before), None) => return self.on_half(half(change, actor, before, None), actor, context),
            (None, Some(after)) => {
                let made = could_be_made_of(&change.path, &after);
                return self.on_half(half(change, actor, after, made), actor, context);
            }
            (before, after) => (before?, after?),
        };
        if is_lost(&before, &after, change.kind == ChangeKind::Cut) {
            let pair = self.on_half(half(change, actor, before, None), actor, context);
            return pair.or_else(|| self.on_emptied(change, (actor, index), context));
        }
        if change.kind == ChangeKind::Cut {
            return None;
        }
        // Emptied by its path before, which was told of by itself; or made empty and filled later.
        if before.size == 0 {
            let made = could_be_made_of(&change.path, &after);
            return self.on_half(half(change, actor, after, made), actor, context);
        }
        let disguised = broke_its_promise(&change.path, before.format, &after).then_some(Harm::Disguised);
        let harm = judge(&before, &after, actor.foreign).or(disguised)?;
        if !self.is_first_harm(&change.path, actor, change.time_ns) {
            return None;
        }
        let proven = !places_others_content(index, before.size, context) && is_proven(index, context);
        let blamed_from =
            self.writers
                .blamed_from((&change.path, change.kind, change.time_ns), actor, context);
        let piece = Piece {
            weight: harm.weight(),
            files: 1,
            harm: Some(harm),
            proven,
            time_ns: change.time_ns,
        };
        let shown = exhibit(&change.path, harm, (&before, Some(&after)));
        Some((piece, blamed_from, shown))
    }

    fn on_create(
        &mut self,
        change: &ContentChange,
        actor: &Actor,
        context: &mut Context<'_>,
    ) -> Option<(Piece, usize, Exhibit)> {
        let after = change.after?;
        if let Some(harm) = could_be_made_of(&change.path, &after) {
            return self.on_half(half(change, actor, after, Some(harm)), actor, context);
        }
        let is_note = self.lineage(actor, change.time_ns).names.note(&change.path);
        let piece = Piece {
            weight: names::NOTE_WEIGHT,
            files: 0,
            harm: None,
            proven: false,
            time_ns: change.time_ns,
        };
        let exhibit = Exhibit {
            path: change.path.clone(),
            what: "a small text of one name in several directories".to_owned(),
        };
        is_note.then_some((piece, 0, exhibit))
    }

    fn on_half(
        &mut self,
        mut half: Half,
        actor: &Actor,
        context: &mut Context<'_>,
    ) -> Option<(Piece, usize, Exhibit)> {
        if half.made.is_none()
            && !had_format(&ContentShape {
                size: half.size,
                entropy: 0.0,
                format: half.format,
            })
        {
            return None;
        }
        half.own = half.made.is_none() && self.births.are_had_by(&half.path, actor.uid);
        let time_ns = half.time_ns;
        let other = self.lineage(actor, time_ns).pairs.complete(half.clone())?;
        let (made, gone) = if half.made.is_some() {
            (&half, &other)
        } else {
            (&other, &half)
        };
        // A copy of it, or what was in it: not its ciphertext.
        let is_alike = made.format == ContentFormat::Feigned && gone.format == ContentFormat::Feigned;
        let is_ordinary = || made.made == Some(Harm::Disguised) && !is_disguise_of(made, gone);
        if is_alike
            || pairs::is_unpacked(made, gone)
            || is_ordinary()
            || !self.is_first_harm(&gone.path, actor, time_ns)
        {
            return None;
        }
        let replaces = made.path == gone.path;
        let maker = context.processes.by_uid(made.process);
        let locked = made.format == ContentFormat::Locked && !replaces && !actor.foreign;
        let by_tool = locked
            || maker.is_some_and(|index| {
                !(replaces && places_others_content(index, gone.size, context)) && is_proven(index, context)
            });
        let made_of = made.made.unwrap_or(Harm::Encrypted);
        let blamed_from = common_ancestor(actor, other.process, context);
        let is_sealed = by_tool
            && !replaces
            && !self.births.are_had_by(&gone.path, actor.chain[blamed_from])
            && pairs::is_sealed_as(made, gone)
            && !is_passing(&gone.path)
            && !maker.is_some_and(|index| keeps_content_of(index, context));
        let piece = Piece {
            weight: pairs::weight(made_of, (made, gone), by_tool),
            files: 1,
            harm: Some(if is_sealed { Harm::Sealed } else { made_of }),
            proven: by_tool,
            time_ns,
        };
        let exhibit = Exhibit {
            path: gone.path.clone(),
            what: format!(
                "{:?} of {} bytes gone, {} of {} bytes in its place: {}",
                gone.format,
                gone.size,
                made_of.kind(),
                made.size,
                String::from_utf8_lossy(&made.path)
            ),
        };
        let placed = (&made.path[..], ChangeKind::Created, made.time_ns);
        let written_from = self.writers.blamed_from(placed, actor, context);
        Some((piece, blamed_from.max(written_from), exhibit))
    }

    fn on_removal(
        &mut self,
        change: &ContentChange,
        (actor, index): (&Actor, ProcessIndex),
        context: &mut Context<'_>,
    ) -> Option<(Piece, usize, Exhibit)> {
        let (bars, blamed_from) = removals::bars(actor, index, context)?;
        if self.births.are_of(&change.path, actor) {
            return None;
        }
        self.suspect(actor.uid);
        let before = change.before?;
        let file = Removed {
            format: before.format,
            time_ns: change.time_ns,
            chain: actor.chain[blamed_from..].to_vec(),
            exhibit: exhibit(&change.path, Harm::Removed, (&before, None)),
        };
        let mut counted = self.lineage(actor, change.time_ns).removals.add(file, bars);
        let last = counted.pop()?;
        for file in &counted {
            self.credit(&file.piece(), &file.chain, &file.exhibit);
        }
        Some((last.piece(), blamed_from, last.exhibit))
    }
}

fn actor_of(change: &ContentChange, context: &Context<'_>) -> Option<ProcessIndex> {
    author(change, context.processes)
}

fn is_empty(change: &ContentChange) -> bool {
    change.after.is_some_and(|after| after.size == 0)
}

fn is_small_text(shape: &ContentShape) -> bool {
    shape.format == ContentFormat::Text && shape.size <= names::NOTE_BYTES_MAX
}

fn half(change: &ContentChange, actor: &Actor, shape: ContentShape, made: Option<Harm>) -> Half {
    Half {
        path: change.path.clone(),
        size: shape.size,
        time_ns: change.time_ns,
        process: actor.uid,
        made,
        format: shape.format,
        own: false,
    }
}
