use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use norn_inject::{Blind, inject};
use norn_os::Waiter;

use super::*;

/// Longer than anything here takes; who was not asked about is waited for in vain.
const PATIENCE: Duration = Duration::from_secs(10);
const STARTS_MAX: usize = 100;

/// A shell that is hooked as the agent hooks it.
struct Shell {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    _hooked: Hooked,
}

impl Shell {
    fn start(follow: &Follow) -> Self {
        let line = "while read -r line; do eval \"$line\" > /dev/null 2>&1; echo $?; done";
        let mut child = Command::new("bash")
            .args(["--norc", "-c", line])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut output = BufReader::new(output);
        tell((&mut input, &mut output), ":");
        let answers = Answers::new((child.id(), child.id()), None, follow.counts.clone());
        let answers = Box::new(answers.following(follow.clone().starts()));
        let pid = child.id() as i32;
        let hooked = inject(pid, &follow.follower.plans, &options(false), answers).unwrap();
        Self {
            child,
            input,
            output,
            _hooked: hooked,
        }
    }

    fn tell(&mut self, line: &str) -> String {
        tell((&mut self.input, &mut self.output), line)
    }

    /// What comes of a line's program, which is started again by the next turn when it was not followed: on a machine that gives the follower
    /// no turn in time, or nobody one who is asked, it starts as it is.
    fn hooked(&mut self, follow: &Follow, line: impl Fn() -> String) -> Hooked {
        for _ in 0..STARTS_MAX {
            assert_eq!(self.tell(&line()), "0");
            let Some(start) = settled(follow).pop() else {
                continue;
            };
            match start.outcome.unwrap().result {
                Err(InjectError::Busy { .. } | InjectError::NoExec { .. }) => {}
                Err(InjectError::Blind(Blind::Gone { .. })) => {}
                other => return other.unwrap(),
            }
            // At most `PER_SECOND_MAX` are followed in a second.
            thread::sleep(Duration::from_secs(1) / PER_SECOND_MAX);
        }
        panic!("{STARTS_MAX} times not hooked: {}", line());
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn tell((input, output): (&mut ChildStdin, &mut BufReader<ChildStdout>), line: &str) -> String {
    writeln!(input, "{line}").unwrap();
    let mut answer = String::new();
    output.read_line(&mut answer).unwrap();
    answer.trim().to_owned()
}

fn follow(programs: &[&str], all: bool) -> Follow {
    let waiter = Waiter::new(&[]).unwrap();
    let programs = programs.iter().map(|name| name.as_bytes().to_vec()).collect();
    let follower = Arc::new(Follower::new(programs, waiter.waker()));
    follower.plans.prepare();
    Follow {
        follower,
        vault: None,
        counts: Arc::default(),
        all,
    }
}

/// As it is once the sensor has told of the exec and the program has been hooked or not.
fn settled(follow: &Follow) -> Vec<Start> {
    let begun = Instant::now();
    loop {
        let pids: Vec<u32> = lock(&follow.follower.starts)
            .iter()
            .map(|start| start.pid)
            .collect();
        for pid in pids {
            follow.follower.sees(pid, ProcessUid::default());
        }
        let settled = follow.follower.settled();
        if !settled.is_empty() || begun.elapsed() > PATIENCE {
            return settled;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn what_a_suspect_starts_is_hooked_and_tells_of_its_first_calls() {
    let file = std::env::temp_dir().join(format!("norn-follow-{}", std::process::id()));
    let follow = follow(&[], true);
    let mut shell = Shell::start(&follow);
    let hooked = shell.hooked(&follow, || {
        fs::write(&file, "x").unwrap();
        format!("rm {}", file.display())
    });
    let mut told = Vec::new();
    hooked.channel().read(&mut |call| told.push(call.first));
    assert!(
        told.iter().any(|path| path == file.as_os_str().as_bytes()),
        "{told:?}"
    );
    assert_eq!(follow.follower.running.load(Ordering::Relaxed), 0);
}

#[test]
fn only_named_programs_of_a_named_one_are_followed_and_no_runtime_ever() {
    let named = follow(&["rm", "runc"], false);
    let mut shell = Shell::start(&named);
    assert_eq!(shell.tell("cat /dev/null"), "0");
    assert_eq!(shell.tell("/absent/rm"), "127");
    assert!(
        lock(&named.follower.starts).is_empty(),
        "neither, nor what is not there"
    );
    shell.hooked(&named, || "rm --version".to_owned());
}

#[test]
fn what_has_no_room_starts_as_it_is_and_is_counted() {
    let follow = follow(&[], true);
    follow.follower.trees.store(TREES_MAX, Ordering::Relaxed);
    let mut shell = Shell::start(&follow);
    let passed = || follow.follower.passed.load(Ordering::Relaxed);
    // Who starts a program waits for an answer a moment only, and on a busy machine is not heard at all.
    for _ in 0..STARTS_MAX {
        assert_eq!(shell.tell("cat /dev/null"), "0");
        let begun = Instant::now();
        while passed() == 0 && begun.elapsed() < Duration::from_secs(1) {
            thread::sleep(Duration::from_millis(1));
        }
        if passed() > 0 {
            break;
        }
    }
    assert_eq!(passed(), 1);
    assert!(lock(&follow.follower.starts).is_empty());
}
