//! A person restores what a job daemon did, of which an earlier agent had found that one of its jobs is an attack.
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command as Program, Stdio};
use std::time::Duration;

use norn_events::wire::action::v1::command::Action;
use norn_events::wire::action::v1::{OutcomeState, RestoreAction};

use crate::fake_tyr::Stage;
use crate::{command, now_us, sees_processes};

/// Of `first_acts.rs`.
const PREPARED_US: u64 = 600_000_000;

struct Protected(PathBuf);

impl Drop for Protected {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// A shell that is told one job after the other; ended with the test.
struct Jobs {
    shell: Child,
    todo: ChildStdin,
    done: BufReader<ChildStdout>,
}

impl Jobs {
    fn start(home: &Path) -> Self {
        let mut shell = Program::new("/bin/sh")
            .args([
                "-c",
                r#"while read -r job; do sh -ec "$job"; echo "done $?"; done"#,
            ])
            .current_dir(home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (todo, done) = (shell.stdin.take().unwrap(), shell.stdout.take().unwrap());
        Self {
            shell,
            todo,
            done: BufReader::new(done),
        }
    }

    fn run(&mut self, job: &str) {
        writeln!(self.todo, "{job}").unwrap();
        let mut line = String::new();
        self.done.read_line(&mut line).unwrap();
        assert_eq!(line, "done 0\n", "{job}");
        // What it did is told, and copied at rest.
        std::thread::sleep(Duration::from_secs(2));
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        let _gone = self.shell.kill();
        let _status = self.shell.wait();
    }
}

// @norn-strict
#[test]
fn a_command_leaves_what_earlier_jobs_made_also_after_a_restart_of_the_agent() {
    let home = Protected(PathBuf::from(format!(
        "/var/tmp/norn-earlier-{}",
        std::process::id()
    )));
    fs::create_dir_all(&home.0).unwrap();
    fs::write(home.0.join("original"), "the original\n").unwrap();
    let mut stage = Stage::new("earlier-jobs", &["--keep", home.0.to_str().unwrap()]);
    stage.start_baldur();
    let (mut tyr, hello) = stage.accept();
    if !sees_processes(&hello) {
        return;
    }
    tyr.until_files_are_kept();
    let mut jobs = Jobs::start(&home.0);
    jobs.run("mkdir tree; for name in a b c; do echo $name > tree/$name; done");
    let scope = tyr.process(jobs.shell.id());
    stage.kill_baldur();

    let hex: String = scope.iter().map(|byte| format!("{byte:02x}")).collect();
    let found = format!(
        r#"[{{"scope":"{hex}","first_act_us":{}}}]"#,
        now_us() + PREPARED_US
    );
    fs::write(stage.dir.join("state/first_acts.json"), found).unwrap();
    stage.start_baldur();
    let (mut tyr, _) = stage.accept();
    tyr.until_files_are_kept();
    jobs.run("echo evil > original; echo evil > tree/a; rm tree/b; echo pay > tree/note");
    let restore = command(1, scope, Action::Restore(RestoreAction::default()));
    tyr.command(&restore);
    let outcome = tyr.outcome(&restore.id);

    assert_eq!(outcome.state(), OutcomeState::Succeeded, "{}", outcome.message);
    let content = |name: &str| fs::read_to_string(home.0.join(name)).ok();
    assert_eq!(content("original").as_deref(), Some("the original\n"));
    let tree = ["a", "b", "c", "note"].map(|name| content(&format!("tree/{name}")));
    let expected = [Some("a\n"), Some("b\n"), Some("c\n"), None];
    assert_eq!(
        tree,
        expected.map(|text| text.map(str::to_owned)),
        "{:?}",
        outcome.files
    );
    assert!(
        !outcome.files.iter().any(|file| file.path.ends_with(b"tree/c")),
        "nobody harmed it"
    );
}
