//! What the loop tells Tyr, and what it does of what Tyr asks.
use norn_commands::{Decision, answer};
use norn_events::wire::action::v1::{Command, Outcome, OutcomeState};
use norn_events::wire::agent::v1::{AgentPolicy, TyrMessage, baldur_message, tyr_message};
use norn_events::wire::event::v1::AgentHealth;
use norn_events::{Event, EventKind, Observer};
use norn_os::clock::{boot_ns, unix_us};

use super::super::health::{self, Parts};
use super::super::policy::Modes;
use super::execution::{is_whole, restored, scopes, still_runs};
use super::{Daemon, Listing};

/// GAP's `flags` for what the agent's own queue refused.
const GAP_AGENT_QUEUE: u32 = 3;
/// PROCESS_SEEN's `flags` for one of all that run.
const SEEN_AGAIN: u32 = 1;
const HEARTBEAT_NS: u64 = 500_000_000;
const LISTING_EVERY_NS: u64 = 60_000_000_000;
/// Marks that are gone at once, and of each place at least one, before it is held to be somebody's doing.
const UNMARKED_MIN: u64 = 8;

impl Daemon {
    fn parts(&self) -> Parts<'_> {
        Parts {
            sensor: &self.sensor,
            keeper: &self.keeper,
            enforcement: &self.enforcement,
            reflexes: &self.reflexes,
            hooks: &self.hooks,
            own_network: &self.own_network,
            outbox: &self.outbox,
            builder: &self.builder,
        }
    }

    pub(super) fn talk(&mut self) {
        let now_ns = boot_ns();
        if self.link.connect_if_due(now_ns) {
            self.greet();
        }
        for message in self.link.receive() {
            self.obey(message);
        }
        self.send_restored();
        if let Some(status) = self.enforcement.status_if_due(now_ns) {
            self.link.send(baldur_message::Message::PolicyStatus(status), 0);
        }
        if self.outbox.is_half_empty() {
            if self.outbox.has_loss() {
                self.tell_loss();
            }
            self.list_processes(now_ns);
        }
        if now_ns >= self.timers.heartbeat_ns {
            self.timers.heartbeat_ns = now_ns + HEARTBEAT_NS;
            let heartbeat = health::heartbeat(&self.parts(), self.timers.started_ns);
            if self.lifeline.beat(heartbeat.responder_age_ms) {
                self.guard_own();
            }
            self.watch_marks(heartbeat.health.as_ref(), now_ns);
            self.link.send(baldur_message::Message::Heartbeat(heartbeat), 0);
        }
        self.send_batches();
    }

    pub(super) fn send_batches(&mut self) {
        while self.link.has_room()
            && let Some((seq, batch)) = self.outbox.next()
        {
            self.link.send(baldur_message::Message::Batch(batch), seq);
        }
        self.link.flush();
    }

    /// A new connection: who this is, the outcomes and the batches that were not acked, and what was lost meanwhile.
    fn greet(&mut self) {
        self.guard_own();
        self.say_hello();
        for outcome in self.commands.waiting() {
            self.link.send(baldur_message::Message::Outcome(outcome), 0);
        }
        self.outbox.rewind();
        self.tell_loss();
    }

    /// A directory that is made anew has to be marked anew; many at once were unmarked by somebody.
    fn watch_marks(&mut self, health: Option<&AgentHealth>, now_ns: u64) {
        let Some(health) = health else { return };
        let before = std::mem::replace(&mut self.timers.rewatched, health.vault_rewatched);
        let again = health.vault_rewatched.saturating_sub(before);
        if again >= UNMARKED_MIN && again >= health.places_watched {
            self.tamper.unmarked(again, now_ns, self.sensor.processes());
        }
    }

    /// Norn's own processes are stopped by no reflex, and who touches them is told of.
    fn guard_own(&mut self) {
        let mut guarded = vec![std::process::id()];
        guarded.extend(self.lifeline.pid());
        let tyr = self.link.peer_pid();
        guarded.extend(tyr);
        guarded.extend(tyr.and_then(norn_respond::keeper_of));
        self.reflexes.guard(guarded.clone());
        self.enforcement.guard(guarded.clone());
        self.hooks.guard(guarded.clone());
        self.tamper.guard(&guarded);
        self.responder.guard(guarded);
    }

    pub(super) fn say_hello(&mut self) {
        let hello = health::hello(&self.parts(), &self.stream_id);
        self.link.send(baldur_message::Message::Hello(hello), 0);
    }

    /// A GAP row of the agent's own, or of any process when it is not in the table.
    fn tell_loss(&mut self) {
        let processes = self.sensor.processes();
        let own = processes.by_pid(std::process::id());
        let Some(process) = own.or_else(|| processes.iter().next().map(|(index, _)| index)) else {
            return;
        };
        let Some(loss) = self.outbox.take_loss() else {
            return;
        };
        self.listing.asked = true;
        let now_ns = boot_ns();
        let gap = Event {
            kind: EventKind::Gap,
            time_ns: now_ns,
            process,
            flags: GAP_AGENT_QUEUE,
            value: loss.events,
            result: i32::try_from(now_ns.saturating_sub(loss.since_ns) / 1_000_000).unwrap_or(i32::MAX),
            path: b"",
            target: b"",
        };
        self.builder.observe(&gap, processes);
        self.timers.rows_since_ns.get_or_insert(now_ns);
    }

    /// All that runs, again: ends may have been among what was lost.
    fn list_processes(&mut self, now_ns: u64) {
        let refused = self.builder.refused_rows();
        let asked = self.listing.asked || refused > self.listing.refused;
        if !asked || now_ns < self.listing.next_ns {
            return;
        }
        self.listing = Listing {
            asked: false,
            refused,
            next_ns: now_ns + LISTING_EVERY_NS,
        };
        let processes = self.sensor.processes();
        let time_ns = self.sensor.seen_ns();
        for (index, process) in processes
            .iter()
            .filter(|(_, process)| process.end_time_ns.is_none())
        {
            let seen = Event {
                kind: EventKind::ProcessSeen,
                time_ns,
                process: index,
                flags: SEEN_AGAIN,
                value: 0,
                result: 0,
                path: &process.image.path,
                target: b"",
            };
            self.builder.observe(&seen, processes);
        }
        self.timers.rows_since_ns.get_or_insert(now_ns);
    }

    fn obey(&mut self, message: TyrMessage) {
        match message.message {
            Some(tyr_message::Message::BatchAck(seq)) => self.outbox.ack(seq),
            Some(tyr_message::Message::Command(command)) => self.take_command(command),
            Some(tyr_message::Message::Policy(policy)) => self.adopt_policy(&policy),
            Some(tyr_message::Message::OutcomeAck(id)) => self.commands.ack(&id),
            Some(tyr_message::Message::HostPolicy(policy)) => {
                self.enforcement.adopt(&policy);
                self.apply_exec_policy();
            }
            // Enrichment adds them to batches; here only rules about images and namespaces ask for them.
            Some(tyr_message::Message::Facts(facts)) => self.enforcement.learn(&facts),
            Some(tyr_message::Message::Installation(found)) => {
                self.own_network.learn(&found.peers, &self.state);
            }
            Some(tyr_message::Message::ListProcesses(_)) => self.listing.asked = true,
            None => {}
        }
    }

    fn adopt_policy(&mut self, policy: &AgentPolicy) {
        let modes = Modes::of(policy);
        if modes != self.modes {
            tracing::info!(?modes, "a new policy");
            self.modes = modes;
            self.apply_exec_policy();
        }
    }

    fn take_command(&mut self, command: Command) {
        tracing::info!(command = command.id, alert = command.alert_id, "a command");
        let decision = self.commands.receive(command, unix_us());
        self.follow(decision);
    }

    pub(super) fn follow(&mut self, decision: Decision) {
        match decision {
            Decision::Answer(outcomes) => self.send_outcomes(outcomes),
            Decision::Run(command) => {
                let running = answer(&command, OutcomeState::Running, ("ok", ""), unix_us());
                self.send_outcomes(vec![running]);
                if let Some(outcome) = self.execute(command) {
                    let parts = self.commands.finish(outcome);
                    self.send_outcomes(parts);
                }
            }
        }
    }

    fn send_restored(&mut self) {
        for (command, report) in self.keeper.take_restored() {
            let Ok(report) = report else {
                let parts = self.commands.finish(still_runs(&command));
                self.send_outcomes(parts);
                continue;
            };
            let started_at_us = unix_us().saturating_sub(report.elapsed_ms * 1_000);
            if is_whole(&report) {
                scopes(&command)
                    .into_iter()
                    .for_each(|scope| self.keeper.forget(scope));
            }
            let parts = self.commands.finish(restored(&command, report, started_at_us));
            self.send_outcomes(parts);
        }
    }

    fn send_outcomes(&mut self, outcomes: Vec<Outcome>) {
        for outcome in outcomes {
            self.link.send(baldur_message::Message::Outcome(outcome), 0);
        }
    }
}
