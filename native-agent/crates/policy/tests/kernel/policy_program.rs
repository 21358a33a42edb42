//! Connections that are refused by the program that makes them, or by one above it.
use std::process::Command;
use std::time::Duration;

use norn_events::wire::policy::v1::HostField;

use crate::connections::{CONNECT, connect_by, ip, listen, stage};
use crate::support::{copy, deny, like, start};

#[test]
fn a_program_s_first_connection_is_refused_and_another_program_s_is_not() {
    let mut stage = stage();
    let port = listen("127.77.6.1");
    let (bad, good) = (stage.program("bad"), stage.program("good"));
    stage.apply(vec![deny(
        CONNECT,
        &[like(HostField::Image, &stage.text("bad")), ip("127.77.6.1")],
    )]);
    for round in 0..20 {
        assert_ne!(connect_by(&bad, "127.77.6.1", port).unwrap(), 0, "round {round}");
        assert_eq!(connect_by(&good, "127.77.6.1", port).unwrap(), 0, "round {round}");
    }
    let status = stage.enforcer.status();
    assert_eq!((status.denied, status.unanswered), (20, 0));
}

#[test]
fn what_a_program_starts_and_forks_is_refused_by_the_one_above() {
    let mut stage = stage();
    let port = listen("127.77.7.1");
    let (shell, program) = (stage.program("shell"), stage.program("program"));
    stage.apply(vec![deny(
        CONNECT,
        &[
            like(HostField::AncestorImages, &stage.text("shell")),
            ip("127.77.7.1"),
        ],
    )]);
    let script = format!("{} nc -w 2 127.77.7.1 {port}; exit $?", program.display());
    assert_ne!(start(&shell, &["sh", "-c", &script]).unwrap(), 0);
    assert_eq!(connect_by(&program, "127.77.7.1", port).unwrap(), 0);
    // busybox's shell runs its own nc as itself once more: the program above is the same one.
    let forked = format!("(nc -w 2 127.77.7.1 {port}; exit $?); exit $?");
    assert_ne!(start(&shell, &["sh", "-c", &forked]).unwrap(), 0);
}

/// 1 for a refusal; first of the process, then in the next digit of what it forks.
const CONNECT_AND_FORK: &str = "import os, socket, sys
def refused():
    try:
        socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)
    except PermissionError:
        return 1
    return 0
own = refused()
child = os.fork()
if child == 0:
    os._exit(refused())
sys.exit(own + 10 * os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))";

#[test]
fn a_fork_has_its_creator_s_program_as_its_own_and_as_its_parent_s() {
    let mut stage = stage();
    let port = listen("127.77.14.1").to_string();
    let python = std::fs::canonicalize("/usr/bin/python3").unwrap();
    let python = copy(python.to_str().unwrap(), &stage.dir.join("python"));
    let run = || start(&python, &["-c", CONNECT_AND_FORK, "127.77.14.1", &port]).unwrap();
    for (field, refused) in [(HostField::ParentImage, 10), (HostField::Image, 11)] {
        stage.apply(vec![deny(
            CONNECT,
            &[like(field, python.to_str().unwrap()), ip("127.77.14.1")],
        )]);
        assert_eq!(run(), refused, "{field:?}");
    }
}

#[test]
fn a_process_that_ran_before_the_policy_is_known() {
    let mut stage = stage();
    let port = listen("127.77.8.1");
    let shell = stage.program("shell");
    let go = stage.dir.join("go");
    let script = format!(
        "while [ ! -e {} ]; do sleep 0.05; done; nc -w 2 127.77.8.1 {port}; exit $?",
        go.display()
    );
    let mut waiting = Command::new(&shell)
        .args(["sh", "-c", &script])
        .stdin(std::process::Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(100));
    stage.apply(vec![deny(
        CONNECT,
        &[like(HostField::Image, &stage.text("shell")), ip("127.77.8.1")],
    )]);
    std::fs::write(&go, "").unwrap();
    assert_ne!(waiting.wait().unwrap().code(), Some(0));
}
