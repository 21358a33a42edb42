//! Processes that are made, and who made them.
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
