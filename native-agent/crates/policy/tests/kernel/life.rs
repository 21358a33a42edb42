//! A policy comes, is replaced and goes; the agent hangs and dies.
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use norn_events::wire::policy::v1::{HostEvent, HostField};

use crate::support::{Stage, deny, is_refused, like, start};

/// Descriptors of this process that lead to what has this name.
fn descriptors(name: &str) -> usize {
    let entries = fs::read_dir("/proc/self/fd").unwrap();
    let links = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| link.to_string_lossy().contains(name)).count()
}

/// File systems that ask this process before a program starts.
fn marks() -> usize {
    let entries = fs::read_dir("/proc/self/fdinfo").unwrap();
    let infos = entries.filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok());
    infos.map(|info| info.matches("fanotify sdev:").count()).sum()
}

const MARKS: &str = "STAGE_OF_POLICY";
/// Set for what runs one test in a process of its own.
const ANOTHER: &str = "ANOTHER_PROCESS_OF_POLICY";

/// Not a test by itself: a_policy_that_is_gone_leaves_no_mark_and_no_program runs it in another process, which has nothing else open.
#[test]
fn come_and_go() {
    if !is_another_process() {
        return;
    }
    let mut stage = Stage::new();
    assert_eq!((descriptors("fanotify"), descriptors("bpf")), (0, 0));
    stage.apply(vec![
        deny(HostEvent::Exec, &[like(HostField::Image, &stage.text("bad"))]),
        deny(
            HostEvent::Connect,
            &[like(HostField::DestinationIp, "127.77.0.1")],
        ),
    ]);
    assert_eq!(descriptors("fanotify"), 1);
    assert!(descriptors("bpf_link") >= 6 && descriptors("bpf-map") > 0);
    assert_eq!(marks(), 1);
    stage.apply(Vec::new());
    assert_eq!((marks(), descriptors("bpf")), (0, 0));
    wait_for("the group is gone with its last thread", || {
        (descriptors("fanotify") == 0).then_some(())
    });
}

fn other(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture"]).env(ANOTHER, "1");
    command
}

fn is_another_process() -> bool {
    std::env::var_os(ANOTHER).is_some()
}

#[test]
fn a_policy_that_is_gone_leaves_no_mark_and_no_program() {
    let output = other("life::come_and_go").output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn another_policy_takes_effect_at_once() {
    let mut stage = Stage::new();
    let (one, two) = (stage.program("one"), stage.program("two"));
    let refused = |program: &Path| is_refused(&start(program, &["true"]));
    for _ in 0..5 {
        stage.apply(vec![deny(
            HostEvent::Exec,
            &[like(HostField::Image, &stage.text("one"))],
        )]);
        assert!(refused(&one) && !refused(&two));
        stage.apply(vec![deny(
            HostEvent::Exec,
            &[like(HostField::Image, &stage.text("two"))],
        )]);
        assert!(!refused(&one) && refused(&two));
    }
    stage.apply(Vec::new());
    assert!(!refused(&one) && !refused(&two));
}

/// Not a test by itself: the agent that an_agent_that_hangs_holds_execs_up_until_it_is_ended stops and kills.
#[test]
fn be_an_agent() {
    if !is_another_process() {
        return;
    }
    let mut stage = Stage::new();
    let program = stage.program("program");
    stage.apply(vec![deny(
        HostEvent::Exec,
        &[like(HostField::Image, &stage.text("bad"))],
    )]);
    fs::write(std::env::var(MARKS).unwrap(), program.to_str().unwrap()).unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Until then a thread of it may answer still.
fn stop(child: Pid) {
    kill(child, Signal::SIGSTOP).unwrap();
    let stopped = waitpid(child, Some(WaitPidFlag::WUNTRACED)).unwrap();
    assert!(matches!(stopped, WaitStatus::Stopped(..)), "{stopped:?}");
}

#[test]
fn an_agent_that_hangs_holds_execs_up_until_it_is_ended() {
    let marker = std::env::temp_dir().join(format!("norn-policy-agent-{}", std::process::id()));
    let mut command = other("life::be_an_agent");
    command
        .env(MARKS, &marker)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut agent = Agent(command.spawn().unwrap());
    let program = wait_for("the agent is ready", || {
        fs::read_to_string(&marker).ok().filter(|text| !text.is_empty())
    });
    assert!(start(Path::new(&program), &["true"]).is_ok());
    stop(Pid::from_raw(agent.0.id() as i32));
    let path = program.clone();
    let starting = std::thread::spawn(move || start(Path::new(&path), &["true"]));
    std::thread::sleep(Duration::from_millis(300));
    assert!(!starting.is_finished(), "nobody answers");
    agent.0.kill().unwrap();
    agent.0.wait().unwrap();
    assert!(
        starting.join().unwrap().is_ok(),
        "it goes on when the agent is gone"
    );
    let _gone = fs::remove_file(&marker);
    let home = Path::new(&program).parent().unwrap();
    let _gone = nix::mount::umount2(home, nix::mount::MntFlags::MNT_DETACH);
    let _gone = fs::remove_dir(home);
}
