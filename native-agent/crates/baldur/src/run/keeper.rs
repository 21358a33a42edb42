//! The vault as the daemon holds it: opened beside the main loop, since the first scan of large directories takes seconds,
//! and absent when it can't be had.
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use norn_events::wire::event::v1::Capability;
use norn_events::{ContentChange, Event, Observer, ProcessTable, ProcessUid};
use norn_vault::{Vault, VaultHealth, VaultObserver, VaultOptions};

use super::restorer::Restorer;
use super::wake::Waker;

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
    /// Why there is no vault.
    Absent(String),
}

impl Keeper {
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

    pub fn as_open(&self) -> Option<&Open> {
        match self {
            Self::Open(open) => Some(open),
            _ => None,
        }
    }

    pub fn changes(&self) -> Vec<ContentChange> {
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
        if let Some(open) = self.as_open()
            && open.judgements.try_send((scope, judgement)).is_err()
        {
            tracing::error!(%scope, ?judgement, max = HOLDS_MAX, "hold_refused: the vault does not keep up");
        }
    }

    pub fn health(&self) -> VaultHealth {
        self.as_open().map(|open| open.vault.health()).unwrap_or_default()
    }

    pub fn capabilities(&self) -> Vec<Capability> {
        match self {
            Self::Open(open) => open.vault.capabilities(),
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
