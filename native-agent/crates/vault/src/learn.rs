//! Directories of the host that containers have mounted, volumes among them: watched without anybody asking for it. They are
//! found in the mount tables of processes that do not see the host's; what is left out is said, with the reason.
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use norn_events::ContainerId;
use norn_events::wire::event::v1::Capability;
use norn_journal::file::PlaceId;
use norn_os as os;
use norn_os::mounts::mounts;
use xxhash_rust::xxh3::xxh3_64;

use crate::capture::Shared;
use crate::homes;
use crate::protect::{Candidate, Found, is_gone, key_of, let_go, protect};
use crate::table::{Reading, is_host_root};

/// Mounted directories that are watched; more are refused.
pub const MOUNTS_MAX: usize = 256;
/// Files and directories below one; a larger directory is refused.
pub const MOUNT_ENTRIES_MAX: usize = 50_000;
/// Refusals that are remembered by name; more are counted only.
const REFUSED_MAX: usize = 256;
/// Processes that wait to have their mount table read.
const ASKED_MAX: usize = 1024;

/// A mounted directory that has no pre-images, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedMount {
    /// On the host where that is known, else as the container sees it.
    pub path: Vec<u8>,
    pub reason: &'static str,
}

#[derive(Debug)]
pub struct Learned {
    state: Mutex<State>,
    /// Something that is protected has gone or has another name.
    again: AtomicBool,
    /// The inode of the agent's own mount namespace.
    own: u64,
    pub wake: OwnedFd,
    /// Rung once: the vault stops.
    pub over: OwnedFd,
    /// Overlays are looked at by one thread at a time.
    looking: Mutex<()>,
}

/// A mount namespace, and the directory that is the root of those who are in it: a runtime changes that before it starts
/// the container's first program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Namespace {
    id: u64,
    pub root: (u64, u64),
}

/// Who wants what is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It was asked for, or lies below what was.
    Asked,
    Mounted(Namespace),
}

/// A mount table that was read.
#[derive(Debug)]
struct Table {
    hash: u64,
    /// By whom it is read again.
    pid: u32,
    container: Option<ContainerId>,
    /// What of it is watched.
    places: Vec<PlaceId>,
    is_told: bool,
}

#[derive(Debug, Default)]
struct State {
    tables: HashMap<Namespace, Table>,
    asked: HashMap<u32, Option<ContainerId>>,
    watched: HashSet<PlaceId>,
    refused: BTreeMap<Vec<u8>, (&'static str, Source)>,
    /// Of these, those that are being found out anew.
    doubted: HashSet<Vec<u8>>,
}

impl Learned {
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            state: Mutex::default(),
            again: AtomicBool::new(false),
            own: fs::metadata("/proc/self/ns/mnt")?.ino(),
            wake: os::event_fd()?,
            over: os::event_fd()?,
            looking: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A process with a mount table of its own began, of a container or not: the table may be a new one.
    pub fn ask(&self, pid: u32, container: Option<&ContainerId>) {
        let mut state = self.state();
        if state.asked.len() < ASKED_MAX && state.asked.insert(pid, container.cloned()).is_none() {
            drop(state);
            self.ring();
        }
    }

    pub fn ring(&self) {
        drop(os::write(self.wake.as_raw_fd(), &1_u64.to_ne_bytes()));
    }

    pub fn end(&self) {
        self.ring();
        drop(os::write(self.over.as_raw_fd(), &1_u64.to_ne_bytes()));
    }

    pub fn look_alone(&self) -> MutexGuard<'_, ()> {
        self.looking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn take_asked(&self) -> HashMap<u32, Option<ContainerId>> {
        drop(os::read(self.wake.as_raw_fd(), &mut [0; 8]));
        std::mem::take(&mut self.state().asked)
    }

    /// What is protected is to be compared with what is to be.
    pub fn look_again(&self) {
        self.again.store(true, Ordering::Release);
        self.ring();
    }

    pub fn is_again(&self) -> bool {
        self.again.load(Ordering::Acquire)
    }

    pub fn take_again(&self) -> bool {
        self.again.swap(false, Ordering::AcqRel)
    }

