//! What fanotify is asked to report, and the directories that are watched one by one.
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use norn_journal::file::{FileKey, PlaceId};
use norn_os as os;
use norn_os::paths::{below, join};

use crate::places::Overlay;
use crate::root::Root;

/// Directories watched below protected ones; more are counted and left.
pub const DIRECTORIES_MAX: usize = 200_000;

const OPENS: u64 = libc::FAN_OPEN_PERM;
const CLOSES: u64 = libc::FAN_CLOSE_WRITE;
const NAMES: u64 =
    libc::FAN_CREATE | libc::FAN_DELETE | libc::FAN_RENAME | libc::FAN_ATTRIB | libc::FAN_ONDIR;
const CLASS_PRE_CONTENT: u32 = 0x8;
/// Of a protected directory itself: it is gone, or has another name.
const ENDS: u64 = libc::FAN_DELETE_SELF | libc::FAN_MOVE_SELF | libc::FAN_ONDIR;
/// In the directory of a file that is protected alone.
const BESIDE: u64 = libc::FAN_CREATE | libc::FAN_DELETE | libc::FAN_RENAME;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    pub place: PlaceId,
    /// Relative to the place; empty for its root.
    pub path: Vec<u8>,
}

#[derive(Debug)]
pub struct Watch {
    /// Opens that wait for their answer.
    pub opens: OwnedFd,
    /// Files closed after writing. In a queue of its own, because whoever waits in the other is woken by each event, and the
    /// closing process pays for that.
    pub closes: OwnedFd,
    /// Names and attributes below protected directories.
    pub names: OwnedFd,
    directories: Mutex<HashMap<FileKey, Directory>>,
    /// Files that are protected alone, by their directory and name.
    alone: Mutex<HashMap<(FileKey, Vec<u8>), PlaceId>>,
    pub refused: AtomicU64,
}

/// A file or directory that was there when its directory began to be watched.
#[derive(Debug)]
pub struct Entry {
    pub path: Vec<u8>,
    pub is_directory: bool,
}

impl Watch {
    pub fn new() -> io::Result<Self> {
        let flags = libc::FAN_CLOEXEC | libc::FAN_NONBLOCK | libc::FAN_UNLIMITED_MARKS;
        let events = libc::O_RDONLY | libc::O_LARGEFILE | libc::O_CLOEXEC | libc::O_NOATIME;
        let group = |class| os::fanotify_init(class | flags, events);
        let report = libc::FAN_CLASS_NOTIF
            | libc::FAN_REPORT_DFID_NAME
            | libc::FAN_REPORT_FID
            | libc::FAN_REPORT_TARGET_FID;
        Ok(Self {
            opens: group(CLASS_PRE_CONTENT)?,
            closes: group(libc::FAN_CLASS_NOTIF)?,
            names: group(report)?,
            directories: Mutex::default(),
            alone: Mutex::default(),
            refused: AtomicU64::new(0),
        })
    }

    /// Marks the whole file system. Its mount may have gone since it was listed, and the name then leads into the host's own:
    /// marked, that would have every open on the host ask, those of the answering thread among them.
    pub fn overlay(&self, overlay: &Overlay) -> io::Result<()> {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY;
        let top = os::open_below(libc::AT_FDCWD, &overlay.mount.merged, flags, 0)?;
        if os::fstat(top.as_raw_fd())?.st_dev != overlay.mount.device {
            return Err(io::Error::from_raw_os_error(libc::ENOENT));
        }
        let flags = libc::FAN_MARK_ADD | libc::FAN_MARK_FILESYSTEM;
        os::fanotify_mark(&self.opens, (flags, OPENS), top.as_raw_fd(), None)?;
        os::fanotify_mark(&self.closes, (flags, CLOSES), top.as_raw_fd(), None)
    }

    /// Opens of this file no longer ask, until it is written to.
    pub fn ignore(&self, fd: RawFd) -> io::Result<()> {
        let flags = libc::FAN_MARK_ADD | libc::FAN_MARK_IGNORED_MASK;
        match os::fanotify_mark(&self.opens, (flags | libc::FAN_MARK_EVICTABLE, OPENS), fd, None) {
            // It is watched by itself, which is not to be evicted.
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {
                os::fanotify_mark(&self.opens, (flags, OPENS), fd, None)
            }
            done => done,
        }
    }

