//! The application's processes, as their own calls make them known: who created whom, and what each runs.
use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use norn_events::{
    ContainerId, Credentials, Image, ImageFlag, Process, ProcessIndex, ProcessTable, ProcessUid, process_uid,
};
use norn_os::process::{CLOCK_TICK_NS, Stat, Status};

use crate::target::read_proc;

/// Ancestors looked up for one process.
const ANCESTORS_MAX: usize = 64;
/// Threads remembered; beyond it they are looked up again.
const THREADS_MAX: usize = 16_384;
/// `linux/magic.h`.
const TMPFS: i64 = 0x0102_1994;

pub struct Family {
    pub processes: ProcessTable,
    pub boot_id: [u8; 16],
    pub container: Option<ContainerId>,
    /// Unix time, s: programs whose files changed later are new.
    pub started_s: i64,
    credentials_of: fn(u32) -> Credentials,
    threads: HashMap<u32, u32>,
}

impl Family {
    pub fn new(
        container: Option<ContainerId>,
        started_s: i64,
        boot_id: [u8; 16],
        credentials_of: fn(u32) -> Credentials,
    ) -> Self {
        Self {
            processes: ProcessTable::default(),
            boot_id,
            container,
            started_s,
            credentials_of,
            threads: HashMap::new(),
        }
    }

    /// The process that a thread belongs to.
    pub fn process_of(&mut self, thread: u32) -> Option<u32> {
        if let Some(&pid) = self.threads.get(&thread) {
            return Some(pid);
        }
        let pid = Status::of(thread)?.number("Tgid")?;
        if self.threads.len() >= THREADS_MAX {
            self.threads.clear();
        }
        self.threads.insert(thread, pid);
        Some(pid)
    }

    /// The process and those of its ancestors that were not known yet, topmost first; the process itself last.
    pub fn learn(&mut self, pid: u32) -> Vec<ProcessIndex> {
        let (mut chain, mut next) = (Vec::new(), pid);
        while next > 0 && self.processes.by_pid(next).is_none() && chain.len() < ANCESTORS_MAX {
            let Some(stat) = stat(next) else { break };
            chain.push((next, stat.parent, stat.start_ticks * CLOCK_TICK_NS));
            // The agent is where the application begins; whoever started it is none of it.
            if next == std::process::id() {
                break;
            }
            next = stat.parent;
        }
        chain
            .into_iter()
            .rev()
            .map(|(pid, parent, start_time_ns)| self.insert(pid, parent, start_time_ns))
            .collect()
    }

    fn insert(&mut self, pid: u32, parent_pid: u32, start_time_ns: u64) -> ProcessIndex {
        let parent = self
            .processes
            .by_pid(parent_pid)
            .and_then(|index| self.processes.get(index));
        let parent_uid = parent.map_or(ProcessUid::UNKNOWN, |parent| parent.uid);
        let status = Status::of(pid);
        let id = |name| {
            status
                .as_ref()
                .and_then(|status| status.number(name))
                .unwrap_or(0)
        };
        let image = parent
            .filter(|parent| parent.pid != std::process::id())
            .map_or_else(
                || Arc::new(self.running_image(pid)),
                |parent| Arc::clone(&parent.image),
            );
        self.processes.insert(Process {
            uid: process_uid(&self.boot_id, pid, start_time_ns),
            parent_uid,
            pid,
            namespace_pid: pid,
            parent_pid,
            start_time_ns,
            end_time_ns: None,
            image_number: 0,
            image,
            container: self.container.clone(),
            cgroup_id: 0,
            user_id: id("Uid"),
            group_id: id("Gid"),
            credentials: (self.credentials_of)(pid),
        })
    }

    fn running_image(&self, pid: u32) -> Image {
        let path = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        let command_line = read_proc(pid, "cmdline").unwrap_or_default();
        Image {
            command_line: command_line
                .trim_end_matches('\0')
                .replace('\0', " ")
                .into_bytes(),
            ..self.image(&path, Path::new(&format!("/proc/{pid}/exe")))
        }
    }

