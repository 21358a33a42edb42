//! The vault as its users see it, and the threads behind it.
use std::fs::{self, DirBuilder, File};
use std::io::ErrorKind;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use norn_events::wire::event::v1::Capability;
use norn_events::{ContentChange, ProcessUid};
use norn_journal::clones;
use norn_journal::record::Record;
use norn_journal::standing::{self, Standing, Standings};
use norn_journal::store::Store;
use norn_os as os;
use norn_restore::quarantine::{Origin, origins};
use norn_restore::{RestoreReport, RestoreRequest, restore};
use norn_watch::closes::{CLOSES_MAX, Closes};
use norn_watch::figures::Figures;
use norn_watch::homes::Homes;
use norn_watch::learned::{Learned, RefusedMount};
use norn_watch::linked::Linked;
use norn_watch::lookout::{Scan, look_at_overlays, send_found, send_scan, watch_overlays, watch_places};
use norn_watch::mount_events::MountEvents;
use norn_watch::overdue::Overdue;
use norn_watch::places::Places;
use norn_watch::progress::Progress;
use norn_watch::protect::Found;
use norn_watch::protected::{Away, Protected};
use norn_watch::unscanned::Unscanned;
use norn_watch::watch::Watch;
use norn_watch::watched::Watched;
use norn_watch::{learn, protect};

use crate::asked::{self, Preimage};
use crate::capture::work;
use crate::closer::REST_MAX;
use crate::error::VaultError;
use crate::health::{VaultHealth, health};
use crate::names::made::note_made;
use crate::note::Note;
use crate::opens::{Done, Pulse};
use crate::pace::Pace;
use crate::responder::{JOBS_MAX, Outlets, Responder, guard};
use crate::sensor::{NOTES_MAX, VaultObserver};
use crate::shared::Shared;
use crate::waiting::Halves;
use crate::writers::LAST_CLOSE;
use crate::{closer, names, rest, self_test, sensor};

/// Content changes waiting for the reflex; more are dropped and counted.
pub const CHANGES_MAX: usize = 8192;
const SMALL_WORKERS: usize = 2;
const FLUSH_EVERY: Duration = Duration::from_millis(200);
/// How often files are counted by what can be given back of them.
const COUNT_EVERY: Duration = Duration::from_secs(5);
/// Containers whose files wait to be copied at rest.
const SCANS_MAX: usize = 1024;
/// A restore waits at most this long for what is still in the queues.
const SETTLE_MAX: Duration = Duration::from_secs(10);
/// And for who made them.
const ACTORS_MAX: Duration = Duration::from_millis(50);
/// The queues hold descriptors: with fewer, opens on the host would be refused by the kernel when they fill.
const DESCRIPTORS_WANTED: u64 = (JOBS_MAX * 2 + CLOSES_MAX + REST_MAX * 2 + 512) as u64;
/// Docker keeps its volumes here; containers see them as bind mounts.
const DOCKER_VOLUMES: &str = "/var/lib/docker/volumes";

#[derive(Debug, Clone)]
pub struct VaultOptions {
    /// Where pre-images and journal live; made with mode 0700.
    pub dir: PathBuf,
    /// The most the vault keeps on disk.
    pub bytes_max: u64,
    /// Host directories to protect, with all below them, as soon as they are there. Docker's volumes are protected always.
    pub protected: Vec<PathBuf>,
    /// Of these, those that count as not protected while they are not there.
    pub expected: Vec<PathBuf>,
    /// See `OPEN_WAITS`.
    pub open_waits: Duration,
}

/// Ends watching when dropped; the journal stays.
#[derive(Debug)]
pub struct Vault {
    shared: Arc<Shared>,
    done: Arc<Done>,
    notes: Option<SyncSender<Note>>,
    threads: Vec<JoinHandle<()>>,
    capabilities: OnceLock<Vec<Capability>>,
    dir: PathBuf,
    /// Held as long as the vault is open.
    _lock: File,
}

