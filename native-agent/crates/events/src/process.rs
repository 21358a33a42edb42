//! The processes of this host as the agent knows them.
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// 128-bit identity of a process: hash of (boot id, tgid, start time of the group leader).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ProcessUid(pub [u8; 16]);

impl ProcessUid {
    /// All zeros: not known.
    pub const UNKNOWN: Self = Self([0; 16]);

    /// From what it is displayed as: 32 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 32 || !text.is_ascii() {
            return None;
        }
        let mut uid = [0; 16];
        for (at, byte) in uid.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(Self(uid))
    }
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
    /// Chosen variables, "NAME=value" a line.
    pub environment: Vec<u8>,
    /// Not known yet, or not readable: `None`.
    pub sha256: Option<[u8; 32]>,
    /// What the file belongs to and is unchanged from. Not known yet, or to no package: `None`.
    pub package: Option<Arc<Package>>,
    /// The script that it was started to run, and nothing besides, as far as its arguments tell; empty when they don't.
    pub script: Vec<u8>,
    /// A variable of its environment may bring other code into it, or nobody could look at all of them.
    pub is_influenced: bool,
    /// Its events wait for what is being found out about where it comes from.
    pub is_asked_about: bool,
    /// `ImageFlag` bits.
    pub flags: u32,
    pub device: u64,
    pub inode: u64,
}

/// Sets of capabilities, one bit each. Zeros in a user namespace of its own, where they count for nothing on the host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    pub effective: u64,
    pub permitted: u64,
    pub inheritable: u64,
    pub ambient: u64,
    pub bounding: u64,
}

/// Who logged in for a process to be there, from which terminal, and what it may do: as at its last fork or exec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credentials {
    /// Of the audit; `NOBODY` when nobody logged in.
    pub login_user_id: u32,
    /// The login's number; `NOBODY` in none.
    pub session_id: u32,
    /// Name of the controlling terminal with zeros behind; none without one.
    pub terminal: [u8; Credentials::TERMINAL_BYTES],
    pub capabilities: Capabilities,
}

impl Credentials {
    pub const NOBODY: u32 = u32::MAX;
    pub const TERMINAL_BYTES: usize = 16;

    pub fn terminal(&self) -> &[u8] {
        self.terminal.split(|&byte| byte == 0).next().unwrap_or_default()
    }
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            login_user_id: Self::NOBODY,
            session_id: Self::NOBODY,
            terminal: [0; Self::TERMINAL_BYTES],
            capabilities: Capabilities::default(),
        }
    }
}

/// A package of the distribution's, as installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    pub name: String,
    /// Empty when not known.
    pub version: String,
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
    pub credentials: Credentials,
}

/// Position in the `ProcessTable`; stays valid while the process lives and `RETAIN_NS` after its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcessIndex(pub u32);

/// The keys are hashes already (`ProcessUid`) or small numbers that one multiplication spreads (pids).
#[derive(Debug, Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        if let Some(head) = bytes.first_chunk::<8>() {
            self.0 ^= u64::from_le_bytes(*head);
        }
    }
    fn write_u32(&mut self, pid: u32) {
        self.0 = u64::from(pid).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    fn write_usize(&mut self, _length: usize) {}
}

type KeyMap<K, V> = HashMap<K, V, BuildHasherDefault<KeyHasher>>;

/// All processes known: those that run, and for a while those that ended.
#[derive(Debug, Default)]
pub struct ProcessTable {
    slots: Vec<Option<Process>>,
    free: Vec<u32>,
    by_uid: KeyMap<ProcessUid, ProcessIndex>,
    running: KeyMap<u32, ProcessIndex>,
    /// How many children of a process are in the table.
    children: KeyMap<ProcessUid, u32>,
    /// Ended processes, oldest end first; those that only wait for their last child are not among them any more.
    ended: VecDeque<ProcessIndex>,
}

impl ProcessTable {
    /// How long a process stays known after its end, ns.
    pub const RETAIN_NS: u64 = 60_000_000_000;
    /// Ended processes kept at most; when there are more, the oldest are forgotten before their time.
    pub const RETAINED_MAX: usize = 16_384;

