//! Commands from Tyr: whether one may run, and what becomes of its outcome. At most once: an id is on disk before the
//! command runs. A command that the agent's end cut off is answered as `interrupted` and not run again, but for restore:
//! that is idempotent (what is back already counts as unchanged), so it is run again, `RESTORE_ATTEMPTS_MAX` times in all.
use std::io;
use std::path::Path;

use norn_events::wire::action::v1::{Command, Outcome, OutcomeState, command::Action};
use norn_events::wire::finding::v1::{Finding, FindingSource};
use norn_os::clock::unix_us;

use crate::held::Held;
use crate::journal::{Admission, Journal};
use crate::outcomes::Outcomes;

/// A restore that ends the agent this many times is at fault itself.
const RESTORE_ATTEMPTS_MAX: u32 = 3;
/// Roots in one command.
const SCOPES_MAX: usize = 1_000;
/// Who a policy's commands are requested by; no person is called so.
const POLICY: &str = "policy";

pub struct Commands {
    journal: Journal,
    outcomes: Outcomes,
    held: Held,
    running: Vec<String>,
}

/// What to do with a command.
#[derive(Debug, PartialEq)]
pub enum Decision {
    /// It is on disk as begun. Say that it runs, run it, then `finish`.
    Run(Box<Command>),
    /// It is not run; this is why, or what came of it before.
    Answer(Vec<Outcome>),
}

impl Commands {
    /// What is kept of them in this directory, which nobody else writes to.
    pub fn open(dir: &Path) -> io::Result<Self> {
        Ok(Self {
            journal: Journal::open(&dir.join("commands.journal"))?,
            outcomes: Outcomes::open(&dir.join("outcomes"))?,
            held: Held::open(&dir.join("held.findings"))?,
            running: Vec::new(),
        })
    }

    /// This agent has made the finding: a policy may ask for something about it.
    pub fn hold(&mut self, finding: &Finding) {
        self.held.add(finding);
    }

    pub fn receive(&mut self, command: Command, now_us: u64) -> Decision {
        if let Some((state, code, message)) = self.refusal(&command, now_us) {
            return Decision::Answer(vec![answer(&command, state, (code, &message), now_us)]);
        }
        if self.journal.admit(&command) == Admission::Seen {
            return Decision::Answer(self.again(&command, now_us));
        }
        self.begin(command, now_us)
    }

    /// After a start: what was begun and not finished. Decisions in the order in which the commands were issued.
    pub fn resume(&mut self, now_us: u64) -> Vec<Decision> {
        let mut decisions = Vec::new();
        for (command, attempts) in self.journal.unfinished() {
            if self.outcomes.load(&command.id).is_some() {
                // The outcome was stored; only the journal's last line is missing.
                self.note_finished(&command.id);
            } else if matches!(command.action, Some(Action::Restore(_))) && attempts < RESTORE_ATTEMPTS_MAX {
                decisions.push(self.begin(command, now_us));
            } else {
                let message = "the agent ended while this ran; what was done stands, the rest was not done";
                let outcome = answer(&command, OutcomeState::Failed, ("interrupted", message), now_us);
                decisions.push(Decision::Answer(self.finish(outcome)));
            }
        }
        decisions
    }

    /// Stores the final outcome and returns its parts for sending.
    pub fn finish(&mut self, outcome: Outcome) -> Vec<Outcome> {
        let id = outcome.command_id.clone();
        self.running.retain(|running| *running != id);
        let parts = match self.outcomes.store(outcome.clone()) {
            Ok(parts) => parts,
            Err(error) => {
                tracing::error!(%error, command = id, "outcome_not_stored: it is sent once and lost if tyr is away");
                vec![outcome]
            }
        };
        self.note_finished(&id);
        parts
    }

    /// Outcomes that Tyr has not acked.
    pub fn waiting(&self) -> Vec<Outcome> {
        self.outcomes.waiting()
    }

    pub fn ack(&mut self, id: &str) {
        self.outcomes.ack(id);
    }

    fn begin(&mut self, command: Command, now_us: u64) -> Decision {
        let begun = self
            .journal
            .begin(&command)
            .and_then(|()| self.journal.compact_if_due(now_us));
        if let Err(error) = begun {
            let message = format!(
                "the command journal can't be written ({error}): is the disk of the state directory full?"
            );
            return Decision::Answer(vec![answer(
                &command,
                OutcomeState::Failed,
                ("journal_unavailable", &message),
                now_us,
            )]);
        }
        self.running.push(command.id.clone());
        Decision::Run(Box::new(command))
    }

