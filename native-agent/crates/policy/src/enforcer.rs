//! One policy in effect at a time, and what it takes: execs that ask, programs in the kernel, and neither when no rule needs it.
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use norn_events::wire::agent::v1::HostPolicyForHost;
use norn_events::wire::event::v1::{Capability, ContainerFact};
use norn_events::wire::policy::v1::{HostAction, HostEvent, HostPolicyStatus, PolicyState};
use norn_events::{Event, EventKind, Observer, Process, ProcessIndex, ProcessTable};
use norn_os::clock::unix_us;

use crate::decide::Verdict;
use crate::denial::{Denial, Outlet};
use crate::engine::{Current, Engine};
use crate::exec::{DEADLINE, ExecGuard, Options, Places};
use crate::facts::Sources;
use crate::files::Files;
use crate::known::Known;
use crate::network::lines::Lines;
use crate::network::{Counters, Network};
use crate::proc::ContainerOf;
use crate::rule::Condition;
use crate::table_facts::TableFacts;
use crate::{Policy, PolicyError, Rule, self_test};

/// Sentences in a status.
const UNENFORCED_MAX: usize = 20;

pub struct EnforcerOptions {
    /// The container of a cgroup's path.
    pub container_of: ContainerOf,
    /// When the agent started, and the host; Unix ns.
    pub started_unix_ns: u64,
    pub boot_unix_ns: u64,
    /// Where the self-test puts a file that it may start; `None` leaves the self-test out.
    pub self_test_dir: Option<PathBuf>,
    pub places: Places,
    pub deadline: Duration,
}

impl EnforcerOptions {
    pub fn new(container_of: ContainerOf, started_unix_ns: u64, boot_unix_ns: u64) -> Self {
        Self {
            container_of,
            started_unix_ns,
            boot_unix_ns,
            self_test_dir: None,
            places: Places::Everywhere,
            deadline: DEADLINE,
        }
    }
}

/// What was counted by networks that are gone.
#[derive(Default)]
struct Past {
    denied: u64,
    unanswered: u64,
    untold: u64,
}

pub struct Enforcer {
    current: Arc<Current>,
    sources: Arc<Sources>,
    outlet: Arc<Outlet>,
    denials: Receiver<Denial>,
    exec: Option<ExecGuard>,
    options: Options,
    guarded: Vec<u32>,
    generation: u64,
    applied: Option<HostPolicyForHost>,
    status: HostPolicyStatus,
    past: Past,
    next_stage_us: Option<u64>,
    /// Left from policies that are gone, whose programs must go with them.
    leftover: Vec<(Denial, Arc<Policy>)>,
    capabilities: Vec<Capability>,
    testing: Option<Receiver<Vec<Capability>>>,
}

impl Enforcer {
    /// `wake` is called when something was refused at an exec.
    pub fn new(options: EnforcerOptions, wake: Box<dyn Fn() + Send + Sync>) -> Self {
        let (outlet, denials) = Outlet::new(wake);
        let none = Engine {
            policy: Arc::default(),
            generation: 0,
            network: None,
        };
        Self {
            current: Arc::new(Current::new(none)),
            sources: Arc::new(Sources {
                known: Known::new(options.started_unix_ns, options.boot_unix_ns),
                files: Files::default(),
                container_of: options.container_of,
            }),
            outlet: Arc::new(outlet),
            denials,
            exec: None,
            options: Options {
                places: options.places,
                deadline: options.deadline,
            },
            guarded: vec![std::process::id()],
            generation: 0,
            applied: None,
            status: HostPolicyStatus::default(),
            past: Past::default(),
            next_stage_us: None,
            leftover: Vec::new(),
            capabilities: self_test::not_yet(),
            testing: options.self_test_dir.and_then(start_self_test),
        }
    }

    /// Takes the place of what was in effect, as a whole.
    ///
    /// # Errors
    /// `policy_malformed`; then the one before stays in effect.
    pub fn apply(&mut self, message: &HostPolicyForHost) -> Result<(), PolicyError> {
        if self.applied.as_ref() == Some(message) {
            return Ok(());
        }
        let policy = match Policy::compile(message) {
            Ok(policy) => policy,
            Err(error) => {
                let refused = message.policy.clone().unwrap_or_default();
                self.status.state = PolicyState::Refused.into();
                self.status.code = error.code().to_owned();
                self.status.epoch = refused.epoch;
                self.status.policy = refused.policy;
                self.status.version = refused.version;
                return Err(error);
            }
        };
        let lines = Lines::new(&policy);
        let mut problems = problems_of(&policy, &lines);
        let network = self.start_network(lines, &policy, &mut problems);
        self.replace(policy, network);
        self.follow_exec(&mut problems);
        problems.truncate(UNENFORCED_MAX);
        let policy = message.policy.clone().unwrap_or_default();
        self.status = HostPolicyStatus {
            state: PolicyState::Applied.into(),
            code: "ok".to_owned(),
            epoch: policy.epoch,
            policy: policy.policy,
            version: policy.version,
            applied_at_us: unix_us(),
            unenforced: problems,
            ..HostPolicyStatus::default()
        };
        self.applied = Some(message.clone());
        Ok(())
    }

