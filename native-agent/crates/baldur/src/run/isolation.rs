//! Containers and pods that a command took off the network. The kernel keeps them off without the agent; what it needs to let them
//! back is in the state directory.
use std::path::PathBuf;

use clap::Args;
use norn_commands::{failed, succeeded};
use norn_events::ProcessTable;
use norn_events::wire::action::v1::{Command, Outcome};
use norn_os::clock::boot_id;
use norn_policy::isolation::{Isolated, IsolationError, cgroup_of, isolate, rejoin, stands};
use norn_respond::{hold_frames, let_frames_go};
use serde::{Deserialize, Serialize};

use super::own_network;
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

impl Entry {
    fn lift(&self) -> Result<(), IsolationError> {
        let_frames_go(&self.cgroup).map_err(|error| IsolationError::Frames(error.to_string()))?;
        rejoin(&Isolated {
            cgroup: self.cgroup.clone(),
            program: self.program,
        })
    }
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

    /// # Errors
    /// Of the first that is still off the network; those before it are back.
    pub fn lift_all(mut self, state: &StateDir) -> anyhow::Result<()> {
        while let Some(entry) = self.entries.last() {
            entry.lift()?;
            self.entries.pop();
            state.save("isolated.json", &self.entries)?;
        }
        Ok(())
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
        let off = format!("{} is off the network", cgroup.display());
        let Some(gap) = hold_frames(&cgroup) else {
            return Ok(off);
        };
        tracing::warn!(
            gap,
            "isolation_of_packets_only: frames that a program makes itself are not held"
        );
        Ok(format!(
            "{off}; frames that it makes itself (AF_PACKET, with NET_RAW) are not held: {gap}"
        ))
    }

    /// Known by the container it was asked for, or by another of the same pod.
    fn let_back(&mut self, container: &str, pid: u32) -> Result<String, IsolationError> {
        let cgroup = cgroup_of(container, pid).ok();
        let is_meant = |entry: &Entry| entry.container == container || Some(&entry.cgroup) == cgroup.as_ref();
        let Some(at) = self.entries.iter().position(is_meant) else {
            return Ok("it is on the network".to_owned());
        };
        self.entries[at].lift()?;
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

/// `baldur rejoin`.
#[derive(Args)]
pub struct RejoinArguments {
    /// The ended agent's.
    #[arg(long)]
    state_dir: PathBuf,
}

/// Gives back what an agent that has ended has cut off the network: this machine, containers and pods.
///
/// # Errors
/// When an agent runs there, or something stays cut off.
pub fn lift_all(arguments: &RejoinArguments) -> anyhow::Result<()> {
    // Nothing is made where no agent was.
    if !arguments.state_dir.is_dir() {
        return Ok(());
    }
    let state = StateDir::open(&arguments.state_dir)?;
    own_network::lift(&state)?;
    let boot = boot_id().unwrap_or_default();
    Isolations::open(&state, &boot)?.lift_all(&state)
}
