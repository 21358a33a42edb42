//! Restores on a thread of their own: thousands of files take seconds, and the main loop must not wait.
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use norn_events::wire::action::v1::Command;
use norn_os::Waker;
use norn_vault::{RestoreReport, RestoreRequest, Vault};

/// Tyr has stopped the container by then; its runtime unmounts what it had.
const UNMOUNTED_WITHIN: Duration = Duration::from_secs(10);
/// Restores that wait for the one that runs.
const WAITING_MAX: usize = 64;

pub struct Restorer {
    jobs: SyncSender<Job>,
    results: Receiver<(Box<Command>, Result<RestoreReport, StillRuns>)>,
}

struct Job {
    asked: Instant,
    command: Box<Command>,
    request: RestoreRequest,
}

/// A container that was to be restored cold has its file system mounted all the same.
#[derive(Debug, PartialEq, Eq)]
pub struct StillRuns;

impl Restorer {
    pub fn start(vault: Arc<Vault>, waker: Waker) -> std::io::Result<Self> {
        let (jobs, todo) = sync_channel::<Job>(WAITING_MAX);
        let (done, results) = sync_channel(WAITING_MAX);
        thread::Builder::new().name("restore".to_owned()).spawn(move || {
            for job in todo {
                let report = match is_stopped(&vault, &job.request) {
                    true => Ok(vault.restore_asked_at(job.asked, &job.request)),
                    false => Err(StillRuns),
                };
                if done.send((job.command, report)).is_err() {
                    return;
                }
                waker.wake();
            }
        })?;
        Ok(Self { jobs, results })
    }

    /// The command comes back when too many wait.
    pub fn restore(&self, command: Box<Command>, request: RestoreRequest) -> Result<(), Box<Command>> {
        let job = Job {
            asked: Instant::now(),
            command,
            request,
        };
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(job) | TrySendError::Disconnected(job) => job.command,
        })
    }

    pub fn take(&self) -> Vec<(Box<Command>, Result<RestoreReport, StillRuns>)> {
        self.results.try_iter().collect()
    }
}

fn is_stopped(vault: &Vault, request: &RestoreRequest) -> bool {
    let container = request.container.as_deref().filter(|_| request.cold);
    container.is_none_or(|container| vault.await_unmounted(container, UNMOUNTED_WITHIN))
}
