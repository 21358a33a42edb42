//! Containers and pods that a command took off the network. The kernel keeps them off without the agent; what it needs to let them
//! back is in the state directory.
use std::path::PathBuf;

use norn_commands::{failed, succeeded};
use norn_events::ProcessTable;
use norn_events::wire::action::v1::{Command, Outcome};
use norn_policy::isolation::{Isolated, IsolationError, cgroup_of, isolate, rejoin, stands};
use serde::{Deserialize, Serialize};

use super::state::StateDir;

/// More at once are refused.
const ISOLATED_MAX: usize = 1_024;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// For which it was asked: it may have ended since, and its pod have started another.
    container: String,
    cgroup: PathBuf,
    program: u32,
    /// The kernel's numbers and cgroups are of one boot.
    boot: String,
}

#[derive(Debug, Default)]
pub struct Isolations {
    entries: Vec<Entry>,
    boot: String,
}

impl Isolations {
    /// # Errors
    /// When what was kept can't be read.
    pub fn open(state: &StateDir, boot_id: &[u8; 16]) -> anyhow::Result<Self> {
        let boot = u128::from_be_bytes(*boot_id);
        let boot = format!("{boot:032x}");
        let mut entries: Vec<Entry> = state.load("isolated.json")?;
        entries.retain(|entry| entry.boot == boot);
        Ok(Self { entries, boot })
    }

    fn put(&mut self, container: &str, isolated: Isolated) {
        self.entries.push(Entry {
            container: container.to_owned(),
            cgroup: isolated.cgroup,
            program: isolated.program,
            boot: self.boot.clone(),
        });
    }

    /// Takes the command's container off the network, or lets it back.
    pub fn obey(
        &mut self,
        command: &Command,
        lift: bool,
        (processes, state): (&ProcessTable, &StateDir),
    ) -> Outcome {
        let container = command.container_id.as_str();
        if container.is_empty() {
            return failed(
                command,
                "no_container",
                "the command names neither a container nor the host",
            );
        }
        let done = if lift {
            self.let_back(container, process_of(container, processes))
        } else {
            self.take_off(container, process_of(container, processes))
        };
        let outcome = match done {
            Ok(message) => succeeded(command, &message),
            Err(error) => failed(command, error.code(), &error.to_string()),
        };
        if let Err(error) = state.save("isolated.json", &self.entries) {
            tracing::error!(%error, "state_unavailable: after the agent's next start it can not let back who is isolated now");
        }
        outcome
    }

    fn take_off(&mut self, container: &str, pid: u32) -> Result<String, IsolationError> {
        let cgroup = cgroup_of(container, pid)?;
        let entries = &mut self.entries;
        entries.retain(|entry| stands(&entry.cgroup));
        if entries.iter().any(|entry| entry.cgroup == cgroup) {
            return Ok(format!("{} is off the network already", cgroup.display()));
        }
        if entries.len() >= ISOLATED_MAX {
            return Err(IsolationError::Full(ISOLATED_MAX));
        }
        let isolated = isolate(&cgroup, pid)?;
        self.put(container, isolated);
        Ok(format!("{} is off the network", cgroup.display()))
    }

    /// Known by the container it was asked for, or by another of the same pod.
    fn let_back(&mut self, container: &str, pid: u32) -> Result<String, IsolationError> {
        let cgroup = cgroup_of(container, pid).ok();
        let is_meant = |entry: &Entry| entry.container == container || Some(&entry.cgroup) == cgroup.as_ref();
        let Some(at) = self.entries.iter().position(is_meant) else {
            return Ok("it is on the network".to_owned());
        };
        let entry = &self.entries[at];
        rejoin(&Isolated {
            cgroup: entry.cgroup.clone(),
            program: entry.program,
        })?;
        let entry = self.entries.remove(at);
        Ok(format!("{} is on the network again", entry.cgroup.display()))
    }
}

/// Any that runs; 0 when there is none.
fn process_of(container: &str, processes: &ProcessTable) -> u32 {
    let found = processes
        .iter()
        .map(|(_, process)| process)
        .find(|process| process.end_time_ns.is_none() && process.container.as_deref() == Some(container));
    found.map_or(0, |process| process.pid)
}
