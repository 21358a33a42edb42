use norn_events::wire::action::v1::{
    IsolateAction, KillAction, ProvenFinding, ReleaseAction, RestoreAction, SuspendAction,
};
use tempfile::{TempDir, tempdir};

use super::*;

const NOW_US: u64 = 1_000_000;

fn kill(number: u8) -> Command {
    Command {
        id: format!("{number:032x}"),
        alert_id: "a".to_owned(),
        expires_at_us: NOW_US + 1,
        epoch: 1,
        scope_uids: vec![vec![1; 16]],
        action: Some(Action::Kill(KillAction::default())),
        ..Command::default()
    }
}

fn restore(number: u8) -> Command {
    Command {
        action: Some(Action::Restore(RestoreAction::default())),
        ..kill(number)
    }
}

fn code(decision: Decision) -> String {
    match decision {
        Decision::Run(_) => "run".to_owned(),
        Decision::Answer(outcomes) => outcomes
            .last()
            .map(|outcome| outcome.code.clone())
            .unwrap_or_default(),
    }
}

/// Opens the commands of one directory, as a start of the agent does.
fn start(dir: &TempDir) -> Commands {
    Commands::open(dir.path()).unwrap()
}

#[test]
fn a_command_runs_once_and_its_stored_outcome_answers_a_repetition() {
    let dir = tempdir().unwrap();
    let mut commands = start(&dir);
    assert_eq!(code(commands.receive(kill(1), NOW_US)), "run");
    let Decision::Answer(running) = commands.receive(kill(1), NOW_US) else {
        panic!("ran twice")
    };
    assert_eq!(running[0].state(), OutcomeState::Running);
    commands.finish(answer(&kill(1), OutcomeState::Succeeded, ("ok", ""), NOW_US));
    let Decision::Answer(stored) = commands.receive(kill(1), NOW_US) else {
        panic!("ran twice")
    };
    assert_eq!(stored[0].state(), OutcomeState::Succeeded);
    commands.ack(&kill(1).id);
    assert_eq!(code(commands.receive(kill(1), NOW_US)), "replayed");
}

#[test]
fn what_is_expired_fenced_malformed_or_unknown_is_refused_and_leaves_no_trace() {
    let dir = tempdir().unwrap();
    let mut commands = start(&dir);
    commands.receive(Command { epoch: 5, ..kill(1) }, NOW_US);
    let cases = [
        (
            Command {
                expires_at_us: NOW_US - 1,
                ..kill(2)
            },
            "expired",
        ),
        (Command { epoch: 4, ..kill(2) }, "fenced"),
        (
            Command {
                id: "../../etc".to_owned(),
                ..kill(2)
            },
            "malformed",
        ),
        (
            Command {
                scope_uids: vec![vec![1; 3]],
                ..kill(2)
            },
            "malformed",
        ),
        (
            Command {
                action: None,
                ..kill(2)
            },
            "unknown_action",
        ),
        (Command { epoch: 5, ..kill(2) }, "run"),
    ];
    for (command, expected) in cases {
        assert_eq!(code(commands.receive(command, NOW_US)), expected);
    }
}

#[test]
fn a_kill_cut_off_by_the_agents_end_is_answered_as_interrupted_and_never_run_again() {
    let dir = tempdir().unwrap();
    {
        let mut commands = start(&dir);
        commands.receive(kill(1), NOW_US);
    }
    let mut commands = start(&dir);
    let mut resumed = commands.resume(NOW_US);
    assert_eq!(code(resumed.remove(0)), "interrupted");
    assert!(resumed.is_empty() && commands.resume(NOW_US).is_empty());
    assert_eq!(code(commands.receive(kill(1), NOW_US)), "interrupted");
}

#[test]
fn a_restore_cut_off_is_run_again_but_not_for_ever() {
    let dir = tempdir().unwrap();
    {
        let mut commands = start(&dir);
        commands.receive(restore(1), NOW_US);
    }
    let codes: Vec<String> = (0..3)
        .map(|_| {
            let mut commands = start(&dir);
            code(commands.resume(NOW_US).remove(0))
        })
        .collect();
    assert_eq!(codes, ["run", "run", "interrupted"]);
}

fn finding(number: u8, source: FindingSource) -> ProvenFinding {
    ProvenFinding {
        id: format!("{number:032x}"),
        source: source.into(),
        scope_uid: vec![number; 16],
        ..ProvenFinding::default()
    }
}

