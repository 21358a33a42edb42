//! The sensor as its user sees it: start, poll, ask.
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use libbpf_rs::{Link, MapCore, MapFlags, MapHandle};
use norn_events::wire::event::v1::Capability;
use norn_events::{Observer, ProcessIndex, ProcessTable, SensitiveFile};
use norn_os::clock::{boot_id, boot_ns, wall_offset_ns};

use crate::hash::Hasher;
use crate::kernel::Kernel;
use crate::sensitive::SensitiveFiles;
use crate::sight::canary::{Canary, Sight};
use crate::sight::holdings::Holdings;
use crate::sight::self_test::SelfTest;
use crate::signals::ITERATOR;
use crate::snapshot::Snapshot;
use crate::stream::{Drained, Gap, Stream};
use crate::tracker::{Observers, Origins, Tracker};
use crate::{ExecPolicy, ProbeError, ProbeOptions, ProbeStats, capability, runtimes};

/// The running sensor. One per host; used from one thread at a time. Dropping it detaches everything.
pub struct Probe {
    stream: Stream,
    tracker: Tracker,
    stats: ProbeStats,
    capabilities: Vec<Capability>,
    boot_id: [u8; 16],
    wall_offset_ns: i64,
    events_per_poll_max: usize,
    runtime_paths: Vec<PathBuf>,
    self_test: SelfTest,
    /// What ran before the sensor did and has not been reported yet.
    unreported: Vec<ProcessIndex>,
    /// `None` when it was not asked for, or could not be started.
    canary: Option<Canary>,
    sights: Vec<Sight>,
    /// Until somebody takes them.
    holdings: Option<Holdings>,
    /// Taken after a gap in the lifecycle; applied when the stream has caught up with it.
    reconciliation: Option<Snapshot>,
    last_upkeep_ns: u64,
    drained: Drained,
    iterator: Link,
    exec_policy: MapHandle,
    paces: MapHandle,
    runtime_images: MapHandle,
    _kernel: Kernel,
}

impl Probe {
    /// The rings are looked at at least this often.
    const TICK: Duration = Duration::from_millis(15);
    const UPKEEP_EVERY_NS: u64 = 1_000_000_000;

    /// Loads and attaches, tests itself, and takes the snapshot of what runs already.
    ///
    /// # Errors
    /// When this kernel or these privileges do not allow the core of it; a single signal that is not available is no
    /// error but a capability.
    pub fn start(options: &ProbeOptions) -> Result<Self, ProbeError> {
        options.check()?;
        let boot_id = boot_id().ok_or_else(|| ProbeError::Snapshot("boot_id is not readable".to_owned()))?;
        let wall_offset_ns = wall_offset_ns();
        let mut kernel = Kernel::load(options)?;
        exclude(&kernel.map("own_processes")?, options)?;
        let rings = [kernel.map("critical_ring")?, kernel.map("bulk_ring")?];
        let stream = Stream::new(options, rings, kernel.map("counters")?)?;
        let iterator = kernel.attach_alone(ITERATOR)?;
        set_sensitive_files(&kernel, options)?;
        let mut tracker = Tracker::new(boot_id, wall_offset_ns, boot_ns());
        kernel.attach()?;
        set_pace(&kernel.map("pace_policy")?);
        freeze(&kernel)?;
        let holdings = Holdings::of(&kernel)?;
        let snapshot = Snapshot::take(&iterator)?;
        if options.hash_executables {
            tracker.hasher = Hasher::start().ok();
            tracker.origins = Origins::start();
        }
        let unreported = snapshot.fill(&mut tracker);
        let mut self_test = SelfTest::default();
        if options.self_test {
            self_test.run(&stream);
        }
        let canary = (options.self_test && options.canary)
            .then(|| Canary::start(self_test.proved(), boot_ns()).ok())
            .flatten();
        let mut probe = Self {
            capabilities: capability::list(&kernel.served, &self_test, &tracker),
            exec_policy: kernel.map("exec_policy")?,
            paces: kernel.map("paces")?,
            runtime_images: kernel.map("runtime_images")?,
            stream,
            tracker,
            self_test,
            canary,
            sights: Vec::new(),
            holdings: Some(holdings),
            stats: ProbeStats::default(),
            boot_id,
            wall_offset_ns,
            events_per_poll_max: options.events_per_poll_max,
            runtime_paths: options.runtime_paths.clone(),
            unreported,
            reconciliation: None,
            last_upkeep_ns: 0,
            drained: Drained::default(),
            iterator,
            _kernel: kernel,
        };
        probe.learn_runtimes();
        Ok(probe)
    }

