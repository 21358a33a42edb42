//! What is known of mounts in containers: tables that were read, what of them is watched, and what was refused.
use std::collections::{BTreeMap, HashMap, HashSet};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{fs, io};

use norn_events::ContainerId;
use norn_journal::file::PlaceId;
use norn_os as os;

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
    pub(crate) own: u64,
    pub wake: OwnedFd,
    /// Rung once: the vault stops.
    pub over: OwnedFd,
    /// Overlays are looked at by one thread at a time.
    looking: Mutex<()>,
    looks: AtomicUsize,
}

/// A look at what is mounted, under way until what was found is watched and among the scans.
#[derive(Debug)]
pub struct Look<'a>(&'a AtomicUsize);

impl Drop for Look<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A mount namespace, and the directory that is the root of those who are in it: a runtime changes that before it starts
/// the container's first program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Namespace {
    pub(crate) id: u64,
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
pub(crate) struct Table {
    pub hash: u64,
    /// By whom it is read again.
    pub pid: u32,
    pub container: Option<ContainerId>,
    /// What of it is watched.
    pub places: Vec<PlaceId>,
    pub is_told: bool,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub tables: HashMap<Namespace, Table>,
    pub asked: HashMap<u32, Option<ContainerId>>,
    pub watched: HashSet<PlaceId>,
    pub refused: BTreeMap<Vec<u8>, (&'static str, Source)>,
    /// Of these, those that are being found out anew.
    pub doubted: HashSet<Vec<u8>>,
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
            looks: AtomicUsize::default(),
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
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

    /// To be held from before anything is taken that was asked.
    pub fn begin_look(&self) -> Look<'_> {
        self.looks.fetch_add(1, Ordering::AcqRel);
        Look(&self.looks)
    }

    /// Whether everybody who was told of has been looked at.
    pub fn is_at_rest(&self) -> bool {
        self.state().asked.is_empty() && !self.is_again() && self.looks.load(Ordering::Acquire) == 0
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

    pub fn note_watched(&self, id: PlaceId) {
        self.state().watched.insert(id);
    }

    pub fn watched_count(&self) -> usize {
        self.state().watched.len()
    }

    /// Those that a container has mounted.
    pub fn in_use(&self) -> Vec<PlaceId> {
        let state = self.state();
        let mounted = mounted(&state);
        state.watched.intersection(&mounted).copied().collect()
    }

    /// One that no container has mounted any more.
    pub fn unused(&self) -> Option<PlaceId> {
        let state = self.state();
        let mounted = mounted(&state);
        state.watched.difference(&mounted).next().copied()
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

fn mounted(state: &State) -> HashSet<PlaceId> {
    let places = state.tables.values().flat_map(|table| &table.places);
    places.copied().collect()
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
