//! The sensor's events: who is who, and the names that change inside containers.
mod overlay;

use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use norn_events::{Event, EventKind, Observer, Process, ProcessIndex, ProcessTable, ProcessUid};
use norn_journal::record::{Actor, Record, Time};
use norn_os as os;
use norn_watch::learn::namespace;
use overlay::handle;

use crate::held::{self, Held};
use crate::homes::{elsewhere, home};
use crate::links;
use crate::named::changed_by_name;
use crate::newborn::Newborns;
use crate::note::Note;
use crate::shared::Shared;

/// Events waiting for the thread that looks their names up; more are dropped and counted.
pub const NOTES_MAX: usize = 16_384;
const IDLE: Duration = Duration::from_millis(500);
const ANCESTORS_MAX: usize = 256;
/// Ends that wait; with this many the index is waited for.
const ENDS_MAX: usize = 4_096;

/// Feeds the vault with the sensor's events. Cheap: names are looked up by another thread.
#[derive(Debug)]
pub struct VaultObserver {
    /// Weak, so that an observer left over keeps no permission group alive.
    shared: Weak<Shared>,
    notes: SyncSender<Note>,
    is_caught_up: bool,
    /// Ends of processes that the index was not told of yet.
    ends: Vec<(ProcessUid, Time)>,
    newborns: Newborns,
}

impl VaultObserver {
    pub(crate) fn new(shared: Weak<Shared>, notes: SyncSender<Note>) -> Self {
        Self {
            shared,
            notes,
            is_caught_up: false,
            ends: Vec::new(),
            newborns: Newborns::default(),
        }
    }

    /// Journals processes that changed something, those that have ended since among them. To be called after every look at
    /// the sensor's events: a change is nobody's until then. What has time is left to the next call while somebody else has the
    /// index.
    pub fn catch_up(&mut self, processes: &ProcessTable) {
        let Some(shared) = self.shared.upgrade() else {
            return;
        };
        let now = os::boot_ns() as Time;
        let is_urgent = shared.store.awaits_actors() || self.ends.len() >= ENDS_MAX;
        let index = match is_urgent {
            true => Some(shared.store.index()),
            false => shared.store.try_index(),
        };
        let Some(mut index) = index else {
            return;
        };
        if !std::mem::replace(&mut self.is_caught_up, true) {
            let is_living = |uid| living(processes, uid);
            index.actors.end_all_but(is_living, now);
        }
        for (uid, time) in self.ends.drain(..) {
            index.actors.end(uid, time);
        }
        if !index.actors.has_pending() {
            return;
        }
        let wanted = index.actors.pending(now);
        drop(index);
        let found = processes
            .iter()
            .filter(|(_, process)| wanted.contains(&process.pid));
        found.for_each(|(index, _)| introduce(&shared, index, processes));
    }
}

fn living(processes: &ProcessTable, uid: ProcessUid) -> bool {
    let process = processes.by_uid(uid).and_then(|index| processes.get(index));
    process.is_some_and(|process| process.end_time_ns.is_none())
}

/// Journals a process and its ancestors.
fn introduce(shared: &Shared, found: ProcessIndex, processes: &ProcessTable) {
    let mut next = Some(found);
    for _ in 0..ANCESTORS_MAX {
        let Some(process) = next.and_then(|index| processes.get(index)) else {
            return;
        };
        if shared.store.index().actors.contains(process.uid) {
            return;
        }
        shared.store.record(Record::Actor(actor(process)));
        if let Some(end) = process.end_time_ns {
            shared.store.index().actors.end(process.uid, end as Time);
        }
        next = processes.by_uid(process.parent_uid);
    }
}

fn actor(process: &Process) -> Actor {
    Actor {
        uid: process.uid,
        parent: process.parent_uid,
        pid: process.pid,
        start: process.start_time_ns as Time,
        container: process.container.as_deref().map(str::to_owned),
    }
}