    /// Waits for events at most `timeout`, hands each in time order to all observers, and says how many there were.
    ///
    /// # Errors
    /// When a ring is broken.
    pub fn poll(
        &mut self,
        timeout: Duration,
        observers: &mut [&mut dyn Observer],
    ) -> Result<usize, ProbeError> {
        let deadline = Instant::now() + timeout;
        let mut events = self.report_snapshot(observers);
        // Takes a call that woke somebody who waits for `wake_fds`.
        self.stream.wait(Duration::ZERO)?;
        loop {
            events += self.drain(observers)?;
            let left = deadline.saturating_duration_since(Instant::now());
            if events > 0 || left.is_zero() {
                self.upkeep();
                self.stats.events += events as u64;
                self.stream.count_into(&mut self.stats);
                return Ok(events);
            }
            self.stream.wait(left.min(Self::TICK))?;
        }
    }

    /// Readable when the sensor wants to be polled before the next tick: something critical came, or much. A daemon that
    /// waits for more than the sensor waits for these, and polls every 10–20 ms besides.
    pub fn wake_fds(&self) -> [BorrowedFd<'_>; 1] {
        [self.stream.wake_fd()]
    }

    /// The processes as of the last event handed out.
    pub fn processes(&self) -> &ProcessTable {
        &self.tracker.processes
    }

    /// Of all that happened before, the events have been handed out. CLOCK_BOOTTIME, ns.
    pub fn seen_ns(&self) -> u64 {
        self.drained.seen_ns
    }

    /// The last poll ended before all was handed out that waited when it began.
    pub fn has_more(&self) -> bool {
        self.drained.has_more
    }

    /// What this host can observe, by which mechanism, and whether the self-test saw it work, or still does.
    pub fn capabilities(&self) -> Vec<Capability> {
        let mut capabilities = self.capabilities.clone();
        let Some(canary) = &self.canary else {
            return capabilities;
        };
        for capability in &mut capabilities {
            if canary.is_blind(&capability.name) {
                capability.verified = false;
                "it was seen to work at the start and is not any more: somebody has interfered with the sensor"
                    .clone_into(&mut capability.detail);
            }
        }
        capabilities
    }

    /// What has changed about what is seen, since the last call.
    pub fn take_sights(&mut self) -> Vec<Sight> {
        let mut sights = std::mem::take(&mut self.sights);
        for impostor in self.tracker.containers.take_impostors() {
            sights.push(Sight::Impostor {
                by: impostor.by,
                container: impostor.container,
                cgroup: String::from_utf8_lossy(&impostor.cgroup).into_owned(),
            });
        }
        sights
    }

    /// Once: for a thread that looks after them.
    pub fn take_holdings(&mut self) -> Option<Holdings> {
        self.holdings.take()
    }

    pub fn stats(&self) -> ProbeStats {
        self.stats
    }

    /// 16 bytes of /proc/sys/kernel/random/boot_id.
    pub fn boot_id(&self) -> [u8; 16] {
        self.boot_id
    }

    /// Unix time minus CLOCK_BOOTTIME, ns, as of the start.
    pub fn wall_offset_ns(&self) -> i64 {
        self.wall_offset_ns
    }

    /// What is killed at exec from now on.
    ///
    /// # Errors
    /// When the kernel refuses the change.
    pub fn set_exec_policy(&mut self, policy: ExecPolicy) -> Result<(), ProbeError> {
        const KILL_MEMFD: u32 = 1;
        const KILL_DELETED: u32 = 2;
        const CONTAINERS_ONLY: u32 = 4;
        self.learn_runtimes();
        let bits = u32::from(policy.kill_memfd) * KILL_MEMFD
            + u32::from(policy.kill_deleted) * KILL_DELETED
            + u32::from(policy.containers_only) * CONTAINERS_ONLY;
        self.exec_policy
            .update(&0_u32.to_ne_bytes(), &bits.to_ne_bytes(), MapFlags::ANY)
            .map_err(|error| ProbeError::NotLoaded(format!("the exec policy was refused: {error}")))
    }

    /// Makes each further change of a file by this process, and by those it creates, take a millisecond, for a tenth of a
    /// second in all: it is suspected, and somebody is about to judge it.
    pub fn slow_down(&self, pid: u32) {
        const LEFT_NS: i64 = 100_000_000;
        let mut pace = Vec::with_capacity(24);
        pace.extend(boot_ns().to_ne_bytes());
        pace.extend(LEFT_NS.to_ne_bytes());
        pace.extend(CHANGES_SEEN.to_ne_bytes());
        if let Err(error) = self.paces.update(&pid.to_ne_bytes(), &pace, MapFlags::ANY) {
            tracing::debug!(%error, pid, "not slowed down");
        }
    }

    fn report_snapshot(&mut self, observers: Observers<'_, '_>) -> usize {
        let seen = std::mem::take(&mut self.unreported);
        for &process in &seen {
            let started_ns = self.tracker.started_ns();
            self.tracker.report_seen(process, started_ns, observers);
        }
        seen.len()
    }

