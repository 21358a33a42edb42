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
use norn_events::{ContainerId, Credentials, EventKind, Observer, ProcessIndex, ProcessTable, ProcessUid};
use norn_os::{boot_ns, clock};

use crate::application::{Application, InsideStats};
use crate::calls::Call;
use crate::capability::{Privileges, report, take_up_permitted};
use crate::deeds::{Actor, Deeds};
use crate::error::InsideError;
use crate::family::Family;
use crate::launch::{Account, close_to_others, launch};
use crate::listener::{Listener, Waiting};
use crate::pack::Pack;
use crate::records::{InsideVault, Records};
use crate::said::{Said, Tell};

/// Calls taken before those that were taken are let go.
const CALLS_MAX: usize = 64;
const LOOK_EVERY_NS: u64 = 10_000_000;
const SWEEP_EVERY_NS: u64 = 1_000_000_000;
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

pub struct Inside {
    application: Application,
    listener: Listener,
    /// Calls that wait for their judgement.
    held: Vec<u64>,
    lineages: HashMap<ProcessUid, Arc<[ProcessUid]>>,
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
        let family = Family::new(
            options.container.clone(),
            started_s,
            options.boot_id,
            options.credentials_of,
        );
        let vault = InsideVault::new(records, options.container);
        Ok(Self {
            application: Application::new(family, vault, first),
            listener,
            held: Vec::new(),
            lineages: HashMap::new(),
            capabilities,
            looked_ns: 0,
            swept_ns: 0,
        })
    }

    pub fn vault(&self) -> InsideVault {
        self.application.vault.clone()
    }

    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.listener.fd()
    }

    pub fn processes(&self) -> &ProcessTable {
        &self.application.family.processes
    }

    pub fn container(&self) -> Option<&str> {
        self.application.family.container.as_deref()
    }

    pub fn boot_id(&self) -> [u8; 16] {
        self.application.family.boot_id
    }

    pub fn stats(&self) -> InsideStats {
        self.application.stats
    }

    pub fn capabilities(&self) -> Vec<Capability> {
        let is_blind = self.application.stats.unread > self.application.stats.events;
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
        self.application.first
    }

    /// Takes what waits, and looks at what became of files; how many events that were.
    pub fn poll(&mut self, tell: &mut [&mut dyn Observer]) -> usize {
        let before = self.application.stats.events;
        while self.held.len() < CALLS_MAX
            && let Some(waiting) = self.listener.next()
        {
            self.held.push(waiting.id);
            self.serve(&waiting, tell);
        }
        let now_ns = boot_ns();
        if now_ns >= self.looked_ns + LOOK_EVERY_NS {
            self.looked_ns = now_ns;
            let container = self.application.family.container.as_ref();
            self.application.vault.lock().changes.look_due(now_ns, container);
        }
        if now_ns >= self.swept_ns + SWEEP_EVERY_NS {
            self.swept_ns = now_ns;
            self.sweep(tell);
        }
        (self.application.stats.events - before) as usize
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
            if pid.as_raw().cast_unsigned() == self.application.first {
                code = Some(ended);
            }
        }
    }

    fn serve(&mut self, waiting: &Waiting, tell: &mut Tell<'_, '_>) {
        let Some(pid) = self.application.family.process_of(waiting.thread) else {
            self.application.stats.unread += 1;
            return;
        };
        let Some(by) = self.application.meet(pid, tell) else {
            self.application.stats.unread += 1;
            return;
        };
        let Some(uid) = self
            .application
            .family
            .processes
            .get(by)
            .map(|process| process.uid)
        else {
            return;
        };
        let actor = Actor {
            uid,
            pid,
            lineage: self.lineage(uid, by),
            now_ns: boot_ns(),
        };
        let container = self.application.family.container.as_ref();
        self.application
            .vault
            .lock()
            .changes
            .look_at(uid, actor.now_ns, container);
        if self
            .application
            .act(&Call::new(waiting, by, &actor), tell)
            .is_none()
        {
            self.application.stats.unread += 1;
        }
    }

    /// Shared by all that a process does.
    fn lineage(&mut self, uid: ProcessUid, index: ProcessIndex) -> Arc<[ProcessUid]> {
        if self.lineages.len() >= LINEAGES_MAX {
            self.lineages.clear();
        }
        let family = &self.application.family;
        Arc::clone(self.lineages.entry(uid).or_insert_with(|| family.lineage(index)))
    }

    fn sweep(&mut self, tell: &mut Tell<'_, '_>) {
        for index in self.application.family.gone() {
            self.application
                .ended(index, Said::of(EventKind::Exit).flags(FOUND_ENDED), tell);
        }
        self.application.family.processes.sweep(boot_ns());
    }
}
