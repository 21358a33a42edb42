use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::{Child, Command};

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, sendto, socket};

use super::*;

/// A process in a cgroup below one of its own; its network is its own, or the host's.
struct Trial {
    cgroup: PathBuf,
    process: Child,
}

impl Trial {
    fn new(name: &str, command: &str) -> Self {
        let cgroup = PathBuf::from(format!("norn-network-{}-{name}", std::process::id()));
        let below = cgroup_root().unwrap().join(&cgroup).join("below");
        fs::create_dir_all(&below).expect("a cgroup can be made");
        let enter = format!("echo 0 > {}/cgroup.procs && {command}", below.display());
        let process = Command::new("sh").args(["-c", &enter]).spawn().unwrap();
        // It is called so when it has come as far as that.
        let comm = format!("/proc/{}/comm", process.id());
        while fs::read_to_string(&comm).unwrap() != "sleep\n" {
            thread::yield_now();
        }
        Self { cgroup, process }
    }

    /// How many frames that are written past IP leave by its interface, of one.
    fn leave(&self) -> u64 {
        let network = network_of(&self.process.id().to_string()).unwrap();
        let sent = thread::spawn(|| {
            setns(network, CloneFlags::CLONE_NEWNET).unwrap();
            let packets = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None).unwrap();
            let mut all = getifaddrs()
                .unwrap()
                .filter(|each| each.interface_name == "inner");
            let address = all
                .find_map(|each| each.address?.as_link_addr().copied())
                .unwrap();
            let before = sent_by("inner");
            // Dropped, it is an error or none, depending on the kernel.
            let _sent = sendto(packets.as_raw_fd(), &[0x88; 64], &address, MsgFlags::empty());
            sent_by("inner") - before
        });
        sent.join().unwrap()
    }
}

/// The tenth figure of its line.
fn sent_by(interface: &str) -> u64 {
    let text = fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix(&format!("{interface}:")));
    let figure = line.unwrap().split_whitespace().nth(9).unwrap();
    figure.parse().unwrap()
}

impl Drop for Trial {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
        let path = cgroup_root().unwrap().join(&self.cgroup);
        let _gone = fs::remove_dir(path.join("below"));
        let _gone = fs::remove_dir(path);
    }
}

/// IPv6 would send of its own accord.
const OWN: &str = "exec unshare --net sh -c 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6; \
    ip link add inner type veth peer name outer && ip link set inner up && ip link set outer up && exec sleep 600'";

#[test]
#[ignore = "needs root: a network namespace"]
fn a_container_off_the_network_writes_no_frames_past_ip() {
    let trial = Trial::new("own", OWN);
    assert_eq!(trial.leave(), 1);
    assert_eq!(hold_frames(&trial.cgroup), None);
    assert_eq!(trial.leave(), 0);
    // Asked for again it is as it is.
    assert_eq!(hold_frames(&trial.cgroup), None);
    let_frames_go(&trial.cgroup).unwrap();
    assert_eq!(trial.leave(), 1);
    let_frames_go(&trial.cgroup).unwrap();
}

#[test]
#[ignore = "needs root: a cgroup"]
fn the_hosts_network_is_not_cut_off_for_a_container_and_that_is_said() {
    let trial = Trial::new("host", "exec sleep 600");
    assert!(hold_frames(&trial.cgroup).unwrap().contains("is the host's"));
    let_frames_go(&trial.cgroup).unwrap();
}

#[test]
fn more_cgroups_than_are_looked_into_are_said_and_not_passed_over() {
    let trial = Trial::new("many", "exec sleep 60");
    let root = cgroup_root().unwrap().join(&trial.cgroup);
    let more: Vec<PathBuf> = (0..CGROUPS_MAX)
        .map(|number| root.join(number.to_string()))
        .collect();
    more.iter().for_each(|path| fs::create_dir(path).unwrap());
    let gap = hold_frames(&trial.cgroup);
    more.iter().for_each(|path| fs::remove_dir(path).unwrap());
    assert_eq!(gap.as_deref(), Some("it has more than 1024 cgroups below it"));
}
