//! Which directories were asked for, which of those that are watched are gone, and which were moved out.
use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use norn_journal::file::PlaceId;

#[derive(Debug, Default)]
pub struct Protected {
    /// Directories that were asked for, as they are called; they need not be there yet.
    pub asked: Vec<PathBuf>,
    /// Of these, those that count as not protected while they are not there.
    pub expected: Vec<PathBuf>,
    gone: Mutex<HashMap<PlaceId, Instant>>,
    /// Held while the marks of a place are set or taken away.
    marking: Mutex<()>,
}

impl Protected {
    pub fn new(asked: Vec<PathBuf>, expected: Vec<PathBuf>) -> Self {
        Self {
            asked,
            expected,
            gone: Mutex::default(),
            marking: Mutex::default(),
        }
    }

    pub fn mark_alone(&self) -> MutexGuard<'_, ()> {
        self.marking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn gone(&self) -> MutexGuard<'_, HashMap<PlaceId, Instant>> {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Moved-out directories that are watched; the oldest give way.
const AWAY_MAX: usize = 64;

#[derive(Debug, Default)]
pub struct Away(Mutex<VecDeque<PlaceId>>);

impl Away {
    fn places(&self) -> MutexGuard<'_, VecDeque<PlaceId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn add(&self, id: PlaceId) {
        self.places().push_back(id);
    }

    pub fn take_surplus(&self) -> Option<PlaceId> {
        let mut places = self.places();
        (places.len() > AWAY_MAX).then(|| places.pop_front()).flatten()
    }

    pub fn take(&self, id: PlaceId) -> bool {
        let mut places = self.places();
        let at = places.iter().position(|place| *place == id);
        at.is_some_and(|at| places.remove(at).is_some())
    }
}
