//! Whom the agent puts its library into. Nobody, until it is asked to: programs by name, and lineages that a reflex suspects.
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use norn_events::Process;
use norn_os::process::Stat;
use norn_programs::lineage::is_runtime;

/// From the command line; Tyr passes on the host's settings.
#[derive(Debug, Clone, Default)]
pub struct HookOptions {
    /// Lineages that a reflex suspects, with all that they start.
    pub suspects: bool,
    /// Programs, each as its path or, for programs of that name anywhere, as a name.
    pub programs: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    Named,
    Suspect,
}

pub struct Choice {
    suspects: bool,
    programs: Vec<Vec<u8>>,
    guarded: Vec<u32>,
    own_image: Vec<u8>,
}

impl Choice {
    pub fn new(options: HookOptions) -> Self {
        Self {
            suspects: options.suspects,
            programs: options.programs.into_iter().map(OsString::into_vec).collect(),
            guarded: vec![std::process::id()],
            own_image: std::env::current_exe()
                .map(|path| path.into_os_string().into_vec())
                .unwrap_or_default(),
        }
    }

    pub fn guard(&mut self, pids: Vec<u32>) {
        self.guarded = pids;
    }

    pub fn is_on(&self) -> bool {
        self.suspects || !self.programs.is_empty()
    }

    pub fn follows_suspects(&self) -> bool {
        self.suspects
    }

    pub fn is_named(&self, process: &Process) -> bool {
        is_named(&self.programs, &process.image.path)
    }

    pub fn programs(&self) -> &[Vec<u8>] {
        &self.programs
    }

    /// Why a process is left alone, whatever it is. What its code is like is looked at later.
    pub fn refusal(&self, process: &Process, why: Why) -> Option<&'static str> {
        let is_init = process.namespace_pid == 1 && process.pid != process.namespace_pid;
        match () {
            () if self.is_own(process) => Some("HOOK_OWN"),
            () if process.pid == 1 => Some("HOOK_INIT"),
            // It brings up others, and all of a container ends with it.
            () if is_init && why == Why::Named && !self.is_named_by_path(process) => {
                Some("HOOK_CONTAINER_INIT")
            }
            () if is_runtime(process) => Some("HOOK_RUNTIME"),
            () => None,
        }
    }

    /// The first process of a container is often the service itself: then its whole path says that it is meant.
    fn is_named_by_path(&self, process: &Process) -> bool {
        self.programs.contains(&process.image.path)
    }

    /// Baldur, also another one, and Tyr.
    fn is_own(&self, process: &Process) -> bool {
        self.guarded.contains(&process.pid) || process.image.path == self.own_image
    }
}

/// Whether a program is among these, by its path or its name.
pub fn is_named(programs: &[Vec<u8>], path: &[u8]) -> bool {
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    programs
        .iter()
        .any(|wanted| wanted == if wanted.contains(&b'/') { path } else { name })
}

/// When a process started, in clock ticks since boot: its pid may be another's by now.
pub fn start_ticks(pid: u32) -> Option<u64> {
    Stat::of(pid).map(|stat| stat.start_ticks)
}

#[cfg(test)]
#[path = "choice_tests.rs"]
mod tests;
