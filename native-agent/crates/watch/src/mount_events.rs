//! What tells that something else may have to be protected: mounts that come and go in the mount namespaces of containers, and
//! names that are made or taken away above protected directories. Neither says what: the mount tables are read again.
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use norn_journal::file::FileKey;
use norn_os as os;

use crate::events::{parse, take};

/// Linux 6.15.
const FAN_REPORT_MNT: u32 = 0x4000;
const FAN_MARK_MNTNS: u32 = 0x110;
const FAN_MNT_ATTACH: u64 = 0x0100_0000;
const FAN_MNT_DETACH: u64 = 0x0200_0000;
/// type u8, pad u8, length u16; for a mount then its number, u64, which no other mount ever has.
const INFO_HEAD_BYTES: usize = 4;
const INFO_MOUNT: u8 = 7;
const READ_BYTES: usize = 4096;
/// Who made a directory is known for this long: by then it is protected, or never was to be.
const MAKER_KEPT: Duration = Duration::from_secs(10);
const MAKERS_MAX: usize = 1024;
const NAMES: u64 = libc::FAN_CREATE | libc::FAN_DELETE | libc::FAN_RENAME | libc::FAN_ONDIR;

#[derive(Debug)]
pub struct MountEvents {
    /// `None` on a kernel that does not tell: tables are read every few seconds there.
    mounts: Option<OwnedFd>,
    names: Option<OwnedFd>,
    waiting: Mutex<Waiting>,
    /// Of directories that were made above protected ones, or are such.
    makers: Mutex<HashMap<FileKey, (u32, Instant)>>,
    /// Mounts in containers that the kernel told of; of these, those that were gone before their table was read.
    pub told: AtomicU64,
    pub unread: AtomicU64,
    /// Times the kernel had no room to tell.
    pub overflows: AtomicU64,
}

/// Mounts that were told of, and whose table was not read since.
#[derive(Debug, Default)]
struct Waiting {
    new: HashSet<u64>,
    /// Their tables are being read.
    reading: HashSet<u64>,
}

impl MountEvents {
    pub fn open() -> Self {
        let flags = libc::FAN_CLASS_NOTIF | libc::FAN_CLOEXEC | libc::FAN_NONBLOCK;
        let group = |report: u32| os::fanotify_init(flags | report, libc::O_RDONLY | libc::O_CLOEXEC).ok();
        Self {
            mounts: group(FAN_REPORT_MNT),
            names: group(libc::FAN_REPORT_DFID_NAME | libc::FAN_REPORT_FID | libc::FAN_REPORT_TARGET_FID),
            waiting: Mutex::default(),
            makers: Mutex::default(),
            told: AtomicU64::new(0),
            unread: AtomicU64::new(0),
            overflows: AtomicU64::new(0),
        }
    }

    /// Tells of this process's mount namespace from now on, until that is gone; `false` when it can't.
    pub fn watch_namespace(&self, pid: u32) -> bool {
        let Some(group) = &self.mounts else {
            return false;
        };
        let marked = File::open(format!("/proc/{pid}/ns/mnt")).and_then(|namespace| {
            let flags = libc::FAN_MARK_ADD | FAN_MARK_MNTNS;
            os::fanotify_mark(
                group,
                (flags, FAN_MNT_ATTACH | FAN_MNT_DETACH),
                namespace.as_raw_fd(),
                None,
            )
        });
        marked
            .inspect_err(|error| tracing::debug!(%error, pid, "its mounts are not told of"))
            .is_ok()
    }

    /// Tells when something above this path is made or taken away.
    pub fn watch_above(&self, path: &[u8]) {
        let Some(group) = &self.names else {
            return;
        };
        for (at, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            let above = if at == 0 { &b"/"[..] } else { &path[..at] };
            let marked = os::c_string(above).and_then(|above| {
                os::fanotify_mark(group, (libc::FAN_MARK_ADD, NAMES), libc::AT_FDCWD, Some(&above))
            });
            if let Err(error) = marked {
                log_unwatched(&error, above);
            }
        }
    }

