//! Does a known action in a child process and looks for its events in the rings, without taking them out: each must
//! come back with the child's own pid and user, and the path it used. The same again every few seconds: `canary.rs`.
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use norn_events::EventKind;

use super::actor::{Actor, Names, Waiting};
use crate::record::{Header, Record};
use crate::stream::Stream;

/// Which events came back as they should.
#[derive(Debug, Default)]
pub struct SelfTest {
    seen: Vec<EventKind>,
    actor: Option<Actor>,
}

/// What proves a capability: all of these events.
const PROOFS: [(&str, &[EventKind]); 15] = [
    (
        "process.lifecycle",
        &[EventKind::Fork, EventKind::Exec, EventKind::Exit],
    ),
    ("file.open", &[EventKind::FileOpen]),
    ("file.read", &[EventKind::FileRead]),
    ("file.change", &[EventKind::FileUnlink]),
    ("file.attribute", &[EventKind::FileTimes]),
    ("network.connection", &[EventKind::NetListen]),
    ("process.stdio_socket", &[EventKind::StdioSocket]),
    ("process.memfd", &[EventKind::MemfdCreate]),
    ("process.ptrace", &[EventKind::Ptrace]),
    ("process.write", &[EventKind::ProcessWrite]),
    ("host.module", &[EventKind::ModuleLoad]),
    ("process.namespace", &[EventKind::Unshare]),
    ("host.mount", &[EventKind::Mount]),
    ("host.bpf", &[EventKind::Bpf]),
    ("agent.touch", &[EventKind::AgentTouched]),
];

/// The capabilities that these events prove.
pub fn proved(seen: &[EventKind]) -> Vec<&'static str> {
    PROOFS
        .iter()
        .filter(|(_, kinds)| kinds.iter().all(|kind| seen.contains(kind)))
        .map(|&(capability, _)| capability)
        .collect()
}

/// Where the known action has its files: a directory of root's that nobody keeps files in.
pub fn directory() -> PathBuf {
    let run = Path::new("/run");
    if run.is_dir() {
        run.to_owned()
    } else {
        std::env::temp_dir()
    }
}

impl SelfTest {
    const PATIENCE: Duration = Duration::from_millis(500);

    pub fn run(&mut self, stream: &Stream) {
        let text = format!("norn-self-test-{}", std::process::id());
        let Some(names) = Names::new(&directory(), &text) else {
            return;
        };
        let Ok(waiting) = Waiting::start(&names) else {
            return;
        };
        self.actor = Some(waiting.let_act());
        let deadline = Instant::now() + Self::PATIENCE;
        while Instant::now() < deadline && proved(&self.seen).len() < PROOFS.len() {
            stream.peek(|record| self.look(record, &names));
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// What it saw.
    pub fn proved(&self) -> Vec<&'static str> {
        proved(&self.seen)
    }

    /// Did the child of this test do it? Nobody else is to be told of that.
    pub fn acted(&self, header: &Header) -> bool {
        self.actor.is_some_and(|actor| actor.did(header))
    }

    fn look(&mut self, record: &Record<'_>, names: &Names) {
        if !self.acted(&record.header) {
            return;
        }
        if let Some(kind) = names.proves(record).filter(|kind| !self.seen.contains(kind)) {
            self.seen.push(kind);
        }
    }
}
