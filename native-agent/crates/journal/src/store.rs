//! Pack and index together: what is recorded is on its way to disk before it counts.
mod room;
mod stuck;
mod turns;

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use norn_events::ProcessUid;
use norn_os as os;
use norn_os::{PiGuard, PiMutex};

use crate::clones::{Clones, named_by};
use crate::file::{FileKey, PlaceId};
use crate::index::{FILES_AT_REST_MAX, Index, shift};
use crate::pack::{Pack, read_blob, this_boot};
use crate::record::{BlobRef, PlaceKind, Record};

/// A place takes at most one of this many parts of the room, and so does all that is held.
const SHARES: u64 = 2;
/// Copies of how files are now take at most one of this many parts of the room; then no more are made at rest.
const RESTING_SHARES: u64 = 2;
/// When a segment goes, such copies stay if they take at most one of this many parts. No place's copies may take more.
const KEPT_SHARES: u64 = 3;
/// Pre-images of suspects stay if they take at most one of this many parts. Of those judged harmless, theirs go first.
const SUSPECT_SHARES: u64 = 4;

/// The index's lock is never held while the disk works; the pack's is.
#[derive(Debug)]
pub struct Store {
    pack: PiMutex<Pack>,
    index: PiMutex<Index>,
    fresh_actors: Arc<AtomicBool>,
    pub bytes_max: u64,
    bytes: AtomicU64,
    full: AtomicBool,
    stuck: Mutex<Option<Stuck>>,
    /// Held subtrees that were let go to make room.
    pub holds_dropped: AtomicU64,
    places: Mutex<Places>,
    pub clones: Clones,
    /// Bytes of the copies of how files in living places are now.
    resting: AtomicU64,
    /// Bytes of what suspects touched, and nobody holds.
    pub suspect_bytes: AtomicU64,
    pub torn_bytes: u64,
}

/// What the last count found.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Places {
    /// They take more than their share: theirs gives way first.
    pub crowded: HashSet<PlaceId>,
    /// Their copies at rest take as much as one place's may: there are no new ones.
    pub sated: HashSet<PlaceId>,
    /// They are there: nobody can attack what lies in others.
    pub living: HashSet<PlaceId>,
}

/// What was found when nothing could give way: as long as it is about the same, looking again finds nothing.
#[derive(Debug)]
struct Stuck {
    bytes: u64,
    spared: Spared,
    since: Instant,
    /// What came, or was replaced by later work, while the store was looked through may give way after this time.
    rest: Duration,
}

/// What stays when room is made, beside what is in the newest segment. All but the held is counted every few seconds.
#[derive(Debug, PartialEq)]
struct Spared {
    held: Vec<ProcessUid>,
    has_suspects: bool,
    has_resting: bool,
    places: Places,
}

