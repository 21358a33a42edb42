//! What to put back, and what came of it.
use norn_events::wire::action::v1::{FileVerdict, Verdict};
use norn_events::{ContainerId, ProcessUid};

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
