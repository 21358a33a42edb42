//! What the reflexes that judge running code are shown of it.
use norn_events::ProcessIndex;
use norn_insight::{Kernel, Origin, Sample};

/// One sample, looked at.
pub(crate) struct Sight<'a> {
    pub index: ProcessIndex,
    pub sample: Sample,
    /// `None`: not decoded. `Some(None)`: nothing that a miner computes.
    pub kernel: Option<Option<Kernel>>,
    /// Where the code and the stack lie, if the process's memory could be looked at.
    pub place: Option<&'a Place>,
    /// It is in a system call that such code made, not in an interrupt.
    pub calls: bool,
}

/// Where a sample lies.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub origin: Origin,
    pub writable: bool,
    pub path: Vec<u8>,
    /// The region's addresses, rights and origin; of a file only when a finding shows it.
    pub region: String,
    /// Where the stack pointer points; `None`: not known.
    pub stack: Option<Origin>,
    pub stack_executable: bool,
    pub stack_region: String,
    pub engine: bool,
    /// Code of the agent's own, in a process that it hooked.
    pub own: bool,
}

/// The code that a finding shows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listing {
    pub region: String,
    pub lines: Vec<String>,
}
