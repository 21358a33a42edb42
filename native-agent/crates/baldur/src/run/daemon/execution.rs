//! Runs an admitted command. Kill, suspend and release are done here and now; a restore stops its scopes first and goes on
//! in the restorer's thread.
use std::collections::BTreeSet;

use norn_commands::{failed, succeeded};
use norn_events::wire::action::v1::{
    Command, IsolateAction, Outcome, RestoreAction, Verdict, command::Action,
};
use norn_events::{Process, ProcessTable, ProcessUid};
use norn_os::clock::unix_us;
use norn_respond::Report;
use norn_vault::{Extent, RestoreReport, RestoreRequest};

use super::Daemon;
use crate::run::keeper::NoRestore;
use crate::run::own_network::{NotDone, check_no_node};

impl Daemon {
    /// `None`: it goes on elsewhere, the outcome comes later.
    pub(super) fn execute(&mut self, command: Box<Command>) -> Option<Outcome> {
        let started_at_us = unix_us();
        let scopes = scopes(&command);
        let outcome = match command.action {
            Some(Action::Kill(ref wanted)) if wanted.whole_container => {
                let scopes = roots_of(&command.container_id, self.sensor.processes());
                self.stop(&command, &scopes, true)
            }
            Some(Action::Kill(_)) => self.stop(&command, &scopes, true),
            Some(Action::Suspend(_)) => self.stop(&command, &scopes, false),
            Some(Action::Release(_)) => self.release(&command, &scopes),
            Some(Action::Isolate(ref wanted)) if wanted.host || self.own_network.is_inside() => {
                self.cut_off(&command, wanted)
            }
            Some(Action::Isolate(ref wanted)) => self.isolate(&command, wanted.lift),
            Some(Action::Restore(ref wanted)) => {
                let wanted = wanted.clone();
                return self.begin_restore(command, &wanted, &scopes);
            }
            None => failed(&command, "unknown_action", "this agent does not know the action"),
        };
        Some(Outcome {
            started_at_us,
            finished_at_us: unix_us(),
            ..outcome
        })
    }

    fn isolate(&mut self, command: &Command, lift: bool) -> Outcome {
        let (processes, state) = (self.sensor.processes(), &self.state);
        self.isolations.obey(command, lift, (processes, state))
    }

    fn stop(&mut self, command: &Command, scopes: &[ProcessUid], kill: bool) -> Outcome {
        if scopes.is_empty() {
            return failed(command, "no_scope", "the command names no process");
        }
        let processes = self.sensor.processes();
        let reports: Vec<Report> = match kill {
            true => vec![self.responder.kill_all(scopes, processes)],
            false => {
                let each = scopes.iter();
                each.map(|&scope| self.responder.suspend(scope, processes))
                    .collect()
            }
        };
        self.save_frozen();
        stopped(command, &reports, kill)
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
        match self.own_network.release(&command.alert_id, &self.state) {
            Ok(ended) => succeeded(command, &format!("{} processes go on{ended}", thawed.len())),
            Err(NotDone { code, message }) => failed(command, code, &message),
        }
    }

    /// The network that this agent is in: its container's or the machine's.
    fn cut_off(&mut self, command: &Command, wanted: &IsolateAction) -> Outcome {
        let done = if wanted.lift {
            let ended = self.own_network.release(&command.alert_id, &self.state);
            ended.map(|ended| match ended.trim_start_matches("; ") {
                "" => "it is on the network".to_owned(),
                ended => ended.to_owned(),
            })
        } else {
            let may = match self.own_network.is_inside() {
                true => Ok(()),
                false => check_no_node(self.sensor.processes()),
            };
            let reached = may.and_then(|()| {
                self.own_network
                    .isolate(&command.alert_id, wanted.seconds, &self.state)
            });
            reached.map(|reached| format!("cut off from every network; it still reaches {reached}"))
        };
        match done {
            Ok(message) => succeeded(command, &message),
            Err(NotDone { code, message }) => failed(command, code, &message),
        }
    }