    pub fn unlearn(&self, id: PlaceId) {
        let mut state = self.state();
        state.watched.remove(&id);
        for table in state.tables.values_mut() {
            table.places.retain(|place| *place != id);
        }
    }

    pub fn refused_count(&self) -> u64 {
        self.state().refused.len() as u64
    }

    pub fn refused(&self) -> Vec<RefusedMount> {
        let state = self.state();
        let each = state.refused.iter();
        each.map(|(path, &(reason, _))| RefusedMount {
            path: path.clone(),
            reason,
        })
        .collect()
    }

    pub fn refuse(&self, path: &[u8], reason: &'static str, source: Source) {
        let mut state = self.state();
        if state.refused.len() >= REFUSED_MAX && !state.refused.contains_key(path) {
            return;
        }
        state.doubted.remove(path);
        let former = state.refused.insert(path.to_vec(), (reason, source));
        if former.is_none_or(|(former, _)| former != reason) {
            let path = String::from_utf8_lossy(path);
            tracing::info!(%path, reason, "a directory that is to be protected is not");
        }
    }

    /// They are found out anew. Until that is done they stand: who asks meanwhile must not hear of none.
    pub fn doubt_refusals(&self, source: Source) {
        let mut state = self.state();
        let of_it = state.refused.iter().filter(|(_, (_, of))| *of == source);
        let doubted: Vec<Vec<u8>> = of_it.map(|(path, _)| path.clone()).collect();
        state.doubted.extend(doubted);
    }

    /// Those that were not found again go.
    pub fn drop_doubted(&self, source: Source) {
        let mut state = self.state();
        let State { refused, doubted, .. } = &mut *state;
        refused.retain(|path, (_, of)| *of != source || !doubted.remove(path));
        doubted.retain(|path| refused.contains_key(path));
    }
}

/// Those that a container has mounted, that are there, and that had their marks when they were last looked at.
pub fn watched(shared: &Shared) -> u64 {
    let watched: Vec<PlaceId> = {
        let state = shared.learned.state();
        let mounted = mounted(&state);
        state
            .watched
            .iter()
            .filter(|id| mounted.contains(id))
            .copied()
            .collect()
    };
    let is_there = |&id: &PlaceId| !is_gone(shared, id) && !shared.figures.is_unwatched(id);
    watched.into_iter().filter(is_there).count() as u64
}

/// All places whose files are kept now, whoever asked for them: directories, single files, containers' own file systems.
pub fn places_watched(shared: &Shared) -> u64 {
    let is_there = |id: PlaceId| !is_gone(shared, id) && !shared.figures.is_unwatched(id);
    let roots = shared.places.roots();
    let overlays = shared.places.overlays();
    let roots = roots.iter().filter(|root| is_there(root.id)).count();
    let overlays = overlays.iter().filter(|overlay| is_there(overlay.id)).count();
    (roots + overlays) as u64
}

/// Those that were to be, and are not.
pub fn unwatched_places(shared: &Shared) -> Vec<RefusedMount> {
    let lost = |path: Vec<u8>| RefusedMount {
        path,
        reason: "the kernel has no mark of it, and takes none",
    };
    let is_lost = |id: PlaceId| shared.figures.is_unwatched(id) && !is_gone(shared, id);
    let roots = shared.places.roots();
    let overlays = shared.places.overlays();
    let lost_roots = roots.iter().filter(|root| is_lost(root.id));
    let lost_overlays = overlays.iter().filter(|overlay| is_lost(overlay.id));
    let mut places = shared.learned.refused();
    places.extend(lost_roots.map(|root| lost(root.name())));
    places.extend(lost_overlays.map(|overlay| lost(overlay.mount.upper.clone())));
    places
}

fn mounted(state: &State) -> HashSet<PlaceId> {
    let places = state.tables.values().flat_map(|table| &table.places);
    places.copied().collect()
}

/// Directories named in a capability's detail; the rest are counted.
const NAMED_MAX: usize = 8;

/// Which directories that containers have mounted are protected, and which are not.
pub fn capability(shared: &Shared) -> Capability {
    let refused = shared.learned.refused();
    let named = refused.iter().take(NAMED_MAX).map(|mount| {
        let path = String::from_utf8_lossy(&mount.path);
        format!("{path} ({})", mount.reason)
    });
    let named: Vec<String> = named.collect();
    let mut detail = format!("{} mounted directories are protected", watched(shared));
    if !named.is_empty() {
        let count = shared.learned.refused_count();
        detail.push_str(&format!("; {count} are not: {}", named.join(", ")));
    }
    Capability {
        name: "file.preimage.mount".to_owned(),
        available: true,
        mechanism: "fanotify".to_owned(),
        detail,
        verified: false,
    }
}

/// Looks at every process on the host for mount tables that were not read yet, or have changed.
pub fn all(shared: &Shared) -> Vec<Found> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let names = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let mut living: HashMap<Namespace, u32> = HashMap::new();
    let named = names.filter_map(|pid| Some((namespace(shared, pid)?, pid)));
    for (namespace, pid) in named {
        living.entry(namespace).or_insert(pid);
    }
    {
        let mut state = shared.learned.state();
        state.tables.retain(|known, _| living.contains_key(known));
        state.refused.retain(|_, (_, source)| match source {
            Source::Asked => true,
            Source::Mounted(known) => living.contains_key(known),
        });
    }
    // Where the kernel tells of each change, a table that was read needs no other look.
    let is_told = |known: &Namespace| {
        let state = shared.learned.state();
        state.tables.get(known).is_some_and(|table| table.is_told)
    };
    living.retain(|known, _| !is_told(known));
    some(shared, living.into_values().map(|pid| (pid, None)))
}

