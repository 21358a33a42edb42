//! What is lost is counted, and what was missed is found again.
use std::time::{Duration, Instant};

use norn_events::EventKind;
use norn_probe::ProbeOptions;

use crate::sensor::{Directory, PATIENCE, Recorder, Seen, Sensor, c, in_child};

/// By its full path: a search along PATH would be failed execs, which make a process known by themselves.
const SLEEP: &str = "/usr/bin/sleep";

fn small_rings() -> ProbeOptions {
    ProbeOptions {
        critical_ring_bytes: 16 << 10,
        bulk_ring_bytes: 64 << 10,
        self_test: false,
        ..ProbeOptions::default()
    }
}

fn poll_until(sensor: &mut Sensor, is_enough: impl Fn(&Sensor, &[Seen]) -> bool) -> Vec<Seen> {
    let mut recorder = Recorder::default();
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        sensor
            .probe
            .poll(Duration::from_millis(50), &mut [&mut recorder])
            .expect("the rings work");
        if is_enough(sensor, &recorder.0) {
            return recorder.0;
        }
    }
    panic!("it never happened: {:?}", sensor.probe.stats());
}

#[test]
fn a_flood_is_accounted_for_by_gaps() {
    const UNLINKS: u64 = 20_000;
    let directory = Directory::new("flood");
    let name = c(directory.join("a"));
    let other = c(directory.file("b"));
    let mut sensor = Sensor::with(&small_rings());
    let child = in_child(|| {
        for _ in 0..UNLINKS {
            // SAFETY: plain system calls on strings that outlive them.
            unsafe {
                libc::link(other.as_ptr(), name.as_ptr());
                libc::unlink(name.as_ptr());
            }
        }
    });
    let gap_sum = |events: &[Seen]| {
        let gaps = events
            .iter()
            .filter(|event| event.kind == EventKind::Gap && event.flags == 2);
        gaps.map(|event| event.value).sum::<u64>()
    };
    let own = |events: &[Seen]| {
        let kinds = [EventKind::FileLink, EventKind::FileUnlink];
        events
            .iter()
            .filter(|event| event.process.pid == child && kinds.contains(&event.kind))
            .count() as u64
    };
    let seen = poll_until(&mut sensor, |_, events| {
        own(events) + gap_sum(events) >= 2 * UNLINKS
    });
    assert!(gap_sum(&seen) > 0, "the ring was too small for all");
    // Others on the machine lose events too, so the gaps may hold more than ours; less, and the wait would not end.
    assert_eq!(gap_sum(&seen), sensor.probe.stats().lost_bulk);
    let agent = seen
        .iter()
        .find(|event| event.kind == EventKind::Gap)
        .map(|event| event.process.pid);
    assert_eq!(agent, Some(std::process::id()));
}

/// `spawn` returns in the middle of the child's exec; sleep sleeps when it is through.
fn wait_until_asleep(pid: u32) {
    let is_asleep = || {
        let command_line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        command_line.starts_with(SLEEP.as_bytes()) && stat.contains(") S ")
    };
    while !is_asleep() {
        std::thread::yield_now();
    }
}

#[test]
fn processes_missed_in_a_gap_are_found_again() {
    let mut sensor = Sensor::with(&small_rings());
    let mut vanished = std::process::Command::new(SLEEP)
        .arg("60")
        .spawn()
        .expect("sleep runs");
    let known = vanished.id();
    poll_until(&mut sensor, |sensor, _| {
        sensor.probe.processes().by_pid(known).is_some()
    });
    for _ in 0..200 {
        in_child(|| {});
    }
    vanished
        .kill()
        .and_then(|()| vanished.wait().map(drop))
        .expect("sleep ends");
    let mut missed = std::process::Command::new(SLEEP)
        .arg("60")
        .spawn()
        .expect("sleep runs");
    wait_until_asleep(missed.id());
    let seen = poll_until(&mut sensor, |sensor, _| sensor.probe.stats().reconciliations > 0);
    let found = sensor
        .probe
        .processes()
        .by_pid(missed.id())
        .and_then(|index| sensor.probe.processes().get(index).cloned());
    missed
        .kill()
        .and_then(|()| missed.wait().map(drop))
        .expect("sleep ends");
    assert!(
        sensor.probe.stats().lost_critical > 0,
        "the ring was too small for all"
    );
    let found = found.expect("the process that was missed is known");
    assert_eq!(
        (found.parent_pid, found.image.command_line.as_slice()),
        (std::process::id(), b"/usr/bin/sleep 60".as_slice())
    );
    let report = seen
        .iter()
        .find(|event| event.process.pid == missed.id())
        .map(|event| event.kind);
    assert_eq!(report, Some(EventKind::ProcessSeen));
    let end = seen
        .iter()
        .find(|event| event.process.pid == known && event.kind == EventKind::Exit);
    assert_eq!(
        end.map(|event| event.flags),
        Some(1),
        "its end was not seen but found"
    );
}
