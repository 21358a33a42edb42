//! Halves of moves that wait for their other half.
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use norn_journal::file::{FileKey, PlaceId};
use norn_journal::record::Time;
use norn_os as os;
use norn_os::paths::{below, join};
use norn_watch::spot::Spot;

/// It was in a new directory when that began to be watched.
#[derive(Debug)]
pub struct Found {
    pub spot: Spot,
    pub key: FileKey,
    pub directory: bool,
    /// Who made the new directory.
    pub by: (u32, Time),
    /// Its content is to be looked at, should it have come from nowhere.
    pub is_looked_at: bool,
}

/// It lost its name, and got one where nobody looks.
#[derive(Debug)]
pub struct Departed {
    pub spot: Spot,
    pub key: Option<FileKey>,
    pub directory: bool,
    /// It is opened by it, wherever it is.
    pub handle: Option<os::Handle>,
    pub by: (u32, Time),
}

#[derive(Debug)]
pub struct Waiting<T> {
    pub what: T,
    number: u64,
    /// How many events were handled before it.
    since: u64,
    /// When this many are handled, the other half does not come any more.
    due: u64,
}

#[derive(Debug, Default)]
pub struct State {
    pub found: HashMap<FileKey, Waiting<Found>>,
    pub departed: HashMap<FileKey, Waiting<Departed>>,
    /// Both halves were there, by the name at which it was found: what is told of names before that one is old.
    pub moved: HashMap<FileKey, Waiting<Spot>>,
    number: u64,
    pub handled: u64,
    reported: u64,
    /// When this many events are handled, all is told that happened before the last look into a new directory.
    pub looked_until: u64,
}

#[derive(Debug, Default)]
pub struct Halves(Mutex<State>);

impl Halves {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A directory got another name: so did what waits below it, and what is told of that comes after.
    pub fn follow(&self, (place, from): (PlaceId, &[u8]), to: &[u8], (time, is_news): (Time, bool)) {
        let mut state = self.state();
        let state = &mut *state;
        let found = state.found.values_mut().map(|waiting| &mut waiting.what);
        let found = found.map(|found| (&mut found.spot, Some(&mut found.by.1)));
        let departed = state.departed.values_mut().map(|waiting| &mut waiting.what);
        let departed = departed.map(|departed| (&mut departed.spot, Some(&mut departed.by.1)));
        let moved = state.moved.values_mut().map(|waiting| (&mut waiting.what, None));
        for (spot, told) in found.chain(departed).chain(moved) {
            let moved = |from: &[u8], to: &[u8]| below(&spot.path, from).map(|rest| join(to, rest));
            // What was at `to` and is not gone was exchanged for it.
            if spot.root.id == place
                && let Some(path) = moved(from, to).or_else(|| moved(to, from))
            {
                // It has gone with the first half of an exchange: what is told of it comes after the second too.
                if is_news {
                    spot.path = path;
                }
                told.into_iter().for_each(|told| *told = time.max(*told));
            }
        }
    }

    /// Somebody who has left a name is expected by no other name yet.
    pub fn take_departed(&self, key: FileKey, place: PlaceId) -> Option<Departed> {
        let mut state = self.state();
        let is_here = |waiting: &Waiting<Departed>| waiting.what.spot.root.id == place;
        state.departed.get(&key).filter(|waiting| is_here(waiting))?;
        state.departed.remove(&key).map(|waiting| waiting.what)
    }
}

impl State {
    /// What lost its name has gone from its first new directory before that was looked into, or else it had been found there.
    pub fn waiting<T>(&mut self, what: T) -> Waiting<T> {
        self.number += 1;
        Waiting {
            what,
            number: self.number,
            since: self.handled,
            due: self.looked_until,
        }
    }

    /// What was found at the very name that is told of now.
    pub fn take_found_at(&mut self, key: FileKey, spot: &Spot) -> Option<Found> {
        self.found
            .get(&key)
            .filter(|waiting| waiting.what.spot.is(spot))?;
        self.found.remove(&key).map(|waiting| waiting.what)
    }

    /// Is it known by a later name than those that are told of now?
    pub fn is_old(
        &mut self,
        key: FileKey,
        (old, new): (Option<&Spot>, Option<&Spot>),
        has: impl FnOnce(&Spot) -> bool,
    ) -> bool {
        let Some(Waiting { what: at, .. }) = self.moved.get(&key) else {
            return false;
        };
        let is_later = old.is_some_and(|old| at.is(old));
        if is_later || new.is_some_and(|new| at.is(new)) {
            self.moved.remove(&key);
        }
        !is_later && !old.is_some_and(has)
    }

    pub fn take_due(&mut self) -> (Vec<Departed>, Vec<Found>) {
        let handled = self.handled;
        self.moved.retain(|_, waiting| waiting.due > handled);
        (
            take_due(&mut self.departed, handled),
            take_due(&mut self.found, handled),
        )
    }

    /// Events of which nothing waits any more, and that were not reported as handled.
    pub fn report(&mut self) -> u64 {
        let found = self.found.values().map(|waiting| waiting.since);
        let departed = self.departed.values().map(|waiting| waiting.since);
        let done = found.chain(departed).min().unwrap_or(self.handled);
        let new = done.saturating_sub(self.reported);
        self.reported += new;
        new
    }
}

/// In the order in which they came.
fn take_due<T>(from: &mut HashMap<FileKey, Waiting<T>>, handled: u64) -> Vec<T> {
    let mut due: Vec<Waiting<T>> = from
        .extract_if(|_, waiting| waiting.due <= handled)
        .map(|(_, waiting)| waiting)
        .collect();
    due.sort_by_key(|waiting| waiting.number);
    due.into_iter().map(|waiting| waiting.what).collect()
}
