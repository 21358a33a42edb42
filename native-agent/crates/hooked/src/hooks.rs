//! All that is hooked: what was injected, what hooked processes call, and what goes when they end.
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use norn_events::wire::event::v1::{AgentHealth, Capability};
use norn_events::{
    BatchBuilder, Event, EventKind, Observer, Process, ProcessIndex, ProcessTable, ProcessUid,
};
use norn_inject::{Blind, Call, Hooked, InjectError, Losses};
use norn_insight::FileId;
use norn_os::Waker;
use norn_os::clock::boot_ns;
use norn_reflex::{Bypass, Firing, TreeId};
use norn_vault::Vault;

use crate::calls::{Clocks, counted, row};
use crate::choice::{Choice, HookOptions, Why};
use crate::counts::Counts;
use crate::follow::{Follow, Follower, Start};
use crate::injector::{Done, Injector, Order};

/// Processes that are hooked at a time, each with a thread that answers and a channel of 0.6 MB; more are refused.
const TREES_MAX: usize = 32;
/// Processes of suspicious lineages that are remembered.
const LINEAGE_MAX: usize = 4_096;
/// Rows of hooks a second; calls beyond are counted and not told.
const ROWS_PER_SECOND_MAX: u32 = 2_000;
/// Records looked at in one round of the main loop.
const RECORDS_PER_ROUND_MAX: usize = 4_096;
const SECOND_NS: u64 = 1_000_000_000;
const TICK_NS: u64 = 250_000_000;
/// What a process did last is known for this long after its end, ns: longer than `Bypass` waits for it.
const LINGER_NS: u64 = 3 * SECOND_NS;
/// A tree that nobody belongs to any more is let go after this, ns: what it told last has been read.
const RELEASE_NS: u64 = SECOND_NS / 2;
/// At the agent's end, for taking the library out of all processes; those that remain pass their calls through.
const FAREWELL: Duration = Duration::from_secs(1);

/// A process that is hooked, and its forks, which share its hooks and its channel.
struct Tree {
    hooked: Hooked,
    root: ProcessUid,
    /// Hooked as it was started.
    is_followed: bool,
    /// By the pid that they have themselves.
    pids: HashMap<u32, ProcessUid>,
    losses: Losses,
    /// When somebody was last known to have the hooks.
    used_ns: u64,
}

pub struct Hooks {
    choice: Choice,
    injector: Option<Injector>,
    follower: Arc<Follower>,
    trees: BTreeMap<TreeId, Tree>,
    /// Of suspicious lineages: what they start is hooked, too.
    lineage: HashSet<ProcessUid>,
    /// Trees that have ended, and how long what they did is still compared.
    ended: VecDeque<(TreeId, u64)>,
    bypass: Bypass,
    counts: Counts,
    vault: Option<Arc<Vault>>,
    next: TreeId,
    rows: u32,
    rows_since_ns: u64,
    ticked_ns: u64,
    /// Of what is hooked: for the capability report, and for those who judge code.
    has_news: bool,
    has_changed: bool,
}

impl Hooks {
    pub fn new(options: HookOptions, waker: Waker) -> Self {
        let choice = Choice::new(options);
        let follower = Arc::new(Follower::new(choice.programs().to_vec(), waker.clone()));
        let start = || Injector::start(follower.clone(), waker);
        let injector = choice.is_on().then(start).transpose();
        Self {
            injector: injector.unwrap_or_else(|error| {
                tracing::error!(%error, "hooks_unavailable: no thread can be started");
                None
            }),
            choice,
            follower,
            trees: BTreeMap::new(),
            lineage: HashSet::new(),
            ended: VecDeque::new(),
            bypass: Bypass::default(),
            counts: Counts::default(),
            vault: None,
            next: TreeId(1),
            rows: 0,
            rows_since_ns: 0,
            ticked_ns: 0,
            has_news: false,
            has_changed: false,
        }
    }

    /// The agent's own pids: they are never hooked.
    pub fn guard(&mut self, pids: Vec<u32>) {
        self.choice.guard(pids);
    }

    /// From now on pre-images are kept before files are destroyed.
    pub fn attach(&mut self, vault: Option<Arc<Vault>>) {
        self.vault = vault;
    }

    /// It looks like an attack, but not enough to be one: what it does next is to be known before it happens.
    pub fn suspect(&mut self, pid: u32, processes: &ProcessTable) {
        if !self.choice.follows_suspects() {
            return;
        }
        let Some(index) = processes.by_pid(pid) else {
            return;
        };
        let Some(process) = processes.get(index) else {
            return;
        };
        if self.lineage.len() < LINEAGE_MAX {
            self.lineage.insert(process.uid);
        }
        self.ask_for(process, Why::Suspect);
    }

