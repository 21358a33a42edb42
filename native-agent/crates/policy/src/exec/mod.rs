//! Programs are refused by fanotify: whoever is about to run a file waits for the answer, at most until a deadline. The group
//! exists only while a policy asks for it.
mod marks;
mod responder;
mod shared;
mod worker;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::fanotify::{EventFFlags, Fanotify, InitFlags};
use norn_os::clock::boot_ns;
use shared::Shared;

use crate::EnforceError;
use crate::denial::Outlet;
use crate::engine::Current;
use crate::facts::Sources;

/// How long an exec waits for its answer at most.
pub const DEADLINE: Duration = Duration::from_millis(20);
/// Execs that wait for a worker; one more waits for its deadline alone.
const JOBS_MAX: usize = 1_024;
const WORKERS: usize = 2;
/// New mounts are looked for this often.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Containers whose mounts are looked at.
const CONTAINERS_MAX: usize = 1_024;
/// Longer than any read that makes progress, ns.
const READ_NS_MAX: u64 = 3_000_000_000;
const GUARD_EVERY: Duration = Duration::from_millis(250);

/// Threads between an exec and its answer, for whoever gives them priority.
pub const THREADS: [&str; 2] = ["policy-exec", "policy-content"];

/// Where programs are asked about.
#[derive(Debug, Clone, Default)]
pub enum Places {
    /// Everything that the host and its containers have mounted.
    #[default]
    Everywhere,
    /// The file systems of these paths: for trials on a machine that others use.
    Only(Vec<PathBuf>),
}

pub struct Options {
    pub places: Places,
    pub deadline: Duration,
}

/// Asks before programs start, until it is dropped.
pub struct ExecGuard {
    shared: Arc<Shared>,
    look: SyncSender<()>,
    responder: Option<JoinHandle<()>>,
    places: Places,
}

impl ExecGuard {
    pub fn start(
        parts: (Arc<Current>, Arc<Sources>, Arc<Outlet>),
        guarded: Vec<u32>,
        options: &Options,
    ) -> Result<Self, EnforceError> {
        let flags = InitFlags::FAN_CLASS_CONTENT | InitFlags::FAN_CLOEXEC | InitFlags::FAN_NONBLOCK;
        let events = EventFFlags::O_RDONLY | EventFFlags::O_LARGEFILE | EventFFlags::O_CLOEXEC;
        let group =
            Fanotify::init(flags, events).map_err(|error| EnforceError::Fanotify(error.to_string()))?;
        let shared = Arc::new(Shared::new(group, parts, guarded, options.deadline));
        let (look, wanted) = sync_channel(1);
        let mut guard = Self {
            shared,
            look,
            responder: None,
            places: options.places.clone(),
        };
        guard.spawn_threads(wanted)?;
        guard.mark_first();
        Ok(guard)
    }

    fn spawn_threads(&mut self, wanted: Receiver<()>) -> Result<(), EnforceError> {
        let (jobs, queue) = sync_channel(JOBS_MAX);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..WORKERS {
            let (shared, queue) = (Arc::clone(&self.shared), Arc::clone(&queue));
            spawn("policy-content", move || worker::run(&shared, &queue))?;
        }
        let shared = Arc::clone(&self.shared);
        let responder = spawn("policy-exec", move || {
            responder::Responder::new(shared, jobs).run()
        })?;
        self.responder = Some(responder);
        let shared = Arc::clone(&self.shared);
        spawn("policy-guard", move || guard(&shared))?;
        if matches!(self.places, Places::Everywhere) {
            let shared = Arc::clone(&self.shared);
            spawn("policy-mounts", move || look_for_mounts(&shared, &wanted))?;
        }
        Ok(())
    }

    /// The responder runs by now: from here on execs wait for it.
    fn mark_first(&self) {
        match &self.places {
            Places::Everywhere => mark(&self.shared),
            Places::Only(paths) => {
                for path in paths {
                    marks::mark(&self.shared, path, None);
                }
            }
        }
    }

    pub fn guard(&self, pids: Vec<u32>) {
        *self.shared.guarded.lock().unwrap_or_else(PoisonError::into_inner) = pids;
    }

    /// A process of this container runs: through it its mounts are seen.
    pub fn contain(&self, container: &str, pid: u32) {
        let mut containers = self
            .shared
            .containers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // One that has ended was forgotten at the last look.
        let is_new = !containers.contains_key(container) && containers.len() < CONTAINERS_MAX;
        if is_new {
            containers.insert(container.to_owned(), pid);
        }
        drop(containers);
        if is_new {
            // One look that is wanted already will see this one, too.
            let _wanted = self.look.try_send(());
        }
    }

    /// Since the responder last went round its loop.
    pub fn age_ms(&self) -> u64 {
        boot_ns().saturating_sub(self.shared.beat_ns.load(Ordering::Relaxed)) / 1_000_000
    }

    /// Kinds of file systems that are mounted and whose programs start unasked.
    pub fn left_out(&self) -> Vec<String> {
        let marked = self.shared.marked.lock().unwrap_or_else(PoisonError::into_inner);
        marked.left_out.iter().cloned().collect()
    }
}

impl Drop for ExecGuard {
    /// Waits for the responder alone: the other threads may be in a look at a container's files, and end after it.
    fn drop(&mut self) {
        self.shared.close();
        let _wanted = self.look.try_send(());
        if self.responder.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that answers execs had failed");
        }
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, EnforceError> {
    let thread = thread::Builder::new().name(name.to_owned());
    thread
        .spawn(run)
        .map_err(|error| EnforceError::Thread(error.to_string()))
}

fn look_for_mounts(shared: &Shared, wanted: &Receiver<()>) {
    while !shared.stops() {
        // Both "somebody wants it" and "it is time" lead to a look.
        let _why = wanted.recv_timeout(LOOK_EVERY);
        if !shared.stops() {
            mark(shared);
        }
    }
}

fn mark(shared: &Shared) {
    let mut known = shared.containers.lock().unwrap_or_else(PoisonError::into_inner);
    known.retain(|_, pid| std::path::Path::new(&format!("/proc/{pid}")).exists());
    let containers = known.clone();
    drop(known);
    let marked = marks::mark_all(shared, &containers);
    *shared.marked.lock().unwrap_or_else(PoisonError::into_inner) = marked;
}

/// Reading an event opens its file for the reader, and that can wait for another who watches it. A process that is gone holds up
/// nobody; one that hangs, every exec on the host.
fn guard(shared: &Shared) {
    while !shared.stops() {
        thread::sleep(GUARD_EVERY);
        let since = shared.reading_since_ns.load(Ordering::Acquire);
        if since > 0 && boot_ns().saturating_sub(since) > READ_NS_MAX {
            tracing::error!(
                "the answering of execs hangs in a read; the agent ends, so that programs start again"
            );
            std::process::abort();
        }
    }
}
