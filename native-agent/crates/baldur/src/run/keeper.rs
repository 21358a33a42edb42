//! The vault as the daemon holds it: opened beside the main loop, since the first scan of large directories takes seconds,
//! and absent when it can't be had.
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use norn_events::wire::action::v1::Command;
use norn_events::wire::event::v1::Capability;
use norn_events::{ContentChange, Event, Observer, ProcessTable, ProcessUid};
use norn_inside::InsideVault;
use norn_os::Waker;
use norn_vault::{RestoreReport, RestoreRequest, Vault, VaultHealth, VaultObserver, VaultOptions};

use super::restorer::{Restorer, StillRuns};

/// Changes that wait between the vault's channel and the main loop.
const CHANGES_MAX: usize = 1_024;
/// Between a change and the main loop: an open is answered, its close is looked at, the change is handed on.
const RAISED: [&str; 6] = [
    "vault-responder",
    "vault-capture",
    "vault-closer",
    "vault-names",
    "vault-sensor",
    "vault-changes",
];
/// Scopes that wait to be held or forgotten.
const HOLDS_MAX: usize = 1_024;

pub struct Open {
    pub vault: Arc<Vault>,
    pub restorer: Restorer,
    observer: VaultObserver,
    changes: Receiver<ContentChange>,
    /// (scope, whether to hold or to forget it).
    judgements: SyncSender<(ProcessUid, Judgement)>,
}

pub enum Keeper {
    Opening(Receiver<anyhow::Result<Open>>),
    Open(Box<Open>),
    Inside(Box<Contained>),
    /// Why there is no vault.
    Absent(String),
}

/// The vault of a container.
pub struct Contained {
    vault: InsideVault,
    restored: Vec<(Box<Command>, Result<RestoreReport, StillRuns>)>,
    /// What was undone at once, for commands that ask for it again.
    undone: Vec<(ProcessUid, RestoreReport)>,
}

/// Restores that are remembered for commands that ask for them again.
const UNDONE_MAX: usize = 64;

/// Why a restore is not begun.
pub enum NoRestore {
    Absent,
    Busy,
}

impl Keeper {
    pub fn inside(vault: InsideVault) -> Self {
        Self::Inside(Box::new(Contained {
            vault,
            restored: Vec::new(),
            undone: Vec::new(),
        }))
    }

    /// Its end is told by `take_restored`.
    pub fn restore(
        &mut self,
        command: Box<Command>,
        request: RestoreRequest,
    ) -> Result<(), (Box<Command>, NoRestore)> {
        match self {
            Self::Open(open) => open
                .restorer
                .restore(command, request)
                .map_err(|command| (command, NoRestore::Busy)),
            Self::Inside(contained) => {
                let mut report = contained.vault.restore(&request);
                for (_, undone) in contained
                    .undone
                    .iter()
                    .filter(|(scope, _)| request.scopes.contains(scope))
                {
                    report.files.extend(undone.files.iter().cloned());
                }
                contained.restored.push((command, Ok(report)));
                Ok(())
            }
            Self::Opening(_) | Self::Absent(_) => Err((command, NoRestore::Absent)),
        }
    }

    /// Restores that have ended.
    pub fn take_restored(&mut self) -> Vec<(Box<Command>, Result<RestoreReport, StillRuns>)> {
        match self {
            Self::Open(open) => open.restorer.take(),
            Self::Inside(contained) => std::mem::take(&mut contained.restored),
            Self::Opening(_) | Self::Absent(_) => Vec::new(),
        }
    }

    /// Undoes at once what this subtree did; only inside a container.
    pub fn undo(&mut self, scope: ProcessUid) -> Option<RestoreReport> {
        let Self::Inside(contained) = self else {
            return None;
        };
        let report = contained.vault.restore(&RestoreRequest {
            scopes: vec![scope],
            ..RestoreRequest::default()
        });
        if contained.undone.len() >= UNDONE_MAX {
            contained.undone.remove(0);
        }
        contained.undone.push((scope, report.clone()));
        Some(report)
    }

    pub fn open(options: VaultOptions, waker: Waker) -> Self {
        let (opened, opening) = sync_channel(1);
        let spawned = thread::Builder::new()
            .name("vault-open".to_owned())
            .spawn(move || {
                let open = Vault::open(options).map_err(anyhow::Error::from);
                let _nobody_waits = opened.send(open.and_then(|vault| attach(vault, &waker)));
                waker.wake();
            });
        match spawned {
            Ok(_) => Self::Opening(opening),
            Err(error) => Self::Absent(format!("no thread can be started: {error}")),
        }
    }

    /// True once: when it has just become open, or it is known that it never will.
    pub fn settle(&mut self) -> bool {
        let Self::Opening(opening) = self else {
            return false;
        };
        let Ok(result) = opening.try_recv() else {
            return false;
        };
        *self = match result {
            Ok(open) => Self::Open(Box::new(open)),
            Err(error) => {
                tracing::error!(%error, "vault_unavailable: no file can be restored");
                Self::Absent(error.to_string())
            }
        };
        true
    }