    fn ask_for(&mut self, process: &Process, why: Why) {
        let Some(injector) = &self.injector else { return };
        if self.bypass.tree_of(process.uid).is_some() {
            return;
        }
        let refusal = self.choice.refusal(process, why);
        let trees = self.trees.values().filter(|tree| !tree.is_followed).count();
        let is_full = || (trees + injector.waiting() >= TREES_MAX).then_some("HOOK_MANY");
        let refusal = refusal.or_else(is_full).or_else(|| {
            let follow = Follow {
                follower: self.follower.clone(),
                vault: self.vault.clone(),
                counts: self.counts.answers.clone(),
                all: why == Why::Suspect,
            };
            injector.hook(Order::new(process, self.next, follow)).err()
        });
        match refusal {
            Some(code) => self.counts.refuse(code),
            None => self.next.0 += 1,
        }
    }

    /// What was injected since the last call, and what hooked processes called. True when there was any of the latter.
    pub fn work(&mut self, processes: &ProcessTable, builder: &mut BatchBuilder) -> bool {
        if self.injector.is_none() {
            return false;
        }
        let done: Vec<Done> = self.injector.iter().flat_map(Injector::done).collect();
        for done in done {
            self.settle_in(done, processes);
        }
        for start in self.follower.settled() {
            self.settle_start(start, processes);
        }
        self.follower.trees.store(self.trees.len(), Ordering::Relaxed);
        self.counts.unfollowed = self.follower.passed.load(Ordering::Relaxed);
        self.read(processes, builder)
    }

    /// A program that was hooked as it was started.
    fn settle_start(&mut self, start: Start, processes: &ProcessTable) {
        let index = match start.uid {
            Some(uid) => processes.by_uid(uid),
            None => processes.by_pid(start.pid),
        };
        let process = index.and_then(|index| processes.get(index));
        let (Some(outcome), Some(process)) = (start.outcome, process) else {
            return;
        };
        match outcome.result {
            // The call failed.
            Err(InjectError::NoExec { .. }) => {}
            // It has started as it would have, and is hooked as it runs, if it still does.
            Err(InjectError::Blind(Blind::Gone { .. })) => self.counts.started += 1,
            Err(InjectError::Busy { .. }) if start.uid.is_some() => {
                self.counts.started += 1;
                self.ask_for_named(process);
            }
            result => {
                self.counts.followed += u64::from(result.is_ok());
                let done = Done {
                    tree: self.next,
                    uid: process.uid,
                    pid: start.pid,
                    namespace_pid: start.namespace_pid,
                    is_followed: true,
                    result,
                    time_ns: outcome.time_ns,
                    took_us: outcome.took_us,
                };
                self.next.0 += 1;
                self.settle_in(done, processes);
            }
        }
    }

    /// If it is one of those that are to be hooked.
    fn ask_for_named(&mut self, process: &Process) {
        let is_suspect = self.lineage.contains(&process.uid);
        if is_suspect || self.choice.is_named(process) {
            self.ask_for(process, if is_suspect { Why::Suspect } else { Why::Named });
        }
    }

    fn settle_in(&mut self, done: Done, processes: &ProcessTable) {
        (self.has_news, self.has_changed) = (true, true);
        let hooked = match done.result {
            Ok(hooked) => hooked,
            Err(error) => {
                tracing::info!(pid = done.pid, code = error.code(), %error, "not hooked");
                return self.counts.fail(&error);
            }
        };
        self.counts.injected += 1;
        tracing::info!(pid = done.pid, took_us = done.took_us, "hooked");
        let pids = HashMap::from([(done.namespace_pid, done.uid)]);
        let is_there = processes
            .by_uid(done.uid)
            .and_then(|index| processes.get(index))
            .is_some_and(|process| process.end_time_ns.is_none());
        if is_there {
            self.bypass.watch(done.tree, done.uid, done.time_ns);
        }
        self.trees.insert(
            done.tree,
            Tree {
                hooked,
                root: done.uid,
                is_followed: done.is_followed,
                pids,
                losses: Losses::default(),
                used_ns: done.time_ns,
            },
        );
    }

    fn read(&mut self, processes: &ProcessTable, builder: &mut BatchBuilder) -> bool {
        let (clocks, mut records) = (Clocks::now(), 0);
        if clocks.boot_ns >= self.rows_since_ns + SECOND_NS {
            (self.rows, self.rows_since_ns) = (0, clocks.boot_ns);
        }
        let (bypass, counts, rows) = (&mut self.bypass, &mut self.counts, &mut self.rows);
        for (&id, tree) in &mut self.trees {
            if records >= RECORDS_PER_ROUND_MAX {
                break;
            }
            let channel = tree.hooked.channel().clone();
            let (now_ns, written) = (boot_ns(), channel.written());
            records += channel.read(&mut |call| {
                counts.records += 1;
                if let Some(kind) = counted(&call) {
                    bypass.told(id, kind, clocks.of(&call));
                }
                let Some(index) = tree.caller(&call, processes) else {
                    return;
                };
                if *rows >= ROWS_PER_SECOND_MAX {
                    counts.untold += 1;
                    return;
                }
                *rows += 1;
                builder.observe(&row(&call, index, clocks), processes);
            });
            // Written before its call, a record is there when the kernel tells of it.
            if channel.taken() >= written {
                bypass.read(id, now_ns);
            }
            let losses = channel.losses();
            if losses.dropped + losses.torn > tree.losses.dropped + tree.losses.torn {
                bypass.lost(id, clocks.boot_ns);
            }
            counts.lose(&losses, &tree.losses);
            tree.losses = losses;
        }
        records > 0
    }

