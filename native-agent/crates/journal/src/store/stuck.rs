//! When nothing could give way: a full store is not looked through again and again, which would write all of it anew.
use std::time::{Duration, Instant};

use super::{Spared, Store, Stuck, lock};

/// When all that is left is held, the store grows by one of this many parts before what is in it is looked through again.
const GROWTHS: u64 = 32;
/// A full store is looked through again after this time, and after twice the time before when that was in vain.
pub(super) const AGAIN_AFTER: Duration = Duration::from_secs(5);
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(600);

impl Store {
    /// Remembers what was found, when room was looked for; `evicted`: some gave way.
    pub(super) fn note_stuck(&self, full: bool, evicted: bool) {
        let mut stuck = lock(&self.stuck);
        let in_vain = stuck.take().filter(|_| !evicted);
        let twice = |earlier: Stuck| (earlier.rest * 2).min(AGAIN_AFTER_MAX);
        *stuck = full.then(|| Stuck {
            bytes: self.bytes(),
            spared: self.spared(),
            since: Instant::now(),
            rest: in_vain.map_or(AGAIN_AFTER, twice),
        });
    }

    pub(super) fn is_stuck(&self) -> bool {
        let stuck = lock(&self.stuck);
        stuck.as_ref().is_some_and(|stuck| {
            self.bytes() < stuck.bytes + self.bytes_max / GROWTHS
                && stuck.since.elapsed() < stuck.rest
                && self.spared() == stuck.spared
        })
    }

    fn spared(&self) -> Spared {
        Spared {
            held: self.index().held.clone(),
            has_suspects: self.spares_suspects(),
            has_resting: self.spares_resting(),
            places: lock(&self.places).clone(),
        }
    }
}
