//! Moves of which the kernel tells one half. A directory that was made a moment before is not watched yet: of what is moved into
//! it only the old name is told, and of what is moved on from it only the new one. It is one inode under both names, so each half
//! waits for the other, until all that was told before is looked at. What is known below a directory keeps its name as long.
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use norn_journal::file::{FileKey, PlaceId};
use norn_journal::record::Time;
use norn_os as os;
use norn_os::paths::{below, join};
use norn_watch::away::{self, Leaving};
use norn_watch::spot::Spot;

use crate::arrivals::{left, tell_change};
use crate::made::{self, Made};
use crate::names::{rename, unlinked};
use crate::shared::Shared;

/// Found in new directories; what is beyond is told at once.
const FOUND_MAX: usize = 65_536;
/// The same of what lost its name. All are gone through for each name that is told.
const DEPARTED_MAX: usize = 4_096;

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
struct Departed {
    spot: Spot,
    key: Option<FileKey>,
    directory: bool,
    /// It is opened by it, wherever it is.
    handle: Option<os::Handle>,
    by: (u32, Time),
}

#[derive(Debug)]
struct Waiting<T> {
    what: T,
    number: u64,
    /// How many events were handled before it.
    since: u64,
    /// When this many are handled, the other half does not come any more.
    due: u64,
}

#[derive(Debug, Default)]
struct State {
    found: HashMap<FileKey, Waiting<Found>>,
    departed: HashMap<FileKey, Waiting<Departed>>,
    /// Both halves were there, by the name at which it was found: what is told of names before that one is old.
    moved: HashMap<FileKey, Waiting<Spot>>,
    number: u64,
    handled: u64,
    reported: u64,
    /// When this many events are handled, all is told that happened before the last look into a new directory.
    looked_until: u64,
}

#[derive(Debug, Default)]
pub struct Halves(Mutex<State>);

impl Halves {
    fn state(&self) -> MutexGuard<'_, State> {
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
    fn take_departed(&self, key: FileKey, place: PlaceId) -> Option<Departed> {
        let mut state = self.state();
        let is_here = |waiting: &Waiting<Departed>| waiting.what.spot.root.id == place;
        state.departed.get(&key).filter(|waiting| is_here(waiting))?;
        state.departed.remove(&key).map(|waiting| waiting.what)
    }
}

impl State {
    /// What lost its name has gone from its first new directory before that was looked into, or else it had been found there.
    fn waiting<T>(&mut self, what: T) -> Waiting<T> {
        self.number += 1;
        Waiting {
            what,
            number: self.number,
            since: self.handled,
            due: self.looked_until,
        }
    }

    /// What was found at the very name that is told of now.
    fn take_found_at(&mut self, key: FileKey, spot: &Spot) -> Option<Found> {
        self.found
            .get(&key)
            .filter(|waiting| waiting.what.spot.is(spot))?;
        self.found.remove(&key).map(|waiting| waiting.what)
    }

    /// Is it known by a later name than those that are told of now?
    fn is_old(&mut self, shared: &Shared, key: FileKey, (old, new): (Option<&Spot>, Option<&Spot>)) -> bool {
        let Some(Waiting { what: at, .. }) = self.moved.get(&key) else {
            return false;
        };
        let is_later = old.is_some_and(|old| at.is(old));
        if is_later || new.is_some_and(|new| at.is(new)) {
            self.moved.remove(&key);
        }
        !is_later && !old.is_some_and(|old| has_name(shared, key, old))
    }

    fn take_due(&mut self) -> (Vec<Departed>, Vec<Found>) {
        let handled = self.handled;
        self.moved.retain(|_, waiting| waiting.due > handled);
        (
            take_due(&mut self.departed, handled),
            take_due(&mut self.found, handled),
        )
    }

    /// Events of which nothing waits any more, and that were not reported as handled.
    fn report(&mut self) -> u64 {
        let found = self.found.values().map(|waiting| waiting.since);
        let departed = self.departed.values().map(|waiting| waiting.since);
        let done = found.chain(departed).min().unwrap_or(self.handled);
        let new = done.saturating_sub(self.reported);
        self.reported += new;
        new
    }
}

/// A file with several names may be moved by another of them.
fn has_name(shared: &Shared, key: FileKey, spot: &Spot) -> bool {
    if let Some(directory) = shared.watch.directory(key) {
        return directory.place == spot.root.id && directory.path == spot.path;
    }
    let index = shared.store.index();
    let holder = index.name_at(spot.root.id, &spot.path, Time::MAX).flatten();
    holder == Some(index.original(key))
}