    /// Of the file that is at `real`, which the process calls `seen`.
    pub fn image(&self, seen: &Path, real: &Path) -> Image {
        let (mut flags, mut path) = (0, seen.as_os_str().as_bytes().to_vec());
        if let Some(name) = path.strip_prefix(b"/memfd:") {
            flags |= ImageFlag::Memfd as u32;
            let name = name.strip_suffix(b" (deleted)").unwrap_or(name);
            path = [b"memfd:", name].concat();
        } else if let Some(name) = path.strip_suffix(b" (deleted)") {
            flags |= ImageFlag::Deleted as u32;
            path = name.to_vec();
        }
        let Ok(metadata) = fs::metadata(real) else {
            return Image {
                path,
                flags,
                ..Image::default()
            };
        };
        let mode = metadata.permissions().mode();
        let facts = [
            (mode & 0o022 != 0, ImageFlag::Writable),
            (mode & 0o6000 != 0, ImageFlag::Setuid),
            (metadata.ctime() > self.started_s, ImageFlag::New),
            (flags == 0 && is_tmpfs(real), ImageFlag::Tmpfs),
        ];
        flags |= facts
            .iter()
            .filter(|(holds, _)| *holds)
            .fold(0, |bits, (_, flag)| bits | *flag as u32);
        Image {
            path,
            flags,
            device: metadata.dev(),
            inode: metadata.ino(),
            ..Image::default()
        }
    }

    /// The process starts another program.
    pub fn exec(&mut self, index: ProcessIndex, image: Image) {
        if let Some(process) = self.processes.get_mut(index) {
            process.image = Arc::new(image);
            process.image_number += 1;
        }
    }

    pub fn end(&mut self, index: ProcessIndex, now_ns: u64) {
        if let Some(pid) = self.processes.get(index).map(|process| process.pid) {
            self.threads.retain(|_, owner| *owner != pid);
        }
        self.processes.end(index, now_ns);
    }

    /// Those that are gone, whoever ended them.
    pub fn gone(&self) -> Vec<ProcessIndex> {
        let lives = |process: &Process| {
            stat(process.pid).is_some_and(|stat| stat.start_ticks * CLOCK_TICK_NS == process.start_time_ns)
        };
        self.processes
            .iter()
            .filter(|(_, process)| process.end_time_ns.is_none() && !lives(process))
            .map(|(index, _)| index)
            .collect()
    }

    /// The process and its ancestors by original creator, itself first.
    pub fn lineage(&self, index: ProcessIndex) -> Arc<[ProcessUid]> {
        let mut lineage = Vec::new();
        let mut current = Some(index);
        while let Some(process) = current.and_then(|index| self.processes.get(index)) {
            if lineage.len() >= ANCESTORS_MAX {
                break;
            }
            lineage.push(process.uid);
            current = self.processes.by_uid(process.parent_uid);
        }
        lineage.into()
    }
}

fn is_tmpfs(path: &Path) -> bool {
    nix::sys::statfs::statfs(path).is_ok_and(|found| found.filesystem_type().0 == TMPFS)
}

/// A zombie has ended.
fn stat(pid: u32) -> Option<Stat> {
    Stat::of(pid).filter(|stat| !stat.has_ended())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_learned_with_its_ancestors_up_to_the_agent() {
        let mut family = Family::new(Some("c".into()), 0, [0; 16], |_| Credentials::default());
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let known = family.learn(child.id());
        assert_eq!(known.len(), 2, "the agent and the program");
        let process = family.processes.get(known[1]).unwrap();
        assert_eq!(process.parent_pid, std::process::id());
        assert_eq!(family.lineage(known[1]).len(), 2);
        assert!(family.learn(child.id()).is_empty());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(family.gone(), [known[1]]);
    }

    #[test]
    fn images_from_memory_and_without_a_name_are_told_apart() {
        let family = Family::new(None, i64::MAX, [0; 16], |_| Credentials::default());
        let image = |seen: &str| family.image(Path::new(seen), Path::new("/nowhere"));
        let memfd = image("/memfd:x (deleted)");
        assert_eq!(
            (memfd.path.as_slice(), memfd.flags),
            (&b"memfd:x"[..], ImageFlag::Memfd as u32)
        );
        let deleted = image("/tmp/x (deleted)");
        assert_eq!(
            (deleted.path.as_slice(), deleted.flags),
            (&b"/tmp/x"[..], ImageFlag::Deleted as u32)
        );
    }
}
