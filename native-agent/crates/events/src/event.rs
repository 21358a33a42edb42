//! One kernel fact, borrowed from the ring it came in.
use crate::{EventKind, ProcessIndex, ProcessTable, SensitiveFile};

/// One kernel fact. What `path`, `target`, `flags`, `value` and `result` hold depends on `kind`:
/// see `EventKind` in `proto/norn/event/v1/event.proto`.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    pub kind: EventKind,
    /// CLOCK_BOOTTIME, ns.
    pub time_ns: u64,
    /// Who did it; its image is the one it had at that moment.
    pub process: ProcessIndex,
    pub flags: u32,
    pub value: u64,
    pub result: i32,
    /// As the process saw it (container-relative), absolute; not always UTF-8.
    pub path: &'a [u8],
    pub target: &'a [u8],
}

impl Event<'_> {
    /// Whether a rule asks where the process of such an event comes from, so that it is told when that is known.
    pub fn needs_origin(kind: EventKind, value: u64) -> bool {
        const SETUID: u64 = 0o4000;
        match kind {
            EventKind::FileRead => value >> 32 == SensitiveFile::PasswordHash as u64,
            EventKind::FileChmod => value & SETUID != 0,
            _ => false,
        }
    }
}

/// Something that watches the stream of events in order: the batch builder, the reflexes, the vault's journal.
pub trait Observer {
    fn observe(&mut self, event: &Event<'_>, processes: &ProcessTable);
}
