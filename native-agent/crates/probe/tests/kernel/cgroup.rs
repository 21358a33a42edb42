//! Control groups that come, and what their names say.
use std::fs;
use std::io::Write;

use norn_events::EventKind;

use crate::sensor::{Sensor, in_child};

#[test]
fn a_cgroup_called_norn_and_an_id_is_a_container() {
    let id = format!("{:064x}", std::process::id());
    let mut sensor = Sensor::start();
    let cgroup = v2_root().join(format!("norn-{id}"));
    fs::create_dir(&cgroup).expect("a cgroup can be made");
    let procs = fs::OpenOptions::new()
        .write(true)
        .open(cgroup.join("cgroup.procs"))
        .expect("it has processes");
    let child = in_child(|| {
        let _ = (&procs).write_all(b"0");
        // SAFETY: plain system calls on a static string.
        unsafe {
            libc::open(
                c"/tmp/norn-cgroup-test".as_ptr(),
                libc::O_WRONLY | libc::O_CREAT,
                0o600,
            );
            libc::unlink(c"/tmp/norn-cgroup-test".as_ptr());
        }
    });
    let seen = sensor.events_until_exit(child);
    let _ = fs::remove_dir(&cgroup);
    let of = |kind| {
        seen.iter()
            .find(|event| event.kind == kind)
            .and_then(|event| event.process.container.as_deref())
    };
    assert_eq!(of(EventKind::Fork), None);
    assert_eq!(of(EventKind::FileUnlink), Some(id.as_str()));
}

fn v2_root() -> std::path::PathBuf {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let mount = mounts
        .lines()
        .find(|line| line.split(' ').nth(2) == Some("cgroup2"))
        .expect("cgroup v2 is mounted");
    mount.split(' ').nth(1).unwrap().into()
}
