//! What a reflex may look at while it decides.
use norn_events::ProcessTable;
use norn_programs::Provenance;

use crate::Released;

pub(crate) struct Context<'a> {
    pub processes: &'a ProcessTable,
    pub provenance: &'a mut dyn Provenance,
    pub released: &'a Released,
    /// The agent's own pids: never blamed, and the end of every chain.
    pub guarded: &'a [u32],
}
