//! The tenant's policy as the daemon holds it: what Tyr hands over is enforced, refusals become findings, and Tyr hears how it
//! stands. Nothing of it is kept over a restart: Tyr sends it again.
use std::sync::Arc;

use norn_events::wire::agent::v1::HostPolicyForHost;
use norn_events::wire::event::v1::{Capability, HostFacts};
use norn_events::wire::finding::v1::Finding;
use norn_events::wire::policy::v1::HostPolicyStatus;
use norn_events::{Event, Observer, ProcessTable};
use norn_os::Waker;
use norn_os::clock::unix_us;
use norn_policy::{Denial, Enforcer, EnforcerOptions, Findings, Policy, complete, exact_uid, process_of};
use norn_reflex::Firing;

use super::sensor::Sensor;
use super::state::StateDir;

/// A refusal of a process that the sensor has not told of yet waits this long for it, ns.
const PARK_NS: u64 = 500_000_000;
const PARKED_MAX: usize = 1_024;
/// While counters change, Tyr hears of them this often.
const STATUS_EVERY_NS: u64 = 10_000_000_000;

struct Parked {
    denial: Denial,
    policy: Arc<Policy>,
    until_ns: u64,
}

pub struct Enforcement {
    enforcer: Enforcer,
    findings: Findings,
    parked: Vec<Parked>,
    boot_id: [u8; 16],
    boot_unix_ns: u64,
    said: Option<HostPolicyStatus>,
    /// Something else than a counter has changed.
    urgent: bool,
    status_at_ns: u64,
    untold: u64,
}

impl Enforcement {
    pub fn new(state: &StateDir, sensor: &Sensor, waker: Waker) -> Self {
        let boot_unix_ns = sensor.wall_offset_ns().max(0) as u64;
        let started_ns = unix_us() * 1_000;
        // Inside a container neither exec guard nor cgroup programs are to be had.
        let may_enforce = !matches!(sensor, Sensor::Inside(_));
        let options = EnforcerOptions {
            self_test_dir: may_enforce.then(|| state.path().to_owned()),
            ..EnforcerOptions::new(norn_os::cgroups::container_of_path, started_ns, boot_unix_ns)
        };
        Self {
            enforcer: Enforcer::new(options, Box::new(move || waker.wake())),
            findings: Findings::default(),
            parked: Vec::new(),
            boot_id: sensor.boot_id(),
            boot_unix_ns,
            said: None,
            urgent: false,
            status_at_ns: 0,
            untold: 0,
        }
    }

    /// Takes effect at once and as a whole; what is malformed changes nothing.
    pub fn adopt(&mut self, message: &HostPolicyForHost) {
        match self.enforcer.apply(message) {
            Ok(()) => tracing::info!(status = ?self.enforcer.status(), "a policy for this host"),
            Err(error) => tracing::error!(%error, "a policy is refused; the one before stays in effect"),
        }
        if self.enforcer.holds_execs_up()
            && let Err(error) = norn_respond::raise_threads(&norn_policy::THREADS)
        {
            tracing::warn!(%error, "priority_refused: on a busy machine programs start later, and more of them unjudged");
        }
        self.urgent = true;
    }

    pub fn learn(&self, facts: &HostFacts) {
        self.enforcer.learn(&facts.containers);
    }

    /// A new connection: the agent's own processes, and a listener that has not heard the status.
    pub fn guard(&mut self, pids: Vec<u32>) {
        self.enforcer.guard(pids);
        self.urgent = self.said.is_some();
    }

    pub fn tick(&mut self) {
        self.enforcer.tick();
    }

    /// True once: when the self-test has ended.
    pub fn settle(&mut self) -> bool {
        self.enforcer.settle()
    }

    pub fn capabilities(&self) -> Vec<Capability> {
        self.enforcer.capabilities().to_vec()
    }

    pub fn responder_age_ms(&self) -> u64 {
        self.enforcer.responder_age_ms()
    }

    pub fn may_allow_memfd(&self) -> bool {
        self.enforcer.may_allow_memfd()
    }

    /// A program that a rule allows is only told of: the one that acted, or the one that would be stopped.
    pub fn withhold(&self, firing: &mut Firing, processes: &ProcessTable) {
        if firing.observe_only.is_some() || firing.killed_at_exec {
            return;
        }
        let by_rule = [firing.process, firing.scope]
            .into_iter()
            .filter_map(|uid| processes.by_uid(uid))
            .find_map(|index| self.enforcer.allows(index, processes));
        firing.observe_only = by_rule.map(|rule| format!("policy.{rule} allows it").into());
    }

    /// Of what was refused since the last call.
    pub fn take_findings(&mut self, now_ns: u64, processes: &ProcessTable) -> Vec<Finding> {
        for (denial, policy) in self.enforcer.take_denials() {
            self.parked.push(Parked {
                denial,
                policy,
                until_ns: now_ns + PARK_NS,
            });
        }
        let excess = self.parked.len().saturating_sub(PARKED_MAX);
        let mut findings = Vec::new();
        for (at, parked) in std::mem::take(&mut self.parked).into_iter().enumerate() {
            let known = process_of(&parked.denial, processes, &self.boot_id);
            let is_told = known.is_some() || parked.until_ns <= now_ns || at < excess;
            if !is_told {
                self.parked.push(parked);
                continue;
            }
            let unix_us = (self.boot_unix_ns + parked.denial.time_ns) / 1_000;
            let mut denial = parked.denial;
            let by = known.unwrap_or_else(|| exact_uid(&denial, &self.boot_id));
            complete(&mut denial, by, processes);
            findings.extend(self.findings.tell(&denial, (&parked.policy, by), unix_us));
        }
        for finding in &findings {
            tracing::warn!(
                rule = finding.rule_id,
                summary = finding.summary,
                "refused by policy"
            );
        }
        findings
    }

    /// When a policy took effect or was refused, and while its counters change.
    pub fn status_if_due(&mut self, now_ns: u64) -> Option<HostPolicyStatus> {
        let is_due = self.said.is_some() && now_ns >= self.status_at_ns + STATUS_EVERY_NS;
        if !self.urgent && !is_due {
            return None;
        }
        let status = self.enforcer.status();
        self.status_at_ns = now_ns;
        let untold = self.enforcer.untold();
        if untold > self.untold {
            tracing::warn!(
                untold,
                "denials_untold: there was no room for the findings of refusals; they are in the counters"
            );
            self.untold = untold;
        }
        let is_news = std::mem::take(&mut self.urgent) || self.said.as_ref() != Some(&status);
        self.said = Some(status.clone());
        is_news.then_some(status)
    }
}

impl Observer for Enforcement {
    fn observe(&mut self, event: &Event<'_>, processes: &ProcessTable) {
        self.enforcer.observe(event, processes);
    }
}
