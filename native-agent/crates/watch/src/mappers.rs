//! Who has a file mapped so that he can write to it, when the process that closed it has ended: most often a child of it. All
//! processes are gone through, a few at a time, as this runs where closed files wait.
use std::fs;
use std::time::{Duration, Instant};

use norn_os as os;
use norn_os::process::{Stat, pids};

/// Of each look at the mapped files.
const SLICE: Duration = Duration::from_millis(5);
/// After all were gone through; when that took long, longer: a fiftieth of a core at most.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_FACTOR: u32 = 50;
/// More processes are not gone through.
const PROCESSES_MAX: usize = 32_768;

/// A process, and when it started, so that a later one of its number is told from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Writer {
    pub pid: u32,
    start: Option<u64>,
}

impl Writer {
    pub fn now(pid: u32) -> Self {
        let start = start_of(pid);
        Self { pid, start }
    }

    pub fn lives(&self) -> bool {
        self.start.is_some() && start_of(self.pid) == self.start
    }
}

/// `None` when the process has ended.
fn start_of(pid: u32) -> Option<u64> {
    let stat = Stat::of(pid)?;
    (!stat.has_ended()).then_some(stat.start_ticks)
}

/// What /proc may call a file of an overlay: by the overlay's device, or, before Linux 6.8, by the layer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    devices: [(u32, u32); 2],
    inodes: [u64; 2],
}

impl Identity {
    pub fn of(shown: &os::Stat, layers: &os::Stat) -> Self {
        let device = |stat: &os::Stat| (libc::major(stat.st_dev), libc::minor(stat.st_dev));
        Self {
            devices: [device(shown), device(layers)],
            inodes: [shown.st_ino, layers.st_ino],
        }
    }

    fn is(&self, (device, inode): ((u32, u32), u64)) -> bool {
        self.devices.contains(&device) && self.inodes.contains(&inode)
    }
}

/// The files that a process can write to by a mapping: device and inode.
fn writable(maps: &str) -> impl Iterator<Item = ((u32, u32), u64)> {
    maps.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let access = fields.next()?.as_bytes();
        if access.get(1) != Some(&b'w') || access.get(3) != Some(&b's') {
            return None;
        }
        let (major, minor) = fields.nth(1)?.split_once(':')?;
        let device = |hex| u32::from_str_radix(hex, 16).ok();
        let inode = fields.next()?.parse().ok()?;
        Some(((device(major)?, device(minor)?), inode))
    })
}

#[derive(Default)]
pub struct Search {
    /// Still to be gone through; the next is the last.
    left: Vec<u32>,
    spent: Duration,
    not_before: Option<Instant>,
    /// Asked once in each look.
    known: Vec<(Writer, bool)>,
}

impl Search {
    pub fn goes_on(&self) -> bool {
        !self.left.is_empty()
    }

    pub fn look_at_ends(&mut self) {
        self.known.clear();
    }

    pub fn has_ended(&mut self, writer: &Writer) -> bool {
        if let Some((_, lives)) = self.known.iter().find(|(known, _)| known == writer) {
            return !lives;
        }
        let lives = writer.lives();
        self.known.push((*writer, lives));
        !lives
    }

    /// Gives each of these the process that has it mapped. Who is found is no more among the wanted.
    pub fn go_on(&mut self, wanted: &mut Vec<(Identity, &mut Writer)>) {
        let begun = Instant::now();
        if wanted.is_empty() {
            self.left.clear();
            return;
        }
        if self.left.is_empty() {
            if self.not_before.is_some_and(|at| begun < at) {
                return;
            }
            // A mapping is inherited by who starts later.
            self.left = processes(wanted[0].1.pid);
            self.spent = Duration::ZERO;
        }
        while begun.elapsed() < SLICE
            && !wanted.is_empty()
            && let Some(pid) = self.left.pop()
        {
            give(pid, wanted);
        }
        self.spent += begun.elapsed();
        if wanted.is_empty() {
            self.left.clear();
        } else if self.left.is_empty() {
            self.not_before = Some(Instant::now() + (self.spent * PAUSE_FACTOR).max(PAUSE_MIN));
        }
    }
}

fn give(pid: u32, wanted: &mut Vec<(Identity, &mut Writer)>) {
    // Names of files may be no text.
    let Ok(maps) = fs::read(format!("/proc/{pid}/maps")) else {
        return;
    };
    let maps = String::from_utf8_lossy(&maps);
    let mut writer = None;
    for mapped in writable(&maps) {
        wanted.retain_mut(|(identity, known)| {
            let is_it = identity.is(mapped);
            if is_it {
                **known = *writer.get_or_insert_with(|| Writer::now(pid));
            }
            !is_it
        });
    }
}

/// All but this one, in the order of those that came after `first`, then the others; the next to be looked at comes last.
fn processes(first: u32) -> Vec<u32> {
    let own = std::process::id();
    let mut pids: Vec<u32> = pids().filter(|&pid| pid != own).take(PROCESSES_MAX).collect();
    pids.sort_unstable_by_key(|&pid| std::cmp::Reverse((pid < first, pid)));
    pids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_shared_and_can_be_written_counts() {
        let maps = "7f00-7f10 rw-s 00000000 08:1a 4711                       /data/a file\n\
                    7f10-7f20 r--s 00000000 08:1a 4712                       /data/b\n\
                    7f20-7f30 rw-p 00000000 08:1a 4713                       /data/c\n\
                    7f30-7f40 -w-s 00000000 00:2b 4714                       /data/d (deleted)\n\
                    7f40-7f50 rw-p 00000000 00:00 0 \n";
        let found: Vec<_> = writable(maps).collect();
        assert_eq!(found, [((8, 0x1a), 4711), ((0, 0x2b), 4714)]);
    }

    #[test]
    fn who_has_ended_does_not_live_though_nobody_has_waited_for_him() {
        assert!(Writer::now(std::process::id()).lives());
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let writer = Writer::now(child.id());
        assert!(writer.lives());
        drop(child.stdin.take());
        while writer.lives() {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.wait().unwrap();
        assert!(!writer.lives());
        assert!(!Writer::now(writer.pid).lives());
    }

    #[test]
    fn those_who_came_later_are_looked_at_first() {
        let own = std::process::id();
        let all = processes(own);
        let later = all.iter().rev().take_while(|&&pid| pid > own).count();
        assert!(all.iter().rev().skip(later).all(|&pid| pid < own));
        assert!(!all.contains(&own) && all.contains(&1));
    }
}
