//! Processes that end, and how.
use norn_events::EventKind;

use crate::sensor::{Sensor, in_child};

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