    /// Opens of this file ask again. Marks are taken away one by one: flushed all at once, those of the directories go too, and
    /// until each is set again nobody sees what happens in it.
    pub fn ask_again(&self, fd: RawFd) -> io::Result<()> {
        let name = os::c_string(os::link_of(fd).as_bytes())?;
        let flags = libc::FAN_MARK_REMOVE | libc::FAN_MARK_IGNORED_MASK;
        match os::fanotify_mark(&self.opens, (flags, OPENS), libc::AT_FDCWD, Some(&name)) {
            // It has none: the kernel drops them under memory pressure, and at a write.
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
            done => done,
        }
    }

    fn directories(&self) -> MutexGuard<'_, HashMap<FileKey, Directory>> {
        self.directories.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn directory(&self, key: FileKey) -> Option<Directory> {
        self.directories().get(&key).cloned()
    }

    pub fn alone(&self, directory: FileKey, name: &[u8]) -> Option<PlaceId> {
        let alone = self.alone.lock().unwrap_or_else(PoisonError::into_inner);
        alone.get(&(directory, name.to_vec())).copied()
    }

    /// The kernel has every mark of the directory or file that this descriptor is of (`O_PATH` will do): a file system that was
    /// unmounted meanwhile took its marks with it, and comes back with the same handles.
    pub fn is_marked(&self, fd: RawFd) -> bool {
        let groups = [&self.opens, &self.closes, &self.names];
        groups.into_iter().all(|group| has_mark(group, 0, fd))
    }

    /// The same of a file that is protected alone, and of its directory.
    pub fn is_file_marked(&self, root: &Root) -> bool {
        let name = root.only.as_deref().unwrap_or_default();
        let found = root.open(libc::O_PATH).and_then(|directory| {
            let flags = libc::O_PATH | libc::O_NOFOLLOW;
            let file = os::open_below(directory.as_raw_fd(), name, flags, os::BELOW)?;
            Ok((directory, file))
        });
        found.is_ok_and(|(directory, file)| {
            has_mark(&self.names, 0, directory.as_raw_fd()) && self.is_marked(file.as_raw_fd())
        })
    }

    /// `None` when it is not mounted there any more.
    pub fn is_overlay_marked(&self, overlay: &Overlay) -> Option<bool> {
        let top = os::open_below(libc::AT_FDCWD, &overlay.mount.merged, libc::O_PATH, 0).ok()?;
        let is_there = os::fstat(top.as_raw_fd()).ok()?.st_dev == overlay.mount.device;
        let whole = |group| has_mark(group, libc::FAN_MARK_FILESYSTEM, top.as_raw_fd());
        is_there.then(|| whole(&self.opens) && whole(&self.closes))
    }

    /// No directory is taken in any more.
    pub fn is_full(&self) -> bool {
        self.directories().len() >= DIRECTORIES_MAX
    }

    /// Marks the file that has the name now. Another may get it: its directory tells.
    pub fn file(&self, root: &Root) -> io::Result<()> {
        let name = root.only.as_deref().unwrap_or_default();
        let directory = root.open(libc::O_RDONLY)?;
        {
            let mut alone = self.alone.lock().unwrap_or_else(PoisonError::into_inner);
            alone.insert((root.key, name.to_vec()), root.id);
        }
        let add = libc::FAN_MARK_ADD;
        os::fanotify_mark(&self.names, (add, BESIDE), directory.as_raw_fd(), None)?;
        let flags = libc::O_PATH | libc::O_NOFOLLOW;
        let file = os::open_below(directory.as_raw_fd(), name, flags, os::BELOW)?;
        self.inode(&file)
    }

    /// Marks a file itself (`O_PATH` will do), whatever name it is opened by.
    pub fn inode(&self, file: &OwnedFd) -> io::Result<()> {
        self.for_inode(libc::FAN_MARK_ADD, file)
    }

    pub fn leave_inode(&self, file: &OwnedFd) -> io::Result<()> {
        self.for_inode(libc::FAN_MARK_REMOVE, file)
    }

    fn for_inode(&self, action: u32, file: &OwnedFd) -> io::Result<()> {
        let path = os::c_string(os::link_of(file.as_raw_fd()).as_bytes())?;
        let marks = [
            (&self.opens, OPENS),
            (&self.closes, CLOSES),
            (&self.names, libc::FAN_ATTRIB),
        ];
        marks.into_iter().try_for_each(|(group, mask)| {
            os::fanotify_mark(group, (action, mask), libc::AT_FDCWD, Some(&path))
        })
    }

