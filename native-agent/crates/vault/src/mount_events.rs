//! What tells that something else may have to be protected: mounts that come and go in the mount namespaces of containers, and
//! names that are made or taken away above protected directories. Neither says what: the mount tables are read again.
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use crate::events::parse;
use crate::sys;

/// Linux 6.15.
const FAN_REPORT_MNT: u32 = 0x4000;
const FAN_MARK_MNTNS: u32 = 0x110;
const FAN_MNT_ATTACH: u64 = 0x0100_0000;
const FAN_MNT_DETACH: u64 = 0x0200_0000;
const READ_BYTES: usize = 4096;
const NAMES: u64 = libc::FAN_CREATE | libc::FAN_DELETE | libc::FAN_RENAME | libc::FAN_ONDIR;

#[derive(Debug)]
pub struct MountEvents {
    /// `None` on a kernel that does not tell: tables are read every few seconds there.
    mounts: Option<OwnedFd>,
    names: Option<OwnedFd>,
}

impl MountEvents {
    pub fn new() -> Self {
        let flags = libc::FAN_CLASS_NOTIF | libc::FAN_CLOEXEC | libc::FAN_NONBLOCK;
        let group = |report: u32| sys::fanotify_init(flags | report, libc::O_RDONLY | libc::O_CLOEXEC).ok();
        Self {
            mounts: group(FAN_REPORT_MNT),
            names: group(libc::FAN_REPORT_DFID_NAME | libc::FAN_REPORT_FID | libc::FAN_REPORT_TARGET_FID),
        }
    }

    /// Tells of this process's mount namespace from now on, until that is gone; `false` when it can't.
    pub fn watch_namespace(&self, pid: u32) -> bool {
        let Some(group) = &self.mounts else {
            return false;
        };
        let marked = File::open(format!("/proc/{pid}/ns/mnt")).and_then(|namespace| {
            let flags = libc::FAN_MARK_ADD | FAN_MARK_MNTNS;
            sys::fanotify_mark(
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
            let marked = sys::c_string(above).and_then(|above| {
                sys::fanotify_mark(group, (libc::FAN_MARK_ADD, NAMES), libc::AT_FDCWD, Some(&above))
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
        while mounts >= 0 && sys::read(mounts, &mut buffer).is_ok_and(|count| count > 0) {
            (told.is_news, told.is_mounted) = (true, true);
        }
        let mut read = || sys::read(names, &mut buffer).map(|count| parse(&buffer[..count]));
        while let Ok(events) = read() {
            told.is_news = true;
            let made = libc::FAN_CREATE | libc::FAN_ONDIR;
            let by = events.into_iter().rfind(|event| event.mask & made == made);
            told.maker = by.map(|event| event.pid).or(told.maker);
        }
        told
    }
}

/// What has happened since it was last asked.
#[derive(Debug, Default)]
pub struct Told {
    pub is_news: bool,
    /// Something was mounted or unmounted in a container.
    pub is_mounted: bool,
    /// Who made a directory above a protected one, or such a one itself.
    pub maker: Option<u32>,
}

fn log_unwatched(error: &io::Error, path: &[u8]) {
    let path = String::from_utf8_lossy(path);
    tracing::debug!(%error, %path, "a directory above a protected one can't be watched");
}