impl Vault {
    /// Recovers the journal, starts the threads and starts watching.
    pub fn open(options: VaultOptions) -> Result<Self, VaultError> {
        os::share_memory();
        let lock = prepare(&options.dir)?;
        let descriptors = os::raise_descriptors();
        if descriptors < DESCRIPTORS_WANTED {
            tracing::warn!(
                descriptors,
                "raise the agent's limit of open files to {DESCRIPTORS_WANTED}"
            );
        }
        let directory = |source| VaultError::Directory {
            path: options.dir.clone(),
            source,
        };
        let store = Store::open(&options.dir, options.bytes_max).map_err(directory)?;
        os::give_back_memory();
        let shared = Arc::new(Shared {
            watched: watched(&options, store)?,
            pulse: Pulse::default(),
            quiet: AtomicBool::new(false),
            changes: Mutex::default(),
            changes_dropped: AtomicU64::new(0),
            self_test_retries: AtomicU64::new(0),
            capture_delay_ns: AtomicU64::new(0),
            pace: Pace::default(),
            halves: Halves::default(),
            standings: Standings::default(),
        });
        shared.pulse.beat_ns.store(os::boot_ns(), Ordering::Relaxed);
        let done = Arc::new(Done::new().map_err(VaultError::Thread)?);
        let (notes, taken) = sync_channel(NOTES_MAX);
        let mut vault = Self {
            shared,
            done,
            notes: Some(notes),
            threads: Vec::new(),
            capabilities: OnceLock::new(),
            dir: options.dir,
            _lock: lock,
        };
        vault.start(taken, options.open_waits)?;
        Ok(vault)
    }

    fn start(&mut self, notes: Receiver<Note>, open_waits: Duration) -> Result<(), VaultError> {
        let (small, small_jobs) = sync_channel(JOBS_MAX);
        let (large, large_jobs) = sync_channel(JOBS_MAX);
        let small_jobs = Arc::new(Mutex::new(small_jobs));
        let large_jobs = Arc::new(Mutex::new(large_jobs));
        let queues = std::iter::repeat_n(small_jobs, SMALL_WORKERS).chain([large_jobs]);
        for jobs in queues {
            let done = self.done.clone();
            self.thread("vault-capture", move |shared| work(&shared, &jobs, &done))?;
        }
        let done = self.done.clone();
        let outlets = Outlets { small, large };
        self.thread("vault-responder", move |shared| {
            Responder::new(shared, done, outlets, open_waits).run()
        })?;
        self.thread("vault-guard", |shared| guard(&shared))?;
        self.thread("vault-closer", |shared| closer::run(&shared))?;
        self.thread("vault-names", |shared| names::run(&shared))?;
        self.thread("vault-sensor", move |shared| sensor::run(&shared, &notes))?;
        self.thread("vault-flush", |shared| flush(&shared))?;
        let (scans, waiting) = sync_channel(SCANS_MAX);
        for (root, entries) in self.watch_protected()? {
            send_scan(&self.shared, &scans, Scan::Directory(root, entries));
        }
        look_at_overlays(&self.shared, &scans);
        send_found(&self.shared, &scans, learn::all(&self.shared));
        let others = scans.clone();
        self.thread("vault-mounts", move |shared| watch_overlays(&shared, &scans))?;
        self.thread("vault-places", move |shared| {
            watch_places(&shared, &others, &|(root, entries), by| {
                note_made(&shared, root, entries, by);
            });
        })?;
        self.thread("vault-scan", move |shared| rest::run(&shared, &waiting))
    }

    fn thread(
        &mut self,
        name: &str,
        body: impl FnOnce(Arc<Shared>) + Send + 'static,
    ) -> Result<(), VaultError> {
        let shared = self.shared.clone();
        let builder = std::thread::Builder::new().name(name.to_owned());
        self.threads
            .push(builder.spawn(move || body(shared)).map_err(VaultError::Thread)?);
        Ok(())
    }

    /// Directories are watched before `open` returns; their files are copied at rest after.
    fn watch_protected(&self) -> Result<Vec<Found>, VaultError> {
        let mut found = Vec::new();
        for (path, done) in protect::asked(&self.shared) {
            match done {
                Ok(new) => found.extend(new),
                // It may come later; what is no directory is named meanwhile.
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
                Err(source) => return Err(VaultError::Protected { path, source }),
            }
        }
        Ok(found)
    }

    /// Feed it every event of the sensor, in order.
    pub fn observer(&self) -> VaultObserver {
        let notes = self.notes.clone().unwrap_or_else(|| sync_channel(1).0);
        VaultObserver::new(Arc::downgrade(&self.shared), notes)
    }

