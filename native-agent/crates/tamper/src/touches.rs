//! Events that are about the agent: who does something to its processes, files, cgroups or objects of the kernel.
use std::collections::VecDeque;

use norn_events::{AgentTouch, Event, EventKind, ProcessIndex, ProcessTable, ProcessUid, SensitiveFile};
use norn_os::process::Status;

use crate::facts::Own;
use crate::told::{Attack, Rule};

/// Processes remembered that touched the agent.
const REMEMBERED_MAX: usize = 64;
/// open(2): for writing.
const O_ACCMODE: u32 = 3;
const O_TRUNC: u32 = 0o1000;
/// Of a link's flags.
const SYMBOLIC: u32 = 1;

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
            EventKind::FileRead => read(event)?,
            EventKind::FileOpen
            | EventKind::FileLink
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
        let changes = match event.kind {
            EventKind::FileOpen => event.flags & (O_ACCMODE | O_TRUNC) != 0,
            EventKind::FileLink => event.flags & SYMBOLIC == 0,
            _ => true,
        };
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
        let is_mount = event.kind == EventKind::Mount;
        let is_own = |path: &[u8]| self.own.has(path) || is_mount && self.own.is_folder(path);
        let path = [event.path, event.target].into_iter().find(|path| is_own(path))?;
        let said = match event.kind {
            EventKind::Mount if path == event.target => "A process mounted elsewhere what is",
            kind => said_of(kind),
        };
        let path = String::from_utf8_lossy(path).into_owned();
        let summary = format!("{said} of the agent's: {path}");
        Some(Some(attack(
            &format!("file {path}"),
            summary,
            vec![("path", path)],
        )))
    }
}

/// The key by which the host is known, or what is called like it in a folder of the same name: a mount elsewhere has both names.
fn read(event: &Event<'_>) -> Option<Option<Attack>> {
    if event.value >> 32 != SensitiveFile::AgentKey as u64 {
        return None;
    }
    let path = String::from_utf8_lossy(event.path).into_owned();
    Some(Some(Attack {
        rule: Rule::KeyRead,
        key: format!("key {path}"),
        summary: format!("A process read the key of the agent: {path}"),
        evidence: vec![("path", path)],
    }))
}

fn said_of(kind: EventKind) -> &'static str {
    match kind {
        EventKind::FileRename => "A process renamed what is",
        EventKind::FileLink => "A process gave another name to what is",
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use norn_events::Process;

    use super::*;

    const KEY: u64 = (SensitiveFile::AgentKey as u64) << 32;
    const FOLDER: &[u8] = b"/var/lib/norn";
    const IDENTITY: &[u8] = b"/var/lib/norn/identity.json";

    struct Scene {
        processes: ProcessTable,
        touches: Touches,
    }

    impl Scene {
        fn new() -> Self {
            Self {
                processes: ProcessTable::default(),
                touches: Touches::new(Own::new(PathBuf::from("/var/lib/norn/baldur"))),
            }
        }

        fn process(&mut self, pid: u32) -> ProcessIndex {
            self.processes.insert(Process {
                uid: ProcessUid([pid as u8; 16]),
                parent_uid: ProcessUid::UNKNOWN,
                pid,
                namespace_pid: pid,
                parent_pid: 1,
                start_time_ns: 0,
                end_time_ns: None,
                image_number: 0,
                image: Default::default(),
                container: None,
                cgroup_id: 0,
                user_id: 0,
                group_id: 0,
                credentials: Default::default(),
            })
        }

        /// What is told when process 7 does it: by (flags, value), on (path, target).
        fn told(
            &mut self,
            kind: EventKind,
            (flags, value): (u32, u64),
            (path, target): (&[u8], &[u8]),
        ) -> Option<String> {
            let event = Event {
                kind,
                time_ns: 1,
                process: self.process(7),
                flags,
                value,
                result: 0,
                path,
                target,
            };
            let attack = self.touches.judge(&event, &self.processes)?;
            Some(attack.summary)
        }
    }

    #[test]
    fn who_reads_the_key_is_told_wherever_it_is_mounted() {
        for path in [IDENTITY, b"/host/var/lib/norn/identity.json"] {
            let told = Scene::new().told(EventKind::FileRead, (0, KEY), (path, b""));
            let expected = format!(
                "A process read the key of the agent: {}",
                String::from_utf8_lossy(path)
            );
            assert_eq!(told, Some(expected));
        }
        let other = (SensitiveFile::SshKey as u64) << 32;
        let told = Scene::new().told(EventKind::FileRead, (0, other), (b"/root/.ssh/id_rsa", b""));
        assert_eq!(told, None);
    }

    #[test]
    fn the_agent_reads_its_own_key() {
        let mut scene = Scene::new();
        scene.touches.guard(&[7]);
        assert_eq!(scene.told(EventKind::FileRead, (0, KEY), (IDENTITY, b"")), None);
    }

    #[test]
    fn another_name_of_the_key_is_told_and_a_symbolic_link_is_none() {
        let names = (&b"/tmp/x"[..], IDENTITY);
        let told = Scene::new().told(EventKind::FileLink, (0, 0), names);
        let expected = "A process gave another name to what is of the agent's: /var/lib/norn/identity.json";
        assert_eq!(told.as_deref(), Some(expected));
        let told = Scene::new().told(EventKind::FileLink, (SYMBOLIC, 0), names);
        assert_eq!(told, None, "it is read by its own name");
    }

    #[test]
    fn a_mount_of_the_folder_and_one_over_it_are_told() {
        let elsewhere = Scene::new().told(EventKind::Mount, (0, 0), (b"/mnt", FOLDER));
        let expected = "A process mounted elsewhere what is of the agent's: /var/lib/norn";
        assert_eq!(elsewhere.as_deref(), Some(expected));
        let over = Scene::new().told(EventKind::Mount, (0, 0), (FOLDER, b"tmpfs"));
        let expected = "A process mounted over what is of the agent's: /var/lib/norn";
        assert_eq!(over.as_deref(), Some(expected));
        let beside = Scene::new().told(EventKind::Mount, (0, 0), (b"/mnt", b"/var/lib"));
        assert_eq!(beside, None);
    }
}