/// Reads the tables again that were read before.
pub fn known(shared: &Shared) -> Vec<Found> {
    let pids: Vec<u32> = {
        let mut state = shared.learned.state();
        // Who has ended is asked by nobody: another process that has the table is looked for.
        let is_there = |known: &Namespace, pid: u32| namespace(shared, pid) == Some(*known);
        for (known, table) in &mut state.tables {
            table.is_told &= is_there(known, table.pid);
        }
        let told = state.tables.values().filter(|table| table.is_told);
        told.map(|table| table.pid).collect()
    };
    let mut found = some(shared, pids.into_iter().map(|pid| (pid, None)));
    if shared.learned.state().tables.values().any(|table| !table.is_told) {
        found.extend(all(shared));
    }
    found
}

/// What has been read counts as unread: a mount that was refused may be fit to be protected now.
pub fn forget_tables(shared: &Shared) {
    for table in shared.learned.state().tables.values_mut() {
        (table.hash, table.is_told) = (0, false);
    }
}

pub fn some(shared: &Shared, processes: impl IntoIterator<Item = (u32, Option<ContainerId>)>) -> Vec<Found> {
    let processes = processes.into_iter();
    processes
        .flat_map(|(pid, container)| one(shared, pid, container))
        .collect()
}

/// `None` for one that sees what the agent sees.
pub fn namespace(shared: &Shared, pid: u32) -> Option<Namespace> {
    let name = format!("/proc/{pid}/ns/mnt");
    let number = fs::metadata(&name).ok()?.ino();
    if number == shared.learned.own {
        return None;
    }
    let root = os::stat_at(libc::AT_FDCWD, format!("/proc/{pid}/root/.").as_bytes()).ok()?;
    let file = fs::File::open(&name).ok()?;
    Some(Namespace {
        // The kernel gives the inode's number to another as soon as it is free.
        id: os::mount_namespace_id(file.as_raw_fd()).unwrap_or(number),
        root: (root.st_dev, root.st_ino),
    })
}

