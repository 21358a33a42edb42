//! A program that a hooked one starts is hooked before its first own instruction: what it does first is asked about and recorded.
mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use norn_hook::calls;
use norn_inject::{Blind, Hooked, InjectError, inject};
use support::following::{Following, Outcome, options};
use support::turns::{print_held, turns};
use support::{BASH, Directory, Program, plans};

/// Starts of one line until it must have been hooked.
const STARTS_MAX: usize = 20;
/// Starts of one that is not to be hooked, until it is said why. One that has ended before it is looked at is gone.
const CODES_MAX: usize = 50;

struct Scene {
    shell: Program,
    _hooked: Hooked,
    outcomes: std::sync::mpsc::Receiver<Outcome>,
    asked: std::sync::mpsc::Receiver<(u64, PathBuf, bool)>,
}

impl Scene {
    fn new() -> Self {
        plans().prepare();
        let mut shell = Program::start(BASH);
        shell.run("");
        let ((tell, outcomes), (ask, asked)) = (channel(), channel());
        let following = Following {
            outcomes: tell,
            asked: ask,
        };
        let hooked = inject(shell.pid(), plans(), &options(), Box::new(following)).unwrap();
        Self {
            shell,
            _hooked: hooked,
            outcomes,
            asked,
        }
    }

    /// `None`: the follower was late, or the call was not asked about at all, for who asks waits a moment only.
    fn outcome_in_time(&self) -> Option<Hooked> {
        match self.outcomes.recv_timeout(Duration::from_secs(10)) {
            Ok(Err(error)) if is_late(&error) => None,
            Ok(other) => Some(other.unwrap()),
            Err(_) => None,
        }
    }

    /// A line whose program is hooked as it starts; it is started again when the follower was late.
    fn hooked(&mut self, line: &str, says: &str) {
        for _ in 0..STARTS_MAX {
            assert_eq!(self.shell.run(line), says);
            if self.outcome_in_time().is_some() {
                return;
            }
        }
        panic!("{STARTS_MAX} times not hooked: {line}");
    }

    /// Why the program of this line was not hooked; it is started again when the follower was late, or was not asked.
    fn code(&mut self, line: &str, says: &str) -> &'static str {
        const LATE: &str = "HOOK_GONE";
        let mut codes = (0..CODES_MAX).map(|_| {
            assert_eq!(self.shell.run(line), says);
            let outcome = self.outcomes.recv_timeout(Duration::from_secs(2));
            outcome.map_or(LATE, |outcome| outcome.map_or_else(|error| error.code(), |_| ""))
        });
        codes.find(|code| *code != LATE).unwrap_or(LATE)
    }
}

/// On a machine that gives the follower no turn within 20 ms, or a loader within 50, a program starts as it is.
fn is_late(error: &InjectError) -> bool {
    let blind = matches!(error, InjectError::Blind(Blind::Gone { .. }));
    blind || matches!(error, InjectError::Busy { .. } | InjectError::NoExec { .. })
}

#[test]
fn what_a_started_program_does_first_is_asked_about_before() {
    let directory = Directory::new("exec");
    let mut scene = Scene::new();
    let mut held = Vec::new();
    for turn in 0..turns() * STARTS_MAX {
        let file = directory.file(&format!("f{turn}"), "kept");
        assert_eq!(scene.shell.run(&format!("rm {}; echo $?", file.display())), "0");
        let Some(hooked) = scene.outcome_in_time() else {
            continue;
        };
        held.push(hooked.held());
        let asked: Vec<_> = scene.asked.try_iter().collect();
        let unlinks = |call: &u64| [calls::UNLINK, calls::UNLINKAT].contains(call);
        let before: Vec<_> = asked
            .iter()
            .filter(|(call, path, _)| unlinks(call) && *path == file)
            .collect();
        assert!(before.len() == 1 && before[0].2, "turn {turn}: {asked:?}");
        assert!(!file.exists());
        if held.len() == turns() {
            break;
        }
    }
    assert_eq!(held.len(), turns(), "starts that were hooked");
    print_held("what was started", held);
    scene.shell.end();
}

/// By vfork, fork and exec, a script, and the shell itself.
#[test]
fn every_way_to_start_a_program_is_followed() {
    let directory = Directory::new("ways");
    let mut scene = Scene::new();
    let script = directory.file("script", "#!/bin/sh\necho by a script\n");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    scene.hooked(&script.display().to_string(), "by a script");
    let spawn = "python3 -c \"import os; os.waitpid(os.posix_spawn('/bin/echo', ['echo', 'spawned'], os.environ), 0)\"";
    let calls_of_the_last = (0..STARTS_MAX).find_map(|_| {
        assert_eq!(scene.shell.run(spawn), "spawned");
        // The interpreter may itself be started through others; one that looks for its program in many places is followed already.
        let mut last = None;
        while let Ok(next) = scene.outcomes.recv_timeout(Duration::from_millis(300)) {
            last = next.ok().or(last);
        }
        let mut calls = 0;
        last?.channel().read(&mut |_| calls += 1);
        Some(calls)
    });
    assert!(calls_of_the_last > Some(0), "what was started last is hooked");
    scene.hooked("( exec cat <<< piped )", "piped");
    scene.shell.end();
}

#[test]
fn what_cannot_be_followed_starts_as_ever() {
    let directory = Directory::new("cannot");
    let mut scene = Scene::new();
    let absent = "shopt -s execfail; exec /absent/program 2> /dev/null; echo $?";
    assert_eq!(scene.code(absent, "127"), "HOOK_NO_EXEC");
    let source = directory.file(
        "static.c",
        "#include <stdio.h>\n#include <unistd.h>\nint main() { printf(\"%d\\n\", geteuid()); }",
    );
    let fixed = directory.0.join("fixed");
    let compiled = std::process::Command::new("cc")
        .args(["-static", "-o"])
        .arg(&fixed)
        .arg(&source)
        .status();
    assert!(compiled.unwrap().success());
    assert_eq!(scene.code(&fixed.display().to_string(), "0"), "HOOK_STATIC");
    let raised = directory.0.join("raised");
    let compiled = std::process::Command::new("cc")
        .arg("-o")
        .arg(&raised)
        .arg(&source)
        .status();
    assert!(compiled.unwrap().success());
    // Another user's rights are gained although somebody follows.
    std::os::unix::fs::chown(&raised, Some(65534), None).unwrap();
    std::fs::set_permissions(&raised, std::fs::Permissions::from_mode(0o4755)).unwrap();
    assert_eq!(
        scene.code(&raised.display().to_string(), "65534"),
        "HOOK_SECURE_EXEC"
    );
    scene.shell.end();
}

/// Nobody answers any more, and nobody waits.
#[test]
fn without_the_agent_programs_start_at_once() {
    let mut scene = Scene::new();
    let Scene { shell, _hooked, .. } = &mut scene;
    let left = _hooked.channel().shared();
    left.header.agent.store(
        norn_hook::channel::OWNER_DIED,
        std::sync::atomic::Ordering::SeqCst,
    );
    let before = Instant::now();
    assert_eq!(shell.run("/bin/echo on"), "on");
    assert!(before.elapsed() < Duration::from_secs(5));
    assert_eq!(_hooked.channel().losses().unanswered, 0, "it did not even ask");
    scene.shell.end();
}
