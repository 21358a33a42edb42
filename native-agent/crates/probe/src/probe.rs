//! The sensor as its user sees it: start, poll, ask.
use std::time::Duration;

use norn_events::wire::event::v1::Capability;
use norn_events::{Observer, ProcessTable};

use crate::{ExecPolicy, ProbeError, ProbeOptions, ProbeStats};

/// The running sensor. One per host; used from one thread.
pub struct Probe {
    processes: ProcessTable,
    stats: ProbeStats,
    capabilities: Vec<Capability>,
    boot_id: [u8; 16],
    wall_offset_ns: i64,
}

impl Probe {
    /// Loads and attaches, tests itself, and takes the snapshot of what runs already.
    ///
    /// # Errors
    /// When this kernel or these privileges do not allow the core of it; a single signal that is not available is no
    /// error but a capability.
    pub fn start(_options: &ProbeOptions) -> Result<Self, ProbeError> {
        Err(ProbeError::NoBtf)
    }

    /// Waits for events at most `timeout`, hands each in time order to all observers, and says how many there were.
    ///
    /// # Errors
    /// When a ring is broken.
    pub fn poll(
        &mut self,
        _timeout: Duration,
        _observers: &mut [&mut dyn Observer],
    ) -> Result<usize, ProbeError> {
        Ok(0)
    }

    /// The processes as of the last event handed out.
    pub fn processes(&self) -> &ProcessTable {
        &self.processes
    }

    /// What this host can observe, by which mechanism, and whether the self-test saw it work.
    pub fn capabilities(&self) -> Vec<Capability> {
        self.capabilities.clone()
    }

    pub fn stats(&self) -> ProbeStats {
        self.stats
    }

    /// 16 bytes of /proc/sys/kernel/random/boot_id.
    pub fn boot_id(&self) -> [u8; 16] {
        self.boot_id
    }

    /// Unix time minus CLOCK_BOOTTIME, ns, as of the start.
    pub fn wall_offset_ns(&self) -> i64 {
        self.wall_offset_ns
    }

    /// What is killed at exec from now on.
    ///
    /// # Errors
    /// When the kernel refuses the change.
    pub fn set_exec_policy(&mut self, _policy: ExecPolicy) -> Result<(), ProbeError> {
        Ok(())
    }
}
