//! The library by `LD_PRELOAD`, from a program's first instruction on and into the programs that it starts.
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use norn_hook::calls;
use norn_hook::channel::FLAG_ASKED;
use norn_inject::{Answerer, Blind, Call, Channel, Door, Following, Responder, Visitor, Wanted};
use support::{BASH, Directory, OPENS, Program, calls_of, find, until, victims};

/// Who came to the door, and what they did.
#[derive(Default)]
struct Guests {
    channels: Mutex<Vec<(i32, Arc<Channel>, Responder)>>,
    refused: Mutex<Vec<Blind>>,
    asked: Mutex<Vec<Call>>,
}

struct Asked(Arc<Guests>);

impl Answerer for Asked {
    fn before(&mut self, call: &Call) {
        self.0.asked.lock().unwrap().push(call.clone());
    }
}

fn open(directory: &Path, questioned: &[u64]) -> (Door, Arc<Guests>) {
    let guests = Arc::new(Guests::default());
    let meet = guests.clone();
    let met = move |visitor: Visitor| match visitor.channel {
        Ok(channel) => {
            let responder = Responder::start(channel.clone(), Box::new(Asked(meet.clone()))).unwrap();
            meet.channels
                .lock()
                .unwrap()
                .push((visitor.pid, channel, responder));
        }
        Err(blind) => meet.refused.lock().unwrap().push(blind),
    };
    let wanted = Wanted {
        questioned: questioned.to_vec(),
        ..Wanted::default()
    };
    (Door::open(directory, wanted, Box::new(met)).unwrap(), guests)
}

fn preloaded(following: &Following, program: &str) -> Command {
    let mut command = Command::new(program);
    command.envs(following.variables());
    command
}

impl Guests {
    fn all_calls(&self) -> Vec<Call> {
        self.channels
            .lock()
            .unwrap()
            .iter()
            .flat_map(|(_, channel, _)| calls_of(channel))
            .collect()
    }
}

#[test]
fn a_program_and_those_that_it_starts_are_hooked_from_the_start() {
    let directory = Directory::new("preload");
    let (door, guests) = open(&directory.0, &[]);
    let (first, second) = (
        directory.file("first", "one\n"),
        directory.file("second", "two\n"),
    );
    let line = format!(
        "read -r x < {}; echo $x; cat {}",
        first.display(),
        second.display()
    );
    let output = preloaded(door.following(), "bash")
        .args(["-c", &line])
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"one\ntwo\n");
    assert_eq!(output.stderr, b"");
    let calls = guests.all_calls();
    let by_shell = find(&calls, OPENS, &first).expect("bash's open");
    let by_cat = find(&calls, OPENS, &second).expect("cat's open");
    assert_eq!(
        guests.channels.lock().unwrap().len(),
        2,
        "the shell, and cat after its exec"
    );
    assert!(by_shell.pid == by_cat.pid || by_shell.pid != 0);
    for (_, channel, _) in guests.channels.lock().unwrap().iter() {
        let counters = &channel.shared().header.counters;
        assert_eq!(counters.started.load(std::sync::atomic::Ordering::SeqCst), 1);
        assert_eq!(counters.start_error.load(std::sync::atomic::Ordering::SeqCst), 0);
    }
}