    /// First nobody of the subtree may run any more: what still runs is frozen, and stays so until it is released or killed.
    fn begin_restore(
        &mut self,
        command: Box<Command>,
        wanted: &RestoreAction,
        scopes: &[ProcessUid],
    ) -> Option<Outcome> {
        let Some(mut request) = request(&command, wanted, self.clock.boot_unix_ns) else {
            let message = "the restore to be undone is not named by 32 hex digits";
            return Some(failed(&command, "malformed", message));
        };
        if request.scopes.is_empty() && request.container.is_none() {
            return Some(failed(
                &command,
                "no_scope",
                "the command names neither a process nor a container",
            ));
        }
        request.made_since_ns = self.first_acts.made_since_ns(&request.scopes, self.clock);
        let processes = self.sensor.processes();
        for &scope in scopes {
            if self.responder.has_survivors(scope, processes) {
                self.responder.suspend(scope, processes);
            }
        }
        self.save_frozen();
        match self.keeper.restore(command, request) {
            Ok(()) => None,
            Err((command, NoRestore::Absent)) => Some(failed(
                &command,
                "vault_unavailable",
                "this agent has no vault: see its capabilities",
            )),
            Err((command, NoRestore::Busy)) => Some(failed(
                &command,
                "busy",
                "too many restores wait; ask again later",
            )),
        }
    }
}

/// Those of a container that nobody else of it has started: its first process, and what was brought into it later.
fn roots_of(container: &str, processes: &ProcessTable) -> Vec<ProcessUid> {
    let is_of = |process: &Process| process.container.as_deref() == Some(container) && !container.is_empty();
    let has_parent_inside = |index| {
        let parent = processes.parent(index).and_then(|parent| processes.get(parent));
        parent.is_some_and(|parent| is_of(parent) && parent.end_time_ns.is_none())
    };
    processes
        .iter()
        .filter(|(index, process)| {
            process.end_time_ns.is_none() && is_of(process) && !has_parent_inside(*index)
        })
        .map(|(_, process)| process.uid)
        .collect()
}

/// What the command asks of the vault; `boot_unix_ns` is the moment of boot. `None` when it names no restore to undo.
fn request(command: &Command, wanted: &RestoreAction, boot_unix_ns: u64) -> Option<RestoreRequest> {
    let id = uid_of(&command.id);
    if !wanted.undo_command_id.is_empty() {
        return Some(RestoreRequest {
            scopes: vec![uid_of(&wanted.undo_command_id)?],
            id,
            ..RestoreRequest::default()
        });
    }
    let scopes = scopes(command);
    let container = (!command.container_id.is_empty()).then(|| command.container_id.as_str().into());
    // A scope says more than its container: descendants may have left it.
    let container = container.filter(|_| scopes.is_empty() || wanted.whole_container);
    let since_ns = (wanted.since_us > 0).then(|| (wanted.since_us * 1000).saturating_sub(boot_unix_ns));
    let extent = match wanted.whole_container && container.is_some() {
        true => Extent::Container,
        false => Extent::Processes,
    };
    Some(RestoreRequest {
        scopes,
        container,
        since_ns,
        extent,
        cold: wanted.cold,
        over_conflicts: wanted.over_conflicts,
        paths: wanted.paths.clone(),
        id,
        ..RestoreRequest::default()
    })
}

/// A command's id is the name of its restore.
fn uid_of(hex: &str) -> Option<ProcessUid> {
    let number = u128::from_str_radix(hex, 16).ok().filter(|_| hex.len() == 32)?;
    Some(ProcessUid(number.to_be_bytes()))
}

/// Of a restore that has ended.
pub fn restored(command: &Command, report: RestoreReport, started_at_us: u64) -> Outcome {
    let finished_at_us = unix_us();
    let message = summary(&report);
    let outcome = succeeded(command, &message);
    Outcome {
        files: report.files,
        started_at_us,
        finished_at_us,
        ..outcome
    }
}