    fn as_open(&self) -> Option<&Open> {
        match self {
            Self::Open(open) => Some(open),
            _ => None,
        }
    }

    /// For those who ask it by themselves.
    pub fn vault(&self) -> Option<Arc<Vault>> {
        self.as_open().map(|open| Arc::clone(&open.vault))
    }

    pub fn changes(&self) -> Vec<ContentChange> {
        if let Self::Inside(contained) = self {
            return contained.vault.changes();
        }
        self.as_open()
            .map(|open| open.changes.try_iter().take(CHANGES_MAX).collect())
            .unwrap_or_default()
    }

    pub fn catch_up(&mut self, processes: &ProcessTable) {
        if let Self::Open(open) = self {
            open.observer.catch_up(processes);
        }
    }

    /// See `Vault::path_inside`.
    pub fn path_inside(&self, container: &str, path: &[u8]) -> Option<Vec<u8>> {
        self.as_open()?.vault.path_inside(container, path)
    }

    /// The vault writes it down in its own time: a reflex must not wait for a disk.
    pub fn hold(&self, scope: ProcessUid) {
        self.note(scope, Judgement::Attack);
    }

    pub fn forget(&self, scope: ProcessUid) {
        self.note(scope, Judgement::Settled);
    }

    /// It looks like an attack, but not enough to be one.
    pub fn suspect(&self, scope: ProcessUid) {
        self.note(scope, Judgement::Suspect);
    }

    fn note(&self, scope: ProcessUid, judgement: Judgement) {
        if let Self::Inside(contained) = self {
            return match judgement {
                Judgement::Attack => contained.vault.hold(scope),
                Judgement::Settled => contained.vault.forget(scope),
                Judgement::Suspect => {}
            };
        }
        if let Some(open) = self.as_open()
            && open.judgements.try_send((scope, judgement)).is_err()
        {
            tracing::error!(%scope, ?judgement, max = HOLDS_MAX, "hold_refused: the vault does not keep up");
        }
    }

    pub fn health(&self) -> VaultHealth {
        match self {
            Self::Open(open) => open.vault.health(),
            Self::Inside(contained) => contained.vault.health(),
            Self::Opening(_) | Self::Absent(_) => VaultHealth::default(),
        }
    }

    pub fn capabilities(&self) -> Vec<Capability> {
        match self {
            Self::Open(open) => open.vault.capabilities(),
            // The sensor says it: there both are one.
            Self::Inside(_) => Vec::new(),
            Self::Opening(_) => vec![missing("the vault is still opening")],
            Self::Absent(reason) => vec![missing(reason)],
        }
    }
}

fn missing(reason: &str) -> Capability {
    Capability {
        name: "file.preimage".to_owned(),
        detail: reason.to_owned(),
        ..Capability::default()
    }
}

/// What the pre-images of a subtree are worth.
#[derive(Debug, Clone, Copy)]
enum Judgement {
    Attack,
    Suspect,
    Settled,
}

fn attach(vault: Vault, waker: &Waker) -> anyhow::Result<Open> {
    let vault = Arc::new(vault);
    let restorer = Restorer::start(Arc::clone(&vault), waker.clone())?;
    let (forward, changes) = sync_channel(CHANGES_MAX);
    let (source, waker) = (vault.changes(), waker.clone());
    thread::Builder::new()
        .name("vault-changes".to_owned())
        .spawn(move || {
            for change in source {
                if forward.send(change).is_err() {
                    return;
                }
                waker.wake();
            }
        })?;
    let (judgements, wanted) = sync_channel::<(ProcessUid, Judgement)>(HOLDS_MAX);
    let keeper = Arc::clone(&vault);
    thread::Builder::new()
        .name("vault-hold".to_owned())
        .spawn(move || {
            for (scope, judgement) in wanted {
                match judgement {
                    Judgement::Attack => keeper.hold(scope),
                    Judgement::Suspect => keeper.suspect(scope),
                    Judgement::Settled => keeper.forget(scope),
                }
            }
        })?;
    if let Err(error) = norn_respond::raise_threads(&RAISED) {
        tracing::warn!(%error, "priority_refused: on a busy machine a stop comes milliseconds later");
    }
    // Tries the vault out, for seconds on a busy host: here, where nobody's heartbeat waits for it.
    vault.capabilities();
    Ok(Open {
        judgements,
        observer: vault.observer(),
        vault,
        restorer,
        changes,
    })
}

impl Observer for Keeper {
    fn observe(&mut self, event: &Event<'_>, processes: &ProcessTable) {
        if let Self::Open(open) = self {
            open.observer.observe(event, processes);
        }
    }
}
