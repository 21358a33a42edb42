//! Files that an open emptied (O_TRUNC), and that whoever opened them holds so. Most are closed a moment later, with other
//! content, and their close tells of them; one who empties many and closes none is told of while he does.
use std::collections::HashMap;

use norn_events::{ChangeKind, ContentShape, Event, EventKind};
use norn_journal::record::{Aspect, Change, Location, Record, Time};
use norn_journal::shape::shape;
use norn_os as os;

use crate::named::find;
use crate::note::Note;
use crate::shared::Shared;
use crate::told::{before, tell};

/// This many at once are no editor's and no shell's.
const HELD_MIN: usize = 8;
/// A process of several threads may be about to write: an asynchronous runtime opens all of its files before it writes the
/// first. After this nothing is about to be written, ns.
const ABOUT_TO_WRITE_NS: Time = 5_000_000_000;
/// Who opened fewer files gives way.
const PROCESSES_MAX: usize = 512;
/// Opens of one process that wait to be looked at; of more only the closes tell.
const OPENS_MAX: usize = 4_096;

const O_TRUNC: u32 = libc::O_TRUNC as u32;
const O_ACCMODE: u32 = libc::O_ACCMODE as u32;

/// An open to read that empties is closed without a word: it is as good as truncate(2).
pub fn as_truncate<'a>(event: &Event<'a>) -> Event<'a> {
    let is_read = event.flags & O_ACCMODE == libc::O_RDONLY as u32;
    let cuts = is_read && empties(event.kind, event.flags) && event.value == 0;
    Event {
        kind: if cuts { EventKind::FileTruncate } else { event.kind },
        ..*event
    }
}

/// By a process of the host; of files in containers all opens are wanted.
pub fn is_wanted(shared: &Shared, event: &Event<'_>) -> bool {
    empties(event.kind, event.flags) && shared.places.is_inside(event.path)
}

fn empties(kind: EventKind, flags: u32) -> bool {
    kind == EventKind::FileOpen && flags & O_TRUNC != 0
}

#[derive(Debug, Default)]
struct Opens {
    /// Not known to be closed.
    notes: Vec<Note>,
    /// Has been told of: each further file is told at once.
    is_told: bool,
    /// Not looked at before; 0 when nothing is waited for.
    due: Time,
}

/// By process.
#[derive(Debug, Default)]
pub struct Held {
    processes: HashMap<u32, Opens>,
    due: Option<Time>,
}

impl Held {
    /// An open; nothing is looked up before there are several.
    pub fn take(&mut self, shared: &Shared, note: &Note) {
        if !empties(note.kind, note.flags) {
            return;
        }
        self.make_room(note.pid);
        let opens = self.processes.entry(note.pid).or_default();
        opens.add(note);
        if opens.is_due(note.time) {
            self.judge(shared, note.pid);
        }
    }

    /// Of those that were waited for. Cheap when there is none.
    pub fn look(&mut self, shared: &Shared) {
        let now = os::boot_ns() as Time;
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        let is_due = |(pid, opens): (&u32, &Opens)| (opens.due != 0 && opens.due <= now).then_some(*pid);
        let due: Vec<u32> = self.processes.iter().filter_map(is_due).collect();
        due.into_iter().for_each(|pid| self.judge(shared, pid));
        let all = self.processes.values().map(|opens| opens.due);
        self.due = all.filter(|due| *due != 0).min();
    }

    fn judge(&mut self, shared: &Shared, pid: u32) {
        let Some(opens) = self.processes.get_mut(&pid) else {
            return;
        };
        let now = os::boot_ns() as Time;
        let may_write_since = match has_threads(pid) {
            true => now - ABOUT_TO_WRITE_NS,
            false => Time::MAX,
        };
        opens.judge(shared, may_write_since);
        if opens.due != 0 {
            self.due = Some(self.due.map_or(opens.due, |due| due.min(opens.due)));
        }
        if opens.notes.is_empty() && !opens.is_told {
            self.processes.remove(&pid);
        }
    }

    fn make_room(&mut self, pid: u32) {
        if self.processes.len() < PROCESSES_MAX || self.processes.contains_key(&pid) {
            return;
        }
        let least = |(_, opens): &(&u32, &Opens)| {
            let last = opens.notes.last().map_or(Time::MIN, |note| note.time);
            (opens.notes.len(), last)
        };
        if let Some(least) = self.processes.iter().min_by_key(least).map(|(pid, _)| *pid) {
            self.processes.remove(&least);
        }
    }
}

impl Opens {
    fn add(&mut self, note: &Note) {
        if self.notes.len() < OPENS_MAX {
            self.notes.push(note.clone());
        }
    }

    fn is_due(&self, now: Time) -> bool {
        (self.is_told || self.notes.len() >= HELD_MIN) && self.due <= now
    }

    /// Forgets what was closed or has content again, and tells of what was opened before `may_write_since`, if that is enough.
    fn judge(&mut self, shared: &Shared, may_write_since: Time) {
        self.due = 0;
        let (ripe, young): (Vec<Note>, Vec<Note>) = self
            .notes
            .drain(..)
            .partition(|note| note.time <= may_write_since);
        let held: Vec<_> = ripe
            .into_iter()
            .filter_map(|note| Some((emptied(shared, &note)?, note)))
            .collect();
        self.is_told |= held.len() >= HELD_MIN;
        match self.is_told {
            true => held.iter().for_each(|(file, note)| tell_of(shared, file, note)),
            false => self.notes.extend(held.into_iter().map(|(_, note)| note)),
        }
        if let Some(first) = young.first() {
            self.due = first.time + ABOUT_TO_WRITE_NS;
        }
        self.notes.extend(young);
    }
}

/// Had content, has none, and was not closed since.
fn emptied(shared: &Shared, note: &Note) -> Option<(Location, ContentShape)> {
    let (found, stat) = find(shared, note)?;
    if stat.st_size > 0 {
        return None;
    }
    let key = found.location.key;
    let is_later = |change: &Change| {
        change.pid == note.pid && change.aspect == Aspect::Content && change.time > note.time
    };
    let is_closed = |shared: &Shared| {
        let index = shared.store.index();
        index
            .state(key)
            .is_none_or(|state| state.changes.iter().any(is_later))
    };
    if is_closed(shared) {
        return None;
    }
    let shape = before(shared, key, note.time).filter(|before| before.size > 0)?;
    Some((found.location, shape))
}

fn tell_of(shared: &Shared, (location, before): &(Location, ContentShape), note: &Note) {
    let change = Change {
        time: note.time,
        pid: note.pid,
        aspect: Aspect::Content,
    };
    shared.store.record(Record::Change(location.clone(), change));
    let left = Some(shape(&[], 0));
    let by = (note.pid, note.time);
    tell(
        shared,
        &location.seen,
        by,
        (ChangeKind::Held, Some(*before), left),
    );
}

/// Of which another may be about to write; one that has ended has none.
fn has_threads(pid: u32) -> bool {
    std::fs::read_dir(format!("/proc/{pid}/task")).is_ok_and(|tasks| tasks.count() > 1)
}
