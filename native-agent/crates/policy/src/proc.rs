//! What /proc knows of a process at this moment. Only what the kernel answers without waiting for the process or a file system.
use std::fs;
use std::os::unix::ffi::OsStrExt;

use norn_events::ContainerId;
use norn_os::process;

/// Programs above that are looked at.
pub const ANCESTORS_MAX: usize = 64;

/// The container of a cgroup's path.
pub type ContainerOf = fn(&[u8]) -> Option<ContainerId>;

/// The program it runs, as it sees it; empty for the kernel's own, `None` when the process is gone.
pub fn image(pid: u32) -> Option<String> {
    let Some(path) = link(pid, "exe") else {
        return status(pid).map(|_| String::new());
    };
    Some(from_root(pid, without_deletion(&path)))
}

fn link(pid: u32, name: &str) -> Option<String> {
    let target = fs::read_link(format!("/proc/{pid}/{name}")).ok()?;
    Some(String::from_utf8_lossy(target.as_os_str().as_bytes()).into_owned())
}

/// A file that has no name any more; a memfd has none from the start.
pub fn without_deletion(path: &str) -> &str {
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    if path.starts_with("/memfd:") {
        &path[1..]
    } else {
        path
    }
}

/// As a process with a root of its own within its mounts sees it.
pub fn from_root(pid: u32, path: &str) -> String {
    let root = link(pid, "root").unwrap_or_default();
    let below = match root.as_str() {
        "" | "/" => None,
        root => path.strip_prefix(root).filter(|below| below.starts_with('/')),
    };
    below.unwrap_or(path).to_owned()
}

pub struct Status {
    pub parent: u32,
    /// Real user id, as the host counts.
    pub user: u32,
}

pub fn status(pid: u32) -> Option<Status> {
    let status = process::Status::of(pid)?;
    Some(Status {
        parent: status.number("PPid")?,
        user: status.number("Uid")?,
    })
}

/// The programs of this process's parent, its parent's, and so on.
pub fn images_above(pid: u32) -> Option<Vec<String>> {
    let mut images = Vec::new();
    let mut next = status(pid)?.parent;
    while next != 0 && images.len() < ANCESTORS_MAX {
        // One that ends meanwhile hands its child to another: what is above it can't be told.
        images.push(image(next)?);
        next = status(next)?.parent;
    }
    Some(images)
}

/// Full container id; empty on the host.
pub fn container(pid: u32, container_of: ContainerOf) -> Option<String> {
    let cgroups = fs::read(format!("/proc/{pid}/cgroup")).ok()?;
    let lines = || cgroups.split(|&byte| byte == b'\n');
    let v2 = lines().find_map(|line| line.strip_prefix(b"0::"));
    Some(
        v2.and_then(container_of)
            .map(|id| id.to_string())
            .unwrap_or_default(),
    )
}

/// Of the group leader, in clock ticks since boot.
pub fn start_ticks(pid: u32) -> Option<u64> {
    process::Stat::of(pid).map(|stat| stat.start_ticks)
}

/// The directory that takes the changes of the overlay this process has as its root; `None` when it has no overlay there.
pub fn upper_directory(pid: u32) -> Option<String> {
    // Its table names every mount as it sees it: below its own root.
    let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).ok()?;
    let at_root = |line: &&str| line.split(' ').nth(4) == Some("/");
    let line = mounts.lines().rfind(at_root)?;
    let (_, behind) = line.split_once(" - overlay ")?;
    let mut options = behind.split(' ').nth(1)?.split(',');
    options
        .find_map(|option| option.strip_prefix("upperdir="))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_known_as_it_is() {
        let own = std::process::id();
        let exe = std::env::current_exe().unwrap();
        assert_eq!(image(own).as_deref(), exe.to_str());
        let status = status(own).unwrap();
        assert_eq!(status.parent, std::os::unix::process::parent_id());
        assert_eq!(status.user, nix::unistd::getuid().as_raw());
        let above = images_above(own).unwrap();
        assert_eq!(above.first(), image(status.parent).as_ref());
        assert!(start_ticks(own).unwrap() > 0);
    }

    #[test]
    fn a_kernel_thread_has_no_program_and_a_process_that_is_gone_no_facts() {
        assert_eq!(image(2).as_deref(), Some(""));
        assert_eq!((image(u32::MAX), images_above(u32::MAX)), (None, None));
    }

    #[test]
    fn names_are_those_of_the_file_that_was() {
        assert_eq!(without_deletion("/tmp/x (deleted)"), "/tmp/x");
        assert_eq!(without_deletion("/memfd:x (deleted)"), "memfd:x");
        assert_eq!(from_root(std::process::id(), "/tmp/x"), "/tmp/x");
    }
}
