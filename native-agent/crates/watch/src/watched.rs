//! What all who look after it share of what is watched.
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{Duration, Instant};

use norn_events::ContainerId;
use norn_journal::file::PlaceId;
use norn_journal::store::Store;

use crate::closes::Closes;
use crate::figures::Figures;
use crate::homes::{Homes, find};
use crate::learned::Learned;
use crate::linked::Linked;
use crate::mount_events::MountEvents;
use crate::overdue::Overdue;
use crate::places::{Overlay, Places};
use crate::progress::{Progress, wait_until};
use crate::protected::{Away, Protected};
use crate::unscanned::Unscanned;
use crate::watch::Watch;

#[derive(Debug)]
pub struct Watched {
    pub store: Store,
    pub places: Places,
    pub watch: Watch,
    pub closes: Closes,
    pub progress: Progress,
    pub overdue: Overdue,
    pub learned: Learned,
    pub unscanned: Unscanned,
    pub protected: Protected,
    pub away: Away,
    pub linked: Linked,
    pub signals: MountEvents,
    pub homes: Homes,
    pub figures: Figures,
    /// Files with a mapping that are not looked at, as there are too many.
    pub mapped_refused: AtomicU64,
    /// Where removed executables are kept. What holds it is not watched.
    pub quarantine: PathBuf,
    pub stop: AtomicBool,
}

impl Watched {
    /// To be copied at rest when there is time.
    pub fn put_off(&self, place: PlaceId, path: Vec<u8>) {
        if self.overdue.put_off(place, path) {
            self.progress.overdue.sent();
        }
    }

    /// Waits until what happened before is in the journal.
    pub fn settle(&self, at_most: Duration) {
        if !self.progress.settle(&self.watch, at_most) {
            tracing::warn!(
                ?at_most,
                "the vault lags behind; a restore may not see the last changes"
            );
        }
    }

    /// Waits until all that is to be watched is, and is copied at rest; says whether it is.
    pub fn rest(&self, at_most: Duration) -> bool {
        let has_looked = wait_until(Instant::now() + at_most, || self.learned.is_at_rest());
        has_looked && self.progress.rest(at_most)
    }

    /// Looks where a process of the container has its root, and remembers it.
    pub fn find_home(&self, pid: u32, container: &ContainerId) -> Option<Arc<Overlay>> {
        let overlay = find((&self.homes, &self.places), pid, container)?;
        self.store.note_home(container, overlay.id);
        Some(overlay)
    }
}
