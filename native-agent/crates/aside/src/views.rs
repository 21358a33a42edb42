//! What is mounted, as every process on the host sees it: a mount in a container is in no table of the host's.
use std::collections::HashSet;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use norn_os as os;
use norn_os::process::pids;

/// Of a process that stands for all that see the same.
#[derive(Debug)]
pub struct View {
    pid: u32,
    pub root: OwnedFd,
}

impl View {
    /// Empty when the process has ended.
    pub fn mountinfo(&self) -> Vec<u8> {
        fs::read(format!("/proc/{}/mountinfo", self.pid)).unwrap_or_default()
    }
}

/// One process of each mount namespace and root.
pub fn views() -> Vec<View> {
    let mut seen = HashSet::new();
    let view = |pid: u32| {
        let namespace = fs::metadata(format!("/proc/{pid}/ns/mnt")).ok()?.ino();
        let root = format!("/proc/{pid}/root");
        let root = os::open_below(libc::AT_FDCWD, root.as_bytes(), libc::O_PATH, 0).ok()?;
        let top = os::fstat(root.as_raw_fd()).ok()?;
        let is_new = seen.insert((namespace, top.st_dev, top.st_ino));
        is_new.then_some(View { pid, root })
    };
    pids().filter_map(view).collect()
}

/// Has anybody mounted something on what lies under this name, or below it? `name` must be like no other on the host.
pub fn is_mount_point(name: &[u8]) -> bool {
    let names = |table: Vec<u8>| {
        let mut fields = table.split(|&byte| matches!(byte, b' ' | b'\n'));
        fields.any(|field| {
            let at = field.windows(name.len()).position(|part| part == name);
            let rest = at.map(|at| &field[at + name.len()..]);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        })
    };
    views().iter().any(|view| names(view.mountinfo()))
}
