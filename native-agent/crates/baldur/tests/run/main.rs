//! `baldur run` against a fake Tyr on a real kernel: hello, heartbeat, batches, commands at most once over a kill -9.
mod earlier_jobs;
mod fake_tyr;
mod host_policy;
mod lifeline;
mod listing;
mod persistence;
mod policy;
mod rights;

use std::os::unix::process::CommandExt;
use std::process::{Child, Command as Program, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fake_tyr::{FakeTyr, Stage, as_batch};
use norn_events::wire::action::v1::command::Action;
use norn_events::wire::action::v1::{Command, KillAction, OutcomeState, ReleaseAction, SuspendAction};
use norn_events::wire::agent::v1::{BaldurHello, baldur_message, tyr_message};

/// A process that lives until it is killed; ended with the test.
struct Victim(Child);

impl Victim {
    fn start() -> Self {
        Self(
            Program::new("sleep")
                .arg("600")
                .stdout(Stdio::null())
                .process_group(0)
                .spawn()
                .unwrap(),
        )
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    fn is_alive(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    fn state(&self) -> char {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        stat[stat.rfind(')').unwrap() + 2..].chars().next().unwrap()
    }

    /// A signal is sent before it has arrived: one that runs on another CPU goes on for a moment.
    fn comes_to_be(&self, state: char) -> bool {
        (0..100).any(|_| {
            let is_so = self.state() == state;
            std::thread::sleep(Duration::from_millis(if is_so { 0 } else { 10 }));
            is_so
        })
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64
}

fn command(number: u8, scope: [u8; 16], action: Action) -> Command {
    Command {
        id: format!("{number:032x}"),
        alert_id: "alert".to_owned(),
        issued_at_us: now_us(),
        expires_at_us: now_us() + 60_000_000,
        epoch: 1,
        scope_uids: vec![scope.to_vec()],
        action: Some(action),
        ..Command::default()
    }
}

fn kill(number: u8, scope: [u8; 16]) -> Command {
    command(number, scope, Action::Kill(KillAction::default()))
}

/// Without BPF there are no events, so no process to name in a command.
fn sees_processes(hello: &BaldurHello) -> bool {
    let sees = hello
        .capabilities
        .iter()
        .any(|capability| capability.name == "process.lifecycle" && capability.available);
    if !sees {
        assert!(
            std::env::var_os("CI").is_none(),
            "the sensor must work under CI: {:?}",
            hello.capabilities
        );
        eprintln!("not tested: the sensor is not available here");
    }
    sees
}

fn start(stage: &mut Stage) -> Option<FakeTyr> {
    stage.start_baldur();
    let (tyr, hello) = stage.accept();
    sees_processes(&hello).then_some(tyr)
}

#[test]
fn it_says_hello_then_a_heartbeat_then_batches_numbered_from_one() {
    let mut stage = Stage::new("hello", &["--no-vault"]);
    let Some(mut tyr) = start(&mut stage) else { return };
    let health = tyr.until("heartbeat", |message| match message {
        baldur_message::Message::Heartbeat(heartbeat) => heartbeat.health.clone(),
        _ => None,
    });
    assert!(health.baldur_rss_bytes > 0);
    let victim = Victim::start();
    tyr.process(victim.pid());
    let batches: Vec<_> = tyr
        .said
        .iter()
        .filter_map(|message| Some((message.seq, as_batch(message.message.as_ref()?)?.0)))
        .collect();
    let numbers: Vec<u64> = batches.iter().map(|(_, batch)| batch.batch_seq).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    assert!(
        batches
            .iter()
            .all(|(seq, batch)| *seq == batch.batch_seq && batch.traceparent.len() == 55)
    );
}

#[test]
fn batches_that_were_not_acked_come_again_on_the_next_connection() {
    let mut stage = Stage::new("again", &["--no-vault"]);
    let Some(mut tyr) = start(&mut stage) else { return };
    let victim = Victim::start();
    tyr.process(victim.pid());
    let last = tyr.said.iter().map(|message| message.seq).max().unwrap();
    tyr.say(tyr_message::Message::BatchAck(last - 1));
    // Heard back from after the ack, so the ack was read.
    tyr.command(&Command {
        action: None,
        ..kill(1, [9; 16])
    });
    tyr.outcome(&kill(1, [9; 16]).id);
    drop(tyr);
    let (mut tyr, _) = stage.accept();
    let first = tyr.until("a batch", |message| {
        as_batch(message).map(|(batch, _)| batch.batch_seq)
    });
    assert_eq!(first, last);
}

#[test]
fn a_kill_ends_the_process_once_even_over_a_kill_of_the_agent() {
    let mut stage = Stage::new("once", &["--no-vault"]);
    let Some(mut tyr) = start(&mut stage) else { return };
    let mut victim = Victim::start();
    let scope = tyr.process(victim.pid());
    tyr.command(&kill(1, scope));
    let outcome = tyr.outcome(&kill(1, scope).id);
    assert_eq!(
        (outcome.state(), outcome.killed_pids.as_slice()),
        (OutcomeState::Succeeded, &[victim.pid()][..])
    );
    assert!(!victim.is_alive());
    stage.kill_baldur();

    stage.start_baldur();
    let (mut tyr, _) = stage.accept();
    // Not acked, so it is told again.
    assert_eq!(tyr.outcome(&kill(1, scope).id).killed_pids, [victim.pid()]);
    let mut other = Victim::start();
    let other_scope = tyr.process(other.pid());
    tyr.said.clear();
    tyr.command(&kill(1, other_scope));
    assert_eq!(tyr.outcome(&kill(1, scope).id).killed_pids, [victim.pid()]);
    assert!(other.is_alive());
}

#[test]
fn an_expired_command_is_not_run() {
    let mut stage = Stage::new("expired", &["--no-vault"]);
    let Some(mut tyr) = start(&mut stage) else { return };
    let mut victim = Victim::start();
    let late = Command {
        expires_at_us: now_us() - 1,
        ..kill(1, tyr.process(victim.pid()))
    };
    tyr.command(&late);
    assert_eq!(tyr.outcome(&late.id).state(), OutcomeState::Expired);
    assert!(victim.is_alive());
}

#[test]
fn what_is_suspended_stays_so_over_a_restart_until_it_is_released() {
    let mut stage = Stage::new("suspend", &["--no-vault"]);
    let Some(mut tyr) = start(&mut stage) else { return };
    let victim = Victim::start();
    let scope = tyr.process(victim.pid());
    let suspend = command(1, scope, Action::Suspend(SuspendAction {}));
    tyr.command(&suspend);
    assert_eq!(tyr.outcome(&suspend.id).state(), OutcomeState::Succeeded);
    assert!(victim.comes_to_be('T'));
    stage.kill_baldur();
    stage.start_baldur();
    let (mut tyr, _) = stage.accept();
    let release = command(2, scope, Action::Release(ReleaseAction {}));
    tyr.command(&release);
    assert_eq!(tyr.outcome(&release.id).state(), OutcomeState::Succeeded);
    assert_ne!(victim.state(), 'T');
}

#[test]
fn sigterm_ends_it_with_success_and_a_second_agent_on_its_state_is_refused() {
    let mut stage = Stage::new("stop", &["--no-vault"]);
    stage.start_baldur();
    let (_tyr, _) = stage.accept();
    let second = Program::new(env!("CARGO_BIN_EXE_baldur"))
        .args(["run", "--no-vault", "--socket", "/nonexistent", "--state-dir"])
        .arg(stage.dir.join("state"))
        .output()
        .unwrap();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("ALREADY_RUNNING"));
    let pid = nix::unistd::Pid::from_raw(stage.child().id() as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::SIGTERM).unwrap();
    assert!(stage.child().wait().unwrap().success());
}