    fn start_network(
        &self,
        lines: Lines,
        policy: &Policy,
        problems: &mut Vec<String>,
    ) -> Option<Arc<Network>> {
        if lines.is_empty() {
            return None;
        }
        match Network::start(lines, &self.sources, &self.guarded, unix_us()) {
            Ok(network) => Some(Arc::new(network)),
            Err(error) => {
                let denying = policy
                    .rules
                    .iter()
                    .filter(|rule| rule.event != HostEvent::Exec && is_deny(rule));
                problems.extend(denying.map(|rule| format!("{}: {error}", rule.name)));
                None
            }
        }
    }

    fn replace(&mut self, policy: Policy, network: Option<Arc<Network>>) {
        let before = self.current.get();
        self.collect(&before);
        if let Some(network) = &before.network {
            let counters = network.counters();
            self.past.denied += counters.denied;
            self.past.unanswered += counters.unanswered;
            self.past.untold += counters.untold;
        }
        self.generation += 1;
        self.next_stage_us = policy.next_stage_us(unix_us());
        self.current.set(Engine {
            policy: Arc::new(policy),
            generation: self.generation,
            network,
        });
    }

    /// Execs ask only while some rule needs it.
    fn follow_exec(&mut self, problems: &mut Vec<String>) {
        let engine = self.current.get();
        let asks = engine
            .network
            .as_ref()
            .is_some_and(|network| network.asks_for_programs());
        if !asks && !engine.policy.denies(HostEvent::Exec) {
            self.exec = None;
            return;
        }
        if self.exec.is_none() {
            let parts = (
                Arc::clone(&self.current),
                Arc::clone(&self.sources),
                Arc::clone(&self.outlet),
            );
            match ExecGuard::start(parts, self.guarded.clone(), &self.options) {
                Ok(guard) => self.exec = Some(guard),
                Err(error) => {
                    let denying = engine
                        .policy
                        .of(HostEvent::Exec)
                        .filter(|(_, rule)| is_deny(rule));
                    problems.extend(denying.map(|(_, rule)| format!("{}: {error}", rule.name)));
                    if asks {
                        problems.push(format!(
                            "the programs of connections are known only a moment after their start: {error}"
                        ));
                    }
                }
            }
        }
        let left_out = self.exec.as_ref().map(ExecGuard::left_out).unwrap_or_default();
        if !left_out.is_empty() {
            problems.push(format!(
                "programs on these file systems start unasked: {}",
                left_out.join(", ")
            ));
        }
    }

    /// The agent's own processes: never refused anything.
    pub fn guard(&mut self, pids: Vec<u32>) {
        if let Some(exec) = &self.exec {
            exec.guard(pids.clone());
        }
        if let Some(network) = &self.current.get().network {
            network.guard(&pids);
        }
        self.guarded = pids;
    }

    /// Staged rules whose moment has come act. Call it about once a second.
    pub fn tick(&mut self) {
        let now_us = unix_us();
        if self.next_stage_us.is_some_and(|due| due <= now_us) {
            let engine = self.current.get();
            self.next_stage_us = engine.policy.next_stage_us(now_us);
            if let Some(network) = &engine.network {
                network.stage(now_us);
            }
        }
    }

    /// What the runtime says of the containers that run.
    pub fn learn(&self, containers: &[ContainerFact]) {
        let changed = self.sources.known.learn(containers);
        if let Some(network) = self.current.get().network.as_ref().filter(|_| changed)
            && network.asks_for_places()
        {
            network.look_at_all(&self.sources);
        }
    }

    /// What was refused since the last call, each with the policy that refused it.
    pub fn take_denials(&mut self) -> Vec<(Denial, Arc<Policy>)> {
        let engine = self.current.get();
        self.collect(&engine);
        std::mem::take(&mut self.leftover)
    }

    fn collect(&mut self, engine: &Engine) {
        let of_exec = self
            .denials
            .try_iter()
            .filter(|denial| denial.generation == engine.generation);
        let mut found: Vec<Denial> = of_exec.collect();
        if let Some(network) = &engine.network {
            found.extend(network.take_denials(&engine.policy, engine.generation, &self.sources));
        }
        self.leftover.extend(
            found
                .into_iter()
                .map(|denial| (denial, Arc::clone(&engine.policy))),
        );
    }

