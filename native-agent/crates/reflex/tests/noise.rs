//! Names and deletions of ordinary work, recorded on a real machine, told to the reflexes as if every file had been a text
//! or what its name says. `NORN_NOISE` names the recording: gzip of lines of JSON with `w`, `pid`, `op`, `path`, `old`,
//! `image` and `argv`.
use std::collections::HashMap;
use std::process::Command;
use std::sync::Arc;

use norn_events::{
    ChangeKind, ContentChange, ContentFormat, ContentShape, Event, EventKind, Image, Observer, Process,
    ProcessIndex, ProcessTable, ProcessUid,
};
use norn_programs::Provenance;
use norn_reflex::Reflexes;
use serde_json::Value;

/// Programs in /usr are the packages' where they encrypt, and an administrator's of today where they delete; everything else came
/// today.
struct UsrIsPackaged;

impl Provenance for UsrIsPackaged {
    fn is_package_owned(&mut self, process: &Process) -> bool {
        process.image.path.starts_with(b"/usr/")
    }

    fn is_unpackaged(&mut self, process: &Process, _beside: &dyn Fn() -> Option<u32>) -> bool {
        !self.is_package_owned(process)
    }

    fn is_new(&mut self, process: &Process) -> bool {
        !process.image.path.starts_with(b"/usr/")
    }

    fn came_past_packages(&mut self, _process: &Process) -> bool {
        true
    }

    fn is_whole_runtime(&mut self, process: &Process) -> bool {
        self.is_package_owned(process)
    }

    fn is_sealed_copy(&mut self, _process: &Process) -> bool {
        false
    }

    fn reads_as_it_hashes(&mut self, _process: &Process) -> bool {
        false
    }
}

/// One workload: a shell, and below it all that was started.
struct Replay {
    processes: ProcessTable,
    reflexes: Reflexes,
    shell: ProcessIndex,
    /// Threads were recorded by their own numbers: they are the program's that was started last.
    latest: ProcessIndex,
    known: HashMap<u64, ProcessIndex>,
    now_ns: u64,
}

impl Replay {
    fn new() -> Self {
        let mut processes = ProcessTable::default();
        let shell = processes.insert(process(1_000_000, None, b"/usr/bin/bash".to_vec()));
        Self {
            processes,
            reflexes: Reflexes::new(Box::new(UsrIsPackaged), None),
            shell,
            latest: shell,
            known: HashMap::new(),
            now_ns: 1_000_000_000,
        }
    }

    fn step(&mut self, line: &Value) {
        self.now_ns += 500_000;
        let text = |field: &str| line[field].as_str().unwrap_or_default().as_bytes().to_vec();
        let pid = line["pid"].as_u64().unwrap_or_default();
        match line["op"].as_str().unwrap_or_default() {
            "exec" => {
                let shell = self.processes.get(self.shell).map(|shell| shell.uid);
                let index = self.processes.insert(process(pid as u32, shell, text("image")));
                self.known.insert(pid, index);
                self.latest = index;
            }
            "rename" => self.rename(pid, &text("old"), &text("path")),
            "unlink" => self.change(pid, text("path"), ChangeKind::Unlinked),
            "create" => self.change(pid, text("path"), ChangeKind::Created),
            _ => {}
        }
    }

    fn rename(&mut self, pid: u64, from: &[u8], to: &[u8]) {
        let event = Event {
            kind: EventKind::FileRename,
            time_ns: self.now_ns,
            process: self.known.get(&pid).copied().unwrap_or(self.latest),
            flags: 0,
            value: 0,
            result: 0,
            path: from,
            target: to,
        };
        self.reflexes.observe(&event, &self.processes);
    }

    fn change(&mut self, pid: u64, path: Vec<u8>, kind: ChangeKind) {
        let index = self.known.get(&pid).copied().unwrap_or(self.latest);
        let shape = Some(by_name(&path));
        let created = kind == ChangeKind::Created;
        let change = ContentChange {
            time_ns: self.now_ns,
            pid: pid as u32,
            process: self.processes.get(index).map(|process| process.uid),
            container: None,
            path,
            kind,
            before: if created { None } else { shape },
            after: if created { shape } else { None },
        };
        self.reflexes.content_changed(&change, &self.processes);
    }
}

fn process(pid: u32, parent: Option<ProcessUid>, image: Vec<u8>) -> Process {
    let mut uid = [1; 16];
    uid[..4].copy_from_slice(&pid.to_le_bytes());
    Process {
        uid: ProcessUid(uid),
        parent_uid: parent.unwrap_or(ProcessUid::UNKNOWN),
        pid,
        namespace_pid: pid,
        parent_pid: 1,
        start_time_ns: 1,
        end_time_ns: None,
        image_number: 1,
        image: Arc::new(Image {
            path: image,
            ..Image::default()
        }),
        container: None,
        cgroup_id: 0,
        user_id: 0,
        group_id: 0,
        credentials: Default::default(),
    }
}

/// What such a file would hold.
fn by_name(path: &[u8]) -> ContentShape {
    let ends = |endings: &[&str]| endings.iter().any(|ending| path.ends_with(ending.as_bytes()));
    let (entropy, format) = if ends(&[".gpg", ".enc"]) || path.windows(6).any(|part| part == b"/data/") {
        (7.97, ContentFormat::Unknown)
    } else if ends(&[".gz", ".tgz", ".xz", ".deb", ".zip"]) {
        (7.97, ContentFormat::Archive)
    } else {
        (4.4, ContentFormat::Text)
    };
    ContentShape {
        size: 5_000,
        entropy,
        format,
    }
}

#[test]
fn recorded_ordinary_work_never_fires() {
    let Some(recording) = std::env::var_os("NORN_NOISE") else {
        println!("not tested: NORN_NOISE names no recording");
        return;
    };
    let lines = Command::new("zcat").arg(recording).output().unwrap();
    assert!(lines.status.success(), "NORN_NOISE can't be read");
    let mut replays: HashMap<String, Replay> = HashMap::new();
    for line in lines
        .stdout
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let line: Value = serde_json::from_slice(line).unwrap();
        let workload = line["w"].as_str().unwrap_or_default().to_owned();
        replays.entry(workload).or_insert_with(Replay::new).step(&line);
    }
    assert!(!replays.is_empty());
    let fired: Vec<(String, Vec<String>)> = replays
        .iter_mut()
        .map(|(workload, replay)| {
            let firings = replay.reflexes.take();
            (
                workload.clone(),
                firings
                    .into_iter()
                    .map(|firing| format!("{} {:?}", firing.summary, firing.evidence))
                    .collect(),
            )
        })
        .filter(|(_, firings): &(String, Vec<String>)| !firings.is_empty())
        .collect();
    println!("{} workloads, fired: {fired:?}", replays.len());
    assert!(fired.is_empty(), "{fired:?}");
}