    fn drain(&mut self, observers: Observers<'_, '_>) -> Result<usize, ProbeError> {
        let horizon_ns = boot_ns();
        let counts = self.stream.read_counters(horizon_ns);
        let mut events = 0;
        let (tracker, self_test, canary) = (&mut self.tracker, &self.self_test, &self.canary);
        let drained = self.stream.drain(horizon_ns, self.events_per_poll_max, |record| {
            let is_canary = canary.as_ref().is_some_and(|canary| canary.look(record));
            if is_canary || self_test.acted(&record.header) {
                tracker.handle(record, &mut []);
            } else {
                events += usize::from(tracker.handle(record, observers));
            }
        });
        let complete = drained.seen_ns >= horizon_ns;
        self.drained = drained;
        if let (true, Some(counts)) = (complete, counts) {
            self.stream.settle(&counts);
        }
        for gap in self.stream.take_gaps() {
            self.tracker.report_gap(&gap, observers);
            events += 1;
            self.prepare_reconciliation(&gap)?;
        }
        if complete
            && let Some(snapshot) = self
                .reconciliation
                .take_if(|snapshot| snapshot.taken_ns < horizon_ns)
        {
            events += snapshot.reconcile(&mut self.tracker, observers);
            self.stats.reconciliations += 1;
        }
        Ok(events)
    }

    /// Lifecycle events were lost: ask the kernel what runs.
    fn prepare_reconciliation(&mut self, gap: &Gap) -> Result<(), ProbeError> {
        const CRITICAL: u32 = 1;
        if gap.ring == CRITICAL {
            self.reconciliation = Some(Snapshot::take(&self.iterator)?);
        }
        Ok(())
    }

    fn upkeep(&mut self) {
        self.tracker.take_hashes();
        let now_ns = boot_ns();
        self.tracker.settle_origins(now_ns);
        if now_ns - self.last_upkeep_ns < Self::UPKEEP_EVERY_NS {
            return;
        }
        self.last_upkeep_ns = now_ns;
        let lost = self.stats.lost_critical + self.stats.lost_bulk;
        let seen_ns = self.drained.seen_ns;
        let sight = self
            .canary
            .as_mut()
            .and_then(|canary| canary.judge(seen_ns, now_ns, lost));
        self.sights.extend(sight);
        self.tracker.processes.sweep(now_ns);
        self.tracker.containers.sweep(now_ns);
        self.learn_runtimes();
        self.stats.hashes_refused = self.tracker.hasher.as_ref().map_or(0, Hasher::refused);
    }

    /// A runtime that was upgraded is another file.
    fn learn_runtimes(&mut self) {
        for key in runtimes::keys(&self.runtime_paths) {
            if let Err(error) = self.runtime_images.update(&key, &[1], MapFlags::ANY) {
                tracing::warn!(%error, "a container runtime is not known to the kernel side");
            }
        }
    }
}

/// After this many each further one counts: PACE_FROM in bpf/include/pace.bpf.h.
const CHANGES_SEEN: u64 = 8;
/// What a change takes of whoever is slowed, ns.
const PACE_NS: u64 = 1_000_000;

/// With one processor, whoever is slowed would hold up those he is to wait for.
fn set_pace(policy: &MapHandle) {
    // Not those that the agent itself may use: its own cap is no matter here.
    let processors = libbpf_rs::num_possible_cpus().unwrap_or(1);
    let pace_ns = if processors > 1 { PACE_NS } else { 0 };
    if let Err(error) = policy.update(&0_u32.to_ne_bytes(), &pace_ns.to_ne_bytes(), MapFlags::ANY) {
        tracing::warn!(%error, "nobody is slowed down: a fast attack gets further before it is stopped");
    }
}

/// What is written once: from now on nobody changes it by bpf(2), root neither.
const WRITTEN_ONCE: [&str; 5] = [
    "calls",
    "own_processes",
    "sensitive_files",
    "sensitive_names",
    "pace_policy",
];

fn freeze(kernel: &Kernel) -> Result<(), ProbeError> {
    for name in WRITTEN_ONCE {
        if let Err(error) = kernel.map(name)?.freeze() {
            tracing::warn!(%error, name, "not_frozen: root can change what the sensor goes by");
        }
    }
    Ok(())
}

fn set_sensitive_files(kernel: &Kernel, options: &ProbeOptions) -> Result<(), ProbeError> {
    let (files, names) = (kernel.map("sensitive_files")?, kernel.map("sensitive_names")?);
    let mut sensitive = SensitiveFiles::built_in();
    if let Some(key) = &options.agent_key {
        sensitive.add(key, SensitiveFile::AgentKey);
    }
    sensitive
        .install(&files, &names)
        .map_err(|error| ProbeError::NotLoaded(format!("the table of sensitive files was refused: {error}")))
}

fn exclude(own_processes: &MapHandle, options: &ProbeOptions) -> Result<(), ProbeError> {
    for pid in options.excluded_pids.iter().copied().chain([std::process::id()]) {
        own_processes
            .update(&pid.to_ne_bytes(), &[1], MapFlags::ANY)
            .map_err(|error| ProbeError::NotLoaded(format!("process {pid} cannot be excluded: {error}")))?;
    }
    Ok(())
}
