//! Whose origin is being found out.
use std::collections::HashMap;

use norn_events::ProcessIndex;
use norn_programs::scripts::{ScriptVersion, Scripts};

#[derive(Default)]
pub struct Origins {
    pub scripts: Option<Scripts>,
    /// Scripts of processes of whom somebody is asked; the process may end before the answer comes.
    pub asked: HashMap<(ProcessIndex, u32), ScriptVersion>,
    pub unsettled: Vec<Unsettled>,
}

pub struct Unsettled {
    pub process: ProcessIndex,
    pub image_number: u32,
    /// CLOCK_BOOTTIME, ns.
    pub until_ns: u64,
}

impl Origins {
    /// An event waits at most this long, ns, for what its process is; then it is told without.
    pub const WAIT_NS: u64 = 10_000_000_000;
    /// Processes asked about at a time; of those beyond nothing is found out.
    pub const UNSETTLED_MAX: usize = 256;
    /// A maintainer's script and what it starts: ancestors looked through.
    pub const DEPTH_MAX: usize = 16;
    /// The package manager, debconf's frontend, the script.
    pub const MANAGER_DEPTH_MAX: usize = 3;

    pub fn start() -> Self {
        Self {
            scripts: Scripts::start().ok(),
            ..Self::default()
        }
    }
}