    /// With the counters of now.
    pub fn status(&self) -> HostPolicyStatus {
        let network = self.network();
        HostPolicyStatus {
            denied: self.outlet.denied.load(Ordering::Relaxed) + self.past.denied + network.denied,
            unanswered: self.outlet.unanswered.load(Ordering::Relaxed)
                + self.past.unanswered
                + network.unanswered,
            ..self.status.clone()
        }
    }

    /// What the kernel counted for the policy of now.
    fn network(&self) -> Counters {
        let engine = self.current.get();
        let network = engine.network.as_ref().map(|network| network.counters());
        network.unwrap_or_default()
    }

    /// Refusals that no finding tells of, since there was no room for them.
    pub fn untold(&self) -> u64 {
        let network = self.network();
        self.outlet.untold.load(Ordering::Relaxed) + self.past.untold + network.untold
    }

    pub fn holds_execs_up(&self) -> bool {
        self.exec.is_some()
    }

    /// Of the thread that execs wait for; 0 when none does.
    pub fn responder_age_ms(&self) -> u64 {
        self.exec.as_ref().map_or(0, ExecGuard::age_ms)
    }

    /// True once: when the self-test has ended.
    pub fn settle(&mut self) -> bool {
        let Some(tested) = self.testing.as_ref().and_then(|testing| testing.try_recv().ok()) else {
            return false;
        };
        self.capabilities = tested;
        self.testing = None;
        true
    }

    pub fn capabilities(&self) -> &[Capability] {
        &self.capabilities
    }

    pub fn may_allow_memfd(&self) -> bool {
        self.current.get().policy.may_allow_memfd()
    }

    /// The rule by which the host's reflexes leave this process alone: by the program it runs, not by what it started.
    pub fn allows(&self, index: ProcessIndex, processes: &ProcessTable) -> Option<String> {
        let engine = self.current.get();
        let mut of_exec = engine.policy.of(HostEvent::Exec);
        if !of_exec.any(|(_, rule)| rule.action == HostAction::Allow) {
            return None;
        }
        let mut facts = TableFacts::new(index, processes, &self.sources.known);
        match engine.policy.decide(HostEvent::Exec, &mut facts, unix_us()) {
            Verdict::Decided(decision) if decision.action == HostAction::Allow => {
                Some(engine.policy.rules.get(decision.rule)?.name.clone())
            }
            _ => None,
        }
    }

    fn contain(&self, process: &Process) {
        let Some(container) = &process.container else {
            return;
        };
        self.sources.known.seen(container, process.start_time_ns);
        if let Some(exec) = &self.exec {
            exec.contain(container, process.pid);
        }
    }
}

impl Observer for Enforcer {
    fn observe(&mut self, event: &Event<'_>, processes: &ProcessTable) {
        if !matches!(event.kind, EventKind::Exec | EventKind::ProcessSeen) || event.result != 0 {
            return;
        }
        let Some(process) = processes.get(event.process) else {
            return;
        };
        self.contain(process);
        if let Some(network) = &self.current.get().network {
            network.look_at_unknown(process.pid, &self.sources);
        }
    }
}

fn is_deny(rule: &Rule) -> bool {
    rule.action == HostAction::Deny
}

/// Rules that no host can enforce in full.
fn problems_of(policy: &Policy, lines: &Lines) -> Vec<String> {
    let mut problems: Vec<String> = lines
        .left_out
        .iter()
        .map(|(name, why)| format!("{name}: {why}"))
        .collect();
    for (_, rule) in policy.of(HostEvent::Exec).filter(|(_, rule)| is_deny(rule)) {
        if rule.any.iter().any(asks_for_memory) {
            problems.push(format!(
                "{}: programs in memory start unasked; the fileless reflex kills them",
                rule.name
            ));
        }
    }
    problems
}

fn asks_for_memory(one: &crate::Match) -> bool {
    one.all.iter().any(|test| match &test.condition {
        Condition::Like(patterns) if test.field == norn_events::wire::policy::v1::HostField::ImageFlags => {
            !test.negated && patterns.iter().any(|pattern| pattern.matches("memfd"))
        }
        _ => false,
    })
}

fn start_self_test(dir: PathBuf) -> Option<Receiver<Vec<Capability>>> {
    let (tested, testing) = sync_channel(1);
    let spawned = std::thread::Builder::new()
        .name("policy-test".to_owned())
        .spawn(move || {
            let _nobody_waits = tested.send(self_test::run(&dir));
        });
    match spawned {
        Ok(_) => Some(testing),
        Err(error) => {
            tracing::error!(%error, "the self-test of policies can't be run");
            None
        }
    }
}
