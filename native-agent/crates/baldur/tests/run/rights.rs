//! What the agent of a host gave up, as the kernel says it of each of its threads and of its lifeline.
use std::fs;

use norn_os::process::{Status, children};
use norn_os::rights::mask_of;

use crate::fake_tyr::Stage;

/// MODULE, RAWIO, PACCT, BOOT, TIME, TTY_CONFIG; NET_RAW, SETPCAP, SETUID; MAC and AUDIT.
const GIVEN_UP: [u32; 14] = [16, 17, 20, 22, 25, 26, 13, 8, 7, 32, 33, 29, 30, 37];

fn bits(status: &Status, name: &str) -> u64 {
    u64::from_str_radix(status.line(name).unwrap(), 16).unwrap()
}

#[test]
fn no_thread_of_it_can_load_a_module_set_the_clock_or_gain_anything() {
    let mut stage = Stage::new("rights", &[]);
    stage.start_baldur();
    let (mut tyr, hello) = stage.accept();
    if !crate::sees_processes(&hello) {
        return;
    }
    tyr.until_files_are_kept();
    let agent = stage.child().id();
    let started = children(agent);
    assert!(!started.is_empty(), "its lifeline");
    let threads = fs::read_dir(format!("/proc/{agent}/task")).unwrap();
    let threads = threads.map(|entry| entry.unwrap().file_name().into_string().unwrap().parse().unwrap());
    let all: Vec<u32> = threads.chain(started).collect();
    assert!(all.len() > 5, "{all:?}");
    let given_up = mask_of(&GIVEN_UP);
    for task in all {
        let status = Status::of(task).unwrap();
        assert_eq!(status.line("NoNewPrivs"), Some("1"), "{task}");
        assert_eq!(status.line("Seccomp"), Some("2"), "{task}");
        for set in ["CapBnd", "CapPrm", "CapEff", "CapInh"] {
            assert_eq!(bits(&status, set) & given_up, 0, "{task}: {set}");
        }
    }
    let log = fs::read_to_string(stage.dir.join("baldur.log")).unwrap();
    assert!(!log.contains("rights_kept"), "{log}");
}
