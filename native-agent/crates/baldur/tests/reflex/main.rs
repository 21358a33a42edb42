//! What a policy lets the ransomware reflex do, on a real kernel: kill, suspend until a person lets go, or only tell.
#[path = "../run/fake_tyr.rs"]
mod fake_tyr;
#[path = "../ordinary/files.rs"]
mod files;

use std::path::{Path, PathBuf};
use std::process::{Child, Command as Program};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fake_tyr::{FakeTyr, Stage, as_batch};
use files::Files;
use norn_events::wire::action::v1::command::Action;
use norn_events::wire::action::v1::{Command, OutcomeState, ReleaseAction};
use norn_events::wire::agent::v1::{AgentPolicy, ReflexMode, baldur_message, tyr_message};
use norn_events::wire::finding::v1::{Finding, ResponseRung};

/// Writes random bytes over each file, at the given pause, s.
const ENCRYPT: &str = "
    for $file (glob('docs/*/*.*'), glob('docs/*/*/*.*')) {
        open(R, '<', '/dev/urandom'); read(R, $random, -s $file);
        open(F, '+<', $file) or die; print F $random; close F;
        select(undef, undef, undef, $ARGV[0]);
    }";
const PATIENCE: Duration = Duration::from_secs(120);

struct Attack {
    child: Child,
    dir: PathBuf,
    before: Vec<(PathBuf, Vec<u8>)>,
}

impl Attack {
    fn start(dir: &Path, pause_s: &str) -> Self {
        let before = content(&dir.join("docs"));
        let child = Program::new("perl")
            .args(["-e", ENCRYPT, pause_s])
            .current_dir(dir)
            .spawn()
            .unwrap();
        let dir = dir.to_path_buf();
        Self { child, dir, before }
    }

    fn changed(&self) -> usize {
        let now = content(&self.dir.join("docs"));
        now.iter()
            .zip(&self.before)
            .filter(|(now, before)| now != before)
            .count()
    }

    fn state(&self) -> char {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        stat[stat.rfind(')').unwrap() + 2..].chars().next().unwrap()
    }

    fn ends(&mut self) -> std::process::ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "the attacker neither ends nor is ended"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

fn content(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(content(&path));
        } else {
            found.push((path.clone(), std::fs::read(path).unwrap()));
        }
    }
    found.sort();
    found
}

/// An agent that protects a corpus and has this policy.
fn protect(name: &str, mode: ReflexMode) -> (Stage, FakeTyr, Files, PathBuf) {
    let home = Files::home();
    let dir = home.corpus(name);
    let mut stage = Stage::new(name, &["--protect", &dir.to_string_lossy()]);
    stage.start_baldur();
    let (mut tyr, _) = stage.accept();
    tyr.until_files_are_kept();
    tyr.say(tyr_message::Message::Policy(AgentPolicy {
        ransomware: mode.into(),
        ..AgentPolicy::default()
    }));
    // The files are copied at rest meanwhile.
    std::thread::sleep(Duration::from_millis(500));
    (stage, tyr, home, dir)
}

fn finding(tyr: &mut FakeTyr) -> Finding {
    tyr.until("a finding", |message| {
        as_batch(message)?.0.findings.first().cloned()
    })
}

fn findings(tyr: &FakeTyr) -> usize {
    let batches = tyr
        .said
        .iter()
        .filter_map(|said| as_batch(said.message.as_ref()?));
    batches.map(|(batch, _)| batch.findings.len()).sum()
}

fn rung(finding: &Finding) -> ResponseRung {
    finding.response.as_ref().expect("a response").rung()
}

#[test]
#[ignore = "needs root, BPF and fanotify"]
fn kill_ends_the_attack_well_before_its_end() {
    let (_stage, mut tyr, _home, dir) = protect("kill", ReflexMode::Kill);
    let mut attack = Attack::start(&dir, "0.002");
    assert!(!attack.ends().success());
    assert_eq!(rung(&finding(&mut tyr)), ResponseRung::Killed);
    // How many it is, is for benchmarks to say; a debug build on a busy machine is slow.
    let (changed, files) = (attack.changed(), attack.before.len());
    assert!(changed > 0 && changed < files / 4, "{changed} of {files}");
}

#[test]
#[ignore = "needs root, BPF and fanotify"]
fn observe_tells_and_stops_nothing() {
    let (_stage, mut tyr, _home, dir) = protect("observe", ReflexMode::Observe);
    let mut attack = Attack::start(&dir, "0");
    assert!(attack.ends().success());
    assert_eq!(rung(&finding(&mut tyr)), ResponseRung::Observed);
    assert_eq!(attack.changed(), attack.before.len());
}

#[test]
#[ignore = "needs root, BPF and fanotify"]
fn suspend_waits_for_a_person_and_what_was_released_never_fires_again() {
    let (_stage, mut tyr, _home, dir) = protect("suspend", ReflexMode::Suspend);
    let mut attack = Attack::start(&dir, "0.01");
    let told = finding(&mut tyr);
    assert_eq!((rung(&told), attack.state()), (ResponseRung::Frozen, 'T'));
    let changed = attack.changed();
    assert!(changed > 0 && changed < attack.before.len() / 4, "{changed}");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!((attack.changed(), attack.state()), (changed, 'T'));

    let now_us = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64;
    let release = Command {
        id: format!("{:032x}", 1),
        alert_id: "alert".to_owned(),
        issued_at_us: now_us,
        expires_at_us: now_us + 60_000_000,
        epoch: 1,
        scope_uids: vec![told.scope_uid.clone()],
        action: Some(Action::Release(ReleaseAction {})),
        ..Command::default()
    };
    tyr.command(&release);
    assert_eq!(tyr.outcome(&release.id).state(), OutcomeState::Succeeded);
    assert!(attack.ends().success());
    assert_eq!(
        attack.changed(),
        attack.before.len(),
        "nothing is restored, and it went on to its end"
    );
    // Two heartbeats: what it did to its end has been judged.
    for _ in 0..2 {
        tyr.said
            .retain(|said| !matches!(said.message, Some(baldur_message::Message::Heartbeat(_))));
        tyr.until("a heartbeat", |message| {
            matches!(message, baldur_message::Message::Heartbeat(_)).then_some(())
        });
    }
    assert_eq!(findings(&tyr), 1);
}
