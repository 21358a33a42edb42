//! What the agent has in the kernel: whether it is still there, and who of the agent is watched over.
use std::collections::BTreeSet;
use std::fs;

use libbpf_rs::{MapCore, MapFlags, MapHandle};

use crate::ProbeError;
use crate::kernel::Kernel;

/// A program, map or link as the kernel numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Object {
    /// `enum object_type`.
    kind: u32,
    id: u32,
}

/// `enum object_type`, and the line of a descriptor's fdinfo that has the id. A link's names its program too.
const KINDS: [(u32, &str, &str); 3] = [
    (3, "link", "link_id:"),
    (1, "program", "prog_id:"),
    (2, "map", "map_id:"),
];

impl Object {
    fn key(self) -> [u8; 8] {
        let mut key = [0; 8];
        key[..4].copy_from_slice(&self.kind.to_ne_bytes());
        key[4..].copy_from_slice(&self.id.to_ne_bytes());
        key
    }

    fn name(self) -> String {
        let kind = KINDS.iter().find(|(kind, ..)| *kind == self.kind);
        format!("{} {}", kind.map_or("object", |(_, name, _)| name), self.id)
    }
}

/// For one thread, beside the sensor's own.
pub struct Holdings {
    processes: MapHandle,
    objects: MapHandle,
    /// The sensor's own: they are there as long as it runs. What enforces a policy comes and goes.
    wanted: BTreeSet<Object>,
    known: BTreeSet<Object>,
    guarded: BTreeSet<u32>,
}

impl Holdings {
    pub(crate) fn of(kernel: &Kernel) -> Result<Self, ProbeError> {
        let mut holdings = Self {
            processes: kernel.map("agent_processes")?,
            objects: kernel.map("agent_objects")?,
            wanted: held(),
            known: BTreeSet::new(),
            guarded: BTreeSet::new(),
        };
        holdings.look(&[]);
        Ok(holdings)
    }

    fn guard(&mut self, pids: &[u32]) {
        let processes = pids.iter().copied().chain([std::process::id()]);
        let guarded: BTreeSet<u32> = processes.flat_map(|pid| threads(pid).chain([pid])).collect();
        for gone in self.guarded.difference(&guarded) {
            // It may be gone from the map already: no matter.
            let _ = self.processes.delete(&gone.to_ne_bytes());
        }
        for pid in guarded.difference(&self.guarded) {
            put(&self.processes, &pid.to_ne_bytes());
        }
        self.guarded = guarded;
    }

    /// What somebody has taken away since the last call; what can be put back is. `pids`: the agent's processes from now on, beside
    /// this one, as the host counts them.
    pub fn look(&mut self, pids: &[u32]) -> Vec<String> {
        self.guard(pids);
        let held = held();
        let gone: Vec<Object> = self.wanted.difference(&held).copied().collect();
        let mut missing: Vec<String> = gone.iter().map(|object| object.name()).collect();
        self.wanted.retain(|object| held.contains(object));
        for &object in held.intersection(&self.known) {
            if put_back(&self.objects, &object.key()) {
                missing.push(format!("the entry of {}", object.name()));
            }
        }
        for object in held.difference(&self.known) {
            put(&self.objects, &object.key());
        }
        for object in self.known.difference(&held) {
            let _ = self.objects.delete(&object.key());
        }
        self.known = held;
        for pid in &self.guarded {
            if put_back(&self.processes, &pid.to_ne_bytes()) {
                missing.push(format!("the entry of process {pid}"));
            }
        }
        missing
    }
}

/// What is done to one of them is done to the process.
fn threads(pid: u32) -> impl Iterator<Item = u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    tasks.filter_map(|task| task.file_name().to_str()?.parse().ok())
}

fn put(map: &MapHandle, key: &[u8]) {
    if let Err(error) = map.update(key, &[1], MapFlags::ANY) {
        tracing::warn!(%error, "holdings_refused: who touches the agent is not seen");
    }
}

/// Whether it was gone.
fn put_back(map: &MapHandle, key: &[u8]) -> bool {
    let is_gone = matches!(map.lookup(key, MapFlags::ANY), Ok(None));
    if is_gone {
        put(map, key);
    }
    is_gone
}

/// What this process holds by a descriptor.
fn held() -> BTreeSet<Object> {
    let descriptors = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    descriptors
        .filter(|entry| {
            fs::read_link(entry.path())
                .is_ok_and(|target| target.to_string_lossy().starts_with("anon_inode:bpf"))
        })
        .filter_map(|entry| {
            let name = entry.file_name();
            object_of(&fs::read_to_string(format!("/proc/self/fdinfo/{}", name.to_str()?)).ok()?)
        })
        .collect()
}

fn object_of(about: &str) -> Option<Object> {
    KINDS.iter().find_map(|&(kind, _, label)| {
        let text = about.lines().find_map(|line| line.strip_prefix(label))?;
        Some(Object {
            kind,
            id: text.trim().parse().ok()?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_a_link_though_it_names_its_program() {
        let about = "pos:\t0\nlink_type:\ttracing\nlink_id:\t41\nprog_tag:\t0badcafe\nprog_id:\t7\n";
        assert_eq!(object_of(about), Some(Object { kind: 3, id: 41 }));
        assert_eq!(
            object_of("pos:\t0\nprog_id:\t7\n"),
            Some(Object { kind: 1, id: 7 })
        );
        assert_eq!(
            object_of("pos:\t0\nmap_type:\t1\nmap_id:\t9\n"),
            Some(Object { kind: 2, id: 9 })
        );
        assert_eq!(object_of("pos:\t0\n"), None);
    }
}