    /// What was known of directories that are gone from a place: of all, or of one and what is below it.
    pub fn forget(&self, place: PlaceId, path: &[u8]) {
        let is_gone = |known: &Directory| {
            known.place == place
                && (path.is_empty() || known.path == path || below(&known.path, path).is_some())
        };
        self.directories().retain(|_, known| !is_gone(known));
        if path.is_empty() {
            let mut alone = self.alone.lock().unwrap_or_else(PoisonError::into_inner);
            alone.retain(|_, known| *known != place);
        }
    }

    fn mark(&self, fd: RawFd) -> io::Result<()> {
        self.for_children(libc::FAN_MARK_ADD, fd)
    }

    /// Watches a directory and all below it; says what it found there, parents first. What is mounted below, and what is
    /// protected by itself, is a place of its own.
    pub fn tree(&self, root: &Root, path: &[u8]) -> io::Result<Vec<Entry>> {
        let mut found = Vec::new();
        let mut waiting = vec![path.to_vec()];
        while let Some(path) = waiting.pop() {
            let entries = match self.one(root, &path) {
                Ok(entries) => entries,
                Err(error) if path.is_empty() => return Err(error),
                // It went away meanwhile.
                Err(_) => continue,
            };
            for entry in entries {
                if is_store(&[&root.path[..], b"/", &entry.path].concat()) {
                    continue;
                }
                if entry.is_directory {
                    waiting.push(entry.path.clone());
                }
                found.push(entry);
            }
        }
        Ok(found)
    }

    /// Watches one directory; says what it found there.
    pub fn one(&self, root: &Root, path: &[u8]) -> io::Result<Vec<Entry>> {
        self.opened(root, path, &open_directory(root, path)?)
    }

    /// The same of one that is open, by its name as far as was told: it may be called otherwise by now.
    pub fn opened(&self, root: &Root, path: &[u8], directory: &OwnedFd) -> io::Result<Vec<Entry>> {
        let fd = directory.as_raw_fd();
        let key = FileKey::new(os::file_system_id(fd)?, &os::handle_at(fd, c"")?);
        {
            let mut known = self.directories();
            let is_other = |known: &Directory| known.place != root.id && known.path.is_empty();
            if !path.is_empty() && known.get(&key).is_some_and(is_other) {
                return Ok(Vec::new());
            }
            if known.len() >= DIRECTORIES_MAX && !known.contains_key(&key) {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return Ok(Vec::new());
            }
            known.insert(
                key,
                Directory {
                    place: root.id,
                    path: path.to_vec(),
                },
            );
        }
        self.mark(fd)?;
        if path.is_empty() {
            self.heed_end(directory)?;
        }
        entries(path, directory)
    }

    /// Of a protected directory itself it is told when it goes or gets another name.
    pub fn heed_end(&self, directory: &OwnedFd) -> io::Result<()> {
        let add = (libc::FAN_MARK_ADD, ENDS);
        os::fanotify_mark(&self.names, add, directory.as_raw_fd(), None)
    }

    /// What is known of a directory and of all below it is known of a place of its own.
    pub fn cut_off(&self, (place, path): (PlaceId, &[u8]), own: PlaceId) {
        let mut directories = self.directories();
        for known in directories.values_mut().filter(|known| known.place == place) {
            let rest = match known.path == path {
                true => Some(Vec::new()),
                false => below(&known.path, path).map(<[u8]>::to_vec),
            };
            if let Some(rest) = rest {
                *known = Directory {
                    place: own,
                    path: rest,
                };
            }
        }
    }

    /// A container's layer below a protected directory: its files are watched through the container.
    pub fn leave(&self, roots: &[Arc<Root>], layer: &[u8]) {
        let inside = |directory: &Directory| {
            let root = roots.iter().find(|root| root.id == directory.place);
            root.is_some_and(|root| {
                let path = [&root.path[..], b"/", &directory.path].concat();
                path == layer || below(&path, layer).is_some()
            })
        };
        let mut known = self.directories();
        let left: Vec<FileKey> = known
            .iter()
            .filter(|(_, directory)| inside(directory))
            .map(|(key, _)| *key)
            .collect();
        let left: Vec<Directory> = left.iter().filter_map(|key| known.remove(key)).collect();
        drop(known);
        for directory in left {
            let root = roots.iter().find(|root| root.id == directory.place);
            if let Some(Ok(fd)) = root.map(|root| open_directory(root, &directory.path)) {
                self.unmark(fd.as_raw_fd()).unwrap_or_else(|error| {
                    tracing::error!(%error, "a container's layer can't be left");
                });
            }
        }
    }

