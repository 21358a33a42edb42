//! What the threads between an exec and its answer share.
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::sys::fanotify::{Fanotify, FanotifyEvent, FanotifyResponse, MarkFlags, MaskFlags, Response};
use norn_os::clock::boot_ns;

use crate::denial::Outlet;
use crate::engine::Current;
use crate::facts::Sources;

pub struct Shared {
    pub group: Fanotify,
    pub current: Arc<Current>,
    pub sources: Arc<Sources>,
    pub outlet: Arc<Outlet>,
    /// Never refused anything: the agent's own.
    pub guarded: Mutex<Vec<u32>>,
    pub deadline: Duration,
    stop: AtomicBool,
    pub beat_ns: AtomicU64,
    pub reading_since_ns: AtomicU64,
    pub containers: Mutex<HashMap<String, u32>>,
    /// No mark is set any more.
    closed: Mutex<bool>,
    pub marked: Mutex<Marked>,
}

impl Shared {
    pub fn new(
        group: Fanotify,
        (current, sources, outlet): (Arc<Current>, Arc<Sources>, Arc<Outlet>),
        guarded: Vec<u32>,
        deadline: Duration,
    ) -> Self {
        Self {
            group,
            current,
            sources,
            outlet,
            guarded: Mutex::new(guarded),
            deadline,
            stop: AtomicBool::new(false),
            beat_ns: AtomicU64::new(boot_ns()),
            reading_since_ns: AtomicU64::new(0),
            containers: Mutex::default(),
            closed: Mutex::default(),
            marked: Mutex::default(),
        }
    }

    pub fn answer(&self, event: &FanotifyEvent, response: Response) {
        let Some(fd) = event.fd() else { return };
        if let Err(error) = self.group.write_response(FanotifyResponse::new(fd, response)) {
            tracing::error!(%error, "an exec can't be answered");
        }
    }

    /// Set within the lock, so that none comes after the last was taken away.
    pub fn mark(&self, name: &str) -> Result<(), Errno> {
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        if *closed {
            return Err(Errno::ESHUTDOWN);
        }
        let flags = MarkFlags::FAN_MARK_ADD | MarkFlags::FAN_MARK_FILESYSTEM;
        self.group
            .mark(flags, MaskFlags::FAN_OPEN_EXEC_PERM, AT_FDCWD, Some(name))
    }

    /// From here on nobody asks; who asked before is still answered.
    pub fn close(&self) {
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner) = true;
        let flags = MarkFlags::FAN_MARK_FLUSH | MarkFlags::FAN_MARK_FILESYSTEM;
        if let Err(error) = self.group.mark(flags, MaskFlags::empty(), AT_FDCWD, Some("/")) {
            tracing::error!(%error, "marks can't be taken away");
        }
        self.stop.store(true, Ordering::Relaxed);
    }

    pub fn stops(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// What a look at the mounts gave.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Marked {
    pub file_systems: usize,
    /// Kinds that are mounted and don't ask.
    pub left_out: BTreeSet<String>,
}
