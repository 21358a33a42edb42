//! Events that are about the agent: who does something to its processes, files, cgroups or objects of the kernel.
use std::collections::VecDeque;

use norn_events::{AgentTouch, Event, EventKind, ProcessIndex, ProcessTable, ProcessUid};
use norn_os::process::Status;

use crate::facts::Own;
use crate::told::{Attack, Rule};

/// Processes remembered that touched the agent.
const REMEMBERED_MAX: usize = 64;
/// open(2): for writing.
const O_ACCMODE: u32 = 3;
const O_TRUNC: u32 = 0o1000;

pub struct Touches {
    own: Own,
    guarded: Vec<u32>,
    /// Newest last.
    latest: VecDeque<(ProcessUid, u64)>,
}

impl Touches {
    pub fn new(own: Own) -> Self {
        Self {
            own,
            guarded: Vec::new(),
            latest: VecDeque::new(),
        }
    }

    pub fn guard(&mut self, pids: &[u32]) {
        self.guarded = pids.to_vec();
    }

    /// Who touched the agent last, not before `since_ns`.
    pub fn latest(&self, since_ns: u64) -> Option<ProcessUid> {
        self.latest
            .back()
            .filter(|(_, time_ns)| *time_ns >= since_ns)
            .map(|(uid, _)| *uid)
    }

    /// What is told of it at once.
    pub fn judge(&mut self, event: &Event<'_>, processes: &ProcessTable) -> Option<Attack> {
        // Nearly all events leave here.
        let attack = match event.kind {
            EventKind::AgentTouched => self.touch(event)?,
            EventKind::Ptrace | EventKind::ProcessWrite => self.hold(event)?,
            EventKind::FileOpen
            | EventKind::FileRename
            | EventKind::FileUnlink
            | EventKind::FileTruncate
            | EventKind::FileChmod
            | EventKind::FileChown
            | EventKind::FileFlags
            | EventKind::Mount => self.file(event)?,
            _ => return None,
        };
        if self.is_own(event.process, processes) {
            return None;
        }
        let uid = processes.get(event.process)?.uid;
        if self.latest.len() >= REMEMBERED_MAX {
            self.latest.pop_front();
        }
        self.latest.push_back((uid, event.time_ns));
        attack
    }

    /// The agent's processes, and what they start.
    fn is_own(&self, process: ProcessIndex, processes: &ProcessTable) -> bool {
        let Some(process) = processes.get(process) else {
            return true;
        };
        self.guarded.contains(&process.pid) || self.guarded.contains(&process.parent_pid)
    }

    /// The agent's process that this is, or a thread of.
    fn agent_of(&self, number: u64) -> Option<u32> {
        let number = u32::try_from(number).ok()?;
        let is_guarded = |pid: &u32| self.guarded.contains(pid);
        let process_of = || Status::of(number)?.number("Tgid");
        Some(number)
            .filter(is_guarded)
            .or_else(|| process_of().filter(is_guarded))
    }

    /// `Some(None)`: remembered, and nothing to tell by itself.
    fn touch(&self, event: &Event<'_>) -> Option<Option<Attack>> {
        let touch = AgentTouch::try_from(event.flags as i32).ok()?;
        let process = self.agent_of(event.value);
        let what = match touch {
            AgentTouch::Object | AgentTouch::Handle => return Some(None),
            AgentTouch::ObjectChange => {
                let came = if event.result < 0 {
                    "was refused to change"
                } else {
                    "changed"
                };
                let summary = format!(
                    "A process {came} an object that the agent has in the kernel, by bpf command {}",
                    event.value
                );
                // Who was refused one may have changed another.
                return Some(Some(attack(&format!("object {came}"), summary, Vec::new())));
            }
            AgentTouch::Signal if is_farewell(event.result) => return Some(None),
            AgentTouch::Signal => format!("sent {} to", signal_name(event.result)),
            AgentTouch::Limits => "changed the limits of".to_owned(),
            AgentTouch::Processors => "changed the processors of".to_owned(),
            AgentTouch::Scheduling => "changed the priority of".to_owned(),
            AgentTouch::Descriptor => "took a descriptor out of".to_owned(),
            AgentTouch::DescriptorKilled => "was killed, since it took a descriptor out of".to_owned(),
            AgentTouch::Unspecified => return None,
        };
        Some(Some(on_process(touch.as_str_name(), &what, process?)))
    }

    fn hold(&self, event: &Event<'_>) -> Option<Option<Attack>> {
        let process = self.agent_of(event.value)?;
        let what = match event.kind {
            EventKind::Ptrace => "traces",
            _ => "wrote into the memory of",
        };
        Some(Some(on_process("hold", what, process)))
    }

    fn file(&self, event: &Event<'_>) -> Option<Option<Attack>> {
        let changes = event.kind != EventKind::FileOpen || event.flags & (O_ACCMODE | O_TRUNC) != 0;
        if !changes || event.result < 0 {
            return None;
        }
        if let Some(pid) = memory_of(event.path) {
            let process = self.agent_of(pid)?;
            return Some(Some(on_process(
                "memory",
                "opened for writing the memory of",
                process,
            )));
        }
        let path = [event.path, event.target]
            .into_iter()
            .find(|path| self.own.has(path))?;
        let path = String::from_utf8_lossy(path).into_owned();
        let summary = format!("{} of the agent's: {path}", said_of(event.kind));
        Some(Some(attack(
            &format!("file {path}"),
            summary,
            vec![("path", path)],
        )))
    }
}

fn said_of(kind: EventKind) -> &'static str {
    match kind {
        EventKind::FileRename => "A process renamed what is",
        EventKind::FileUnlink => "A process removed what is",
        EventKind::FileTruncate => "A process cut what is",
        EventKind::Mount => "A process mounted over what is",
        EventKind::FileOpen => "A process wrote to what is",
        _ => "A process changed the rights to what is",
    }
}

fn on_process(key: &str, what: &str, pid: u32) -> Attack {
    let summary = format!("A process {what} the agent's process {pid}");
    attack(
        &format!("{key} {pid}"),
        summary,
        vec![("target.pid", pid.to_string())],
    )
}

fn attack(key: &str, summary: String, evidence: Vec<(&'static str, String)>) -> Attack {
    Attack {
        rule: Rule::Attacked,
        key: key.to_owned(),
        summary,
        evidence,
    }
}

/// `/proc/PID/mem`.
pub fn memory_of(path: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(path).ok()?;
    let (pid, file) = text.strip_prefix("/proc/")?.split_once('/')?;
    let is_memory = file == "mem" || (file.starts_with("task/") && file.ends_with("/mem"));
    is_memory.then(|| pid.parse().ok()).flatten()
}

/// What ends the agent in order: it says farewell, and that is told.
fn is_farewell(signal: i32) -> bool {
    use nix::sys::signal::Signal;
    matches!(
        Signal::try_from(signal),
        Ok(Signal::SIGTERM | Signal::SIGINT | Signal::SIGHUP)
    )
}

fn signal_name(signal: i32) -> String {
    nix::sys::signal::Signal::try_from(signal).map_or_else(
        |_| format!("signal {signal}"),
        |signal| signal.as_str().to_owned(),
    )
}