    /// What became of files' content, within milliseconds. A later call takes the stream over from an earlier one.
    pub fn changes(&self) -> Receiver<ContentChange> {
        let (sender, receiver) = sync_channel(CHANGES_MAX);
        *self.shared.changes.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    /// Undoes what the request names. Blocking; a second run reports `unchanged`.
    pub fn restore(&self, request: &RestoreRequest) -> RestoreReport {
        self.restore_asked_at(Instant::now(), request)
    }

    /// As `restore`, for a request that has waited since then: many in a row do not wait one after the other.
    pub fn restore_asked_at(&self, asked: Instant, request: &RestoreRequest) -> RestoreReport {
        // Whoever was killed for it may have a file that is still to be closed.
        std::thread::sleep(LAST_CLOSE.saturating_sub(asked.elapsed()));
        self.shared.settle(SETTLE_MAX);
        self.shared.know_actors();
        restore(&self.shared, request)
    }

    /// Waits until nobody has the container's file system mounted; `false` when somebody still has after `at_most`.
    pub fn await_unmounted(&self, container: &str, at_most: Duration) -> bool {
        let home = self.shared.store.index().homes.get(container).copied();
        let is_mounted = || home.is_some_and(|place| self.shared.places.by_id(place).is_some());
        let begun = Instant::now();
        while is_mounted() && begun.elapsed() < at_most {
            std::thread::sleep(Duration::from_millis(5));
        }
        !is_mounted()
    }

    /// What a container calls the file that has this name on the host; `None` when that lies in nothing it has mounted.
    pub fn path_inside(&self, container: &str, path: &[u8]) -> Option<Vec<u8>> {
        self.shared.homes.path_inside(container, path)
    }

    /// What restores have put into quarantine, oldest first; the files lie in `quarantine/<sha256>`.
    pub fn quarantined(&self) -> std::io::Result<Vec<Origin>> {
        origins(&self.shared.quarantine)
    }

    /// Directories that containers have mounted and that have no pre-images.
    pub fn refused_mounts(&self) -> Vec<RefusedMount> {
        self.shared.learned.refused()
    }

    /// What a restore could give back of the file that has this name on the host now.
    pub fn standing(&self, path: &Path) -> Standing {
        standing_of(&self.shared, path)
    }

    pub fn health(&self) -> VaultHealth {
        health(&self.shared)
    }

    /// What this host lets the vault do; the first call tries it out with a file and a container root of its own.
    pub fn capabilities(&self) -> Vec<Capability> {
        let tried = self
            .capabilities
            .get_or_init(|| self_test::run(&self.shared, &self.dir));
        let mut all = tried.clone();
        all.push(learn::capability(&self.shared));
        all.push(clones::capability(&self.shared.store.clones));
        all
    }

    /// Pre-images of what this subtree changed are never evicted until `forget`; survives a restart.
    pub fn hold(&self, scope: ProcessUid) {
        self.shared.store.record(Record::Hold(scope));
    }

    /// Pre-images of what this subtree changed give way after those of everybody who is not suspected; until a restart.
    pub fn suspect(&self, scope: ProcessUid) {
        self.shared.store.index().suspect(scope);
    }

    pub fn forget(&self, scope: ProcessUid) {
        self.shared.store.record(Record::Forget(scope));
    }

    /// Waits until all that happened before this call is in the journal and small files were copied at rest, each for ten
    /// seconds at most.
    pub fn settle(&self) {
        self.shared.settle(SETTLE_MAX);
        if !self.shared.rest(SETTLE_MAX) {
            tracing::warn!("copies at rest lag behind");
        }
    }

    /// Before this process destroys a file in a way about which the kernel asks nobody: when this returns, its pre-image is there,
    /// or it is said why not. `file` by `O_PATH`.
    pub fn keep(&self, file: &OwnedFd, pid: u32) -> std::io::Result<Preimage> {
        asked::keep(&self.shared, file, pid)
    }

    /// For tests: what is protected is looked at now, and not within a minute.
    #[doc(hidden)]
    pub fn look_at_all(&self) {
        norn_watch::audit::look(&self.shared);
    }

    /// For tests of the deadline: every capture takes at least `capture`.
    #[doc(hidden)]
    pub fn slow_down(&self, capture: Duration) {
        self.shared
            .capture_delay_ns
            .store(capture.as_nanos() as u64, Ordering::Relaxed);
    }
}

impl Drop for Vault {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.notes = None;
        self.done.ring();
        self.shared.learned.end();
        // Those that answer opens go last: the others' own opens are among them.
        let (answering, others) = self.threads.drain(..).partition(|thread| {
            let name = thread.thread().name().unwrap_or_default();
            ["vault-responder", "vault-capture", "vault-closer"].contains(&name)
        });
        join(others);
        self.shared.quiet.store(true, Ordering::Relaxed);
        self.done.ring();
        self.shared.closes.ring();
        join(answering);
        self.shared.store.flush();
    }
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a thread of the vault had panicked");
        }
    }
}

