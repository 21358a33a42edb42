//! Which container a cgroup belongs to: learned when the cgroup is made or first seen, kept for a while after its end,
//! never parsed per event.
use std::collections::HashMap;
use std::ffi::CString;
use std::fs;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use norn_events::{ContainerId, ProcessUid};
use norn_os::cgroups::{Name, Names, host_root};

/// What is known of a cgroup.
#[derive(Debug, Clone)]
pub struct Cgroup {
    /// `None`: the host's.
    pub container: Option<ContainerId>,
    /// When the container began, CLOCK_BOOTTIME ns; `None` until known.
    pub start_time_ns: Option<u64>,
    removed_ns: Option<u64>,
    path: Vec<u8>,
}

/// A cgroup with the name of a container that is another one's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impostor {
    /// Who made it, or runs in it.
    pub by: ProcessUid,
    pub container: ContainerId,
    pub cgroup: Vec<u8>,
}

pub struct Containers {
    /// Where the v2 hierarchy is mounted, and that directory open; `None` in places that do not show it.
    root: Option<(PathBuf, OwnedFd)>,
    names: Names,
    impostors: Vec<Impostor>,
    by_cgroup: HashMap<u64, Cgroup>,
    last_sweep_ns: u64,
}

impl Containers {
    /// How long a removed cgroup stays known, ns: events of its last moments may still be on their way.
    const KEPT_NS: u64 = 60_000_000_000;
    /// Cgroups known at once; beyond it those that are not containers are forgotten.
    const CGROUPS_MAX: usize = 16_384;
    /// Impostors that wait to be told of; those beyond are believed no more, and not told of.
    const IMPOSTORS_MAX: usize = 64;

    pub fn new() -> Self {
        Self {
            root: open_v2_root(),
            names: Names::new(host_root()),
            impostors: Vec::new(),
            by_cgroup: HashMap::new(),
            last_sweep_ns: 0,
        }
    }

    /// Whether a cgroup's id leads to the path that /proc gives for a process in it.
    pub fn can_name(&self, id: u64, pid: u32) -> bool {
        let path = self.path_of(id);
        path.is_some() && path == path_of_process(pid)
    }

    /// (When, by whom.)
    pub fn made(&mut self, id: u64, path: &[u8], (time_ns, by): (u64, ProcessUid)) {
        self.learn(id, path, (Some(time_ns), by));
    }

    pub fn removed(&mut self, id: u64, time_ns: u64) {
        if let Some(cgroup) = self.by_cgroup.get_mut(&id) {
            cgroup.removed_ns = Some(time_ns);
            self.names.free(&cgroup.path);
        }
    }

    /// Those found since the last call.
    pub fn take_impostors(&mut self) -> Vec<Impostor> {
        std::mem::take(&mut self.impostors)
    }

    fn learn(
        &mut self,
        id: u64,
        path: &[u8],
        (start_time_ns, by): (Option<u64>, ProcessUid),
    ) -> Option<ContainerId> {
        let Name { container, taken } = self.names.read(path);
        if let Some(taken) = taken.filter(|_| self.impostors.len() < Self::IMPOSTORS_MAX) {
            self.impostors.push(Impostor {
                by,
                container: taken,
                cgroup: path.to_vec(),
            });
        }
        self.by_cgroup.insert(
            id,
            Cgroup {
                container: container.clone(),
                start_time_ns,
                removed_ns: None,
                path: path.to_vec(),
            },
        );
        container
    }

    /// The container of a cgroup. The process is in it, for where the hierarchy cannot be looked into.
    pub fn of(&mut self, id: u64, (pid, uid): (u32, ProcessUid)) -> Option<ContainerId> {
        if let Some(cgroup) = self.by_cgroup.get(&id) {
            return cgroup.container.clone();
        }
        // A process that is gone with its cgroup must not make "host" the answer for ever.
        let path = self.path_of(id).or_else(|| path_of_process(pid))?;
        if self.by_cgroup.len() >= Self::CGROUPS_MAX {
            self.by_cgroup.retain(|_, cgroup| cgroup.container.is_some());
        }
        self.learn(id, &path, (None, uid))
    }

    /// When the cgroup's container began, as far as known: at the latest when this process of it did.
    pub fn start_time_ns(&mut self, id: u64, process_start_ns: u64) -> Option<u64> {
        let cgroup = self.by_cgroup.get_mut(&id)?;
        cgroup.container.as_ref()?;
        Some(*cgroup.start_time_ns.get_or_insert(process_start_ns))
    }

    pub fn sweep(&mut self, now_ns: u64) {
        if now_ns.saturating_sub(self.last_sweep_ns) < Self::KEPT_NS / 4 {
            return;
        }
        self.last_sweep_ns = now_ns;
        self.by_cgroup.retain(|_, cgroup| {
            cgroup
                .removed_ns
                .is_none_or(|removed| removed + Self::KEPT_NS > now_ns)
        });
    }

    /// A cgroup's id is the file handle of its directory.
    fn path_of(&self, id: u64) -> Option<Vec<u8>> {
        const FILEID_KERNFS: i32 = 0xfe;
        #[repr(C)]
        struct KernfsHandle {
            bytes: u32,
            kind: i32,
            id: [u8; 8],
        }
        let (mount, root) = self.root.as_ref()?;
        let mut handle = KernfsHandle {
            bytes: 8,
            kind: FILEID_KERNFS,
            id: id.to_ne_bytes(),
        };
        // SAFETY: `KernfsHandle` is a `struct file_handle` with its eight bytes of handle behind it, and outlives the call.
        let fd = unsafe {
            libc::open_by_handle_at(
                root.as_raw_fd(),
                (&raw mut handle).cast(),
                libc::O_PATH | libc::O_CLOEXEC,
            )
        };
        if fd < 0 {
            return None;
        }
        // SAFETY: the call has just made this descriptor and nobody else knows it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let path = fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).ok()?;
        let below = path.strip_prefix(mount).ok()?;
        Some([b"/", below.as_os_str().as_bytes()].concat())
    }
}

fn open_v2_root() -> Option<(PathBuf, OwnedFd)> {
    let mount = host_root()?;
    let path = CString::new(mount.as_os_str().as_bytes()).ok()?;
    // SAFETY: `path` is a string that ends in zero and outlives the call.
    let fd = unsafe { libc::open(path.as_ptr(), libc::O_DIRECTORY | libc::O_CLOEXEC) };
    // SAFETY: a descriptor that is not negative has just been made by the call.
    (fd >= 0).then(|| (mount, unsafe { OwnedFd::from_raw_fd(fd) }))
}

fn path_of_process(pid: u32) -> Option<Vec<u8>> {
    let text = fs::read(Path::new("/proc").join(pid.to_string()).join("cgroup")).ok()?;
    text.split(|&byte| byte == b'\n')
        .find_map(|line| line.strip_prefix(b"0::"))
        .map(<[u8]>::to_vec)
}