/// What a policy asks about findings.
fn of_policy(number: u8, findings: &[ProvenFinding]) -> Command {
    Command {
        requested_by: "policy".to_owned(),
        scope_uids: findings.iter().map(|finding| finding.scope_uid.clone()).collect(),
        findings: findings.to_vec(),
        ..kill(number)
    }
}

#[test]
fn a_policys_command_about_the_agents_own_finding_runs_once_it_holds_it_also_after_a_restart() {
    let dir = tempdir().unwrap();
    let own = finding(1, FindingSource::Reflex);
    {
        let mut commands = start(&dir);
        assert_eq!(
            code(commands.receive(of_policy(1, std::slice::from_ref(&own)), NOW_US)),
            "finding_not_held"
        );
        commands.hold(&Finding {
            id: own.id.clone(),
            scope_uid: own.scope_uid.clone(),
            ..Finding::default()
        });
        // The same command: what was refused was not begun.
        assert_eq!(
            code(commands.receive(of_policy(1, std::slice::from_ref(&own)), NOW_US)),
            "run"
        );
    }
    let mut commands = start(&dir);
    assert_eq!(
        code(commands.receive(of_policy(2, std::slice::from_ref(&own)), NOW_US)),
        "run"
    );
    let elsewhere = ProvenFinding {
        scope_uid: vec![9; 16],
        ..own
    };
    assert_eq!(
        code(commands.receive(of_policy(3, &[elsewhere]), NOW_US)),
        "finding_not_held"
    );
}

#[test]
fn a_policys_command_about_a_rules_finding_runs_for_the_scopes_of_its_findings_alone() {
    let dir = tempdir().unwrap();
    let mut commands = start(&dir);
    let rules = [finding(1, FindingSource::Rule), finding(2, FindingSource::Rule)];
    assert_eq!(code(commands.receive(of_policy(1, &rules), NOW_US)), "run");
    for (number, scopes) in [(2, vec![vec![1; 16], vec![3; 16]]), (3, Vec::new())] {
        let command = Command {
            scope_uids: scopes,
            ..of_policy(number, &rules)
        };
        assert_eq!(code(commands.receive(command, NOW_US)), "finding_not_held");
    }
    assert_eq!(
        code(commands.receive(of_policy(4, &[]), NOW_US)),
        "finding_not_held"
    );
}

#[test]
fn a_policy_asks_for_nothing_that_reaches_further_than_its_findings() {
    let whole_host = IsolateAction {
        host: true,
        seconds: 60,
        ..IsolateAction::default()
    };
    let dir = tempdir().unwrap();
    let mut commands = start(&dir);
    let rule = finding(1, FindingSource::Rule);
    let restore = RestoreAction::default;
    let cases = [
        (Action::Suspend(SuspendAction {}), "run"),
        (Action::Restore(restore()), "run"),
        (
            Action::Kill(KillAction {
                whole_container: true,
            }),
            "finding_not_held",
        ),
        (
            Action::Restore(RestoreAction {
                whole_container: true,
                ..restore()
            }),
            "finding_not_held",
        ),
        (
            Action::Restore(RestoreAction {
                cold: true,
                ..restore()
            }),
            "finding_not_held",
        ),
        (
            Action::Restore(RestoreAction {
                over_conflicts: true,
                ..restore()
            }),
            "finding_not_held",
        ),
        (
            Action::Restore(RestoreAction {
                undo_command_id: "f".repeat(32),
                ..restore()
            }),
            "finding_not_held",
        ),
        (Action::Release(ReleaseAction {}), "finding_not_held"),
        (Action::Isolate(IsolateAction::default()), "finding_not_held"),
        (Action::Isolate(whole_host), "finding_not_held"),
    ];
    for (number, (action, expected)) in cases.into_iter().enumerate() {
        let mut command = of_policy(number as u8 + 1, std::slice::from_ref(&rule));
        command.action = Some(action);
        // A person may ask for all of it; Tyr has verified that one did.
        let persons = Command {
            id: format!("{:032x}", 100 + number),
            requested_by: "ada".to_owned(),
            findings: Vec::new(),
            ..command.clone()
        };
        assert_eq!(code(commands.receive(command, NOW_US)), expected, "{number}");
        assert_eq!(code(commands.receive(persons, NOW_US)), "run", "{number}");
    }
}