fn prepare(dir: &Path) -> Result<File, VaultError> {
    let failed = |source| VaultError::Directory {
        path: dir.to_path_buf(),
        source,
    };
    for path in [dir.to_path_buf(), dir.join("quarantine"), self_test::home(dir)] {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(failed)?;
    }
    let lock = File::create(dir.join("lock")).map_err(failed)?;
    if os::lock(lock.as_raw_fd()) {
        Ok(lock)
    } else {
        Err(VaultError::Held {
            path: dir.to_path_buf(),
        })
    }
}

fn watched(options: &VaultOptions, store: Store) -> Result<Watched, VaultError> {
    Ok(Watched {
        store,
        places: Places::default(),
        watch: Watch::new().map_err(VaultError::Permission)?,
        closes: Closes::new().map_err(VaultError::Thread)?,
        progress: Progress::default(),
        overdue: Overdue::default(),
        learned: Learned::new().map_err(VaultError::Thread)?,
        unscanned: Unscanned::default(),
        protected: protected(options)?,
        away: Away::default(),
        linked: Linked::default(),
        signals: MountEvents::open(),
        homes: Homes::default(),
        figures: Figures::default(),
        mapped_refused: AtomicU64::new(0),
        quarantine: options.dir.join("quarantine"),
        stop: AtomicBool::new(false),
    })
}

fn protected(options: &VaultOptions) -> Result<Protected, VaultError> {
    let home = self_test::home(&options.dir);
    let home = fs::canonicalize(&home).map_err(|source| VaultError::Protected { path: home, source })?;
    let mut asked = options.protected.clone();
    asked.extend([home, DOCKER_VOLUMES.into()]);
    Ok(Protected::new(asked, options.expected.clone()))
}

fn flush(shared: &Shared) {
    let mut counted = None;
    while !shared.stop.load(Ordering::Relaxed) {
        std::thread::sleep(FLUSH_EVERY);
        shared.store.flush();
        shared.store.bound(os::boot_ns() as i64);
        shared.store.evict();
        if counted.is_none_or(|at: Instant| at.elapsed() > COUNT_EVERY) {
            standing::count(&shared.store, &shared.standings, |place| {
                shared.places.by_id(place).is_some() || shared.places.root(place).is_some()
            });
            shared.store.evict_clones();
            counted = Some(Instant::now());
        }
        let forgotten = shared.store.index().take_forgotten();
        for (place, path) in forgotten {
            if let Err(error) = shared.ask_again(place, &path) {
                tracing::debug!(%error, "a file whose pre-image was evicted is not there any more");
            }
        }
    }
}

impl Shared {
    /// Waits until it was looked up whose the last changes are; of those that the sensor does not know, nobody will learn more.
    fn know_actors(&self) {
        let begun = Instant::now();
        while self.store.index().actors.has_fresh() && begun.elapsed() < ACTORS_MAX {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Of the file that has this name on the host now; a container's by its merged view.
fn standing_of(shared: &Shared, path: &Path) -> Standing {
    let found = || {
        let path = path.as_os_str().as_bytes();
        let file = os::open_below(libc::AT_FDCWD, path, libc::O_PATH | libc::O_NOFOLLOW, 0).ok()?;
        let stat = os::fstat(file.as_raw_fd()).ok()?;
        let key = shared.places.key(file.as_raw_fd(), &stat).ok()?;
        shared
            .store
            .index()
            .state(key)
            .map(|state| standing::standing(&state))
    };
    found().unwrap_or(Standing::Unknown)
}
