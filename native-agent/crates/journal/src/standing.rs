//! What a restore could give back of a file now, and how many files there are of each kind.
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

use norn_events::ProcessUid;

use crate::file::PlaceId;
use crate::index::{FileState, Holds};
use crate::record::{Content, Missing};
use crate::store::{Places, Store};

/// What the vault has of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its last known state.
    Restorable,
    /// There was a state of it, which gave way.
    Evicted,
    TooLarge,
    /// The last state was missed, for another reason.
    Missed,
    /// Nothing: it is not watched, or nobody opened it and it is not copied at rest.
    Unknown,
}

/// Counted every few seconds.
#[derive(Debug, Default)]
pub struct Standings {
    pub restorable: AtomicU64,
    pub evicted: AtomicU64,
    pub too_large: AtomicU64,
}

pub fn standing(state: &FileState) -> Standing {
    match state.last().map(|version| &version.content) {
        None | Some(Content::Missing(Missing::Unopened)) => Standing::Unknown,
        Some(Content::Missing(Missing::Evicted)) => Standing::Evicted,
        Some(Content::Missing(Missing::TooLarge)) => Standing::TooLarge,
        Some(Content::Missing(_)) => Standing::Missed,
        Some(_) => Standing::Restorable,
    }
}

#[derive(Default)]
struct Counted {
    restorable: u64,
    evicted: u64,
    too_large: u64,
    /// Bytes of copies of how files are now.
    resting: HashMap<PlaceId, u64>,
    by_place: HashMap<PlaceId, u64>,
    held: HashMap<ProcessUid, u64>,
    suspect: u64,
}

impl Counted {
    fn add(&mut self, state: &FileState, holder: Option<ProcessUid>) {
        match holder {
            Some(scope) => *self.held.entry(scope).or_default() += state.bytes(),
            None => *self.by_place.entry(state.place).or_default() += state.bytes(),
        }
        match standing(state) {
            Standing::Restorable => self.restorable += 1,
            Standing::Evicted => self.evicted += 1,
            Standing::TooLarge => self.too_large += 1,
            Standing::Missed | Standing::Unknown => {}
        }
    }
}

/// Counts the files, and tells the store who is there and who takes how much. `lives` says which places are there.
pub fn count(store: &Store, standings: &Standings, lives: impl Fn(PlaceId) -> bool) {
    let (mut holds, mut suspects, places) = {
        let index = store.index();
        let places: Vec<PlaceId> = index.places.keys().copied().collect();
        (Holds::new(&index), Holds::of_suspects(&index), places)
    };
    let renamed: HashMap<_, _> = store.renamed(&mut holds).into_iter().collect();
    let living: HashSet<PlaceId> = places.into_iter().filter(|place| lives(*place)).collect();
    let mut counted = Counted::default();
    store.each_file(|index, key| {
        let Some(state) = index.state(key) else {
            return;
        };
        let holder = holds.of_state(index, &state);
        let holder = holder.or_else(|| renamed.get(&key).copied());
        counted.add(&state, holder);
        if holder.is_none() && suspects.of_state(index, &state).is_some() {
            counted.suspect += state.bytes();
        }
        if living.contains(&state.place)
            && let Some(last) = state.last()
            && index.is_current(key, last.time)
        {
            *counted.resting.entry(state.place).or_default() += last.content.bytes();
        }
    });
    let all_resting = counted.resting.values().sum();
    let places = Places {
        crowded: above(counted.by_place, store.share()),
        sated: above(counted.resting, store.rest_share()),
        living,
    };
    store.set_places(places, all_resting);
    store.suspect_bytes.store(counted.suspect, Ordering::Relaxed);
    store.bound_held(&counted.held);
    standings.restorable.store(counted.restorable, Ordering::Relaxed);
    standings.evicted.store(counted.evicted, Ordering::Relaxed);
    standings.too_large.store(counted.too_large, Ordering::Relaxed);
}

fn above(bytes: HashMap<PlaceId, u64>, most: u64) -> HashSet<PlaceId> {
    let above = bytes.into_iter().filter(|(_, bytes)| *bytes > most);
    above.map(|(place, _)| place).collect()
}