    /// Work that time asks for: what was told is compared with what the kernel saw, and hooks whose processes have ended go.
    pub fn tick(&mut self, now_ns: u64, processes: &ProcessTable) -> Vec<Firing> {
        if now_ns < self.ticked_ns + TICK_NS {
            return Vec::new();
        }
        self.ticked_ns = now_ns;
        let firings = self.bypass.settle(now_ns, processes);
        let mut over = Vec::new();
        for (&id, tree) in &mut self.trees {
            tree.forget(now_ns, processes);
            if self.bypass.has_members(id) {
                tree.used_ns = now_ns;
            }
            over.extend((tree.used_ns + RELEASE_NS < now_ns).then_some(id));
        }
        while let Some((id, _)) = self.ended.pop_front_if(|(_, until_ns)| *until_ns < now_ns) {
            self.bypass.end(id);
        }
        for id in over {
            self.ended.push_back((id, now_ns + LINGER_NS));
            self.bypass.read(id, u64::MAX);
            if let (Some(tree), Some(injector)) = (self.trees.remove(&id), &self.injector) {
                injector.let_go(tree.hooked);
                (self.has_news, self.has_changed) = (true, true);
            }
        }
        firings
    }

    /// The agent's code in other processes, when that has changed.
    pub fn own_code(&self) -> HashSet<FileId> {
        let file = |tree: &Tree| {
            let image = tree.hooked.image();
            FileId {
                device: image.device,
                inode: image.inode,
            }
        };
        self.trees.values().map(file).collect()
    }

    /// True once after a process came or went.
    pub fn has_changed(&mut self) -> bool {
        std::mem::take(&mut self.has_changed)
    }

    /// True once after something that the capability report tells has changed.
    pub fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }

    pub fn capabilities(&self) -> [Capability; 2] {
        let keeps = self.vault.is_some();
        self.counts
            .capabilities(self.trees.len(), (self.injector.is_some(), keeps))
    }

    /// The part of the agent's health that is of hooks.
    pub fn health(&self) -> AgentHealth {
        AgentHealth {
            processes_hooked: self.trees.len() as u64,
            ..self.counts.health()
        }
    }

    /// Takes the library out of all processes. One in which that fails, or for which there is no time, passes its calls through.
    pub fn say_farewell(&mut self) {
        let until = Instant::now() + FAREWELL;
        self.injector = None;
        let trees = std::mem::take(&mut self.trees).into_values();
        for hooked in trees.map(|tree| tree.hooked).chain(self.follower.take()) {
            if Instant::now() < until
                && let Err(error) = hooked.eject()
            {
                tracing::info!(%error, "hooks_left: a process keeps the library, which does nothing any more");
            }
        }
        self.vault = None;
    }
}

impl Tree {
    /// Those who ended a while ago: what they called last may still have been on its way.
    fn forget(&mut self, now_ns: u64, processes: &ProcessTable) {
        self.pids.retain(|_, uid| {
            let process = processes.by_uid(*uid).and_then(|index| processes.get(index));
            process.is_some_and(|process| {
                process
                    .end_time_ns
                    .is_none_or(|end_ns| end_ns + LINGER_NS > now_ns)
            })
        });
    }

    /// Who made this call; a fork that the sensor has not told of yet is its parent.
    fn caller(&self, call: &Call, processes: &ProcessTable) -> Option<ProcessIndex> {
        let uid = self.pids.get(&call.pid).unwrap_or(&self.root);
        processes.by_uid(*uid)
    }
}

impl Observer for Hooks {
    fn observe(&mut self, event: &Event<'_>, processes: &ProcessTable) {
        if self.injector.is_none() {
            return;
        }
        self.bypass.observe(event, processes);
        let Some(process) = processes.get(event.process) else {
            return;
        };
        match event.kind {
            EventKind::Fork => {
                if self.lineage.contains(&process.parent_uid) && self.lineage.len() < LINEAGE_MAX {
                    self.lineage.insert(process.uid);
                }
                let tree = self.bypass.tree_of(process.uid);
                if let Some(tree) = tree.and_then(|tree| self.trees.get_mut(&tree)) {
                    tree.pids.insert(process.namespace_pid, process.uid);
                }
            }
            EventKind::Exec | EventKind::ProcessSeen if event.result >= 0 => {
                let is_followed =
                    event.kind == EventKind::Exec && self.follower.sees(process.pid, process.uid);
                if !is_followed {
                    self.ask_for_named(process);
                }
            }
            EventKind::Exit => drop(self.lineage.remove(&process.uid)),
            _ => {}
        }
    }
}