/// "0 of 22 files restored, 21 in conflict, 1 lost, in 12 ms": a list of files alone would sound as if all were back.
fn summary(report: &RestoreReport) -> String {
    if report.files.is_empty() {
        return "no file of it had to be restored".to_owned();
    }
    let (restored, conflict, lost) = (
        report.count(Verdict::Restored),
        report.count(Verdict::Conflict),
        report.count(Verdict::Lost),
    );
    let mut text = format!("{restored} of {} files restored", restored + conflict + lost);
    for (count, word) in [
        (report.count(Verdict::Removed), "removed"),
        (report.count(Verdict::Unchanged), "unchanged"),
        (conflict, "in conflict"),
        (lost, "lost"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {word}"));
        }
    }
    text.push_str(&format!(", in {} ms", report.elapsed_ms));
    text
}

/// Of a cold restore that was not begun.
pub fn still_runs(command: &Command) -> Outcome {
    let message = "the container's file system is still mounted: is it running? Restore it live, or stop it";
    failed(command, "container_runs", message)
}

/// Every file is as it was before: the incident needs its pre-images no longer.
pub fn is_whole(report: &RestoreReport) -> bool {
    report.count(Verdict::Lost) + report.count(Verdict::Conflict) == 0
}

fn stopped(command: &Command, reports: &[Report], kill: bool) -> Outcome {
    let lingering: Vec<u32> = reports
        .iter()
        .flat_map(|report| report.lingering.clone())
        .collect();
    let all = reports.iter().flat_map(|report| report.pids.iter().copied());
    let pids: BTreeSet<u32> = all.filter(|pid| !lingering.contains(pid)).collect();
    let refused = reports.iter().flat_map(|report| &report.refused).next();
    let outcome = match refused {
        Some((pid, refusal)) if pids.len() + lingering.len() == 0 => failed(
            command,
            refusal.code(),
            &format!("process {pid} is never stopped"),
        ),
        _ if pids.len() + lingering.len() == 0 => succeeded(command, "nobody of the subtree was running"),
        _ => {
            let processes = if pids.len() == 1 { "process" } else { "processes" };
            let done = if kill { "stopped" } else { "frozen" };
            let waiting = match lingering.len() {
                0 => String::new(),
                left => format!("; {left} more got the signal and had not ended a moment later"),
            };
            succeeded(command, &format!("{} {processes} {done}{waiting}", pids.len()))
        }
    };
    Outcome {
        killed_pids: if kill {
            pids.into_iter().collect()
        } else {
            Vec::new()
        },
        ..outcome
    }
}

