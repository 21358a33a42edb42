//! The networks of a container's or pod's own: the program on its cgroup sees IP's packets, and what it writes past IP (AF_PACKET) is held
//! where it leaves, on the interfaces of its network namespace. What is laid there ends with the namespace.
use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;

use nix::sched::{CloneFlags, setns};
use norn_os::mounts::cgroup_root;

use crate::isolation::{seal, unseal};

/// Of one container or pod; in more nothing is held, and that is said.
const NETWORKS_MAX: usize = 64;
/// Cgroups looked into below it; of more it is not known whose networks they are in.
const CGROUPS_MAX: usize = 1_024;

/// Why what it writes past IP is not held; `None`: it is.
pub fn hold_frames(cgroup: &Path) -> Option<String> {
    match of(cgroup) {
        Ok(networks) if networks.is_empty() => {
            Some("its network is the host's, which is not cut off for it".to_owned())
        }
        Ok(networks) => networks
            .into_iter()
            .find_map(|network| within(network, seal).err())
            .map(|error| error.to_string()),
        Err(error) => Some(error.to_string()),
    }
}

/// # Errors
/// When one of its networks is still held.
pub fn let_frames_go(cgroup: &Path) -> io::Result<()> {
    of(cgroup)?
        .into_iter()
        .try_for_each(|network| within(network, unseal))
}

/// Each once, and none that is the host's or the agent's.
fn of(cgroup: &Path) -> io::Result<Vec<File>> {
    let hosts = ["1", "self"].map(|process| network_of(process).and_then(|network| number(&network)));
    let mut seen: HashSet<u64> = hosts.into_iter().flatten().collect();
    let mut networks = Vec::new();
    for pid in processes(cgroup)? {
        let Ok(network) = network_of(&pid) else { continue };
        // The pid may have become another's before it was opened.
        if is_below(&pid, cgroup) && seen.insert(number(&network)?) {
            networks.push(network);
        }
    }
    match networks.len() {
        0..=NETWORKS_MAX => Ok(networks),
        count => Err(io::Error::other(format!(
            "it has {count} networks, more than {NETWORKS_MAX}"
        ))),
    }
}

fn processes(cgroup: &Path) -> io::Result<Vec<String>> {
    let mut left: Vec<_> = cgroup_root().map(|root| root.join(cgroup)).into_iter().collect();
    let (mut pids, mut looked) = (Vec::new(), 0);
    while let Some(at) = left.pop() {
        if looked == CGROUPS_MAX {
            return Err(io::Error::other(format!(
                "it has more than {CGROUPS_MAX} cgroups below it"
            )));
        }
        looked += 1;
        let listed = fs::read_to_string(at.join("cgroup.procs")).unwrap_or_default();
        pids.extend(listed.lines().map(str::to_owned));
        let below = fs::read_dir(at).into_iter().flatten().flatten();
        left.extend(
            below
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                .map(|entry| entry.path()),
        );
    }
    Ok(pids)
}

fn is_below(pid: &str, cgroup: &Path) -> bool {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let own = text.lines().find_map(|line| line.strip_prefix("0::/"));
    own.is_some_and(|own| Path::new(own).starts_with(cgroup))
}

fn network_of(process: &str) -> io::Result<File> {
    File::open(format!("/proc/{process}/ns/net"))
}

fn number(network: &File) -> io::Result<u64> {
    Ok(network.metadata()?.ino())
}

/// In a thread that enters it and ends there.
fn within(network: File, act: fn() -> io::Result<()>) -> io::Result<()> {
    let entered = thread::spawn(move || {
        setns(network, CloneFlags::CLONE_NEWNET)?;
        act()
    });
    entered
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the thread has panicked")))
}

#[cfg(test)]
#[path = "container_network_tests.rs"]
mod tests;
