//! What to put back, and what came of it.
mod apply;
mod content;
mod plan;
mod remake;
mod tree;

use std::time::Instant;

use norn_events::wire::action::v1::{FileVerdict, Verdict};
use norn_events::{ContainerId, ProcessUid};

use crate::capture::Shared;

/// Which changes are to be undone. All that is given must hold; `scopes` empty means every process of `container`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestoreRequest {
    /// Roots of subtrees: these processes and everything they created, running or not.
    pub scopes: Vec<ProcessUid>,
    /// Only changes by processes of this container.
    pub container: Option<ContainerId>,
    /// Only changes at or after this moment, CLOCK_BOOTTIME, ns.
    pub since_ns: Option<u64>,
}

/// One verdict for each file that a process of the request changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RestoreReport {
    pub files: Vec<FileVerdict>,
    pub elapsed_ms: u64,
}

impl RestoreReport {
    pub fn count(&self, verdict: Verdict) -> usize {
        self.files
            .iter()
            .filter(|file| file.verdict == verdict as i32)
            .count()
    }
}

pub fn restore(shared: &Shared, request: &RestoreRequest) -> RestoreReport {
    let begun = Instant::now();
    if request.scopes.is_empty() && request.container.is_none() {
        return RestoreReport::default();
    }
    let plan = plan::plan(&shared.store.index(), request);
    let files = apply::apply(shared, plan);
    shared.store.flush();
    RestoreReport {
        files,
        elapsed_ms: begun.elapsed().as_millis() as u64,
    }
}