#[test]
fn a_program_that_is_started_without_variables_is_hooked_all_the_same() {
    let directory = Directory::new("without");
    let (door, guests) = open(&directory.0, &[]);
    let file = directory.file("f", "content\n");
    // By vfork and posix_spawn (python), by fork (bash), through execvp's search (env).
    let python = "import subprocess, sys; subprocess.run(['/usr/bin/env', '-i', 'cat', sys.argv[1]], env={}, check=True)";
    let output = preloaded(door.following(), "python3")
        .args(["-c", python])
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(
        output.stdout,
        b"content\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let calls = guests.all_calls();
    assert!(find(&calls, OPENS, &file).is_some(), "cat's open is seen");
    let losses: u64 = guests
        .channels
        .lock()
        .unwrap()
        .iter()
        .map(|(_, channel, _)| channel.losses().unfollowed)
        .sum();
    assert_eq!(losses, 0);
}

#[test]
fn musl_and_glibc_programs_do_the_same_with_it() {
    let directory = Directory::new("libcs");
    let (door, guests) = open(&directory.0, &[]);
    for victim in victims(&directory) {
        let run = |command: &mut Command, place: &str| {
            let place = directory
                .0
                .join(format!("{place}-{}", victim.file_name().unwrap().display()));
            fs::create_dir_all(&place).unwrap();
            let mut program = Program::spawn(command.arg(place));
            let lines = [
                "files",
                "sockets",
                "processes",
                "pointers",
                "storm 200",
                "cancellation",
                "confine",
                "confined",
            ];
            let printed: Vec<String> = lines.iter().map(|line| program.run(line)).collect();
            program.end();
            printed
        };
        let bare = run(&mut Command::new(&victim), "bare");
        let before = guests.channels.lock().unwrap().len();
        let hooked = run(
            &mut preloaded(door.following(), victim.to_str().unwrap()),
            "hooked",
        );
        assert_eq!(hooked, bare, "{}", victim.display());
        // The victim, and those that it starts itself: by vfork, by posix_spawn, by execveat, a shell.
        assert!(
            guests.channels.lock().unwrap().len() >= before + 4,
            "{}",
            victim.display()
        );
        assert!(guests.all_calls().iter().any(|call| call.first == b"by-fopen"));
    }
}

#[test]
fn the_agent_is_asked_by_preloaded_programs_too() {
    let directory = Directory::new("asked");
    let (door, guests) = open(&directory.0, &calls::DESTRUCTIVE);
    let file = directory.file("f", "x");
    assert!(
        preloaded(door.following(), "rm")
            .arg(&file)
            .status()
            .unwrap()
            .success()
    );
    let asked = guests.asked.lock().unwrap();
    assert!(find(&asked, &[calls::UNLINK, calls::UNLINKAT], &file).is_some());
    assert!(guests.all_calls().iter().any(|call| call.flags & FLAG_ASKED != 0));
}

#[test]
fn without_an_agent_nothing_happens() {
    let directory = Directory::new("nobody");
    let (door, guests) = open(&directory.0, &[]);
    let following = door.following().clone();
    let library = fs::read(&following.library).unwrap();
    let mut shell = Program::spawn(preloaded(&following, BASH[0]).args(&BASH[1..]));
    assert_eq!(shell.run("echo one"), "one");
    guests.channels.lock().unwrap().clear();
    drop(door);
    assert!(
        !following.socket.exists() && !following.library.exists(),
        "the door leaves nothing"
    );
    fs::write(&following.library, library).unwrap();
    fs::write(&following.socket, "").unwrap();
    assert_eq!(shell.run("echo two; cat /dev/null; echo three"), "two\nthree");
    shell.end();
    let output = preloaded(&following, "cat").arg("/dev/null").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
}

#[test]
fn programs_with_more_rights_than_their_starter_are_never_hooked() {
    let directory = Directory::new("secure");
    fs::set_permissions(&directory.0, fs::Permissions::from_mode(0o755)).unwrap();
    let (door, guests) = open(&directory.0, &[]);
    let program = directory.0.join("cat");
    // Another process writes it: a fork of another test's would hold it open for writing, and it could not be run.
    let mut install = Command::new("install");
    assert!(
        install
            .args(["-m", "4755", "/bin/cat"])
            .arg(&program)
            .status()
            .unwrap()
            .success()
    );
    let mut by_nobody = Command::new("setpriv");
    by_nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups", "env"]);
    for (name, value) in door.following().variables() {
        by_nobody.arg(format!("{name}={}", value.display()));
    }
    let mut child = by_nobody
        .arg(&program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    until("cat", || {
        fs::read_link(format!("/proc/{}/exe", child.id())).is_ok_and(|path| path == program)
    });
    let pid = child.id() as i32;
    until("its libc", || {
        norn_inject::examine(pid, support::plans()).err() == Some(Blind::SecureExec { pid })
    });
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert_eq!(guests.channels.lock().unwrap().len(), 0);
}
