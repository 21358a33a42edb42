//! The sensor of a container: serves the calls that wait. One thread: a call goes on when everything that it said has been
//! observed and judged.
use std::collections::HashMap;
use std::ffi::OsString;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use norn_events::wire::event::v1::Capability;
use norn_events::{
    ContainerId, Credentials, Event, EventKind, Observer, ProcessIndex, ProcessTable, ProcessUid,
};
use norn_os::{boot_ns, clock};

use crate::calls::Call;
use crate::capability::{Privileges, report, take_up_permitted};
use crate::deeds::{Actor, Deeds};
use crate::error::InsideError;
use crate::family::Family;
use crate::launch::{Account, close_to_others, launch};
use crate::listener::{Listener, Waiting};
use crate::pack::Pack;
use crate::records::{InsideVault, Records};

/// Calls taken before those that were taken are let go.
const CALLS_MAX: usize = 64;
const LOOK_EVERY_NS: u64 = 10_000_000;
const SWEEP_EVERY_NS: u64 = 1_000_000_000;
/// Sockets whose other end is remembered; they are forgotten all at once.
const SOCKETS_MAX: usize = 4_096;
/// Processes whose lineage is at hand; they are forgotten all at once.
const LINEAGES_MAX: usize = 4_096;
/// EXIT's `flags` when only the end was found.
const FOUND_ENDED: u32 = 1;

pub struct InsideOptions {
    pub command: Vec<OsString>,
    /// `None`: as the agent.
    pub account: Option<Account>,
    /// Only what lies below has pre-images; empty: everything.
    pub protected: Vec<PathBuf>,
    /// Where pre-images may lie: the first that takes a file, else memory.
    pub vault_directories: Vec<PathBuf>,
    pub vault_bytes_max: u64,
    pub container: Option<ContainerId>,
    /// Of this start of the machine.
    pub boot_id: [u8; 16],
    /// Of a process, by /proc.
    pub credentials_of: fn(u32) -> Credentials,
}

/// Figures since the start.
#[derive(Debug, Default, Clone, Copy)]
pub struct InsideStats {
    pub events: u64,
    /// Calls whose caller's memory could not be read.
    pub unread: u64,
}

type End = (u16, String, u16);

#[derive(Default)]
pub(crate) struct Sockets(HashMap<Vec<u8>, End>);

impl Sockets {
    pub fn remember(&mut self, socket: Vec<u8>, end: End) {
        if self.0.len() >= SOCKETS_MAX {
            self.0.clear();
        }
        self.0.insert(socket, end);
    }

    pub fn get(&self, socket: &[u8]) -> Option<End> {
        self.0.get(socket).cloned()
    }
}

/// Whom events are told to.
pub(crate) type Tell<'a, 'b> = [&'a mut (dyn Observer + 'b)];

/// An event without its process.
pub(crate) struct Said<'a> {
    kind: EventKind,
    flags: u32,
    value: u64,
    result: i32,
    path: &'a [u8],
    target: &'a [u8],
}

impl<'a> Said<'a> {
    pub fn of(kind: EventKind) -> Self {
        Self {
            kind,
            flags: 0,
            value: 0,
            result: 0,
            path: b"",
            target: b"",
        }
    }

    pub fn path(self, path: &'a [u8]) -> Self {
        Self { path, ..self }
    }

    pub fn target(self, target: &'a [u8]) -> Self {
        Self { target, ..self }
    }

    pub fn flags(self, flags: u32) -> Self {
        Self { flags, ..self }
    }

    pub fn value(self, value: u64) -> Self {
        Self { value, ..self }
    }

    pub fn result(self, result: i32) -> Self {
        Self { result, ..self }
    }
}

pub struct Inside {
    pub(crate) family: Family,
    pub(crate) vault: InsideVault,
    pub(crate) sockets: Sockets,
    listener: Listener,
    /// Calls that wait for their judgement.
    held: Vec<u64>,
    first: u32,
    lineages: HashMap<ProcessUid, Arc<[ProcessUid]>>,
    stats: InsideStats,
    capabilities: Vec<Capability>,
    looked_ns: u64,
    swept_ns: u64,
}

impl Inside {
    /// Starts the application; it waits at its first call until `poll` and `let_go`. To be called while this process has one
    /// thread.
    ///
    /// # Errors
    /// When there is no program, the kernel gives no listener, or pre-images can be kept nowhere.
    pub fn start(options: InsideOptions) -> Result<Self, InsideError> {
        let pack = Pack::open(&options.vault_directories).map_err(InsideError::NoVault)?;
        let (first, listener) = launch(&options.command, options.account)?;
        take_up_permitted();
        let privileges = Privileges::own();
        let own_user = nix::unistd::geteuid().as_raw();
        let other_user = options.account.is_some_and(|account| account.user != own_user);
        let capabilities = report(&privileges, other_user, &pack.place);
        close_to_others();
        let started_s = (clock::unix_us() / 1_000_000) as i64;
        let bytes_max = options.vault_bytes_max.min(pack.room());
        let pack = pack.with_own(options.vault_bytes_max);
        let records = Records {
            deeds: Deeds::new(pack, bytes_max),
            changes: crate::changes::Changes::default(),
            // Compared with paths whose links are followed.
            protected: options
                .protected
                .into_iter()
                .map(|path| path.canonicalize().unwrap_or(path))
                .collect(),
        };
        Ok(Self {
            family: Family::new(
                options.container.clone(),
                started_s,
                options.boot_id,
                options.credentials_of,
            ),
            vault: InsideVault::new(records, options.container),
            sockets: Sockets::default(),
            listener,
            held: Vec::new(),
            first,
            lineages: HashMap::new(),
            stats: InsideStats::default(),
            capabilities,
            looked_ns: 0,
            swept_ns: 0,
        })
    }

