//! The processes of this host as the agent knows them.
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// 128-bit identity of a process: hash of (boot id, tgid, start time of the group leader).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ProcessUid(pub [u8; 16]);

impl ProcessUid {
    /// All zeros: not known.
    pub const UNKNOWN: Self = Self([0; 16]);
}

impl fmt::Display for ProcessUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ProcessUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Identity from what the kernel has; `start_time_ns` is `group_leader->start_boottime`.
pub fn process_uid(boot_id: &[u8; 16], tgid: u32, start_time_ns: u64) -> ProcessUid {
    let mut bytes = [0_u8; 28];
    bytes[..16].copy_from_slice(boot_id);
    bytes[16..20].copy_from_slice(&tgid.to_le_bytes());
    bytes[20..].copy_from_slice(&start_time_ns.to_le_bytes());
    ProcessUid(xxhash_rust::xxh3::xxh3_128(&bytes).to_le_bytes())
}

/// Full container id, 64 hex digits.
pub type ContainerId = Arc<str>;

/// What a process runs since its last exec.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// As the process saw it; `memfd:name` for a memfd.
    pub path: Vec<u8>,
    /// Arguments joined by one space, at most 4 KiB.
    pub command_line: Vec<u8>,
    pub working_directory: Vec<u8>,
    /// Not known yet, or not readable: `None`.
    pub sha256: Option<[u8; 32]>,
    /// `ImageFlag` bits.
    pub flags: u32,
    pub device: u64,
    pub inode: u64,
}

#[derive(Debug, Clone)]
pub struct Process {
    pub uid: ProcessUid,
    /// The original creator.
    pub parent_uid: ProcessUid,
    /// On the host.
    pub pid: u32,
    /// In its innermost pid namespace.
    pub namespace_pid: u32,
    pub parent_pid: u32,
    /// CLOCK_BOOTTIME, ns.
    pub start_time_ns: u64,
    /// `None` while it runs.
    pub end_time_ns: Option<u64>,
    /// 0 before the first exec seen, then 1, 2, ….
    pub image_number: u32,
    pub image: Arc<Image>,
    pub container: Option<ContainerId>,
    /// cgroup v2 directory inode.
    pub cgroup_id: u64,
    pub user_id: u32,
    pub group_id: u32,
}

/// Position in the `ProcessTable`; stays valid while the process lives and `RETAIN_NS` after its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcessIndex(pub u32);

/// All processes known: those that run, and for a while those that ended.
#[derive(Debug, Default)]
pub struct ProcessTable {
    slots: Vec<Option<Process>>,
    free: Vec<u32>,
    by_uid: HashMap<ProcessUid, ProcessIndex>,
    running: HashMap<u32, ProcessIndex>,
}

impl ProcessTable {
    /// How long a process stays known after its end, ns.
    pub const RETAIN_NS: u64 = 60_000_000_000;

    pub fn insert(&mut self, process: Process) -> ProcessIndex {
        if let Some(&index) = self.by_uid.get(&process.uid) {
            return index;
        }
        let (uid, pid, ended) = (process.uid, process.pid, process.end_time_ns.is_some());
        let index = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(process);
                ProcessIndex(slot)
            }
            None => {
                self.slots.push(Some(process));
                ProcessIndex(self.slots.len() as u32 - 1)
            }
        };
        self.by_uid.insert(uid, index);
        if !ended {
            self.running.insert(pid, index);
        }
        index
    }

    pub fn get(&self, index: ProcessIndex) -> Option<&Process> {
        self.slots.get(index.0 as usize)?.as_ref()
    }

    pub fn get_mut(&mut self, index: ProcessIndex) -> Option<&mut Process> {
        self.slots.get_mut(index.0 as usize)?.as_mut()
    }

    pub fn by_uid(&self, uid: ProcessUid) -> Option<ProcessIndex> {
        self.by_uid.get(&uid).copied()
    }

    /// The running process with this host pid.
    pub fn by_pid(&self, pid: u32) -> Option<ProcessIndex> {
        self.running.get(&pid).copied()
    }

    pub fn parent(&self, index: ProcessIndex) -> Option<ProcessIndex> {
        self.by_uid(self.get(index)?.parent_uid)
    }

    /// Marks the end; the process stays known for `RETAIN_NS`.
    pub fn end(&mut self, index: ProcessIndex, time_ns: u64) {
        let Some(process) = self.slots.get_mut(index.0 as usize).and_then(Option::as_mut) else {
            return;
        };
        process.end_time_ns = Some(time_ns);
        if self.running.get(&process.pid) == Some(&index) {
            self.running.remove(&process.pid);
        }
    }

    /// Forgets processes that ended more than `RETAIN_NS` ago and have no child left in the table.
    pub fn sweep(&mut self, now_ns: u64) {
        let parents: std::collections::HashSet<ProcessUid> =
            self.iter().map(|(_, process)| process.parent_uid).collect();
        for slot in 0..self.slots.len() {
            let old = self.slots[slot].as_ref().is_some_and(|process| {
                process
                    .end_time_ns
                    .is_some_and(|end| end + Self::RETAIN_NS < now_ns)
                    && !parents.contains(&process.uid)
            });
            if let (true, Some(process)) = (old, if old { self.slots[slot].take() } else { None }) {
                self.by_uid.remove(&process.uid);
                self.free.push(slot as u32);
            }
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (ProcessIndex, &Process)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(slot, process)| Some((ProcessIndex(slot as u32), process.as_ref()?)))
    }

    /// `root` and everything below it by original creator, running or not.
    pub fn subtree(&self, root: ProcessUid) -> Vec<ProcessIndex> {
        let mut children: HashMap<ProcessUid, Vec<ProcessIndex>> = HashMap::new();
        for (index, process) in self.iter() {
            children.entry(process.parent_uid).or_default().push(index);
        }
        let mut found: Vec<ProcessIndex> = self.by_uid(root).into_iter().collect();
        let mut next = 0;
        while let Some(&index) = found.get(next) {
            next += 1;
            if let Some(process) = self.get(index) {
                found.extend(children.remove(&process.uid).unwrap_or_default());
            }
        }
        found
    }
}