/// A panic elsewhere leaves the data as sound as it was: every record is applied whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    pub fn open(dir: &Path, bytes_max: u64) -> io::Result<Self> {
        let mut index = Index::default();
        index.watched_since_ns = i128::from(os::wall_ns());
        let this = this_boot();
        let now = os::boot_ns() as i64;
        let mut earlier = 0;
        let mut cloned: BTreeMap<u64, HashSet<FileKey>> = BTreeMap::new();
        let pack = Pack::open(dir, bytes_max, |mut record| {
            if let Record::Boot {
                boot_id,
                wall_offset_ns,
            } = record
                && let Record::Boot {
                    boot_id: now,
                    wall_offset_ns: offset,
                } = this
            {
                earlier = if boot_id == now {
                    0
                } else {
                    wall_offset_ns - offset
                };
            }
            shift(&mut record, earlier);
            if let Some((number, key)) = named_by(&record) {
                cloned.entry(number).or_default().insert(key);
            }
            index.apply(&record);
            index.bound_files();
            index.bound(now);
        })?;
        let (bytes, torn_bytes) = (pack.bytes(), pack.torn_bytes);
        Ok(Self {
            pack: PiMutex::new(pack),
            fresh_actors: index.actors.fresh(),
            index: PiMutex::new(index),
            bytes_max,
            bytes: AtomicU64::new(bytes),
            full: AtomicBool::new(false),
            stuck: Mutex::default(),
            holds_dropped: AtomicU64::new(0),
            places: Mutex::default(),
            clones: Clones::open(dir.join("clones"), bytes_max, cloned)?,
            resting: AtomicU64::new(0),
            suspect_bytes: AtomicU64::new(0),
            torn_bytes,
        })
    }

    pub fn index(&self) -> PiGuard<'_, Index> {
        self.index.lock()
    }

    /// A change waits for its process to become known.
    pub fn awaits_actors(&self) -> bool {
        self.fresh_actors.load(Ordering::Acquire)
    }

    /// Without waiting: `None` while somebody else has it.
    pub fn try_index(&self) -> Option<PiGuard<'_, Index>> {
        self.index.try_lock()
    }

    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Nothing more can be evicted: new content is refused.
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Copies at rest take as much of the room as they may: what only might be needed is no longer copied.
    pub fn is_rest_full(&self) -> bool {
        self.resting.load(Ordering::Relaxed) > self.bytes_max / RESTING_SHARES
    }

    /// Whether the index is full of files at rest: those that nobody ever opened are left out then.
    pub fn knows_many(&self) -> bool {
        self.index().file_count() >= FILES_AT_REST_MAX
    }

    /// A copy of how a file is now takes the place of an earlier one; other changes are found by the next count.
    pub fn note_resting(&self, bytes: u64, earlier: u64) {
        let update = |resting: u64| Some((resting + bytes).saturating_sub(earlier));
        let _always = self
            .resting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, update);
    }

    /// What was counted; `resting` are the bytes of all copies of how files are now.
    pub fn set_places(&self, places: Places, resting: u64) {
        *lock(&self.places) = places;
        self.resting.store(resting, Ordering::Relaxed);
    }

    /// Of all room, what the copies at rest of one place may take.
    pub fn rest_share(&self) -> u64 {
        self.bytes_max / KEPT_SHARES
    }

    /// Of all room, what one container or directory may take while others want it.
    pub fn share(&self) -> u64 {
        self.bytes_max / SHARES
    }

    pub fn is_sated(&self, place: PlaceId) -> bool {
        lock(&self.places).sated.contains(&place)
    }

    pub fn append_blob(&self, bytes: &[u8]) -> io::Result<BlobRef> {
        let mut pack = self.pack.lock();
        let blob = pack.append_blob(bytes)?;
        self.bytes.store(pack.bytes(), Ordering::Relaxed);
        Ok(blob)
    }

    /// Journals, then makes it count. A record that can't be journaled still counts while this process lives.
    pub fn record(&self, record: Record) {
        let mut pack = self.pack.lock();
        if let Err(error) = pack.append_record(&record) {
            tracing::error!(%error, "the vault's journal can't be written; a restart would forget this change");
        }
        self.bytes.store(pack.bytes(), Ordering::Relaxed);
        drop(pack);
        self.clones.note(&record);
        self.index().apply(&record);
    }

    /// A place and what it is are written down once.
    pub fn remember_place(&self, id: PlaceId, kind: PlaceKind) {
        let known = self.index().places.get(&id) == Some(&kind);
        if !known {
            self.record(Record::Place(id, kind));
        }
    }

    /// Where a container has its files is written down once.
    pub fn note_home(&self, container: &str, place: PlaceId) {
        let known = self.index().homes.get(container) == Some(&place);
        if !known {
            self.record(Record::Home(container.to_owned(), place));
        }
    }

    pub fn read(&self, blob: BlobRef) -> io::Result<Vec<u8>> {
        let segment = self.pack.lock().segment(blob.segment)?;
        read_blob(&segment, blob)
    }

    /// Puts what was written since the last call onto the disk; nobody waits for it.
    pub fn flush(&self) {
        // Before the records that name them.
        self.clones.flush();
        let unsynced = self.pack.lock().take_unsynced();
        for failed in unsynced.into_iter().filter_map(|file| file.sync_data().err()) {
            tracing::error!(error = %failed, "the vault's journal can't be flushed to disk");
        }
    }

    fn spares_resting(&self) -> bool {
        self.resting.load(Ordering::Relaxed) <= self.rest_share()
    }

    fn spares_suspects(&self) -> bool {
        self.suspect_bytes.load(Ordering::Relaxed) <= self.bytes_max / SUSPECT_SHARES
    }
}
