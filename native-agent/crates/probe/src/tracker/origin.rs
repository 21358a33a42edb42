//! Where the programs of processes come from: their sums and packages as the threads beside find them out, and, for the few events
//! whose rules ask for it, whether all that a process runs is a package's.
use std::path::{Path, PathBuf};
use std::sync::Arc;

use norn_events::{ImageFlag, Process, ProcessIndex};
use norn_programs::script::{self, PACKAGE_MANAGERS, is_roots};
use norn_programs::scripts::{Root, ScriptVersion, Verdict, below};

use super::Tracker;
use super::origins::{Origins, Unsettled};

/// What is found out about a process beside its package.
const FOUND_OUT: u32 =
    ImageFlag::Packaged as u32 | ImageFlag::PackagedScript as u32 | ImageFlag::Installation as u32;
/// What a container's own program is not.
const NOT_OF_THE_IMAGE: u32 = ImageFlag::UpperLayer as u32
    | ImageFlag::Memfd as u32
    | ImageFlag::Deleted as u32
    | ImageFlag::Tmpfs as u32
    | ImageFlag::Writable as u32
    | ImageFlag::New as u32;

/// Not known yet: `None`.
type Found<T> = Option<T>;

impl Tracker {
    /// Puts what files turned out to be into the images that wait for it.
    pub fn take_hashes(&mut self) {
        let Some(hasher) = self.hasher.as_mut() else {
            return;
        };
        for (version, content) in hasher.take_results() {
            for index in self.hash_waiters.remove(&version).unwrap_or_default() {
                let Some(process) = self.processes.get_mut(index) else {
                    continue;
                };
                if let Some(content) = &content
                    && version.is_of(process.image.device, process.image.inode)
                {
                    content.describe(Arc::make_mut(&mut process.image));
                }
            }
        }
    }

    /// An event of this process is about to be told whose rule asks where it comes from.
    pub fn ask_origin(&mut self, process: ProcessIndex, now_ns: u64) {
        let found = self.origin_of(process);
        let has_room = self.origins.unsettled.len() < Origins::UNSETTLED_MAX;
        let Some(asked) = self.processes.get_mut(process) else {
            return;
        };
        if found.is_none() && has_room {
            let image_number = asked.image_number;
            Arc::make_mut(&mut asked.image).is_asked_about = true;
            self.origins.unsettled.push(Unsettled {
                process,
                image_number,
                until_ns: now_ns + Origins::WAIT_NS,
            });
            return;
        }
        settle(asked, found.unwrap_or_default());
    }

    /// Looks again at those whose origin was not known.
    pub fn settle_origins(&mut self, now_ns: u64) {
        for asked in std::mem::take(&mut self.origins.unsettled) {
            let is_same = |process: &Process| process.image_number == asked.image_number;
            if !self.processes.get(asked.process).is_some_and(is_same) {
                continue;
            }
            let found = self.origin_of(asked.process);
            if found.is_none() && now_ns < asked.until_ns {
                self.origins.unsettled.push(asked);
            } else if let Some(process) = self.processes.get_mut(asked.process) {
                settle(process, found.unwrap_or_default());
            }
        }
        if self.origins.unsettled.is_empty() {
            self.origins.asked.clear();
        }
    }

    /// `ImageFlag` bits of `FOUND_OUT`.
    fn origin_of(&mut self, index: ProcessIndex) -> Found<u32> {
        let is_packaged = self.is_packaged(index);
        // All is asked for at once: of who has ended meanwhile nothing can be asked.
        let runs_packaged_script = match is_packaged {
            Some(false) => Some(false),
            _ => self.runs_packaged_script(index),
        };
        let is_installation = self.is_installation(index);
        let mut flags = 0;
        if is_packaged? {
            flags |= ImageFlag::Packaged as u32;
            if runs_packaged_script? {
                flags |= ImageFlag::PackagedScript as u32;
            }
        }
        if is_installation? {
            flags |= ImageFlag::Installation as u32;
        }
        Some(flags)
    }

    fn is_packaged(&self, index: ProcessIndex) -> Found<bool> {
        let Some(process) = self.processes.get(index) else {
            return Some(false);
        };
        // The kernel takes such variables from whoever starts a set-uid program as another.
        let is_cleaned = process.image.flags & ImageFlag::Setuid as u32 != 0 && process.user_id != 0;
        if process.image.is_influenced && !is_cleaned {
            return Some(false);
        }
        let came_with_image = process.container.is_some()
            && process.image.flags & ImageFlag::LowerLayer as u32 != 0
            && process.image.flags & NOT_OF_THE_IMAGE == 0;
        if came_with_image || process.image.package.is_some() {
            return Some(true);
        }
        (!self.is_being_read(index)).then_some(false)
    }

    fn runs_packaged_script(&mut self, index: ProcessIndex) -> Found<bool> {
        let Some(process) = self.processes.get(index) else {
            return Some(false);
        };
        if process.image.script.is_empty() {
            return Some(false);
        }
        let name = (index, process.image_number);
        let version = match self.origins.asked.get(&name) {
            Some(version) => *version,
            None => match self.ask_script(index) {
                Some(version) => version,
                None => return Some(false),
            },
        };
        if self.origins.asked.len() < Origins::UNSETTLED_MAX {
            self.origins.asked.insert(name, version);
        }
        let verdict = self
            .origins
            .scripts
            .as_mut()
            .map(|scripts| scripts.verdict(version));
        match verdict.unwrap_or(Verdict::Other) {
            Verdict::Asked => None,
            verdict => Some(verdict == Verdict::Packaged),
        }
    }

