//! Detections that run inside the agent because milliseconds count. Pure state machines fed by events and changes of
//! content; only what looks at running code asks the kernel for anything, through `norn-insight`.
#![forbid(unsafe_code)]

mod bypass;
mod context;
mod fileless;
mod firing;
mod insight;
mod miner;
mod misplaced;
mod ransomware;
mod released;
mod reverse_shell;
mod rule;
mod sight;
#[cfg(test)]
mod testing;

use std::collections::HashSet;

use norn_events::{ContentChange, Event, EventKind, Observer, ProcessTable, ProcessUid};
use norn_insight::FileId;
use norn_programs::Provenance;
use norn_programs::lineage::hands;

pub use bypass::{Bypass, HookedCall, TreeId};
pub use firing::{Clock, Firing};
pub use insight::{InsightStatus, Source};
pub use released::Released;
pub use rule::Rule;

use context::Context;
use fileless::Fileless;
use insight::Insight;
use miner::Miner;
use misplaced::Misplaced;
use ransomware::Ransomware;
use reverse_shell::ReverseShell;

/// All reflexes. Feed it events in order and changes as they come; collect with `take`.
pub struct Reflexes {
    ransomware: Ransomware,
    fileless: Fileless,
    reverse_shell: ReverseShell,
    insight: Insight,
    miner: Miner,
    misplaced: Misplaced,
    provenance: Box<dyn Provenance>,
    released: Released,
    guarded: Vec<u32>,
    firings: Vec<Firing>,
    swept_ns: u64,
    suppressed: u64,
}

impl Reflexes {
    /// Firings that wait to be taken; beyond it they are counted as suppressed.
    const FIRINGS_MAX: usize = 1_024;
    const SWEEP_NS: u64 = 60_000_000_000;

    /// `source`: where samples of running code come from, `None` when the kernel gives none.
    pub fn new(provenance: Box<dyn Provenance>, source: Option<Source>) -> Self {
        Self {
            ransomware: Ransomware::default(),
            fileless: Fileless,
            reverse_shell: ReverseShell::default(),
            insight: Insight::new(source),
            miner: Miner::default(),
            misplaced: Misplaced::default(),
            provenance,
            released: Released::default(),
            guarded: Vec::new(),
            firings: Vec::new(),
            swept_ns: 0,
            suppressed: 0,
        }
    }

    /// The agent's own pids (Baldur, Tyr).
    pub fn guard(&mut self, pids: Vec<u32>) {
        self.guarded = pids;
    }

    /// Files that nobody but an attack changes: paths, or names of files anywhere.
    pub fn set_canaries(&mut self, files: Vec<Vec<u8>>) {
        self.ransomware.set_canaries(files);
    }

    /// What was released before this start.
    pub fn set_released(&mut self, released: Released) {
        self.released = released;
    }

    /// Never fires again on these. False when `Released::MAX` is reached.
    pub fn release(&mut self, scopes: &[ProcessUid], findings: &[String]) -> bool {
        self.released.add(scopes, findings)
    }

    pub fn released(&self) -> &Released {
        &self.released
    }

    /// Files of code that the agent has put into other processes: no code is misplaced there.
    pub fn set_own_code(&mut self, files: HashSet<FileId>) {
        self.insight.set_own_code(files);
    }

    /// What was decided elsewhere, with the agent's other senses.
    pub fn report(&mut self, firing: Firing) {
        self.keep(Some(firing));
    }

    pub fn insight_status(&self) -> InsightStatus {
        self.insight.status()
    }

    /// Firings that were released before, or had no room.
    pub fn suppressed(&self) -> u64 {
        self.suppressed
    }

    pub fn content_changed(&mut self, change: &ContentChange, processes: &ProcessTable) {
        let (ransomware, mut context) = (
            &mut self.ransomware,
            Context {
                processes,
                provenance: self.provenance.as_mut(),
                released: &self.released,
                guarded: &self.guarded,
            },
        );
        let firing = ransomware.judge(change, &mut context);
        self.keep(firing);
    }

    /// Work that time asks for: samples, forgetting. Call it several times a second; it decides itself what is due.
    pub fn tick(&mut self, now_ns: u64, processes: &ProcessTable) {
        let mut context = Context {
            processes,
            provenance: self.provenance.as_mut(),
            released: &self.released,
            guarded: &self.guarded,
        };
        let judges = (&mut self.miner, &mut self.misplaced);
        for firing in self.insight.tick(now_ns, judges, &mut context) {
            keep(&mut self.firings, &self.released, &mut self.suppressed, firing);
        }
        if now_ns > self.swept_ns + Self::SWEEP_NS {
            self.swept_ns = now_ns;
            self.ransomware.sweep(now_ns);
            self.reverse_shell.sweep(processes);
        }
    }

    /// Processes that began to look like an attack on files since the last call, or work hand in hand with one that did: while
    /// they are judged, they may be slowed down.
    pub fn take_suspects(&mut self, processes: &ProcessTable) -> Vec<u32> {
        let suspects = self.ransomware.take_suspects();
        let found = suspects.into_iter().filter_map(|uid| processes.by_uid(uid));
        found.flat_map(|index| hands(processes, index)).collect()
    }

    /// What fired since the last call, in order.
    pub fn take(&mut self) -> Vec<Firing> {
        std::mem::take(&mut self.firings)
    }

    pub fn has_fired(&self) -> bool {
        !self.firings.is_empty()
    }

    fn keep(&mut self, firing: Option<Firing>) {
        if let Some(firing) = firing {
            keep(&mut self.firings, &self.released, &mut self.suppressed, firing);
        }
    }
}

fn keep(firings: &mut Vec<Firing>, released: &Released, suppressed: &mut u64, firing: Firing) {
    let known = released.holds(firing.scope) || released.holds_finding(&firing.finding_id());
    if known || firings.len() >= Reflexes::FIRINGS_MAX {
        *suppressed += 1;
        return;
    }
    firings.push(firing);
}

impl Observer for Reflexes {
    fn observe(&mut self, event: &Event<'_>, processes: &ProcessTable) {
        if !is_interesting(event.kind) {
            return;
        }
        let mut context = Context {
            processes,
            provenance: self.provenance.as_mut(),
            released: &self.released,
            guarded: &self.guarded,
        };
        let firing = match event.kind {
            EventKind::FileRename => self.ransomware.rename(event, &mut context),
            EventKind::FileUnlink if event.flags == DIRECTORY => {
                self.ransomware.directory_gone(event, &context);
                None
            }
            EventKind::FileUnlink => None,
            EventKind::FileOpen => {
                self.ransomware.opened(event, &context);
                None
            }
            EventKind::Exit => {
                self.insight.ended(event, &context);
                self.reverse_shell.observe(event, &mut context)
            }
            EventKind::Exec => {
                let fileless = self.fileless.exec(event, &mut context);
                let shell = self.reverse_shell.observe(event, &mut context);
                fileless.or(shell)
            }
            _ => self.reverse_shell.observe(event, &mut context),
        };
        self.keep(firing);
    }
}

/// FILE_UNLINK's `flags` for a directory.
const DIRECTORY: u32 = 1;

fn is_interesting(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::FileRename
            | EventKind::FileUnlink
            | EventKind::FileOpen
            | EventKind::Exec
            | EventKind::Fork
            | EventKind::Exit
            | EventKind::NetConnect
            | EventKind::NetAccept
            | EventKind::StdioSocket
    )
}