fn elder(event: &Event<'_>, processes: &ProcessTable) -> u32 {
    if !BY_NAME.contains(&event.kind) {
        return 0;
    }
    let mut at = processes.get(event.process);
    let container = at.and_then(|process| process.container.clone());
    let mut found = 0;
    for _ in 0..ANCESTORS_MAX {
        let Some(process) = at.filter(|process| process.container == container) else {
            break;
        };
        if process.end_time_ns.is_none() {
            found = process.pid;
        }
        let parent = processes.by_uid(process.parent_uid);
        at = parent.and_then(|index| processes.get(index));
    }
    found
}

const NAMED: [EventKind; 9] = [
    EventKind::Exec,
    EventKind::FileOpen,
    EventKind::FileRename,
    EventKind::FileLink,
    EventKind::FileUnlink,
    EventKind::FileTruncate,
    EventKind::FileChmod,
    EventKind::FileChown,
    EventKind::FileMkdir,
];

/// Done to a file without an open of it.
const BY_NAME: [EventKind; 3] = [
    EventKind::FileTruncate,
    EventKind::FileChmod,
    EventKind::FileChown,
];

/// By a process of the host, outside of any container's files: their directories report it, if anybody wants to know.
fn is_told_otherwise(shared: &Shared, event: &Event<'_>, process: &Process) -> bool {
    let in_overlay = |path: &[u8]| shared.places.overlay_of_host_path(path).is_some();
    process.container.is_none()
        && event.kind != EventKind::Exec
        && !BY_NAME.contains(&event.kind)
        && !in_overlay(event.path)
        && !in_overlay(event.target)
        && !held::is_wanted(shared, event)
        && !links::is_made(event)
}

impl Observer for VaultObserver {
    fn observe(&mut self, event: &Event<'_>, processes: &ProcessTable) {
        let Some(shared) = self.shared.upgrade() else {
            return;
        };
        let event = &held::as_truncate(event);
        let Some(process) = processes.get(event.process) else {
            return;
        };
        if event.kind == EventKind::Exit {
            self.ends.push((process.uid, event.time_ns as Time));
        }
        if !NAMED.contains(&event.kind) {
            return;
        }
        if event.result < 0
            || process.pid == std::process::id()
            || self.newborns.take_in(event, process.pid)
            || is_told_otherwise(&shared, event, process)
        {
            return;
        }
        let note = Note {
            kind: event.kind,
            time: event.time_ns as Time,
            pid: process.pid,
            elder: elder(event, processes),
            container: process.container.clone(),
            flags: event.flags,
            value: event.value,
            path: event.path.to_vec(),
            target: event.target.to_vec(),
        };
        shared.progress.notes.sent();
        if self.notes.try_send(note).is_err() {
            shared.progress.notes.done();
            shared.pulse.events_lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Works until the vault stops.
pub fn run(shared: &Shared, notes: &Receiver<Note>) {
    let mut held = Held::default();
    while !shared.stop.load(Ordering::Relaxed) {
        held.look(shared);
        let note = match notes.recv_timeout(IDLE) {
            Ok(note) => note,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        held.take(shared, &note);
        // Outside of containers hardly anybody has a mount table of his own.
        if note.kind == EventKind::Exec && (note.container.is_some() || namespace(shared, note.pid).is_some())
        {
            shared.learned.ask(note.pid, note.container.as_ref());
        }
        match home(shared, &note) {
            Some((overlay, path)) if note.kind != EventKind::Exec => {
                match elsewhere(shared, &overlay, &note, &path) {
                    false => handle(shared, &overlay, &note, path),
                    true if BY_NAME.contains(&note.kind) => changed_by_name(shared, &note),
                    true => {}
                }
            }
            None if BY_NAME.contains(&note.kind) => changed_by_name(shared, &note),
            None if note.kind == EventKind::FileLink => links::made(shared, &note),
            _ => {}
        }
        shared.progress.notes.done();
    }
}
