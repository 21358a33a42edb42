//! Who is off the network, and who is not.
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use norn_policy::isolation::{IsolationError, cgroup_of, isolate, rejoin, stands};

use crate::support::cgroup_root;

/// A pod of the kubelet's with containers, and what runs in them.
struct Pod {
    path: PathBuf,
    containers: Vec<Container>,
}

struct Container {
    id: String,
    cgroup: PathBuf,
    process: Child,
}

impl Pod {
    fn new(name: &str, network: Network) -> Self {
        let path = cgroup_root()
            .join(format!("kubepods-norn-{}", std::process::id()))
            .join(format!("pod{name}"));
        let containers = (0..2)
            .map(|number| Container::start(&path, name, number, network))
            .collect();
        Self { path, containers }
    }
}

#[derive(Clone, Copy)]
enum Network {
    Hosts,
    Own,
}

impl Container {
    fn start(pod: &Path, name: &str, number: u32, network: Network) -> Self {
        let id = format!(
            "{:0>60}{number:04x}",
            format!(
                "{:x}",
                u32::from_ne_bytes(*name.as_bytes().first_chunk().unwrap())
            )
        );
        let cgroup = pod.join(&id);
        fs::create_dir_all(&cgroup).expect("a cgroup can be made");
        let command = match network {
            Network::Hosts => "exec sleep 600",
            Network::Own => "exec unshare --net sh -c 'ip link set lo up && exec sleep 600'",
        };
        let process = inside(&cgroup, command).spawn().unwrap();
        Self { id, cgroup, process }
    }

    /// The network namespace of its process: the host's, until `unshare` has run.
    fn network(&self) -> PathBuf {
        fs::read_link(format!("/proc/{}/ns/net", self.process.id())).unwrap()
    }

    /// Does a datagram leave for an address of the loopback? A refused one is EPERM to who sends it.
    fn sends(&self) -> bool {
        let pid = self.process.id();
        let send = format!("exec nsenter --target {pid} --net bash -c 'echo x > /dev/udp/127.0.0.1/9'");
        inside(&self.cgroup, &send).status().unwrap().success()
    }
}

/// A command that begins in that cgroup.
fn inside(cgroup: &Path, command: &str) -> Command {
    let procs = cgroup.join("cgroup.procs");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // SAFETY: the closure writes a file; the test program has no locks that a fork could break here.
    unsafe { shell.pre_exec(move || fs::write(&procs, "0")) };
    shell
}

impl Drop for Pod {
    fn drop(&mut self) {
        for container in &mut self.containers {
            let _gone = container.process.kill();
            let _gone = container.process.wait();
            let _gone = fs::remove_dir(&container.cgroup);
        }
        let _gone = fs::remove_dir(&self.path);
        let _gone = self.path.parent().map(fs::remove_dir);
    }
}

#[test]
fn a_pod_is_off_the_network_whole_and_its_neighbour_and_the_host_are_not() {
    let [pod, neighbour] = ["shop", "bank"].map(|name| Pod::new(name, Network::Hosts));
    let container = &pod.containers[0];
    let cgroup = cgroup_of(&container.id, container.process.id()).unwrap();
    assert_eq!(cgroup_root().join(&cgroup), pod.path);
    assert!(container.sends(), "before");
    let isolated = isolate(&cgroup, container.process.id()).unwrap();
    assert!(
        pod.containers.iter().all(|one| !one.sends()),
        "each of its containers"
    );
    assert!(neighbour.containers[0].sends(), "the neighbour");
    assert!(
        std::net::UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .send_to(b"x", "127.0.0.1:9")
            .is_ok(),
        "the host"
    );
    rejoin(&isolated).unwrap();
    assert!(container.sends(), "after");
}

#[test]
fn a_pod_with_a_network_of_its_own_keeps_its_loopback() {
    let pod = Pod::new("till", Network::Own);
    let container = &pod.containers[0];
    while container.network() == fs::read_link("/proc/self/ns/net").unwrap() || !container.sends() {
        std::thread::yield_now();
    }
    let pid = container.process.id();
    let isolated = isolate(&cgroup_of(&container.id, pid).unwrap(), pid).unwrap();
    assert!(container.sends());
    rejoin(&isolated).unwrap();
}

#[test]
fn who_is_gone_needs_not_be_let_back() {
    let pod = Pod::new("gone", Network::Hosts);
    let container = &pod.containers[0];
    let pid = container.process.id();
    let isolated = isolate(&cgroup_of(&container.id, pid).unwrap(), pid).unwrap();
    assert!(stands(&isolated.cgroup));
    drop(pod);
    assert!(!stands(&isolated.cgroup));
    rejoin(&isolated).unwrap();
}

#[test]
fn a_process_of_the_host_isolates_nothing() {
    let own = std::process::id();
    assert!(matches!(
        cgroup_of(&"ab".repeat(32), own),
        Err(IsolationError::NotItsOwn { .. })
    ));
}