    fn refusal(&self, command: &Command, now_us: u64) -> Option<(OutcomeState, &'static str, String)> {
        let id_is_hex = command.id.len() == 32 && command.id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !id_is_hex
            || command.scope_uids.len() > SCOPES_MAX
            || command.scope_uids.iter().any(|uid| uid.len() != 16)
        {
            let message =
                "an id has 32 hex digits, a scope 16 bytes, and there are at most 1,000 scopes".to_owned();
            return Some((OutcomeState::Refused, "malformed", message));
        }
        if command.action.is_none() {
            let message =
                "this agent does not know the action: is it older than the installation?".to_owned();
            return Some((OutcomeState::Refused, "unknown_action", message));
        }
        match self.journal.admit(command) {
            Admission::Seen => None,
            _ if command.expires_at_us < now_us => {
                let late_ms = (now_us - command.expires_at_us) / 1_000;
                Some((
                    OutcomeState::Expired,
                    "expired",
                    format!("it came {late_ms} ms after its expiry"),
                ))
            }
            Admission::Fenced => {
                let message = format!(
                    "epoch {} is lower than one already run for this alert",
                    command.epoch
                );
                Some((OutcomeState::Refused, "fenced", message))
            }
            Admission::New => self.policy_refusal(command),
        }
    }

    /// A policy asks for something about findings, and about nobody whom they do not blame. Tyr has verified that detection
    /// signed for each of them; of those that this agent is said to have made itself, it knows better.
    fn policy_refusal(&self, command: &Command) -> Option<(OutcomeState, &'static str, String)> {
        if command.requested_by != POLICY {
            return None;
        }
        let is_held = command.findings.iter().all(|finding| {
            finding.source() != FindingSource::Reflex || self.held.is_of(&finding.id, &finding.scope_uid)
        });
        let is_blamed = |scope: &Vec<u8>| command.findings.iter().any(|finding| finding.scope_uid == *scope);
        if is_plain(command)
            && is_held
            && !command.scope_uids.is_empty()
            && command.scope_uids.iter().all(is_blamed)
        {
            return None;
        }
        let message = "a policy asks for it, and this agent holds no finding that it is about".to_owned();
        Some((OutcomeState::Refused, "finding_not_held", message))
    }

    /// The stored outcome, or that it still runs, or that it ran and its outcome was handed over long ago.
    fn again(&self, command: &Command, now_us: u64) -> Vec<Outcome> {
        if self.running.contains(&command.id) {
            return vec![answer(command, OutcomeState::Running, ("ok", "it runs"), now_us)];
        }
        self.outcomes.load(&command.id).unwrap_or_else(|| {
            vec![answer(
                command,
                OutcomeState::Refused,
                ("replayed", "this id has run before"),
                now_us,
            )]
        })
    }

    fn note_finished(&mut self, id: &str) {
        if let Err(error) = self.journal.finish(id) {
            tracing::error!(%error, command = id, "journal_unavailable: the command will count as interrupted");
        }
    }
}

/// Subtrees are stopped, and what they did is undone: all that reaches further is a person's to ask.
fn is_plain(command: &Command) -> bool {
    match &command.action {
        Some(Action::Kill(kill)) => !kill.whole_container,
        Some(Action::Suspend(_)) => true,
        Some(Action::Restore(restore)) => {
            let is_wide = restore.whole_container || restore.cold || restore.over_conflicts;
            !is_wide && restore.undo_command_id.is_empty()
        }
        _ => false,
    }
}

/// An outcome without files; `(code, message)`.
pub fn answer(command: &Command, state: OutcomeState, (code, message): (&str, &str), now_us: u64) -> Outcome {
    Outcome {
        command_id: command.id.clone(),
        alert_id: command.alert_id.clone(),
        state: state.into(),
        code: code.to_owned(),
        message: message.to_owned(),
        started_at_us: now_us,
        finished_at_us: if state == OutcomeState::Running { 0 } else { now_us },
        tenant_id: command.tenant_id.clone(),
        host_id: command.host_id.clone(),
        action: action_name(command).to_owned(),
        ..Outcome::default()
    }
}

pub fn succeeded(command: &Command, message: &str) -> Outcome {
    answer(command, OutcomeState::Succeeded, ("ok", message), unix_us())
}

pub fn failed(command: &Command, code: &str, message: &str) -> Outcome {
    answer(command, OutcomeState::Failed, (code, message), unix_us())
}

fn action_name(command: &Command) -> &'static str {
    match command.action {
        Some(Action::Kill(_)) => "kill",
        Some(Action::Suspend(_)) => "suspend",
        Some(Action::Release(_)) => "release",
        Some(Action::Restore(_)) => "restore",
        Some(Action::Isolate(_)) => "isolate",
        None => "",
    }
}

#[cfg(test)]
#[path = "commands_tests.rs"]
mod tests;