    fn ask_script(&mut self, index: ProcessIndex) -> Option<ScriptVersion> {
        let process = self.processes.get(index)?;
        let root = root_of(process).and_then(|root| Root::open(&root).ok())?;
        let started_ns = process.container.as_ref().map(|_| {
            let started = self
                .containers
                .start_time_ns(process.cgroup_id, process.start_time_ns);
            let started = started.unwrap_or_default();
            started.saturating_add_signed(self.wall_offset_ns)
        });
        self.origins
            .scripts
            .as_mut()?
            .ask(root, &process.image.script, started_ns)
    }

    /// Whether a maintainer's script seems to have started it: who may be one is asked about when it starts, all others are not.
    pub fn is_below_script(&self, index: ProcessIndex) -> bool {
        let mut current = Some(index);
        for _ in 0..Origins::DEPTH_MAX {
            let Some(process) = current.and_then(|index| self.processes.get(index)) else {
                return false;
            };
            if script::is_maintainers(&process.image.script) {
                return true;
            }
            current = current.and_then(|index| self.processes.parent(index));
        }
        false
    }

    fn is_installation(&mut self, index: ProcessIndex) -> Found<bool> {
        let mut current = index;
        for _ in 0..Origins::DEPTH_MAX {
            let Some(process) = self.processes.get(current) else {
                return Some(false);
            };
            let is_script = script::is_maintainers(&process.image.script);
            if is_script && self.is_packaged(current)? && self.is_run_by_manager(current)? {
                return Some(true);
            }
            match self.processes.parent(current) {
                Some(parent) => current = parent,
                None => return Some(false),
            }
        }
        Some(false)
    }

    fn is_run_by_manager(&mut self, script: ProcessIndex) -> Found<bool> {
        let mut current = script;
        for _ in 0..Origins::MANAGER_DEPTH_MAX {
            let Some(parent) = self.processes.parent(current) else {
                return Some(false);
            };
            if self.is_manager(parent)? {
                return Some(true);
            }
            current = parent;
        }
        Some(false)
    }

    fn is_manager(&mut self, index: ProcessIndex) -> Found<bool> {
        let Some(process) = self.processes.get(index) else {
            return Some(false);
        };
        let image = Arc::clone(&process.image);
        let named = |path: &[u8]| {
            PACKAGE_MANAGERS
                .iter()
                .find(|(_, known)| known.as_bytes() == path)
        };
        if script::is_told_to_run(&image.command_line) {
            return Some(false);
        }
        if named(&image.script).is_some() {
            let runs_packaged_script = self.runs_packaged_script(index);
            return Some(self.is_packaged(index)? && runs_packaged_script?);
        }
        let Some((package, _)) = named(&image.path) else {
            return Some(false);
        };
        // Of a package of that name: what came with a container's image is not enough, since anybody's image could bring it.
        Some(self.is_packaged(index)? && image.package.as_ref().is_some_and(|own| own.name == *package))
    }

    fn is_being_read(&self, index: ProcessIndex) -> bool {
        self.hash_waiters.values().any(|waiters| waiters.contains(&index))
    }

    /// A child runs what its parent does; what that is comes to both.
    pub fn await_with_parent(&mut self, parent: ProcessIndex, child: ProcessIndex) {
        for waiters in self.hash_waiters.values_mut() {
            if waiters.contains(&parent) && waiters.len() < Self::HASH_WAITERS_MAX {
                waiters.push(child);
            }
        }
    }
}

fn settle(process: &mut Process, found: u32) {
    let flags = (process.image.flags & !FOUND_OUT) | found;
    if process.image.flags != flags || process.image.is_asked_about {
        let image = Arc::make_mut(&mut process.image);
        image.flags = flags;
        image.is_asked_about = false;
    }
}

/// The script that an exec runs; a maintainer's only while it is root's, which is looked at now, since such scripts are soon gone.
pub fn script_of(image: &[u8], arguments: &[u8], pids: [u32; 2]) -> Vec<u8> {
    let script = script::of(image, arguments);
    let is_roots = || root_of_pids(pids).is_some_and(|root| is_roots(&below(&root, script)));
    if script::is_maintainers(script) && !is_roots() {
        return Vec::new();
    }
    script.to_vec()
}

fn root_of(process: &Process) -> Option<PathBuf> {
    root_of_pids([process.pid, process.parent_pid])
}

/// As the process sees files, or when it has ended as its creator does.
fn root_of_pids(pids: [u32; 2]) -> Option<PathBuf> {
    pids.into_iter()
        .filter(|&pid| pid != 0)
        .map(|pid| Path::new("/proc").join(pid.to_string()).join("root"))
        .find(|root| root.exists())
}

#[cfg(test)]
#[path = "origin_tests.rs"]
mod tests;
