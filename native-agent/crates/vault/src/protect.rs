//! What is to be protected, compared with what is: directories that were asked for, what is mounted below them, and what
//! containers have mounted (`learn`). Each is known by its inode; a name that leads elsewhere now is another directory.
use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use norn_journal::file::{FileKey, PlaceId};
use norn_journal::record::{PlaceKind, Record};
use norn_os as os;
use norn_os::mounts::{Mount, mounts};
use norn_os::paths::{below, join, open_path, parent};

use crate::away;
use crate::capture::Shared;
use crate::learn::Source;
use crate::places::leads_to;
use crate::root::Root;
use crate::table::{LOCAL, PASSING};
use crate::vault::remember_place;
use crate::watch::{Entry, open_directory};

/// What is known of a directory that was removed is kept for this long: events of its last files may still wait.
const GONE_KEPT: Duration = Duration::from_secs(10);

/// A directory that is watched from now on, and what it holds.
pub type Found = (Arc<Root>, Vec<Entry>);

#[derive(Debug, Default)]
pub struct Protected {
    /// Directories that were asked for, as they are called; they need not be there yet.
    asked: Vec<PathBuf>,
    gone: Mutex<HashMap<PlaceId, Instant>>,
    /// Held while the marks of a place are set or taken away.
    marking: Mutex<()>,
}

impl Protected {
    pub fn new(asked: Vec<PathBuf>) -> Self {
        Self {
            asked,
            gone: Mutex::default(),
            marking: Mutex::default(),
        }
    }

