//! What is to be protected, compared with what is: directories that were asked for, what is mounted below them, and what
//! containers have mounted (`learn`). Each is known by its inode; a name that leads elsewhere now is another directory.
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, io};

use norn_journal::file::{FileKey, PlaceId};
use norn_journal::record::PlaceKind;
use norn_os as os;
use norn_os::mounts::{Mount, mounts};
use norn_os::paths::{below, join, open_path, parent};

use crate::kinds::{LOCAL, PASSING};
use crate::learned::Source;
use crate::places::leads_to;
use crate::root::Root;
use crate::watch::{Entry, open_directory};
use crate::watched::Watched;

/// What is known of a directory that was removed is kept for this long: events of its last files may still wait.
const GONE_KEPT: Duration = Duration::from_secs(10);

/// A directory that is watched from now on, and what it holds.
pub type Found = (Arc<Root>, Vec<Entry>);

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
pub fn protect(watched: &Watched, candidate: Candidate) -> io::Result<Option<Found>> {
    let Candidate {
        path,
        directory,
        mount,
        only,
    } = candidate;
    let root = Root::new(path, &directory, mount, only)?;
    let _alone = watched.protected.mark_alone();
    taken_in(watched, root.key);
    if let Some(place) = holder(watched, &root, &directory) {
        rescue(watched, place, root);
        return Ok(None);
    }
    let root = watched.places.add_root(root);
    remember(watched, &root);
    watched.unscanned.begin(root.id);
    let marked = match &root.only {
        None => watched.watch.tree(&root, b""),
        Some(name) => watched.watch.file(&root).map(|()| {
            vec![Entry {
                path: name.clone(),
                is_directory: false,
            }]
        }),
    };
    match marked {
        Ok(entries) => {
            watched.unscanned.listed(root.id, &entries);
            Ok(Some((root, entries)))
        }
        Err(error) => {
            tracing::debug!(%error, path = %String::from_utf8_lossy(&root.path), "it can't be watched");
            drop_root(watched, root.id);
            Err(error)
        }
    }
}

pub fn remember(watched: &Watched, root: &Root) {
    let kind = PlaceKind::Directory(root.path.clone());
    watched.store.remember_place(root.id, kind);
}

/// The place that has it watched already, by what the kernel says.
fn holder(watched: &Watched, root: &Root, directory: &OwnedFd) -> Option<PlaceId> {
    let is_marked = watched.watch.is_marked(directory.as_raw_fd());
    if !is_marked && (root.only.is_none() || !watched.watch.is_file_marked(root)) {
        return None;
    }
    let known = watched.watch.directory(root.key);
    let alone = || watched.watch.alone(root.key, root.only.as_deref()?);
    let place = known.as_ref().map(|known| known.place).or_else(alone)?;
    let holds = watched.places.root(place)?;
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
fn rescue(watched: &Watched, place: PlaceId, found: Root) {
    if place == found.id
        && let Some(known) = watched.places.root(place)
        && known.open(libc::O_PATH).is_err()
    {
        watched.protected.gone().remove(&place);
        remember(watched, &watched.places.add_root(found));
    }
}

/// Nothing of it is known any more.
pub fn drop_root(watched: &Watched, id: PlaceId) {
    watched.watch.forget(id, b"");
    watched.places.remove_root(id);
    watched.unscanned.end(id);
    watched.learned.unlearn(id);
    watched.protected.gone().remove(&id);
}

/// The directories that were asked for, as they are now, and the local file systems that are mounted below them.
pub fn asked(watched: &Watched) -> Vec<(PathBuf, io::Result<Option<Found>>)> {
    let mut found = Vec::new();
    watched.learned.doubt_refusals(Source::Asked);
    for path in &watched.protected.asked {
        let name = path.as_os_str().as_bytes();
        watched.signals.watch_above(name);
        let done = one_asked(watched, path);
        let is_expected = watched.protected.expected.contains(path);
        if let Some(reason) = done
            .as_ref()
            .err()
            .and_then(|error| unwatched(error, is_expected))
        {
            watched.learned.refuse(name, reason, Source::Asked);
        }
        found.push((path.clone(), done));
    }
    for (mount, path) in mounted_below(watched) {
        let done = one_mounted(watched, &mount, &path);
        found.push((PathBuf::from(std::ffi::OsString::from_vec(path)), done));
    }
    watched.learned.drop_doubted(Source::Asked);
    found
}

/// Why it is not watched, if that is to be told.
fn unwatched(error: &io::Error, is_expected: bool) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::NotFound => is_expected.then_some("it is not there; it is watched as soon as it is"),
        io::ErrorKind::NotADirectory => Some("it is no directory"),
        _ => Some("it can't be watched"),
    }
}

fn one_asked(watched: &Watched, path: &Path) -> io::Result<Option<Found>> {
    let path = fs::canonicalize(path)?.into_os_string().into_vec();
    let candidate = Candidate {
        directory: open_path(&path)?,
        mount: mount_of(&path)?,
        path,
        only: None,
    };
    protect(watched, candidate)
}

