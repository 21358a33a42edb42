//! Processes that change names under a restore's hands: of uid 65534, who owns the directories, and of root, who mounts.
use std::ffi::{CStr, CString};
use std::fs::{self, OpenOptions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::c_path;
use super::child::{Child, fork};

pub const NOBODY: u32 = 65_534;
/// What files of the racers hold.
pub const EVIL: &[u8] = b"#!/bin/sh\nexec the attacker's own program\n";
/// Things that one racer does in one round, at most.
const DEEDS_MAX: usize = 2_048;
const RACERS: usize = 5;
/// In place of a file's number: a directory above all.
const ALL: u32 = u32::MAX;

/// The names in a directory of a round, by number.
pub const NAMES: [&str; 10] = [
    "tool", "plain", "capable", "group", "link", "moved", "twin-a", "twin-b", "own", "dropped",
];

struct Deed {
    name: AtomicU32,
    ended_ns: AtomicU64,
}

struct Log {
    count: AtomicU32,
    /// The last round that it is through with.
    done: AtomicU64,
    deeds: [Deed; DEEDS_MAX],
}

struct Board {
    round: AtomicU64,
    logs: [Log; RACERS],
}

pub struct Racers {
    board: &'static Board,
    children: Vec<Child>,
}

pub fn now_ns() -> u64 {
    super::boot_ns()
}

/// Not to be guessed by anyone, and fast.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

struct Racer {
    log: &'static Log,
    dice: Dice,
    /// The round's own: holds `d`, where the restore works, and what to put in its place.
    top: PathBuf,
}

type Trick = fn(&mut Racer);

impl Racers {
    /// They wait for the first round. To be called before there is a vault: they must not have its groups.
    pub fn start(data: &Path, seed: u64, with_mounts: bool) -> Self {
        let (access, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
        );
        // SAFETY: a new mapping of zeros, which are a valid Board; it stays mapped as long as the process lives.
        let board = unsafe {
            let at = libc::mmap(std::ptr::null_mut(), size_of::<Board>(), access, flags, -1, 0);
            assert_ne!(at, libc::MAP_FAILED, "mmap: {}", std::io::Error::last_os_error());
            &*at.cast::<Board>()
        };
        let kinds: [(Trick, bool); RACERS] = [
            (Racer::some_names, false),
            (Racer::some_names, false),
            (Racer::whatever_appears, false),
            (Racer::some_directories, false),
            (Racer::some_mounts, true),
        ];
        let mut children = Vec::new();
        for (number, (trick, is_root)) in kinds.into_iter().enumerate() {
            if is_root && !with_mounts {
                board.logs[number].done.store(u64::MAX, Ordering::Release);
                continue;
            }
            let dice = Dice(seed ^ (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            children.push(fork(|| run(board, (number, data), (trick, is_root), dice)));
        }
        Self { board, children }
    }

    pub fn begin(&self, round: u64) {
        for log in &self.board.logs {
            log.count.store(0, Ordering::Release);
        }
        self.board.round.store(round + 1, Ordering::Release);
    }

    /// Until all are through with the round.
    pub fn wait(&self, round: u64) {
        let through = |log: &Log| log.done.load(Ordering::Acquire) > round;
        let all = super::eventually(|| self.board.logs.iter().all(through));
        assert!(all, "a racer does not end");
    }

    /// Did anybody do something with this name, or a directory above it, that was not over by then?
    pub fn touched_since(&self, name: usize, time_ns: u64) -> bool {
        let touched = |deed: &Deed| {
            let at = deed.name.load(Ordering::Relaxed);
            (at == ALL || at == name as u32) && deed.ended_ns.load(Ordering::Relaxed) >= time_ns
        };
        let mut logs = self.board.logs.iter();
        logs.any(|log| {
            let count = log.count.load(Ordering::Acquire) as usize;
            log.deeds[..count.min(DEEDS_MAX)].iter().any(touched)
        })
    }

    pub fn deeds(&self) -> u64 {
        let counts = self.board.logs.iter();
        counts
            .map(|log| u64::from(log.count.load(Ordering::Acquire)))
            .sum()
    }
}

impl Drop for Racers {
    fn drop(&mut self) {
        for child in self.children.drain(..) {
            child.kill();
        }
    }
}

fn run(
    board: &'static Board,
    (number, data): (usize, &Path),
    (trick, is_root): (Trick, bool),
    mut dice: Dice,
) {
    // SAFETY: takes integers only; nothing of this process uses those descriptors, and none is root's any more.
    unsafe {
        libc::close_range(3, u32::MAX, 0);
        if !is_root {
            assert_eq!(libc::setgroups(0, std::ptr::null()), 0);
            assert_eq!(libc::setresgid(NOBODY, NOBODY, NOBODY), 0);
            assert_eq!(libc::setresuid(NOBODY, NOBODY, NOBODY), 0);
        }
        // A change of user takes it away.
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
    }
    let log = &board.logs[number];
    loop {
        let round = board.round.load(Ordering::Acquire);
        if round <= log.done.load(Ordering::Acquire) {
            std::thread::yield_now();
            continue;
        }
        let top = data.join(format!("r{}", round - 1));
        let seed = dice.below(u64::MAX) | 1;
        let mut racer = Racer {
            log,
            dice: Dice(seed),
            top,
        };
        trick(&mut racer);
        log.done.store(round, Ordering::Release);
    }
}

impl Racer {
    fn path(&self, name: &str) -> PathBuf {
        self.top.join(name)
    }

    /// A while that differs, so that each place in the restore is met.
    fn pause(&mut self, most_us: u64) {
        let until = now_ns() + self.dice.below(most_us * 1000);
        while now_ns() < until {
            std::hint::spin_loop();
        }
    }

    fn note(&self, name: u32, is_done: bool) {
        let at = self.log.count.load(Ordering::Relaxed) as usize;
        if is_done && at < DEEDS_MAX {
            self.log.deeds[at].name.store(name, Ordering::Relaxed);
            self.log.deeds[at].ended_ns.store(now_ns(), Ordering::Relaxed);
            self.log.count.store(at as u32 + 1, Ordering::Release);
        }
    }

    fn is_full(&self) -> bool {
        self.log.count.load(Ordering::Relaxed) as usize + 8 > DEEDS_MAX
    }

    /// A file of the racer's own, under this name.
    fn decoy(&self, path: &Path) {
        // One that stayed is as good.
        if fs::write(path, EVIL).is_ok() {
            mode(path, 0o755);
        }
    }

    /// Any name of the directory: those of the restore too.
    fn some_names(&mut self) {
        let number = self.dice.below(1000);
        let decoy = self.path(&format!("decoy-{number}"));
        self.decoy(&decoy);
        self.pause(6_000);
        for _ in 0..self.dice.below(40) {
            let number = self.dice.below(NAMES.len() as u64) as u32;
            let mut target = self.path("d").join(NAMES[number as usize]);
            let mut at = number;
            if self.dice.below(3) == 0
                && let Some(name) = self.hidden()
            {
                (target, at) = (self.path("d").join(name), ALL);
            }
            self.trick(&target, &decoy, at);
            self.pause(120);
            if self.is_full() {
                break;
            }
        }
    }

    /// A name of the directory that no attack has made.
    fn hidden(&mut self) -> Option<std::ffi::OsString> {
        let entries = fs::read_dir(self.path("d")).ok()?;
        let mut names = entries.flatten().map(|entry| entry.file_name());
        names.find(|name| name.as_bytes().starts_with(b"."))
    }

    fn trick(&mut self, target: &Path, decoy: &Path, at: u32) {
        let number = self.dice.below(4);
        let stash = self.path(&format!("stash-{number}"));
        let done = match self.dice.below(8) {
            0 | 1 => rename(target, decoy, libc::RENAME_EXCHANGE),
            2 => rename(target, &stash, libc::RENAME_NOREPLACE),
            3 => rename(&stash, target, libc::RENAME_NOREPLACE),
            4 => {
                // What comes into the racer's hands under a second name is to be no more than it was.
                let name = self.path(&format!("linked-{}", now_ns()));
                fs::hard_link(target, name).is_ok()
            }
            5 => {
                let moved = rename(target, &stash, libc::RENAME_NOREPLACE);
                let link = std::os::unix::fs::symlink(self.path("outside/secret"), target);
                moved || link.is_ok()
            }
            6 => fs::remove_file(target).is_ok() || fs::remove_dir(target).is_ok(),
            _ => write(target),
        };
        self.note(at, done);
    }

    /// Woken by each name that comes into the directory.
    fn whatever_appears(&mut self) {
        let decoy = self.path("decoy-appears");
        self.decoy(&decoy);
        let directory = c_path(&self.path("d"));
        // SAFETY: the path outlives the call.
        let queue = unsafe {
            let queue = libc::inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK);
            let news = libc::IN_CREATE | libc::IN_MOVED_TO | libc::IN_ATTRIB | libc::IN_MODIFY;
            libc::inotify_add_watch(queue, directory.as_ptr(), news);
            queue
        };
        let until = now_ns() + 12_000_000;
        while now_ns() < until && !self.is_full() {
            for name in appeared(queue) {
                let number = NAMES.iter().position(|known| known.as_bytes() == name.to_bytes());
                let target = self.path("d").join(std::ffi::OsStr::from_bytes(name.to_bytes()));
                self.trick(&target, &decoy, number.map_or(ALL, |number| number as u32));
            }
        }
        // SAFETY: this function's own.
        unsafe { libc::close(queue) };
    }

    /// The directory itself: another in its place, a link, or none.
    fn some_directories(&mut self) {
        let (d, bait) = (self.path("d"), self.path("bait"));
        let _there = std::os::unix::fs::symlink(self.path("outside"), &bait);
        self.pause(8_000);
        for _ in 0..self.dice.below(6) {
            let other = match self.dice.below(3) {
                0 => bait.clone(),
                1 => self.path("e"),
                _ => self.path("gone"),
            };
            let flags = if other.ends_with("gone") {
                libc::RENAME_NOREPLACE
            } else {
                libc::RENAME_EXCHANGE
            };
            let done = rename(&d, &other, flags);
            self.note(ALL, done);
            self.pause(300);
            if done && self.dice.below(4) > 0 {
                let done = if flags == libc::RENAME_EXCHANGE {
                    rename(&d, &other, flags)
                } else {
                    rename(&other, &d, flags)
                };
                self.note(ALL, done);
            }
            self.pause(500);
        }
    }

    /// By root: over a file, or over the directory, and away again.
    fn some_mounts(&mut self) {
        self.pause(8_000);
        for _ in 0..self.dice.below(4) {
            let (from, to, at) = match self.dice.below(3) {
                0 => (self.path("outside"), self.path("d"), ALL),
                _ => {
                    let number = self.dice.below(NAMES.len() as u64) as usize;
                    (
                        self.path("outside/secret"),
                        self.path("d").join(NAMES[number]),
                        number as u32,
                    )
                }
            };
            let done = bind(&from, &to);
            self.note(at, done);
            self.pause(400);
            while done && unbind(&from, &to) {}
            self.note(at, done);
            self.pause(300);
        }
    }
}

fn rename(from: &Path, to: &Path, flags: u32) -> bool {
    let (from, to) = (c_path(from), c_path(to));
    let here = libc::AT_FDCWD;
    // SAFETY: both strings outlive the call.
    unsafe { libc::renameat2(here, from.as_ptr(), here, to.as_ptr(), flags) == 0 }
}

fn mode(path: &Path, mode: u32) {
    // SAFETY: the string outlives the call.
    unsafe { libc::chmod(c_path(path).as_ptr(), mode) };
}

/// By a descriptor and, after it is closed, by a mapping.
fn write(path: &Path) -> bool {
    let Ok(file) = OpenOptions::new().read(true).write(true).open(path) else {
        return false;
    };
    let is_written = file.write_all_at(EVIL, 0).is_ok();
    let (access, length) = (libc::PROT_READ | libc::PROT_WRITE, EVIL.len());
    use std::os::fd::AsRawFd;
    // SAFETY: a new mapping of the file's first page; it is written to only when it is there, within the file's bytes.
    unsafe {
        let at = libc::mmap(
            std::ptr::null_mut(),
            length,
            access,
            libc::MAP_SHARED,
            file.as_raw_fd(),
            0,
        );
        if is_written && at != libc::MAP_FAILED {
            drop(file);
            std::thread::yield_now();
            std::ptr::copy_nonoverlapping(EVIL.as_ptr(), at.cast(), length);
            libc::munmap(at, length);
        }
    }
    is_written
}

fn bind(from: &Path, to: &Path) -> bool {
    let (from, to) = (c_path(from), c_path(to));
    let (kind, flags) = (c"none".as_ptr(), libc::MS_BIND);
    // SAFETY: all strings outlive the call.
    unsafe { libc::mount(from.as_ptr(), to.as_ptr(), kind, flags, std::ptr::null()) == 0 }
}

/// Wherever the mount point was moved to.
fn unbind(from: &Path, to: &Path) -> bool {
    let top = from.parent().unwrap_or(from).as_os_str().as_bytes();
    let top = top.strip_suffix(b"/outside").unwrap_or(top);
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let mut points = table
        .split(|&byte| byte == b'\n')
        .filter_map(|line| line.split(|&byte| byte == b' ').nth(4));
    let Some(point) = points.find(|point| point.starts_with(&[top, b"/"].concat())) else {
        return false;
    };
    let point = CString::new(point).unwrap_or_else(|_| c_path(to));
    // SAFETY: the string outlives the call.
    unsafe { libc::umount2(point.as_ptr(), libc::MNT_DETACH | libc::UMOUNT_NOFOLLOW) == 0 }
}

/// What a racer could not unmount, because others gave the mount point another name just then.
pub fn unbind_all(top: &Path) {
    let inner = top.join("outside");
    while unbind(&inner, top) {}
}

/// What came into a watched directory since the last look.
fn appeared(queue: i32) -> Vec<CString> {
    let mut buffer = [0_u8; 8192];
    // SAFETY: the kernel writes at most the buffer's length.
    let count = unsafe { libc::read(queue, buffer.as_mut_ptr().cast(), buffer.len()) };
    let (mut names, mut rest) = (Vec::new(), &buffer[..usize::try_from(count).unwrap_or(0)]);
    const HEAD: usize = size_of::<libc::inotify_event>();
    while rest.len() >= HEAD {
        let length = u32::from_ne_bytes([rest[12], rest[13], rest[14], rest[15]]) as usize;
        if let Ok(name) = CStr::from_bytes_until_nul(&rest[HEAD..HEAD + length]) {
            names.push(name.to_owned());
        }
        rest = &rest[HEAD + length..];
    }
    names
}

/// The first page of a file, to be written to; nobody has a descriptor of it.
pub struct Mapped(*mut libc::c_void);

impl Mapped {
    pub fn of(file: fs::File) -> Self {
        use std::os::fd::AsRawFd;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping, which nothing reads or writes.
        let at = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                1,
                access,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        assert_ne!(at, libc::MAP_FAILED, "mmap: {}", std::io::Error::last_os_error());
        Self(at)
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: this one's own mapping.
        unsafe { libc::munmap(self.0, 1) };
    }
}
