//! What is known of processes while their records come in.
mod attempt;
mod events;
mod handles;
mod origin;
mod origins;

use std::collections::HashMap;

use norn_events::{Observer, ProcessIndex, ProcessTable};

use crate::container::Containers;
use crate::hash::{FileVersion, Hasher};
use handles::Handles;
pub use origins::Origins;

pub type Observers<'a, 'b> = &'a mut [&'b mut dyn Observer];

pub struct Tracker {
    pub processes: ProcessTable,
    pub containers: Containers,
    pub hasher: Option<Hasher>,
    /// Processes whose image's sum is being computed.
    hash_waiters: HashMap<FileVersion, Vec<ProcessIndex>>,
    pub(crate) origins: Origins,
    handles: Handles,
    boot_id: [u8; 16],
    pub(crate) wall_offset_ns: i64,
    /// When the agent attached, CLOCK_BOOTTIME ns.
    started_ns: u64,
    path: Vec<u8>,
    target: Vec<u8>,
}

impl Tracker {
    /// Processes of one file that get its sum late; those beyond have it from their next exec on.
    const HASH_WAITERS_MAX: usize = 1_024;

    pub fn new(boot_id: [u8; 16], wall_offset_ns: i64, started_ns: u64) -> Self {
        Self {
            processes: ProcessTable::default(),
            containers: Containers::new(),
            hasher: None,
            hash_waiters: HashMap::new(),
            origins: Origins::default(),
            handles: Handles::default(),
            boot_id,
            wall_offset_ns,
            started_ns,
            path: Vec::new(),
            target: Vec::new(),
        }
    }

    pub fn started_ns(&self) -> u64 {
        self.started_ns
    }
}
