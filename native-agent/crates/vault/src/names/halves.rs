//! Moves of which the kernel tells one half. A directory that was made a moment before is not watched yet: of what is moved into
//! it only the old name is told, and of what is moved on from it only the new one. It is one inode under both names, so each half
//! waits for the other, until all that was told before is looked at. What is known below a directory keeps its name as long.
use norn_events::ChangeKind;
use norn_journal::file::FileKey;
use norn_journal::record::Time;
use norn_os::paths::join;
use norn_watch::away::{self, Leaving};
use norn_watch::spot::Spot;

use super::changes::{rename, unlinked};
use super::made::{self, Made};
use crate::arrivals::{left, tell_change};
use crate::shared::Shared;
use crate::told::{LOOKED_AT_MAX, before, tell};
use crate::waiting::{Departed, Found, Waiting};

/// Found in new directories; what is beyond is told at once.
const FOUND_MAX: usize = 65_536;
/// The same of what lost its name. All are gone through for each name that is told.
const DEPARTED_MAX: usize = 4_096;

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
    if state.is_old(key, (Some(&leaves.spot), None), |old| has_name(shared, key, old)) {
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
        if state.is_old(key, (None, Some(new)), |old| has_name(shared, key, old)) {
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
    let is_news = !state.is_old(key, (Some(old), Some(new)), |old| has_name(shared, key, old));
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
            if error.raw_os_error() == Some(libc::ESTALE) {
                removed_since(shared, spot, inside, *by);
            }
        }
        shared.watch.forget(spot.root.id, &spot.path);
        // A container may have it mounted still.
        shared.learned.look_again();
    } else if let (Some(handle), Some(key)) = (handle, key) {
        shared.linked.departed(&shared.watch, &spot.root, (handle, *key));
    }
}

/// It was removed before anybody could follow it, and so of its files nobody is told more: they are gone by who moved it.
fn removed_since(shared: &Shared, spot: &Spot, inside: &[(Vec<u8>, FileKey)], by: (u32, Time)) {
    for (path, key) in inside.iter().take(LOOKED_AT_MAX) {
        let shape = before(shared, *key, by.1);
        let seen = join(&spot.root.path, path);
        tell(shared, &seen, by, (ChangeKind::Unlinked, shape, None));
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