    pub fn vault(&self) -> InsideVault {
        self.vault.clone()
    }

    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.listener.fd()
    }

    pub fn processes(&self) -> &ProcessTable {
        &self.family.processes
    }

    pub fn container(&self) -> Option<&str> {
        self.family.container.as_deref()
    }

    pub fn boot_id(&self) -> [u8; 16] {
        self.family.boot_id
    }

    pub fn stats(&self) -> InsideStats {
        self.stats
    }

    pub fn capabilities(&self) -> Vec<Capability> {
        let is_blind = self.stats.unread > self.stats.events;
        let mut capabilities = self.capabilities.clone();
        for capability in capabilities.iter_mut().filter(|one| is_blind && one.available) {
            capability.available = false;
            "the application's memory can't be read: does the runtime's profile forbid it?"
                .clone_into(&mut capability.detail);
        }
        capabilities
    }

    /// The application's first process.
    pub fn first(&self) -> u32 {
        self.first
    }

    /// Takes what waits, and looks at what became of files; how many events that were.
    pub fn poll(&mut self, tell: &mut [&mut dyn Observer]) -> usize {
        let before = self.stats.events;
        while self.held.len() < CALLS_MAX
            && let Some(waiting) = self.listener.next()
        {
            self.held.push(waiting.id);
            self.serve(&waiting, tell);
        }
        let now_ns = boot_ns();
        if now_ns >= self.looked_ns + LOOK_EVERY_NS {
            self.looked_ns = now_ns;
            let container = self.family.container.as_ref();
            self.vault.lock().changes.look_due(now_ns, container);
        }
        if now_ns >= self.swept_ns + SWEEP_EVERY_NS {
            self.swept_ns = now_ns;
            self.sweep(tell);
        }
        (self.stats.events - before) as usize
    }

    /// Lets everything go on that waited for a judgement.
    pub fn let_go(&mut self) {
        for id in self.held.drain(..) {
            if let Err(error) = self.listener.let_go(id) {
                tracing::error!(%error, "answer_refused: a call of the application stays without an answer");
            }
        }
    }

    /// Buries who has ended; the exit code of the application's first process once it has. As shells count it: 128 and the
    /// signal.
    pub fn reap(&mut self) -> Option<i32> {
        let mut code = None;
        loop {
            let (pid, ended) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, status)) => (pid, status),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, 128 + signal as i32),
                Err(Errno::EINTR) => continue,
                Ok(WaitStatus::StillAlive) | Err(_) => return code,
                Ok(_) => continue,
            };
            if pid.as_raw().cast_unsigned() == self.first {
                code = Some(ended);
            }
        }
    }

    fn serve(&mut self, waiting: &Waiting, tell: &mut Tell<'_, '_>) {
        let Some(pid) = self.family.process_of(waiting.thread) else {
            self.stats.unread += 1;
            return;
        };
        let Some(by) = self.meet(pid, tell) else {
            self.stats.unread += 1;
            return;
        };
        let Some(uid) = self.family.processes.get(by).map(|process| process.uid) else {
            return;
        };
        let actor = Actor {
            uid,
            pid,
            lineage: self.lineage(uid, by),
            now_ns: boot_ns(),
        };
        let container = self.family.container.as_ref();
        self.vault.lock().changes.look_at(uid, actor.now_ns, container);
        if self.act(&Call::new(waiting, by, &actor), tell).is_none() {
            self.stats.unread += 1;
        }
    }

    /// Shared by all that a process does.
    fn lineage(&mut self, uid: ProcessUid, index: ProcessIndex) -> Arc<[ProcessUid]> {
        if self.lineages.len() >= LINEAGES_MAX {
            self.lineages.clear();
        }
        let family = &self.family;
        Arc::clone(self.lineages.entry(uid).or_insert_with(|| family.lineage(index)))
    }

    /// The process, known from now on if it was not.
    pub(crate) fn meet(&mut self, pid: u32, tell: &mut Tell<'_, '_>) -> Option<ProcessIndex> {
        if let Some(known) = self.family.processes.by_pid(pid) {
            return Some(known);
        }
        let learned = self.family.learn(pid);
        for &index in &learned {
            let process = self.family.processes.get(index)?;
            let is_agents = process.pid == std::process::id() || process.pid == self.first;
            let kind = if is_agents {
                EventKind::ProcessSeen
            } else {
                EventKind::Fork
            };
            let image = process.image.clone();
            self.tell(index, Said::of(kind).path(&image.path), tell);
        }
        learned.last().copied()
    }

    pub(crate) fn ended(&mut self, index: ProcessIndex, said: Said<'_>, tell: &mut Tell<'_, '_>) {
        let now_ns = boot_ns();
        if let Some(uid) = self.family.processes.get(index).map(|process| process.uid) {
            let container = self.family.container.as_ref();
            self.vault.lock().changes.ended(uid, now_ns, container);
        }
        self.tell(index, said, tell);
        self.family.end(index, now_ns);
    }

    pub(crate) fn tell(&mut self, process: ProcessIndex, said: Said<'_>, tell: &mut Tell<'_, '_>) {
        self.stats.events += 1;
        let event = Event {
            kind: said.kind,
            time_ns: boot_ns(),
            process,
            flags: said.flags,
            value: said.value,
            result: said.result,
            path: said.path,
            target: said.target,
        };
        for observer in tell {
            observer.observe(&event, &self.family.processes);
        }
    }

    fn sweep(&mut self, tell: &mut Tell<'_, '_>) {
        for index in self.family.gone() {
            self.ended(index, Said::of(EventKind::Exit).flags(FOUND_ENDED), tell);
        }
        self.family.processes.sweep(boot_ns());
    }
}
