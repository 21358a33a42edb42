//! What all threads of the vault share.
use std::io;
use std::ops::Deref;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Mutex, PoisonError};

use norn_events::ContentChange;
use norn_journal::file::{FileKey, PlaceId};
use norn_journal::record::Location;
use norn_journal::standing::Standings;
use norn_os as os;
use norn_os::paths::open_path;
use norn_watch::places::Found;
use norn_watch::watched::Watched;

use crate::opens::Pulse;
use crate::pace::Pace;
use crate::waiting::Halves;

/// With all that is watched: who needs no more takes `Watched`.
#[derive(Debug)]
pub struct Shared {
    pub watched: Watched,
    pub pulse: Pulse,
    /// No thread of the vault opens files any more: the responder may end. Before, it would leave one waiting for ever.
    pub quiet: AtomicBool,
    pub changes: Mutex<Option<SyncSender<ContentChange>>>,
    pub changes_dropped: AtomicU64,
    /// See `VaultHealth::self_test_retries`.
    pub self_test_retries: AtomicU64,
    /// Slows every capture down, so that a test can see the deadline hold, ns.
    pub capture_delay_ns: AtomicU64,
    pub pace: Pace,
    pub halves: Halves,
    pub standings: Standings,
}

impl Deref for Shared {
    type Target = Watched;

    fn deref(&self) -> &Watched {
        &self.watched
    }
}

impl Shared {
    /// Best effort: without the mark the next open asks again.
    pub fn ignore(&self, fd: RawFd) {
        if let Err(error) = self.watch.ignore(fd) {
            tracing::debug!(%error, "no ignore mark");
        }
    }

    /// Where an open file lies: by the name it was opened by, or else by the one it is known by.
    pub fn find(&self, fd: RawFd, stat: &os::Stat, key: FileKey) -> Option<Found> {
        self.places.find(fd, stat, key).or_else(|| self.last_known(key))
    }

    /// The name by which it was opened is gone, or outside, and the kernel tells no other one of those that the file has.
    pub fn last_known(&self, key: FileKey) -> Option<Found> {
        let index = self.store.index();
        let state = index.state(key)?;
        let (place, path, seen) = (state.place, state.path.to_vec(), state.seen());
        let location = Location {
            key,
            place,
            path,
            seen,
        };
        let overlay = None;
        Some(Found { location, overlay })
    }

    /// What was kept of the file is gone: its next open is to ask.
    pub fn ask_again(&self, place: PlaceId, path: &[u8]) -> io::Result<()> {
        let top = match (self.places.by_id(place), self.places.root(place)) {
            (Some(overlay), _) => open_path(&overlay.mount.merged),
            (None, Some(root)) => root.open(libc::O_PATH),
            (None, None) => Err(io::ErrorKind::NotFound.into()),
        }?;
        let flags = libc::O_PATH | libc::O_NOFOLLOW;
        let file = os::open_below(top.as_raw_fd(), path, flags, os::BELOW)?;
        self.watch.ask_again(file.as_raw_fd())
    }

    pub fn emit(&self, change: ContentChange) {
        let mut sender = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        match sender.as_ref().map(|to| to.try_send(change)) {
            None | Some(Ok(())) => {}
            Some(Err(TrySendError::Full(_))) => drop(self.changes_dropped.fetch_add(1, Ordering::Relaxed)),
            Some(Err(TrySendError::Disconnected(_))) => *sender = None,
        }
    }
}
