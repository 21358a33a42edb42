//! An agent in a container sees the container's files; what it protects are the host's. The container runtime mounts the roots
//! of containers, so its mount namespace is the one that counts: that of process 1 on most hosts, another where the runtime has
//! one of its own (snaps, nodes that are containers).
use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context, ensure};
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

/// Process 1, for a runtime that is not there (yet).
const INIT: i32 = 1;

/// Enters the mount namespace of whoever listens at `socket`. The kernel says who that is: a name in /proc could be anybody's,
/// and what is entered here is then written to by root. Only while this process has one thread.
///
/// # Errors
/// When nobody's namespace can be entered: without the host's pids, or a capability of SYS_ADMIN, SYS_CHROOT, SYS_PTRACE.
pub fn enter_mounts_of(socket: &Path) -> anyhow::Result<()> {
    let pid = listener(socket).unwrap_or(INIT);
    ensure!(
        pid > 0,
        "{} is served outside of this container's pids: it needs the host's (hostPID)",
        socket.display()
    );
    let cure = "the agent's container needs hostPID, SYS_ADMIN, SYS_CHROOT and SYS_PTRACE";
    // Where the container has a view of its own of the cgroups (v2), the host's mount shows no root, and containers no names.
    let names = [
        ("cgroup", CloneFlags::CLONE_NEWCGROUP),
        ("mnt", CloneFlags::CLONE_NEWNS),
    ];
    let mut opened = Vec::with_capacity(names.len());
    for (name, kind) in names {
        let file = File::open(format!("/proc/{pid}/ns/{name}"))
            .with_context(|| format!("the {name} namespace of process {pid} can not be opened: {cure}"))?;
        opened.push((file, name, kind));
    }
    for (file, name, kind) in opened {
        setns(file, kind)
            .with_context(|| format!("the {name} namespace of process {pid} can not be entered: {cure}"))?;
    }
    Ok(())
}

/// Who made the socket listen; 0 when that process is not among ours.
fn listener(socket: &Path) -> Option<i32> {
    let stream = UnixStream::connect(socket).ok()?;
    getsockopt(&stream, PeerCredentials)
        .ok()
        .map(|credentials| credentials.pid())
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use tempfile::tempdir;

    use super::*;

    #[test]
    fn the_runtime_is_who_listens_at_its_socket() {
        let folder = tempdir().unwrap();
        let socket = folder.path().join("containerd.sock");
        let _listens = UnixListener::bind(&socket).expect("a socket");
        assert_eq!(listener(&socket), Some(std::process::id() as i32));
    }

    #[test]
    fn nobody_listens_where_there_is_no_runtime() {
        assert_eq!(listener(Path::new("/nowhere/containerd.sock")), None);
    }
}