    /// For poll(2), the mounts' and the names'; -1 for what is not there.
    pub fn fds(&self) -> [RawFd; 2] {
        [&self.mounts, &self.names].map(|group| group.as_ref().map_or(-1, AsRawFd::as_raw_fd))
    }

    /// Takes what was told.
    pub fn drain(&self) -> Told {
        let mut buffer = [0; READ_BYTES];
        let [mounts, names] = self.fds();
        let mut told = Told::default();
        while mounts >= 0
            && let Ok(count @ 1..) = os::read(mounts, &mut buffer)
        {
            (told.is_news, told.is_mounted) = (true, true);
            self.count(&buffer[..count]);
        }
        let mut read = || os::read(names, &mut buffer).map(|count| parse(&buffer[..count]));
        while let Ok(events) = read() {
            told.is_news = true;
            let made = libc::FAN_CREATE | libc::FAN_ONDIR;
            let new = events.into_iter().filter(|event| event.mask & made == made);
            self.remember_makers(new.filter_map(|event| Some((event.key?, event.pid))));
        }
        told
    }

    fn remember_makers(&self, made: impl Iterator<Item = (FileKey, u32)>) {
        let mut makers = self.makers.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        makers.retain(|_, (_, at)| now.duration_since(*at) < MAKER_KEPT);
        for (key, pid) in made {
            if makers.len() < MAKERS_MAX {
                makers.insert(key, (pid, now));
            }
        }
    }

    /// Who has just made this directory.
    pub fn maker(&self, directory: FileKey) -> Option<u32> {
        let makers = self.makers.lock().unwrap_or_else(PoisonError::into_inner);
        let &(pid, at) = makers.get(&directory)?;
        (at.elapsed() < MAKER_KEPT).then_some(pid)
    }

    fn count(&self, events: &[u8]) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let add = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        for (mask, mount) in mounted(events) {
            if mask & libc::FAN_Q_OVERFLOW != 0 {
                add(&self.overflows);
            }
            // Both: it was moved.
            if mask & FAN_MNT_ATTACH != 0 {
                add(&self.told);
                waiting.new.extend(mount);
            } else if mask & FAN_MNT_DETACH != 0
                && mount.is_some_and(|mount| waiting.new.remove(&mount) || waiting.reading.remove(&mount))
            {
                add(&self.unread);
            }
        }
    }

    /// Reads the tables of all who were told of, and says what was told meanwhile: a mount that is there still was read.
    pub fn while_reading<T>(&self, read: impl FnOnce() -> T) -> (T, Told) {
        let lock = || self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut waiting = lock();
            waiting.reading = std::mem::take(&mut waiting.new);
        }
        let done = read();
        let told = self.drain();
        lock().reading.clear();
        (done, told)
    }
}

/// What each event is, and of which mount.
fn mounted(mut bytes: &[u8]) -> Vec<(u64, Option<u64>)> {
    let mut found = Vec::new();
    while let Some((head, info)) = take(&mut bytes) {
        let number = info.get(INFO_HEAD_BYTES..INFO_HEAD_BYTES + 8);
        let number = number.filter(|_| info[0] == INFO_MOUNT);
        found.push((
            head.mask,
            number.and_then(|number| Some(u64::from_ne_bytes(number.try_into().ok()?))),
        ));
    }
    found
}

/// What has happened since it was last asked.
#[derive(Debug, Default)]
pub struct Told {
    pub is_news: bool,
    /// Something was mounted or unmounted in a container.
    pub is_mounted: bool,
}

fn log_unwatched(error: &io::Error, path: &[u8]) {
    let path = String::from_utf8_lossy(path);
    tracing::debug!(%error, %path, "a directory above a protected one can't be watched");
}
