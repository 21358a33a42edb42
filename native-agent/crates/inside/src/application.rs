//! The application as it is known: its processes, what is kept of their work, and how much was told of it.
use norn_events::{Event, EventKind, ProcessIndex};
use norn_os::boot_ns;

use crate::family::Family;
use crate::records::InsideVault;
use crate::said::{Said, Sockets, Tell};

/// Figures since the start.
#[derive(Debug, Default, Clone, Copy)]
pub struct InsideStats {
    pub events: u64,
    /// Calls whose caller's memory could not be read.
    pub unread: u64,
}

pub struct Application {
    pub family: Family,
    pub vault: InsideVault,
    pub sockets: Sockets,
    /// Its first process.
    pub first: u32,
    pub stats: InsideStats,
}

impl Application {
    pub fn new(family: Family, vault: InsideVault, first: u32) -> Self {
        Self {
            family,
            vault,
            sockets: Sockets::default(),
            first,
            stats: InsideStats::default(),
        }
    }

    /// The process, known from now on if it was not.
    pub fn meet(&mut self, pid: u32, tell: &mut Tell<'_, '_>) -> Option<ProcessIndex> {
        if let Some(known) = self.family.processes.by_pid(pid) {
            return Some(known);
        }
        let learned = self.family.learn(pid);
        for &index in &learned {
            let process = self.family.processes.get(index)?;
            let is_agents = process.pid == std::process::id() || process.pid == self.first;
            let kind = if is_agents {
                EventKind::ProcessSeen
            } else {
                EventKind::Fork
            };
            let image = process.image.clone();
            self.tell(index, Said::of(kind).path(&image.path), tell);
        }
        learned.last().copied()
    }

    pub fn ended(&mut self, index: ProcessIndex, said: Said<'_>, tell: &mut Tell<'_, '_>) {
        let now_ns = boot_ns();
        if let Some(uid) = self.family.processes.get(index).map(|process| process.uid) {
            let container = self.family.container.as_ref();
            self.vault.lock().changes.ended(uid, now_ns, container);
        }
        self.tell(index, said, tell);
        self.family.end(index, now_ns);
    }

    pub fn tell(&mut self, process: ProcessIndex, said: Said<'_>, tell: &mut Tell<'_, '_>) {
        self.stats.events += 1;
        let event = Event {
            kind: said.kind,
            time_ns: boot_ns(),
            process,
            flags: said.flags,
            value: said.value,
            result: said.result,
            path: said.path,
            target: said.target,
        };
        for observer in tell {
            observer.observe(&event, &self.family.processes);
        }
    }
}
