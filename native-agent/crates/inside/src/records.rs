//! The vault of a container, as its two users share it: who answers calls writes it, who restores reads it.
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use norn_events::{ContainerId, ContentChange, ProcessUid};
use norn_restore::{RestoreReport, RestoreRequest};
use norn_vault::VaultHealth;

use crate::changes::Changes;
use crate::deeds::Deeds;
use crate::restore::restore;

pub struct Records {
    pub deeds: Deeds,
    pub changes: Changes,
    /// Only what lies below has pre-images; empty: everything.
    pub protected: Vec<PathBuf>,
}

impl Records {
    /// Files of the kernel's own file systems hold nothing to be kept.
    pub fn protects(&self, path: &Path) -> bool {
        let is_kernels = ["/proc", "/sys", "/dev"]
            .iter()
            .any(|root| path.starts_with(root));
        let is_wanted =
            self.protected.is_empty() || self.protected.iter().any(|directory| path.starts_with(directory));
        is_wanted && (!is_kernels || path.starts_with("/dev/shm"))
    }
}

#[derive(Clone)]
pub struct InsideVault {
    records: Arc<Mutex<Records>>,
    container: Option<ContainerId>,
}

impl InsideVault {
    pub(crate) fn new(records: Records, container: Option<ContainerId>) -> Self {
        Self {
            records: Arc::new(Mutex::new(records)),
            container,
        }
    }

    /// A thread that panicked while it held the records left them as whole as each step leaves them.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What became of files since the last call.
    pub fn changes(&self) -> Vec<ContentChange> {
        self.lock().changes.take()
    }

    /// The pre-images of what this subtree changed stay until a restore.
    pub fn hold(&self, scope: ProcessUid) {
        self.lock().deeds.held.insert(scope);
    }

    pub fn forget(&self, scope: ProcessUid) {
        self.lock().deeds.held.remove(&scope);
    }

    /// Calls that would change a file wait meanwhile.
    pub fn restore(&self, request: &RestoreRequest) -> RestoreReport {
        restore(&mut self.lock().deeds, request, self.container.as_ref())
    }

    pub fn health(&self) -> VaultHealth {
        let records = self.lock();
        VaultHealth {
            bytes: records.deeds.pack.bytes() + records.deeds.pack.own_bytes(),
            bytes_max: records.deeds.total_max(),
            files: records.deeds.len() as u64,
            restorable: records.deeds.len() as u64,
            evicted: records.deeds.evicted,
            evicted_files: records.deeds.evicted,
            too_large: records.deeds.too_large,
            changes_dropped: records.changes.dropped,
            ..VaultHealth::default()
        }
    }
}