    pub fn mark_alone(&self) -> MutexGuard<'_, ()> {
        self.marking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gone(&self) -> MutexGuard<'_, HashMap<PlaceId, Instant>> {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is to be protected.
pub struct Candidate {
    pub path: Vec<u8>,
    pub directory: OwnedFd,
    /// A name on the same file system.
    pub mount: Vec<u8>,
    /// Only this file of it.
    pub only: Option<Vec<u8>>,
}

/// Watches it, when nothing that is watched holds it already.
pub fn protect(shared: &Shared, candidate: Candidate) -> io::Result<Option<Found>> {
    let Candidate {
        path,
        directory,
        mount,
        only,
    } = candidate;
    let root = Root::new(path, &directory, mount, only)?;
    let _alone = shared.protected.mark_alone();
    away::taken_in(shared, root.key);
    if let Some(place) = holder(shared, &root, &directory) {
        rescue(shared, place, root);
        return Ok(None);
    }
    let root = shared.places.add_root(root);
    remember(shared, &root);
    shared.unscanned.begin(root.id);
    let watched = match &root.only {
        None => shared.watch.tree(&root, b""),
        Some(name) => shared.watch.file(&root).map(|()| {
            vec![Entry {
                path: name.clone(),
                is_directory: false,
            }]
        }),
    };
    match watched {
        Ok(entries) => {
            shared.unscanned.listed(root.id, &entries);
            Ok(Some((root, entries)))
        }
        Err(error) => {
            tracing::debug!(%error, path = %String::from_utf8_lossy(&root.path), "it can't be watched");
            drop_root(shared, root.id);
            Err(error)
        }
    }
}

pub fn remember(shared: &Shared, root: &Root) {
    let kind = PlaceKind::Directory(root.path.clone());
    remember_place(shared, Record::Place(root.id, kind));
}

/// The place that has it watched already, by what the kernel says.
fn holder(shared: &Shared, root: &Root, directory: &OwnedFd) -> Option<PlaceId> {
    let is_marked = shared.watch.is_marked(directory.as_raw_fd());
    if !is_marked && (root.only.is_none() || !shared.watch.is_file_marked(root)) {
        return None;
    }
    let known = shared.watch.directory(root.key);
    let alone = || shared.watch.alone(root.key, root.only.as_deref()?);
    let place = known.as_ref().map(|known| known.place).or_else(alone)?;
    let holds = shared.places.root(place)?;
    // What is made in it later would not be taken in.
    let is_cut_off = known.is_some_and(|known| is_beyond_a_mount(&holds, &known.path));
    (!is_cut_off).then_some(holds.id)
}

/// The way down from the place's root leads through a mount, be it one of the same file system.
fn is_beyond_a_mount(root: &Root, path: &[u8]) -> bool {
    let opened = open_directory(root, path);
    opened.is_err_and(|error| error.raw_os_error() == Some(libc::EXDEV))
}

/// It is watched, but by a name that leads nowhere any more.
fn rescue(shared: &Shared, place: PlaceId, found: Root) {
    if place == found.id
        && let Some(known) = shared.places.root(place)
        && known.open(libc::O_PATH).is_err()
    {
        shared.protected.gone().remove(&place);
        remember(shared, &shared.places.add_root(found));
    }
}

/// Nothing of it is known any more.
pub fn drop_root(shared: &Shared, id: PlaceId) {
    shared.watch.forget(id, b"");
    shared.places.remove_root(id);
    shared.unscanned.end(id);
    shared.learned.unlearn(id);
    shared.protected.gone().remove(&id);
}

/// The directories that were asked for, as they are now, and the local file systems that are mounted below them.
pub fn asked(shared: &Shared) -> Vec<(PathBuf, io::Result<Option<Found>>)> {
    let mut found = Vec::new();
    shared.learned.doubt_refusals(Source::Asked);
    for path in &shared.protected.asked {
        let name = path.as_os_str().as_bytes();
        shared.signals.watch_above(name);
        let done = one_asked(shared, path);
        if let Err(error) = &done
            && error.kind() != io::ErrorKind::NotFound
        {
            shared.learned.refuse(name, "it can't be watched", Source::Asked);
        }
        found.push((path.clone(), done));
    }
    for (mount, path) in mounted_below(shared) {
        let done = one_mounted(shared, &mount, &path);
        found.push((PathBuf::from(std::ffi::OsString::from_vec(path)), done));
    }
    shared.learned.drop_doubted(Source::Asked);
    found
}

fn one_asked(shared: &Shared, path: &Path) -> io::Result<Option<Found>> {
    let path = fs::canonicalize(path)?.into_os_string().into_vec();
    let candidate = Candidate {
        directory: open_path(&path)?,
        mount: mount_of(&path)?,
        path,
        only: None,
    };
    protect(shared, candidate)
}

/// A name on the file system of what has this one: of the mount that it lies in.
fn mount_of(path: &[u8]) -> io::Result<Vec<u8>> {
    let all = mounts(&fs::read("/proc/self/mountinfo")?);
    let holds = |mount: &&Mount| mount.at == path || below(path, &mount.at).is_some();
    let longest = all.iter().filter(holds).max_by_key(|mount| mount.at.len());
    Ok(longest.map_or_else(|| b"/".to_vec(), |mount| mount.at.clone()))
}

/// On the host, below what was asked for.
fn mounted_below(shared: &Shared) -> Vec<(Mount, Vec<u8>)> {
    let Ok(text) = fs::read("/proc/self/mountinfo") else {
        return Vec::new();
    };
    let real = |path: &PathBuf| fs::canonicalize(path).ok();
    let tops: Vec<PathBuf> = shared.protected.asked.iter().filter_map(real).collect();
    let is_below = |mount: &Mount| {
        tops.iter()
            .any(|top| below(&mount.at, top.as_os_str().as_bytes()).is_some())
    };
    let found = mounts(&text).into_iter().filter(is_below);
    found.map(|mount| (mount.clone(), mount.at)).collect()
}

fn one_mounted(shared: &Shared, mount: &Mount, path: &[u8]) -> io::Result<Option<Found>> {
    let kind = mount.kind.as_slice();
    let is_kept = LOCAL.contains(&kind) || [&b"tmpfs"[..], b"ramfs"].contains(&kind);
    if kind == b"overlay" || (PASSING.contains(&kind) && !is_kept) {
        return Ok(None);
    }
    if !is_kept {
        let reason = "its file system is not of a kind that is protected";
        shared.learned.refuse(path, reason, Source::Asked);
        return Ok(None);
    }
    let file = os::open_below(libc::AT_FDCWD, path, libc::O_PATH, 0)?;
    let stat = os::fstat(file.as_raw_fd())?;
    if stat.st_mode & libc::S_IFMT == libc::S_IFREG && !mount.read_only && !is_watched(shared, mount, &stat) {
        let reason = "a single file is mounted there, of a directory that is not watched";
        shared.learned.refuse(path, reason, Source::Asked);
    }
    if stat.st_mode & libc::S_IFMT != libc::S_IFDIR {
        return Ok(None);
    }
    let candidate = Candidate {
        path: path.to_vec(),
        directory: file,
        mount: path.to_vec(),
        only: None,
    };
    protect(shared, candidate).inspect_err(|_| {
        shared.learned.refuse(path, "it can't be watched", Source::Asked);
    })
}

/// The single file that is mounted, where it lies.
fn is_watched(shared: &Shared, mount: &Mount, stat: &os::Stat) -> bool {
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let marked = |directory: OwnedFd| shared.watch.is_marked(directory.as_raw_fd());
    let all = mounts(&table).into_iter();
    let holds = all.filter(|other| other.device == mount.device);
    let names = holds.filter_map(|other| Some(join(&other.at, below(&mount.root, &other.root)?)));
    let mut real = names.filter(|name| leads_to(name, stat));
    real.any(|name| open_path(parent(&name)).is_ok_and(marked))
}

/// Directories that were moved get their new names; those that were removed are let go after a while.
pub fn follow_moves(shared: &Shared) {
    away::let_oldest_go(shared);
    for root in shared.places.roots().iter() {
        let Ok(directory) = root.open(libc::O_PATH) else {
            let since = *shared
                .protected
                .gone()
                .entry(root.id)
                .or_insert_with(Instant::now);
            if since.elapsed() > GONE_KEPT && os::waiting_bytes(shared.watch.names.as_raw_fd()) == 0 {
                drop_root(shared, root.id);
            }
            continue;
        };
        shared.protected.gone().remove(&root.id);
        let Ok(path) = os::path_of(directory.as_raw_fd()) else {
            continue;
        };
        let moved = root.renamed(path);
        if moved.path != root.path && moved.is_named() {
            let (from, to) = (&root.path, &moved.path);
            let (from, to) = (String::from_utf8_lossy(from), String::from_utf8_lossy(to));
            tracing::info!(%from, %to, "a protected directory has another name");
            remember(shared, &shared.places.add_root(moved));
        }
    }
}

/// Is it there no more?
pub fn is_gone(shared: &Shared, id: PlaceId) -> bool {
    shared.protected.gone().contains_key(&id)
}

/// Nobody has it mounted any more, and others need its room.
pub fn let_go(shared: &Shared, id: PlaceId) {
    let _alone = shared.protected.mark_alone();
    if let Some(root) = shared.places.root(id) {
        shared.watch.unmark_all(&root);
    }
    drop_root(shared, id);
}

/// Of a directory.
pub fn key_of(directory: &OwnedFd) -> io::Result<FileKey> {
    let fd = directory.as_raw_fd();
    Ok(FileKey::new(os::file_system_id(fd)?, &os::handle_at(fd, c"")?))
}
