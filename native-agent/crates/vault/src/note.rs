//! What the sensor tells the vault, taken along to another thread.
use norn_events::{ContainerId, EventKind};
use norn_journal::record::Time;

/// A name event, owned.
#[derive(Debug, Clone)]
pub struct Note {
    pub kind: EventKind,
    pub time: Time,
    pub pid: u32,
    /// The oldest living ancestor in the same container; 0 when nobody needs it.
    pub elder: u32,
    pub container: Option<ContainerId>,
    pub flags: u32,
    /// The new size, of a truncate.
    pub value: u64,
    pub path: Vec<u8>,
    pub target: Vec<u8>,
}