/// It has departed, and its name now is one that nobody told of.
fn take_unnamed(shared: &Shared, key: FileKey, now: &Spot) -> Option<Departed> {
    let state = shared.halves.state();
    let is_other = |waiting: &Waiting<Departed>| !waiting.what.spot.is(now);
    state.departed.get(&key).filter(|waiting| is_other(waiting))?;
    drop(state);
    (!has_name(shared, key, now) || made::is_in_young(shared, now)).then_some(())?;
    shared.halves.take_departed(key, now.root.id)
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

/// A new directory was looked into. Counted once for all that is in it: the kernel goes through all its events for that.
pub fn looked(shared: &Shared) {
    let until = shared.progress.names.goal(&shared.watch.names);
    shared.halves.state().looked_until = until;
}

/// `events` more were looked at. Returns how many of all are done with.
pub fn handled(shared: &Shared, events: u64) -> u64 {
    let (departed, found) = {
        let mut state = shared.halves.state();
        state.handled += events;
        state.take_due()
    };
    departed.into_iter().for_each(|each| gone(shared, &each));
    found.into_iter().for_each(|each| came(shared, each));
    shared.halves.state().report()
}

/// Something is in a new directory. If it had another name, the old half of its move is still to be told, or was.
pub fn found(shared: &Shared, found: Found) {
    let place = found.spot.root.id;
    if let Some(departed) = shared.halves.take_departed(found.key, place) {
        let by = (departed.by.0, found.by.1);
        return join_halves(shared, (departed.spot, by), found);
    }
    let mut state = shared.halves.state();
    if state.found.len() >= FOUND_MAX {
        drop(state);
        return came(shared, found);
    }
    state.moved.remove(&found.key);
    let key = found.key;
    let waiting = state.waiting(found);
    state.found.insert(key, waiting);
}

/// The kernel told of the old name alone.
pub fn departed(shared: &Shared, old: Spot, what: Made<'_>, by: (u32, Time)) {
    let Made {
        key,
        directory,
        handle,
    } = what;
    let leaves = Departed {
        spot: old,
        key,
        directory,
        handle: handle.cloned(),
        by,
    };
    let Some(key) = key else {
        return gone(shared, &leaves);
    };
    let mut state = shared.halves.state();
    if state.is_old(shared, key, (Some(&leaves.spot), None)) {
        return;
    }
    let is_other =
        |found: &Found| found.spot.root.id == leaves.spot.root.id && found.spot.path != leaves.spot.path;
    if state
        .found
        .get(&key)
        .is_some_and(|waiting| is_other(&waiting.what))
        && let Some(found) = state.found.remove(&key)
    {
        drop(state);
        return join_halves(shared, (leaves.spot, by), found.what);
    }
    if state.departed.contains_key(&key) && !has_name(shared, key, &leaves.spot) {
        // It was moved on from a new directory.
        return;
    }
    if state.departed.len() >= DEPARTED_MAX {
        drop(state);
        return gone(shared, &leaves);
    }
    let waiting = state.waiting(leaves);
    let earlier = state.departed.insert(key, waiting);
    drop(state);
    if let Some(earlier) = earlier {
        gone(shared, &earlier.what);
    }
}

/// The kernel told of the new name alone; `true` when it is known where it came from.
pub fn arrived(shared: &Shared, new: &Spot, (key, directory): (Option<FileKey>, bool), time: Time) -> bool {
    let Some(key) = key else {
        return false;
    };
    {
        let mut state = shared.halves.state();
        state.take_found_at(key, new);
        if state.is_old(shared, key, (None, Some(new))) {
            return true;
        }
    }
    let Some(departed) = shared.halves.take_departed(key, new.root.id) else {
        return false;
    };
    join_names(
        shared,
        (&departed.spot, new),
        (key, directory),
        (departed.by.0, time),
    );
    true
}

/// The kernel told of both names; `false` when that needs no other word, since a later one is known, or an earlier one.
pub fn is_news(
    shared: &Shared,
    (old, new): (&Spot, &Spot),
    (key, directory): (Option<FileKey>, bool),
    by: (u32, Time),
) -> bool {
    let Some(key) = key else {
        return true;
    };
    if let Some(departed) = take_unnamed(shared, key, old) {
        join_names(
            shared,
            (&departed.spot, new),
            (key, directory),
            (departed.by.0, by.1),
        );
        return false;
    }
    if directory && has_name(shared, key, new) {
        return false;
    }
    let mut state = shared.halves.state();
    if let Some(found) = state.take_found_at(key, new)
        && !has_name(shared, key, old)
    {
        // It was made in the new directory, and had the old name before that was watched.
        drop(state);
        came(shared, found);
        return false;
    }
    let earlier = state.take_found_at(key, old);
    let is_news = !state.is_old(shared, key, (Some(old), Some(new)));
    drop(state);
    if let Some(earlier) = earlier {
        came(shared, earlier);
    }
    is_news
}

/// The kernel told of this name: what was found there needs no other word.
pub fn told(shared: &Shared, key: Option<FileKey>, spot: &Spot) {
    let is_told = key.and_then(|key| shared.halves.state().take_found_at(key, spot));
    drop(is_told);
}

/// Something is told of this thing, or of this name: what waits of either is told first.
pub fn tell_first(shared: &Shared, key: Option<FileKey>, spot: &Spot) {
    let (found, departed) = {
        let mut state = shared.halves.state();
        let found = key.and_then(|key| state.found.remove(&key));
        let mut each = state.departed.iter();
        let at = each.find_map(|(key, waiting)| waiting.what.spot.is(spot).then_some(*key));
        (found, at.and_then(|key| state.departed.remove(&key)))
    };
    if let Some(departed) = departed {
        gone(shared, &departed.what);
    }
    if let Some(found) = found {
        came(shared, found.what);
    }
}

/// It loses this name. When it has departed from another, it came here in between: where nobody looked yet, and could have told.
pub fn reached(shared: &Shared, key: Option<FileKey>, spot: &Spot) {
    let Some(key) = key else {
        return;
    };
    let is_away = {
        let state = shared.halves.state();
        let departed = state.departed.get(&key);
        departed.is_some_and(|waiting| !waiting.what.spot.is(spot) && !waiting.what.directory)
    };
    if is_away
        && made::is_in_young(shared, spot)
        && let Some(departed) = shared.halves.take_departed(key, spot.root.id)
    {
        rename(shared, (&departed.spot, spot), (Some(key), false), departed.by);
    }
}

/// The same of what has this name until another gets it.
pub fn replaces(shared: &Shared, spot: &Spot, key: Option<FileKey>) {
    let named = (spot.root.id, &spot.path[..]);
    let there = key.and_then(|key| shared.store.index().name_before(named, Time::MAX, key));
    reached(shared, there, spot);
}

fn join_halves(shared: &Shared, (old, by): (Spot, (u32, Time)), found: Found) {
    let Found {
        spot: new,
        key,
        directory,
        ..
    } = found;
    if !old.is(&new) {
        tell_first(shared, None, &new);
        rename(shared, (&old, &new), (Some(key), directory), by);
    }
    look_again(shared, &new, (key, directory), by);
    let mut state = shared.halves.state();
    let waiting = state.waiting(new);
    state.moved.insert(key, waiting);
}

/// Of the new name was told. It may be back under the one it had.
fn join_names(
    shared: &Shared,
    (old, new): (&Spot, &Spot),
    (key, directory): (FileKey, bool),
    by: (u32, Time),
) {
    if !old.is(new) {
        tell_first(shared, None, new);
        rename(shared, (old, new), (Some(key), directory), by);
    }
    look_again(shared, new, (key, directory), by);
}

/// Somebody may have written to it where nobody looks.
fn look_again(shared: &Shared, spot: &Spot, (key, directory): (FileKey, bool), by: (u32, Time)) {
    match directory {
        true => made::look_through(shared, spot, by),
        false => tell_change(shared, spot, key, by),
    }
}

/// It has no name here any more.
fn gone(shared: &Shared, departed: &Departed) {
    let Departed {
        spot,
        key,
        directory,
        handle,
        by,
    } = departed;
    let inside = if *directory {
        left(shared, spot, *by)
    } else {
        Vec::new()
    };
    unlinked(shared, spot, (*key, *directory), *by);
    if *directory {
        let inside = &inside;
        let leaving = handle.as_ref().map(|handle| Leaving { spot, handle, inside });
        if let Some(Err(error)) = leaving.map(|leaving| away::follow(shared, &leaving)) {
            tracing::debug!(%error, "a directory that was moved out can't be followed");
        }
        shared.watch.forget(spot.root.id, &spot.path);
        // A container may have it mounted still.
        shared.learned.look_again();
    } else if let (Some(handle), Some(key)) = (handle, key) {
        shared.linked.departed(&shared.watch, &spot.root, (handle, *key));
    }
}

/// Nobody told of an old name of it: it was made there, or came from where nobody looks.
fn came(shared: &Shared, found: Found) {
    if !found.directory {
        return made::note_file(shared, &found.spot, (found.key, found.is_looked_at), found.by);
    }
    let place = found.spot.root.id;
    let known = shared.watch.directory(found.key);
    let known = known.filter(|known| known.place == place && known.path != found.spot.path);
    if let Some(known) = known {
        let root = found.spot.root.clone();
        let old = Spot {
            root,
            path: known.path,
        };
        rename(shared, (&old, &found.spot), (Some(found.key), true), found.by);
    }
}
