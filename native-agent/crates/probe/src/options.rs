//! What a probe is asked for, and the figures it answers with.
use std::path::PathBuf;

use crate::ProbeError;

#[derive(Debug, Clone)]
pub struct ProbeOptions {
    /// Ring of fork, exec, exit, setns, memfd, ptrace: bytes, a power of two of at least a page.
    pub critical_ring_bytes: u32,
    /// Ring of everything else: bytes, a power of two of at least a page.
    pub bulk_ring_bytes: u32,
    /// Processes whose file and network events are not reported, beside the agent's own: host pids, at most 16.
    pub excluded_pids: Vec<u32>,
    /// SHA-256 of executables, computed on a low-priority thread.
    pub hash_executables: bool,
    /// Do a known action at the start and see its event come back; `capabilities()` then says `verified`.
    pub self_test: bool,
    /// Do it again every five seconds, as long as the sensor runs: see `Probe::take_sights`.
    pub canary: bool,
    /// Container runtimes outside the usual directories; the exec policy leaves alone what they run from a memfd of theirs.
    /// Each must be root's and writable by nobody else.
    pub runtime_paths: Vec<PathBuf>,
    /// The key of this host's agent: who reads it is told, and who reads a file of its name in a directory of the same name.
    pub agent_key: Option<PathBuf>,
    /// Events one `poll` hands out at most; the rest waits in the rings.
    pub events_per_poll_max: usize,
}

impl Default for ProbeOptions {
    fn default() -> Self {
        Self {
            critical_ring_bytes: 4 << 20,
            bulk_ring_bytes: 8 << 20,
            excluded_pids: Vec::new(),
            hash_executables: true,
            self_test: true,
            canary: false,
            runtime_paths: Vec::new(),
            agent_key: None,
            events_per_poll_max: 16_384,
        }
    }
}

/// What is killed at exec, before its first user instruction. A container runtime that runs a sealed copy of itself
/// (runc does) is left alone. Default: nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExecPolicy {
    /// Images that are a memfd.
    pub kill_memfd: bool,
    /// Images whose file has no name any more.
    pub kill_deleted: bool,
    /// Only in pid namespaces of their own: on the host, programs run sealed copies of themselves for protection.
    pub containers_only: bool,
}

/// Counts since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProbeStats {
    /// Handed to observers.
    pub events: u64,
    /// Lost because the critical ring was full.
    pub lost_critical: u64,
    /// Lost because the bulk ring was full, or shed on purpose before it was.
    pub lost_bulk: u64,
    /// Of `lost_bulk`: shed on purpose.
    pub shed_bulk: u64,
    /// Times the process table was reconciled with the kernel after a loss.
    pub reconciliations: u64,
    /// Executables not hashed because the queue was full.
    pub hashes_refused: u64,
    /// Bytes in the rings that could not be read as a record; not 0 means a defect.
    pub records_malformed: u64,
    /// System calls by 32-bit programs that are not interpreted: those of AArch64.
    pub compat_calls: u64,
}

impl ProbeOptions {
    /// Processes that can be excluded, beside the agent.
    const EXCLUDED_MAX: usize = 16;

    pub(crate) fn check(&self) -> Result<(), ProbeError> {
        const PAGE_BYTES: u32 = 4096;
        for (option, bytes) in [
            ("critical_ring_bytes", self.critical_ring_bytes),
            ("bulk_ring_bytes", self.bulk_ring_bytes),
        ] {
            if !bytes.is_power_of_two() || bytes < PAGE_BYTES {
                let cure = "give a power of two of at least 4096";
                return Err(ProbeError::Option {
                    option,
                    value: bytes.to_string(),
                    cure,
                });
            }
        }
        if self.excluded_pids.len() > Self::EXCLUDED_MAX {
            return Err(ProbeError::Option {
                option: "excluded_pids",
                value: format!("{} pids", self.excluded_pids.len()),
                cure: "exclude at most 16",
            });
        }
        Ok(())
    }
}