fn one(shared: &Shared, pid: u32, container: Option<ContainerId>) -> Vec<Found> {
    let Some(theirs) = namespace(shared, pid) else {
        return Vec::new();
    };
    let is_told = shared.signals.watch_namespace(pid);
    let read = |pid: &str| fs::read(format!("/proc/{pid}/mountinfo"));
    let (Ok(text), Ok(host)) = (read(&pid.to_string()), read("self")) else {
        return Vec::new();
    };
    let hash = xxh3_64(&text);
    let container = {
        let mut state = shared.learned.state();
        match state.tables.get_mut(&theirs) {
            Some(table) if table.hash == hash => {
                (table.pid, table.is_told) = (pid, is_told);
                // It may have been read before anybody said whose it is.
                table.container = container.or_else(|| table.container.take());
                return Vec::new();
            }
            known => container.or_else(|| known.and_then(|known| known.container.clone())),
        }
    };
    if let Some(container) = &container {
        homes::find(shared, pid, container);
    }
    shared.learned.doubt_refusals(Source::Mounted(theirs));
    let reading = Reading {
        shared,
        pid,
        theirs,
        host: mounts(&host),
        sees_host: is_host_root(theirs.root),
    };
    let (found, places) = reading.all(&mounts(&text));
    shared.learned.drop_doubted(Source::Mounted(theirs));
    // It ended meanwhile: another of the same container is asked.
    let hash = if namespace(shared, pid) == Some(theirs) {
        hash
    } else {
        0
    };
    let table = Table {
        hash,
        pid,
        container,
        places,
        is_told: is_told && hash != 0,
    };
    shared.learned.state().tables.insert(theirs, table);
    found
}

pub fn watch(shared: &Shared, candidate: Candidate) -> Result<Option<Found>, &'static str> {
    let fd = candidate.directory.as_raw_fd();
    let key = key_of(&candidate.directory).map_err(|_| "its file system has no handles for files")?;
    let is_known = shared.watch.directory(key).is_some() && shared.watch.is_marked(fd);
    if !is_known {
        let is_full = shared.learned.state().watched.len() >= MOUNTS_MAX;
        if is_full && !make_room(shared) {
            return Err("too many mounted directories are watched already");
        }
        let top = os::link_of(fd);
        let is_large = || entries_up_to(Path::new(&top), MOUNT_ENTRIES_MAX) > MOUNT_ENTRIES_MAX;
        if candidate.only.is_none() && is_large() {
            return Err("it holds more files than are watched");
        }
    }
    let found = protect(shared, candidate).map_err(|_| "it can't be watched")?;
    if let Some((root, entries)) = &found {
        shared.learned.state().watched.insert(root.id);
        let path = String::from_utf8_lossy(&root.path);
        tracing::info!(%path, entries = entries.len(), "a directory that a container has mounted is protected");
    }
    Ok(found)
}

/// One that no container has mounted any more gives way.
fn make_room(shared: &Shared) -> bool {
    let unused = {
        let state = shared.learned.state();
        let mounted = mounted(&state);
        state.watched.iter().find(|id| !mounted.contains(id)).copied()
    };
    unused.inspect(|&id| let_go(shared, id)).is_some()
}

/// Counts what is below, and stops when there is more than `most`.
fn entries_up_to(top: &Path, most: usize) -> usize {
    let mut count = 0;
    let mut waiting = vec![top.to_path_buf()];
    while let Some(directory) = waiting.pop() {
        let Ok(entries) = fs::read_dir(directory) else {
            continue;
        };
        for entry in entries.flatten() {
            count += 1;
            if count > most {
                return count;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                waiting.push(entry.path());
            }
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_stands_while_it_is_found_out_anew_and_goes_when_it_is_not_found_again() {
        let learned = Learned::new().unwrap();
        let theirs = Source::Mounted(Namespace { id: 1, root: (2, 3) });
        for path in [&b"/nfs"[..], b"/gone"] {
            learned.refuse(path, "it is remote", Source::Asked);
        }
        learned.refuse(b"/etc", "the system's", theirs);
        learned.doubt_refusals(Source::Asked);
        assert_eq!(learned.refused_count(), 3);
        learned.refuse(b"/nfs", "it is remote", Source::Asked);
        learned.drop_doubted(theirs);
        assert_eq!(learned.refused_count(), 3, "of another's nothing was doubted");
        learned.drop_doubted(Source::Asked);
        let left: Vec<Vec<u8>> = learned.refused().into_iter().map(|mount| mount.path).collect();
        assert_eq!(left, [b"/etc".to_vec(), b"/nfs".to_vec()]);
    }
}
