//! Processes come and go.
use norn_events::{EventKind, ProcessUid};

use crate::sensor::{Sensor, in_child};

#[test]
fn fork() {
    let mut sensor = Sensor::start();
    let child = in_child(|| {});
    let seen = sensor.events_until_exit(child);
    assert_eq!(seen[0].kind, EventKind::Fork);
    let process = &seen[0].process;
    assert_eq!(
        (process.parent_pid, process.namespace_pid),
        (std::process::id(), child)
    );
    assert_eq!(process.image_number, 0);
    assert_ne!(process.parent_uid, ProcessUid::UNKNOWN);
    let parent = sensor
        .probe
        .processes()
        .by_uid(process.parent_uid)
        .expect("the creator is known");
    assert_eq!(
        sensor.probe.processes().get(parent).map(|parent| parent.pid),
        Some(std::process::id())
    );
}

#[test]
fn fork_of_an_orphan_keeps_its_creator() {
    let mut sensor = Sensor::start();
    let creator = in_child(|| {
        // SAFETY: forks once more; the grandchild outlives its creator for a moment and is taken over by init.
        unsafe {
            if libc::fork() == 0 {
                libc::usleep(50_000);
                libc::open(
                    c"/tmp/norn-orphan".as_ptr(),
                    libc::O_WRONLY | libc::O_CREAT,
                    0o600,
                );
                libc::unlink(c"/tmp/norn-orphan".as_ptr());
            }
        }
    });
    let seen = sensor.events_until(|events| events.iter().any(|event| event.path == "/tmp/norn-orphan"));
    let opened = seen
        .iter()
        .find(|event| event.path == "/tmp/norn-orphan")
        .expect("it opened a file");
    assert_eq!(opened.process.parent_pid, creator);
}

#[test]
fn threads_are_no_processes() {
    let mut sensor = Sensor::start();
    std::thread::spawn(|| {}).join().expect("the thread ends");
    let child = in_child(|| {});
    let seen = sensor.events_until(|events| {
        events
            .iter()
            .any(|event| event.kind == EventKind::Exit && event.process.pid == child)
    });
    let own = seen.iter().filter(|event| {
        event.process.pid == std::process::id()
            || (event.process.parent_pid == std::process::id() && event.process.pid != child)
    });
    assert_eq!(own.count(), 0);
}

/// Its end was before, and its parent has not asked for it yet: it would be said to run for ever.
#[test]
fn what_ended_before_does_not_run() {
    let mut ended = std::process::Command::new("true").spawn().expect("true runs");
    let stat = format!("/proc/{}/stat", ended.id());
    while !std::fs::read_to_string(&stat).is_ok_and(|line| line.contains(") Z ")) {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let mut recorder = crate::sensor::Recorder::default();
    let mut sensor = Sensor::start_unread();
    let polled = sensor.probe.poll(std::time::Duration::ZERO, &mut [&mut recorder]);
    polled.expect("the rings work");
    let mut seen = recorder.0.iter();
    assert!(seen.any(|event| event.process.pid == std::process::id()));
    assert!(!recorder.0.iter().any(|event| event.process.pid == ended.id()));
    ended.wait().expect("it has ended");
}

#[test]
fn exit() {
    let mut sensor = Sensor::start();
    let left = in_child(|| {
        // SAFETY: ends the child.
        unsafe { libc::_exit(7) }
    });
    let killed = in_child(|| {
        // SAFETY: ends the child.
        unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
    });
    let ended = sensor.events_until(|events| {
        events
            .iter()
            .any(|event| event.kind == EventKind::Exit && event.process.pid == killed)
    });
    let result_of = |pid| {
        let exit = ended
            .iter()
            .find(|event| event.kind == EventKind::Exit && event.process.pid == pid);
        exit.map(|event| (event.result, event.process.end_time_ns.is_some()))
    };
    assert_eq!(result_of(left), Some((7 << 8, true)));
    assert_eq!(result_of(killed), Some((libc::SIGKILL, true)));
    assert!(sensor.probe.processes().by_pid(left).is_none());
}

#[test]
fn what_ran_before_is_reported_first() {
    let mut sleeper = std::process::Command::new("sleep")
        .arg("60")
        .spawn()
        .expect("sleep runs");
    let mut recorder = crate::sensor::Recorder::default();
    {
        let mut sensor = Sensor::start_unread();
        sensor
            .probe
            .poll(std::time::Duration::ZERO, &mut [&mut recorder])
            .expect("the rings work");
    }
    sleeper
        .kill()
        .and_then(|()| sleeper.wait().map(drop))
        .expect("sleep ends");
    let seen = recorder
        .0
        .iter()
        .find(|event| event.process.pid == sleeper.id())
        .expect("sleep is seen");
    assert_eq!(seen.kind, EventKind::ProcessSeen);
    assert_eq!(seen.process.image.command_line, b"sleep 60");
    assert!(seen.path.ends_with("/sleep"), "{}", seen.path);
    assert_eq!(seen.process.parent_pid, std::process::id());
    let cwd = std::env::current_dir().unwrap();
    assert_eq!(
        seen.process.image.working_directory,
        cwd.into_os_string().into_encoded_bytes()
    );
}
