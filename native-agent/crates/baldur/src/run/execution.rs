//! Runs an admitted command. Kill, suspend and release are done here and now; a restore stops its scopes first and goes on
//! in the restorer's thread.
use norn_events::ProcessUid;
use norn_events::wire::action::v1::{Command, Outcome, OutcomeState, command::Action};
use norn_respond::Report;
use norn_vault::{RestoreReport, RestoreRequest};

use super::clock::unix_us;
use super::commands::answer;
use super::daemon::Daemon;

impl Daemon {
    /// `None`: it goes on elsewhere, the outcome comes later.
    pub(super) fn execute(&mut self, command: Box<Command>) -> Option<Outcome> {
        let started_at_us = unix_us();
        let scopes = scopes(&command);
        let outcome = match command.action {
            Some(Action::Kill(_)) => self.stop(&command, &scopes, true),
            Some(Action::Suspend(_)) => self.stop(&command, &scopes, false),
            Some(Action::Release(_)) => self.release(&command, &scopes),
            Some(Action::Restore(_)) => return self.begin_restore(command, &scopes),
            None => failed(&command, "unknown_action", "this agent does not know the action"),
        };
        Some(Outcome {
            started_at_us,
            finished_at_us: unix_us(),
            ..outcome
        })
    }

    fn stop(&mut self, command: &Command, scopes: &[ProcessUid], kill: bool) -> Outcome {
        if scopes.is_empty() {
            return failed(command, "no_scope", "the command names no process");
        }
        let processes = self.sensor.processes();
        let reports: Vec<Report> = scopes
            .iter()
            .map(|&scope| match kill {
                true => self.responder.kill(scope, processes),
                false => self.responder.suspend(scope, processes),
            })
            .collect();
        self.save_frozen();
        stopped(command, &reports)
    }

    fn release(&mut self, command: &Command, scopes: &[ProcessUid]) -> Outcome {
        let processes = self.sensor.processes();
        let mut thawed = Vec::new();
        for &scope in scopes {
            thawed.extend(self.responder.release(scope, processes).pids);
            self.reactions.forget(scope);
            self.keeper.forget(scope);
        }
        self.save_frozen();
        if !self.reflexes.release(scopes, &command.finding_ids) {
            return failed(
                command,
                "released_full",
                "too many releases are kept; the processes go on, but may fire again",
            );
        }
        if let Err(error) = self.state.save_released(self.reflexes.released()) {
            return failed(
                command,
                "state_unavailable",
                &format!("the release is not kept over a restart: {error}"),
            );
        }
        succeeded(command, &format!("{} processes go on", thawed.len()))
    }

    /// First nobody of the subtree may run any more: what still runs is frozen, and stays so until it is released or killed.
    fn begin_restore(&mut self, command: Box<Command>, scopes: &[ProcessUid]) -> Option<Outcome> {
        let container = (!command.container_id.is_empty()).then(|| command.container_id.as_str().into());
        if scopes.is_empty() && container.is_none() {
            return Some(failed(
                &command,
                "no_scope",
                "the command names neither a process nor a container",
            ));
        }
        let processes = self.sensor.processes();
        for &scope in scopes {
            if self.responder.has_survivors(scope, processes) {
                self.responder.suspend(scope, processes);
            }
        }
        self.save_frozen();
        let Some(open) = self.keeper.as_open() else {
            return Some(failed(
                &command,
                "vault_unavailable",
                "this agent has no vault: see its capabilities",
            ));
        };
        // A scope says more than its container: descendants may have left it.
        let container = if scopes.is_empty() { container } else { None };
        let request = RestoreRequest {
            scopes: scopes.to_vec(),
            container,
            since_ns: None,
        };
        match open.restorer.restore(command, request) {
            Ok(()) => None,
            Err(command) => Some(failed(
                &command,
                "busy",
                "too many restores wait; ask again later",
            )),
        }
    }
}

/// Of a restore that has ended.
pub fn restored(command: &Command, report: RestoreReport, started_at_us: u64) -> Outcome {
    let finished_at_us = unix_us();
    let message = format!("{} files in {} ms", report.files.len(), report.elapsed_ms);
    let outcome = succeeded(command, &message);
    Outcome {
        files: report.files,
        started_at_us,
        finished_at_us,
        ..outcome
    }
}

fn stopped(command: &Command, reports: &[Report]) -> Outcome {
    let pids: Vec<u32> = reports
        .iter()
        .flat_map(|report| report.pids.iter().copied())
        .collect();
    let refused = reports.iter().flat_map(|report| &report.refused).next();
    let outcome = match refused {
        Some((pid, refusal)) if pids.is_empty() => failed(
            command,
            refusal.code(),
            &format!("process {pid} is never stopped"),
        ),
        _ if pids.is_empty() => succeeded(command, "nobody of the subtree was running"),
        _ => succeeded(command, &format!("{} processes stopped", pids.len())),
    };
    Outcome {
        killed_pids: pids,
        ..outcome
    }
}

fn scopes(command: &Command) -> Vec<ProcessUid> {
    command
        .scope_uids
        .iter()
        .filter_map(|uid| Some(ProcessUid(uid.as_slice().try_into().ok()?)))
        .collect()
}

fn succeeded(command: &Command, message: &str) -> Outcome {
    answer(command, OutcomeState::Succeeded, ("ok", message), unix_us())
}

fn failed(command: &Command, code: &str, message: &str) -> Outcome {
    answer(command, OutcomeState::Failed, (code, message), unix_us())
}
