//! What the sensor no longer sees.
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use norn_probe::{ProbeOptions, Sight};

use crate::sensor::{PATIENCE, Sensor};

/// A descriptor of one of the sensor's links, by the program that it holds.
fn links() -> Vec<RawFd> {
    let descriptors = std::fs::read_dir("/proc/self/fdinfo")
        .expect("it is there")
        .flatten();
    descriptors
        .filter(|entry| std::fs::read_to_string(entry.path()).is_ok_and(|about| about.contains("link_id:")))
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

#[test]
fn a_sensor_that_is_left_alone_sees_its_canary_and_one_whose_links_are_taken_says_what_it_misses() {
    let mut sensor = Sensor::with(&ProbeOptions {
        canary: true,
        ..ProbeOptions::default()
    });
    let mut holdings = sensor.probe.take_holdings().expect("nobody has taken them");
    let (began, quiet) = (Instant::now(), Duration::from_secs(13));
    while began.elapsed() < quiet {
        sensor
            .probe
            .poll(Duration::from_millis(50), &mut [])
            .expect("the rings work");
        assert_eq!(sensor.probe.take_sights(), []);
    }
    assert_eq!(holdings.look(&[]), Vec::<String>::new());
    let nothing = std::fs::File::open("/dev/null").expect("it is there");
    for link in links() {
        // SAFETY: another open file takes its number, as a debugger can do it in the agent; the sensor closes that at its end.
        unsafe { libc::dup2(nothing.as_raw_fd(), link) };
    }
    let missing = holdings.look(&[]);
    assert!(
        missing.iter().any(|what| what.starts_with("link ")),
        "{missing:?}"
    );
    let deadline = Instant::now() + PATIENCE;
    let blind = loop {
        assert!(Instant::now() < deadline, "nothing is missed");
        sensor
            .probe
            .poll(Duration::from_millis(50), &mut [])
            .expect("the rings work");
        if let Some(sight) = sensor.probe.take_sights().pop() {
            break sight;
        }
    };
    let Sight::Blind(capabilities) = &blind else {
        panic!("{blind:?}");
    };
    for capability in [
        "process.lifecycle",
        "file.open",
        "network.connection",
        "agent.touch",
    ] {
        assert!(capabilities.contains(&capability), "{capability}: {blind:?}");
    }
    let shown = sensor.probe.capabilities();
    let file_open = shown.iter().find(|capability| capability.name == "file.open");
    assert!(
        file_open.is_some_and(|capability| !capability.verified),
        "{shown:#?}"
    );
}