pub fn scopes(command: &Command) -> Vec<ProcessUid> {
    command
        .scope_uids
        .iter()
        .filter_map(|uid| Some(ProcessUid(uid.as_slice().try_into().ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        Command {
            id: "000102030405060708090a0b0c0d0e0f".to_owned(),
            scope_uids: vec![vec![7; 16]],
            container_id: "c1".to_owned(),
            ..Command::default()
        }
    }

    #[test]
    fn a_restore_is_called_as_its_command() {
        let found = request(&command(), &RestoreAction::default(), 0).unwrap();
        let id = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        assert_eq!(found.id, Some(ProcessUid(id)));
        assert_eq!(
            (found.scopes.len(), found.container, found.extent),
            (1, None, Extent::Processes)
        );
    }

    #[test]
    fn a_whole_container_keeps_its_scopes_and_the_moment_is_on_the_clock_of_boot() {
        let wanted = RestoreAction {
            whole_container: true,
            since_us: 5_000_000,
            ..RestoreAction::default()
        };
        let found = request(&command(), &wanted, 2_000_000_000).unwrap();
        assert_eq!(found.since_ns, Some(3_000_000_000));
        assert_eq!((found.scopes.len(), found.container.as_deref()), (1, Some("c1")));
        assert_eq!(found.extent, Extent::Container);
    }

    #[test]
    fn the_outcome_of_a_restore_says_what_it_did_not_do() {
        let file = |verdict: Verdict| norn_events::wire::action::v1::FileVerdict {
            verdict: verdict as i32,
            ..Default::default()
        };
        let mut files = vec![file(Verdict::Conflict); 21];
        files.push(file(Verdict::Lost));
        let report = RestoreReport {
            id: ProcessUid::UNKNOWN,
            files,
            elapsed_ms: 12,
        };
        assert_eq!(
            restored(&command(), report, 0).message,
            "0 of 22 files restored, 21 in conflict, 1 lost, in 12 ms"
        );
        let nothing = RestoreReport {
            id: ProcessUid::UNKNOWN,
            files: Vec::new(),
            elapsed_ms: 1,
        };
        assert_eq!(
            restored(&command(), nothing, 0).message,
            "no file of it had to be restored"
        );
    }

    fn process(pid: u8, parent: u8, container: &str) -> Process {
        Process {
            uid: ProcessUid([pid; 16]),
            parent_uid: ProcessUid([parent; 16]),
            pid: u32::from(pid),
            namespace_pid: u32::from(pid),
            parent_pid: u32::from(parent),
            start_time_ns: 1,
            end_time_ns: None,
            image_number: 1,
            image: std::sync::Arc::default(),
            container: (!container.is_empty()).then(|| container.into()),
            cgroup_id: 0,
            user_id: 0,
            group_id: 0,
            credentials: norn_events::Credentials::default(),
        }
    }

    #[test]
    fn who_has_the_signal_and_has_not_ended_is_not_counted_as_stopped() {
        let report = |pids: &[u32], lingering: &[u32]| Report {
            pids: pids.to_vec(),
            lingering: lingering.to_vec(),
            ..Report::default()
        };
        let outcome = stopped(&command(), &[report(&[7, 8, 9], &[9])], true);
        assert_eq!(outcome.killed_pids, [7, 8]);
        assert!(
            outcome.message.starts_with("2 processes stopped; 1 more got"),
            "{}",
            outcome.message
        );
        let outcome = stopped(&command(), &[report(&[7], &[]), report(&[7], &[])], true);
        assert_eq!(
            (outcome.killed_pids, outcome.message),
            (vec![7], "1 process stopped".to_owned())
        );
    }

    #[test]
    fn a_whole_container_ends_by_its_first_process_and_by_those_brought_into_it() {
        let mut processes = ProcessTable::default();
        // The runtime's shim, the container's first process and its child, one that was brought in, one of another container.
        for (pid, parent, container) in [
            (10, 1, ""),
            (11, 10, "c1"),
            (12, 11, "c1"),
            (13, 10, "c1"),
            (14, 10, "c2"),
        ] {
            processes.insert(process(pid, parent, container));
        }
        let uids =
            |pids: &[u8]| -> Vec<ProcessUid> { pids.iter().map(|&pid| ProcessUid([pid; 16])).collect() };
        assert_eq!(roots_of("c1", &processes), uids(&[11, 13]));
        assert_eq!(roots_of("", &processes), uids(&[]));
        assert_eq!(roots_of("c3", &processes), uids(&[]));
    }

    // @norn-strict
    #[test]
    fn what_is_to_be_undone_is_the_only_scope() {
        let mut wanted = RestoreAction {
            undo_command_id: "ff".repeat(16),
            ..RestoreAction::default()
        };
        let found = request(&command(), &wanted, 0).unwrap();
        assert_eq!(
            (found.scopes, found.container),
            (vec![ProcessUid([0xff; 16])], None)
        );
        wanted.undo_command_id = "ff".to_owned();
        assert_eq!(request(&command(), &wanted, 0), None);
    }
}