    pub fn insert(&mut self, process: Process) -> ProcessIndex {
        if let Some(&index) = self.by_uid.get(&process.uid) {
            return index;
        }
        let (uid, pid, ended) = (process.uid, process.pid, process.end_time_ns.is_some());
        if process.parent_uid != ProcessUid::UNKNOWN {
            *self.children.entry(process.parent_uid).or_default() += 1;
        }
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
        if ended {
            self.ended.push_back(index);
        } else {
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
        if process.end_time_ns.replace(time_ns).is_none() {
            self.ended.push_back(index);
        }
        if self.running.get(&process.pid) == Some(&index) {
            self.running.remove(&process.pid);
        }
    }

    /// Forgets processes that ended more than `RETAIN_NS` ago (or are too many) and have no child left in the table.
    pub fn sweep(&mut self, now_ns: u64) {
        while let Some(&oldest) = self.ended.front() {
            let is_old = self.has_ended_before(oldest, now_ns.saturating_sub(Self::RETAIN_NS));
            if !is_old && self.ended.len() <= Self::RETAINED_MAX {
                return;
            }
            self.ended.pop_front();
            self.forget_if_childless(oldest);
        }
    }

    fn has_ended_before(&self, index: ProcessIndex, time_ns: u64) -> bool {
        self.get(index)
            .and_then(|process| process.end_time_ns)
            .is_some_and(|end_ns| end_ns < time_ns)
    }

    /// And then its ended ancestors that waited for nothing else.
    fn forget_if_childless(&mut self, index: ProcessIndex) {
        let mut next = Some(index);
        while let Some(index) = next.take() {
            let Some(process) = self.get(index) else { return };
            if self.children.contains_key(&process.uid) {
                return;
            }
            let (uid, parent_uid) = (process.uid, process.parent_uid);
            self.slots[index.0 as usize] = None;
            self.by_uid.remove(&uid);
            self.free.push(index.0);
            next = self.release_parent(parent_uid);
        }
    }

    /// One child less; the parent, if it waited for that and is due.
    fn release_parent(&mut self, parent_uid: ProcessUid) -> Option<ProcessIndex> {
        let children = self.children.get_mut(&parent_uid)?;
        *children -= 1;
        if *children > 0 {
            return None;
        }
        self.children.remove(&parent_uid);
        let parent = self.by_uid(parent_uid)?;
        let has_ended = self.get(parent)?.end_time_ns.is_some();
        (has_ended && !self.ended.contains(&parent)).then_some(parent)
    }

    pub fn iter(&self) -> impl Iterator<Item = (ProcessIndex, &Process)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(slot, process)| Some((ProcessIndex(slot as u32), process.as_ref()?)))
    }

    /// `root` and everything below it by original creator, running or not.
    pub fn subtree(&self, root: ProcessUid) -> Vec<ProcessIndex> {
        self.subtrees(&[root])
    }

    /// The same of several, each process once.
    pub fn subtrees(&self, roots: &[ProcessUid]) -> Vec<ProcessIndex> {
        let mut children: HashMap<ProcessUid, Vec<ProcessIndex>> = HashMap::new();
        for (index, process) in self.iter() {
            children.entry(process.parent_uid).or_default().push(index);
        }
        let mut found: Vec<ProcessIndex> = roots.iter().filter_map(|root| self.by_uid(*root)).collect();
        let mut next = 0;
        while let Some(&index) = found.get(next) {
            next += 1;
            if let Some(process) = self.get(index) {
                found.extend(children.remove(&process.uid).unwrap_or_default());
            }
        }
        let mut seen = HashSet::new();
        found.retain(|index| seen.insert(*index));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(number: u8) -> ProcessUid {
        ProcessUid([number; 16])
    }

    fn process(number: u8, parent: u8) -> Process {
        Process {
            uid: uid(number),
            parent_uid: uid(parent),
            pid: number.into(),
            namespace_pid: number.into(),
            parent_pid: parent.into(),
            start_time_ns: number.into(),
            end_time_ns: None,
            image_number: 0,
            image: Arc::default(),
            container: None,
            cgroup_id: 0,
            user_id: 0,
            group_id: 0,
            credentials: Default::default(),
        }
    }

    #[test]
    fn an_ended_process_is_forgotten_after_its_time() {
        let mut table = ProcessTable::default();
        let index = table.insert(process(1, 0));
        table.end(index, 5);
        assert_eq!(table.by_pid(1), None);
        table.sweep(ProcessTable::RETAIN_NS);
        assert!(table.get(index).is_some());
        table.sweep(ProcessTable::RETAIN_NS + 6);
        assert!(table.get(index).is_none());
        assert_eq!(table.by_uid(uid(1)), None);
    }

    #[test]
    fn a_parent_stays_until_its_last_child_is_forgotten() {
        let mut table = ProcessTable::default();
        let parent = table.insert(process(1, 0));
        let child = table.insert(process(2, 1));
        table.end(parent, 5);
        let late = 3 * ProcessTable::RETAIN_NS;
        table.sweep(late);
        assert_eq!(table.parent(child), Some(parent));
        table.end(child, late);
        table.sweep(late + ProcessTable::RETAIN_NS + 1);
        assert!(table.get(child).is_none() && table.get(parent).is_none());
        assert!(table.children.is_empty());
    }

    #[test]
    fn too_many_ended_processes_are_forgotten_before_their_time() {
        let mut table = ProcessTable::default();
        for number in 0..ProcessTable::RETAINED_MAX as u32 + 10 {
            let mut short_lived = process(1, 0);
            short_lived.uid.0[..4].copy_from_slice(&number.to_le_bytes());
            let index = table.insert(short_lived);
            table.end(index, u64::from(number));
        }
        table.sweep(100_000);
        assert_eq!(table.iter().count(), ProcessTable::RETAINED_MAX);
        assert!(table.get(ProcessIndex(9)).is_none() && table.get(ProcessIndex(10)).is_some());
    }
}
