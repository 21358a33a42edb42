//! What the sensor tells of itself, and what it tells nobody.
use norn_events::EventKind;

use crate::sensor::{Directory, Sensor};

#[test]
fn the_agent_s_own_files_are_no_events() {
    let directory = Directory::new("own");
    let mut sensor = Sensor::start();
    directory.file("a");
    let child = crate::sensor::in_child(|| {});
    let seen = sensor.events_until(|events| {
        events
            .iter()
            .any(|event| event.kind == EventKind::Exit && event.process.pid == child)
    });
    assert!(
        seen.iter().all(|event| event.process.pid != std::process::id()),
        "{seen:#?}"
    );
}

#[test]
fn what_the_self_test_did_is_told_to_nobody() {
    let mut sensor = Sensor::with_unread(&norn_probe::ProbeOptions::default());
    let child = crate::sensor::in_child(|| {});
    let seen = sensor.events_until(|events| {
        events
            .iter()
            .any(|event| event.kind == EventKind::Exit && event.process.pid == child)
    });
    let own = format!("norn-self-test-{}", std::process::id());
    assert!(seen.iter().all(|event| !event.path.contains(&own)), "{seen:#?}");
}

#[test]
fn the_self_test_verifies_what_is_available() {
    let sensor = Sensor::with(&norn_probe::ProbeOptions::default());
    let capabilities = sensor.probe.capabilities();
    let unverified: Vec<_> = capabilities
        .iter()
        .filter(|capability| {
            capability.mechanism.starts_with("tp_btf") || capability.mechanism == "iter/task"
        })
        .filter(|capability| !(capability.available && capability.verified))
        .collect();
    assert!(unverified.is_empty(), "{unverified:#?}");
    assert!(
        capabilities
            .iter()
            .any(|capability| capability.name == "file.open")
    );
    let unseen: Vec<_> = capabilities
        .iter()
        .filter(|capability| !capability.available)
        .collect();
    assert!(unseen.iter().all(|spot| !spot.detail.is_empty()), "{unseen:#?}");
    for name in ["file.attribute.new_calls", "file.read.other", "process.applets"] {
        assert!(
            unseen.iter().any(|spot| spot.name == name),
            "{name} is said to be unseen"
        );
    }
}
