//! What ran before the sensor did.
use norn_events::EventKind;

use crate::sensor::Sensor;

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
