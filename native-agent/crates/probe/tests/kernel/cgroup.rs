//! Control groups that come, and what their names say.
use std::fs;
use std::io::Write;

use norn_events::EventKind;
use norn_probe::Sight;

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

#[test]
fn a_users_group_with_a_containers_name_is_no_container_and_told_of() {
    const USER: u32 = 12_345;
    let id = format!("{:063x}a", std::process::id());
    let mut sensor = Sensor::start();
    let real = v2_root().join(format!("docker-{id}.scope"));
    let own = v2_root().join(format!("norn-user-{}", std::process::id()));
    let taken = own.join(format!("docker-{id}.scope"));
    fs::create_dir(&real).expect("a cgroup can be made");
    fs::create_dir(&own).expect("another can be made");
    std::os::unix::fs::chown(&own, Some(USER), Some(USER)).expect("it is given away");
    let child = in_child(|| {
        let _ = fs::create_dir(&taken);
        let _ = fs::write(taken.join("cgroup.procs"), "0");
        // SAFETY: plain system calls on a static string.
        unsafe {
            libc::open(
                c"/tmp/norn-taken-test".as_ptr(),
                libc::O_WRONLY | libc::O_CREAT,
                0o600,
            );
            libc::unlink(c"/tmp/norn-taken-test".as_ptr());
        }
    });
    let seen = sensor.events_until_exit(child);
    let sights = sensor.probe.take_sights();
    for group in [&taken, &own, &real] {
        let _ = fs::remove_dir(group);
    }
    let unlinked = seen
        .iter()
        .find(|event| event.kind == EventKind::FileUnlink)
        .unwrap();
    assert_eq!(unlinked.process.container, None);
    let told = sights.iter().find_map(|sight| match sight {
        Sight::Impostor {
            by,
            container,
            cgroup,
        } => Some((*by, container.to_string(), cgroup.clone())),
        _ => None,
    });
    let (by, container, cgroup) = told.expect("the impostor is told of");
    assert_eq!((by, container), (unlinked.process.uid, id));
    assert!(taken.ends_with(cgroup.trim_start_matches('/')), "{cgroup}");
}

fn v2_root() -> std::path::PathBuf {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let mount = mounts
        .lines()
        .find(|line| line.split(' ').nth(2) == Some("cgroup2"))
        .expect("cgroup v2 is mounted");
    mount.split(' ').nth(1).unwrap().into()
}
