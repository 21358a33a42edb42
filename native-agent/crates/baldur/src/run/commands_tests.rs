use norn_events::wire::action::v1::{KillAction, RestoreAction};

use super::*;
use crate::run::testing::TemporaryDir;

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
fn start(dir: &TemporaryDir) -> (StateDir, Commands) {
    let state = StateDir::open(&dir.0).unwrap();
    let commands = Commands::open(&state).unwrap();
    (state, commands)
}

#[test]
fn a_command_runs_once_and_its_stored_outcome_answers_a_repetition() {
    let dir = TemporaryDir::new("once");
    let (_state, mut commands) = start(&dir);
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
    let dir = TemporaryDir::new("refused");
    let (_state, mut commands) = start(&dir);
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
    let dir = TemporaryDir::new("interrupted");
    {
        let (_state, mut commands) = start(&dir);
        commands.receive(kill(1), NOW_US);
    }
    let (_state, mut commands) = start(&dir);
    let mut resumed = commands.resume(NOW_US);
    assert_eq!(code(resumed.remove(0)), "interrupted");
    assert!(resumed.is_empty() && commands.resume(NOW_US).is_empty());
    assert_eq!(code(commands.receive(kill(1), NOW_US)), "interrupted");
}

#[test]
fn a_restore_cut_off_is_run_again_but_not_for_ever() {
    let dir = TemporaryDir::new("resumed");
    {
        let (_state, mut commands) = start(&dir);
        commands.receive(restore(1), NOW_US);
    }
    let codes: Vec<String> = (0..3)
        .map(|_| {
            let (_state, mut commands) = start(&dir);
            code(commands.resume(NOW_US).remove(0))
        })
        .collect();
    assert_eq!(codes, ["run", "run", "interrupted"]);
}
