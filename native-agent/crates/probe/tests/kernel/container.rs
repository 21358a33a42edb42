//! Containers: by cgroup, by pid namespace, by overlay layer. Real Docker; the image is a static busybox.
use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use norn_events::{EventKind, ImageFlag};
use norn_probe::ExecPolicy;

use crate::sensor::{Directory, Recorder, Seen, Sensor};

const IMAGE: &str = "norn-test/busybox:latest";

/// A container that is removed with this.
struct Container(String);

impl Container {
    /// Starts it with `sh -c script`; it may end at once.
    fn run(script: &str) -> Self {
        make_image();
        let output = docker(&[
            "run",
            "-d",
            "--network",
            "none",
            IMAGE,
            "/bin/busybox",
            "sh",
            "-c",
            script,
        ]);
        Self(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rm", "-f", &self.0]).output();
    }
}

fn docker(arguments: &[&str]) -> Output {
    let output = Command::new("docker")
        .args(arguments)
        .output()
        .expect("docker is installed (apt-get install docker.io)");
    assert!(
        output.status.success(),
        "docker {arguments:?}: {} (is dockerd running?)",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn make_image() {
    if Command::new("docker")
        .args(["image", "inspect", IMAGE])
        .output()
        .is_ok_and(|output| output.status.success())
    {
        return;
    }
    let directory = Directory::new("image");
    fs::create_dir_all(directory.path().join("bin")).unwrap();
    fs::create_dir_all(directory.path().join("srv")).unwrap();
    fs::copy("/bin/busybox", directory.path().join("bin/busybox")).expect("busybox-static is installed");
    let tar = Command::new("tar")
        .args(["-C", directory.path().to_str().unwrap(), "-c", "."])
        .output()
        .expect("tar runs");
    let mut import = Command::new("docker")
        .args(["import", "-", IMAGE])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    import.stdin.take().unwrap().write_all(&tar.stdout).unwrap();
    assert!(import.wait().unwrap().success(), "docker import works");
}

fn events_of_container(sensor: &mut Sensor, container: &Container, marker: &str) -> Vec<Seen> {
    let mut seen = sensor.events_until(|events| events.iter().any(|event| event.path == marker));
    seen.retain(|event| event.process.container.as_deref() == Some(container.0.as_str()));
    seen
}

#[test]
fn a_container_s_events_have_its_id_its_pids_and_its_paths() {
    let mut sensor = Sensor::start();
    let container = Container::run("cd /srv; echo > a; /bin/busybox mv a b; echo > /srv/done");
    let seen = events_of_container(&mut sensor, &container, "/srv/done");
    // The runtime's own start may be the first that is seen.
    let exec = seen
        .iter()
        .find(|event| event.kind == EventKind::Exec && event.path == "/bin/busybox")
        .expect("the entry point is seen");
    assert_eq!(exec.process.namespace_pid, 1);
    assert_ne!(exec.process.pid, 1);
    assert_eq!(
        exec.process.image.flags & ImageFlag::UpperLayer as u32,
        0,
        "it came with the image"
    );
    assert_eq!(
        exec.process.image.flags & ImageFlag::New as u32,
        0,
        "it is older than the container"
    );
    let renamed = seen
        .iter()
        .find(|event| event.kind == EventKind::FileRename)
        .expect("the rename is seen");
    assert_eq!(
        (renamed.path.as_str(), renamed.target.as_str()),
        ("/srv/a", "/srv/b")
    );
}

#[test]
fn a_program_that_came_after_the_image_is_in_the_upper_layer_and_new() {
    let mut sensor = Sensor::start();
    let script = "/bin/busybox cp /bin/busybox /srv/dropped; /srv/dropped true; echo > /srv/done";
    let container = Container::run(script);
    let seen = events_of_container(&mut sensor, &container, "/srv/done");
    let dropped = seen
        .iter()
        .find(|event| event.kind == EventKind::Exec && event.path == "/srv/dropped");
    let expected = ImageFlag::UpperLayer as u32 | ImageFlag::New as u32;
    assert_eq!(
        dropped.expect("the dropped program ran").process.image.flags & expected,
        expected
    );
}

#[test]
fn a_container_that_ran_before_the_sensor_is_known() {
    let container = Container::run("/bin/busybox sleep 60");
    let mut recorder = Recorder::default();
    let mut sensor = Sensor::start_unread();
    sensor
        .probe
        .poll(std::time::Duration::ZERO, &mut [&mut recorder])
        .expect("the rings work");
    let first = recorder
        .0
        .iter()
        .find(|event| event.process.container.as_deref() == Some(container.0.as_str()));
    let first = first.expect("its process is in the snapshot");
    assert_eq!(
        (first.kind, first.process.namespace_pid),
        (EventKind::ProcessSeen, 1)
    );
}

#[test]
fn a_container_starts_although_memfds_are_killed_at_exec() {
    let mut sensor = Sensor::start();
    sensor
        .probe
        .set_exec_policy(ExecPolicy {
            kill_memfd: true,
            kill_deleted: false,
            containers_only: true,
        })
        .expect("the policy is set");
    let container = Container::run("echo > /srv/done");
    let seen = events_of_container(&mut sensor, &container, "/srv/done");
    assert!(!seen.is_empty(), "runc's sealed copy of itself is left alone");
    assert!(
        seen.iter().all(|event| event.process.image.path != b"/"),
        "a copy outside of every mount keeps the name of its runtime"
    );
}