/// A name on the file system of what has this one: of the mount that it lies in.
fn mount_of(path: &[u8]) -> io::Result<Vec<u8>> {
    let all = mounts(&fs::read("/proc/self/mountinfo")?);
    let holds = |mount: &&Mount| mount.at == path || below(path, &mount.at).is_some();
    let longest = all.iter().filter(holds).max_by_key(|mount| mount.at.len());
    Ok(longest.map_or_else(|| b"/".to_vec(), |mount| mount.at.clone()))
}

/// On the host, below what was asked for.
fn mounted_below(watched: &Watched) -> Vec<(Mount, Vec<u8>)> {
    let Ok(text) = fs::read("/proc/self/mountinfo") else {
        return Vec::new();
    };
    let real = |path: &PathBuf| fs::canonicalize(path).ok();
    let tops: Vec<PathBuf> = watched.protected.asked.iter().filter_map(real).collect();
    let is_below = |mount: &Mount| {
        tops.iter()
            .any(|top| below(&mount.at, top.as_os_str().as_bytes()).is_some())
    };
    let found = mounts(&text).into_iter().filter(is_below);
    found.map(|mount| (mount.clone(), mount.at)).collect()
}

fn one_mounted(watched: &Watched, mount: &Mount, path: &[u8]) -> io::Result<Option<Found>> {
    let kind = mount.kind.as_slice();
    let is_kept = LOCAL.contains(&kind) || [&b"tmpfs"[..], b"ramfs"].contains(&kind);
    if kind == b"overlay" || (PASSING.contains(&kind) && !is_kept) {
        return Ok(None);
    }
    if !is_kept {
        let reason = "its file system is not of a kind that is protected";
        watched.learned.refuse(path, reason, Source::Asked);
        return Ok(None);
    }
    let file = os::open_below(libc::AT_FDCWD, path, libc::O_PATH, 0)?;
    let stat = os::fstat(file.as_raw_fd())?;
    if stat.st_mode & libc::S_IFMT == libc::S_IFREG && !mount.read_only && !is_watched(watched, mount, &stat)
    {
        let reason = "a single file is mounted there, of a directory that is not watched";
        watched.learned.refuse(path, reason, Source::Asked);
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
    protect(watched, candidate).inspect_err(|_| {
        watched.learned.refuse(path, "it can't be watched", Source::Asked);
    })
}

/// The single file that is mounted, where it lies.
fn is_watched(watched: &Watched, mount: &Mount, stat: &os::Stat) -> bool {
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let marked = |directory: OwnedFd| watched.watch.is_marked(directory.as_raw_fd());
    let all = mounts(&table).into_iter();
    let holds = all.filter(|other| other.device == mount.device);
    let names = holds.filter_map(|other| Some(join(&other.at, below(&mount.root, &other.root)?)));
    let mut real = names.filter(|name| leads_to(name, stat));
    real.any(|name| open_path(parent(&name)).is_ok_and(marked))
}

/// Directories that were moved get their new names; those that were removed are let go after a while.
pub fn follow_moves(watched: &Watched) {
    let_oldest_go(watched);
    for root in watched.places.roots().iter() {
        let Ok(directory) = root.open(libc::O_PATH) else {
            let since = *watched
                .protected
                .gone()
                .entry(root.id)
                .or_insert_with(Instant::now);
            if since.elapsed() > GONE_KEPT && os::waiting_bytes(watched.watch.names.as_raw_fd()) == 0 {
                drop_root(watched, root.id);
            }
            continue;
        };
        watched.protected.gone().remove(&root.id);
        let Ok(path) = os::path_of(directory.as_raw_fd()) else {
            continue;
        };
        let moved = root.renamed(path);
        if moved.path != root.path && moved.is_named() {
            let (from, to) = (&root.path, &moved.path);
            let (from, to) = (String::from_utf8_lossy(from), String::from_utf8_lossy(to));
            tracing::info!(%from, %to, "a protected directory has another name");
            remember(watched, &watched.places.add_root(moved));
        }
    }
}

/// More than there is room for. Whoever compares what is protected does it: the marks of a large one take a while.
fn let_oldest_go(watched: &Watched) {
    while let Some(oldest) = watched.away.take_surplus() {
        let_go(watched, oldest);
    }
}

/// It is in a protected directory again, or mounted into a container: it is watched as what that is.
pub fn taken_in(watched: &Watched, key: FileKey) {
    let known = watched.watch.directory(key);
    if let Some(known) = known.filter(|known| known.path.is_empty() && watched.away.take(known.place)) {
        drop_root(watched, known.place);
    }
}

/// Is it there no more?
pub fn is_gone(watched: &Watched, id: PlaceId) -> bool {
    watched.protected.gone().contains_key(&id)
}

/// Nobody has it mounted any more, and others need its room.
pub fn let_go(watched: &Watched, id: PlaceId) {
    let _alone = watched.protected.mark_alone();
    if let Some(root) = watched.places.root(id) {
        watched.watch.unmark_all(&root);
    }
    drop_root(watched, id);
}