    /// Of a place that others are to take the room of.
    pub fn unmark_all(&self, root: &Root) {
        let of_place = |known: &&Directory| known.place == root.id;
        let all: Vec<Directory> = self.directories().values().filter(of_place).cloned().collect();
        let opened = all
            .iter()
            .filter_map(|directory| open_directory(root, &directory.path).ok());
        for directory in opened {
            if let Err(error) = self.unmark(directory.as_raw_fd()) {
                tracing::debug!(%error, "a directory that is not protected any more can't be left");
            }
        }
    }

    fn unmark(&self, fd: RawFd) -> io::Result<()> {
        self.for_children(libc::FAN_MARK_REMOVE, fd)
    }

    fn for_children(&self, action: u32, directory: RawFd) -> io::Result<()> {
        let groups = [(&self.opens, OPENS), (&self.closes, CLOSES), (&self.names, NAMES)];
        groups.into_iter().try_for_each(|(group, mask)| {
            os::fanotify_mark(group, (action, mask | libc::FAN_EVENT_ON_CHILD), directory, None)
        })
    }

    /// A directory got another name: so did all below it. Of an exchange the kernel tells as of two such moves: what has the name
    /// `to` at the first goes where this one was, and has that name already when it is told of: `false`.
    pub fn moved(&self, place: PlaceId, key: Option<FileKey>, (from, to): (&[u8], &[u8])) -> bool {
        let mut directories = self.directories();
        let is_there = |own: &Directory| own.place == place && own.path == to;
        let known = key.and_then(|key| directories.get(&key)).cloned();
        if known.as_ref().is_some_and(is_there) {
            return false;
        }
        // What the kernel told once for twice may have left it elsewhere.
        let known = known.filter(|known| known.place == place);
        let from = known.as_ref().map_or(from, |known| &known.path);
        let here = directories
            .values_mut()
            .filter(|directory| directory.place == place);
        for directory in here {
            let other = |from: &[u8], to: &[u8]| match directory.path == from {
                true => Some(to.to_vec()),
                false => below(&directory.path, from).map(|rest| join(to, rest)),
            };
            if let Some(path) = other(from, to).or_else(|| other(to, from)) {
                directory.path = path;
            }
        }
        true
    }
}

/// What is in a directory, by its name.
pub fn entries(path: &[u8], directory: &OwnedFd) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(os::link_of(directory.as_raw_fd()))? {
        let entry = entry?;
        let is_directory = entry.file_type()?.is_dir();
        entries.push(Entry {
            path: join(path, &entry.file_name().into_vec()),
            is_directory,
        });
    }
    Ok(entries)
}

/// Asked by taking away what is in no mark.
fn has_mark(group: &OwnedFd, kind: u32, fd: RawFd) -> bool {
    let nothing = (libc::FAN_MARK_REMOVE | kind, libc::FAN_MODIFY);
    let named = os::c_string(os::link_of(fd).as_bytes());
    named.is_ok_and(|name| os::fanotify_mark(group, nothing, libc::AT_FDCWD, Some(&name)).is_ok())
}

/// Where container runtimes keep layers.
const STORES: [&[u8]; 3] = [
    b"docker/overlay2",
    b"containers/storage/overlay",
    b"io.containerd.snapshotter.v1.overlayfs",
];

pub fn is_store(path: &[u8]) -> bool {
    STORES.iter().any(|store| path.ends_with(store))
}

pub fn open_directory(root: &Root, path: &[u8]) -> io::Result<OwnedFd> {
    let top = root.open(libc::O_PATH)?;
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
    os::open_below(top.as_raw_fd(), path, flags, os::BELOW_HERE)
}

#[cfg(test)]
mod tests {
    use norn_os::mounts::OverlayMount;

    use super::*;

    /// Needs CAP_SYS_ADMIN, like the vault itself.
    #[test]
    fn a_container_that_is_gone_does_not_have_the_hosts_file_system_watched() {
        let merged = std::env::temp_dir().join(format!("norn-gone-{}", std::process::id()));
        std::fs::create_dir_all(&merged).unwrap();
        let watch = Watch::new().unwrap();
        let mount = OverlayMount {
            device: libc::makedev(0, 9_999),
            merged: merged.clone().into_os_string().into_vec(),
            lower: Vec::new(),
            upper: Vec::new(),
            work: Vec::new(),
        };
        let gone = Overlay {
            id: PlaceId(1),
            mount,
        };
        let error = watch.overlay(&gone).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        let info = format!("/proc/self/fdinfo/{}", watch.opens.as_raw_fd());
        let marks = std::fs::read_to_string(info).unwrap();
        assert!(!marks.contains("sdev:"), "{marks}");
        std::fs::remove_dir_all(&merged).unwrap();
    }
}
