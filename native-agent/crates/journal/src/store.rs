//! Pack and index together: what is recorded is on its way to disk before it counts.
mod stuck;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use norn_events::ProcessUid;
use norn_os as os;
use norn_os::{PiGuard, PiMutex};

use crate::clones::{Clones, named_by};
use crate::file::{FileKey, PlaceId};
use crate::index::{FILES_AT_REST_MAX, Holds, Index, shift};
use crate::pack::{Pack, read_blob, read_records, this_boot};
use crate::record::{BlobRef, Content, Location, Missing, NameOperation, PlaceKind, Record, Version};
use stuck::Stuck;

/// New versions may come to rest on a segment while it is emptied. It is looked through at most this many times; what comes later is lost with it.
const SWEEPS_MAX: usize = 4;
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

/// What must not go with a segment.
struct Needed {
    held: HashSet<FileKey>,
    suspect: HashSet<FileKey>,
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

    /// Lets the longest held subtrees go until the rest takes no more than its share; the newest stays in any case.
    pub fn bound_held(&self, bytes: &HashMap<ProcessUid, u64>) {
        let held = self.index().held.clone();
        let of = |scope: &ProcessUid| bytes.get(scope).copied().unwrap_or(0);
        let mut sum: u64 = held.iter().map(of).sum();
        for scope in held.iter().take(held.len().saturating_sub(1)) {
            if sum <= self.share() {
                return;
            }
            sum -= of(scope);
            tracing::warn!(%scope, "hold_dropped: the pre-images of newer incidents need the room");
            self.holds_dropped.fetch_add(1, Ordering::Relaxed);
            self.record(Record::Forget(*scope));
        }
    }

    /// Clones give way when they stand for too much, or the file system fills.
    pub fn evict_clones(&self) {
        if self.clones.bytes() == 0 {
            return;
        }
        let needed = self.needed();
        let kept = &needed.held | &needed.suspect;
        let surplus = self.clones.surplus(&self.index(), &kept);
        for (key, time) in surplus {
            self.record(Record::Evicted(key, time));
        }
        let orphans = self.clones.orphans(&self.index());
        self.clones.remove(&orphans);
    }

    /// Makes room, oldest segment first; `true` when something was evicted.
    pub fn evict(&self) -> bool {
        if self.bytes() <= self.bytes_max {
            self.full.store(false, Ordering::Relaxed);
            return false;
        }
        if self.is_stuck() {
            return false;
        }
        let mut evicted = false;
        let newest = self.pack.lock().newest();
        while self.bytes() > self.bytes_max {
            let oldest = self.pack.lock().oldest();
            match oldest {
                Some(number) if number < newest => evicted |= self.evict_segment(number),
                _ => break,
            }
        }
        let full = self.bytes() > self.bytes_max;
        self.full.store(full, Ordering::Relaxed);
        self.note_stuck(full, evicted);
        evicted
    }

    fn spares_resting(&self) -> bool {
        self.resting.load(Ordering::Relaxed) <= self.rest_share()
    }

    fn spares_suspects(&self) -> bool {
        self.suspect_bytes.load(Ordering::Relaxed) <= self.bytes_max / SUSPECT_SHARES
    }

    fn evict_segment(&self, number: u32) -> bool {
        let mut records = Vec::new();
        let segment = self.pack.lock().segment(number);
        let read = segment.and_then(|segment| read_records(&segment, &mut |record| records.push(record)));
        if let Err(error) = read {
            tracing::error!(%error, number, "an old segment of the vault can't be read");
        }
        let before = self.index().evicted;
        let needed = self.needed();
        let mut operations = Vec::new();
        for record in records {
            match record {
                Record::Name(operation) => operations.push(operation),
                record => self.carry(record, number, &needed),
            }
        }
        self.carry_operations(operations);
        // A version shares its content with those that differ in metadata alone, and its record may lie in another segment.
        for _ in 0..SWEEPS_MAX {
            let resting = self.resting_on(number);
            if resting.is_empty() {
                break;
            }
            for (location, version) in resting {
                self.move_version(location, version, (number, &needed));
            }
        }
        self.flush();
        let removed = {
            let mut pack = self.pack.lock();
            let removed = pack.take(number);
            self.bytes.store(pack.bytes(), Ordering::Relaxed);
            removed
        };
        // Its blocks go with its name and its descriptor, which takes milliseconds.
        if let Err(error) = removed.delete() {
            tracing::error!(%error, number, "an old segment of the vault can't be removed");
        }
        self.index().evicted > before
    }

    fn needed(&self) -> Needed {
        let spared = self.spares_suspects();
        let (held, suspects) = {
            let index = self.index();
            (Holds::new(&index), spared.then(|| Holds::of_suspects(&index)))
        };
        Needed {
            held: self.held_by(held),
            suspect: suspects
                .map(|suspects| self.held_by(suspects))
                .unwrap_or_default(),
        }
    }

    /// Writes a record of an old segment again when it is still needed.
    fn carry(&self, record: Record, from: u32, needed: &Needed) {
        match record {
            Record::Boot { .. } | Record::Evicted(..) => {}
            Record::Version(location, version) => {
                let kept = self.index().kept_of(location.key, &version);
                if let Some(kept) = kept.filter(|kept| !kept.content.rests_on(from)) {
                    self.record(Record::Version(location, kept));
                }
            }
            Record::Change(location, change) => {
                let key = self.index().original(location.key);
                if needed.held.contains(&key) || needed.suspect.contains(&key) {
                    self.record(Record::Change(location, change));
                }
            }
            Record::Hold(scope) => {
                if self.index().held.contains(&scope) {
                    self.record(Record::Hold(scope));
                }
            }
            Record::Actor(actor) => {
                if self.index().actors.contains(actor.uid) {
                    self.record(Record::Actor(actor));
                }
            }
            other => self.record(other),
        }
    }

    /// Those that nobody holds go with the segment.
    fn carry_operations(&self, mut operations: Vec<NameOperation>) {
        let mut index = self.index();
        index.operations.remove(&operations);
        let held: HashSet<ProcessUid> = index.held.iter().copied().collect();
        operations.retain(|gone| {
            let actor = index.actors.at(gone.pid, gone.time);
            actor.is_some_and(|actor| index.actors.is_below(actor.uid, &held))
        });
        drop(index);
        for operation in operations {
            self.record(Record::Name(operation));
        }
    }

    /// As long as somebody takes more than his share, others lose nothing.
    fn is_spared(&self, place: PlaceId) -> bool {
        let crowded = &lock(&self.places).crowded;
        !crowded.is_empty() && !crowded.contains(&place)
    }

    /// What a file was once gives way before what it is now: of that, a deletion would leave nothing.
    fn is_kept(&self, location: &Location, version: &Version) -> bool {
        let is_current = lock(&self.places).living.contains(&location.place)
            && self.index().is_current(location.key, version.time);
        if !is_current {
            return false;
        }
        let kept = self.spares_resting();
        if !kept {
            self.note_resting(0, version.content.bytes());
        }
        kept
    }

    /// Out of the segment that goes: to the newest one, or away.
    fn move_version(&self, location: Location, mut version: Version, (from, needed): (u32, &Needed)) {
        if !version.content.rests_on(from) {
            return;
        }
        let stays = needed.held.contains(&location.key)
            || needed.suspect.contains(&location.key)
            || self.is_spared(location.place)
            || self.is_kept(&location, &version);
        if !stays {
            return self.record(Record::Evicted(location.key, version.time));
        }
        let moved = |&blob: &BlobRef| match blob.segment == from {
            true => self.read(blob).and_then(|bytes| self.append_blob(&bytes)),
            false => Ok(blob),
        };
        let carried = match &version.content {
            Content::Packed(blobs) => blobs
                .iter()
                .map(moved)
                .collect::<io::Result<_>>()
                .map(Content::Packed),
            Content::Sparse(extents) => {
                let moved = |(at, blob): &(u64, BlobRef)| Ok((*at, moved(blob)?));
                extents
                    .iter()
                    .map(moved)
                    .collect::<io::Result<_>>()
                    .map(Content::Sparse)
            }
            _ => return,
        };
        match carried {
            Ok(content) => version.content = content,
            Err(error) => {
                tracing::error!(%error, "a held pre-image can't be carried over");
                version.content = Content::Missing(Missing::Evicted);
            }
        }
        self.record(Record::Version(location, version));
    }
}

#[cfg(test)]
mod tests {
    use super::stuck::AGAIN_AFTER;
    use super::*;
    use crate::file::Metadata;
    use crate::record::{Actor, Aspect, Change};

    fn version(time: i64, blob: BlobRef) -> Record {
        let (location, version) = parts(time, blob);
        Record::Version(location, version)
    }

    fn parts(time: i64, blob: BlobRef) -> (Location, Version) {
        let location = Location {
            key: FileKey(1),
            place: PlaceId(1),
            path: b"file".to_vec(),
            seen: b"/file".to_vec(),
        };
        let version = Version {
            time,
            pid: 0,
            content: Content::Packed(vec![blob]),
            metadata: Metadata::default(),
            shape: None,
        };
        (location, version)
    }

    #[test]
    fn the_oldest_clones_give_way_but_held_ones() {
        let dir = std::env::temp_dir().join(format!("norn-clones-bound-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("clones")).unwrap();
        let store = Store::open(&dir, 1 << 20).unwrap();
        let held = ProcessUid([5; 16]);
        let actor = Actor {
            uid: held,
            parent: ProcessUid::UNKNOWN,
            pid: 77,
            start: 1,
            container: None,
        };
        store.record(Record::Actor(actor));
        store.record(Record::Hold(held));
        for number in 0..9 {
            std::fs::write(dir.join(format!("clones/{number}")), vec![1; 1 << 20]).unwrap();
            let (mut location, mut version) = parts(
                10,
                BlobRef {
                    segment: 0,
                    offset: 0,
                    length: 0,
                },
            );
            location.key = FileKey(number.into());
            version.content = Content::Cloned(number);
            let (time, pid, aspect) = (20, if number == 0 { 77 } else { 8 }, Aspect::Content);
            store.record(Record::Version(location.clone(), version));
            store.record(Record::Change(location, Change { time, pid, aspect }));
        }
        drop(store);
        let store = Store::open(&dir, 1 << 20).unwrap();
        let before = store.clones.bytes();
        store.evict_clones();
        let content = |key| {
            store
                .index()
                .state(FileKey(key))
                .unwrap()
                .last()
                .unwrap()
                .content
                .clone()
        };
        let gone: Vec<u128> = (0..9)
            .filter(|&key| content(key) != Content::Cloned(key as u64))
            .collect();
        assert_eq!(
            gone,
            [1, 2],
            "{before} bytes before, {} after",
            store.clones.bytes()
        );
        let left = std::fs::read_dir(dir.join("clones")).unwrap().count();
        assert_eq!(left, 7, "files of versions that are gone stay");
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn that_a_state_gave_way_is_known_after_its_segment_has_gone() {
        let dir = std::env::temp_dir().join(format!("norn-thinned-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let store = Store::open(&dir, 4 << 20).unwrap();
        (0..40).for_each(|time| {
            let blob = store.append_blob(&[time as u8; 100]).unwrap();
            store.record(version(time, blob));
        });
        let gave_way = |store: &Store| {
            let index = store.index();
            let state = index.state(FileKey(1)).unwrap();
            state.before(30).is_some_and(Version::is_thinned)
        };
        assert!(gave_way(&store));
        (0..5).for_each(|_| assert!(store.append_blob(&vec![9; 1 << 20]).is_ok()));
        let first = store
            .pack
            .lock()
            .oldest()
            .expect("there is more than one segment");
        store.evict_segment(first);
        assert!(gave_way(&store));
        drop(store);
        assert!(gave_way(&Store::open(&dir, 4 << 20).unwrap()));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn who_takes_more_than_his_share_gives_way_first() {
        let dir = std::env::temp_dir().join(format!("norn-share-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let store = Store::open(&dir, 4 << 20).unwrap();
        let record = |key: u128, place: u64, bytes: &[u8]| {
            let blob = store.append_blob(bytes).unwrap();
            let (mut location, version) = parts(10, blob);
            (location.key, location.place) = (FileKey(key), PlaceId(place));
            store.record(Record::Version(location, version));
        };
        record(1, 1, b"of the modest, and the oldest");
        (2..8).for_each(|key| record(key, 2, &vec![key as u8; 1 << 20]));
        let crowded = HashSet::from([PlaceId(2)]);
        let places = Places {
            crowded,
            ..Places::default()
        };
        store.set_places(places, 0);
        assert!(store.evict());
        let index = store.index();
        let content = |key: u128| index.state(FileKey(key)).unwrap().last().unwrap().content.clone();
        assert!(matches!(content(1), Content::Packed(_)), "the modest lost theirs");
        assert_eq!(content(2), Content::Missing(Missing::Evicted));
        assert!(matches!(content(7), Content::Packed(_)));
        drop(index);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn what_is_held_is_not_written_again_and_again() {
        let dir = std::env::temp_dir().join(format!("norn-stuck-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let store = Store::open(&dir, 3 << 20).unwrap();
        let attacker = attacker(7);
        store.record(Record::Actor(attacker.clone()));
        (0..4).for_each(|time| {
            let blob = store.append_blob(&vec![time as u8; 1 << 20]).unwrap();
            let (mut location, mut version) = parts(10 + time, blob);
            (location.key, version.pid) = (FileKey(time as u128), attacker.pid);
            store.record(Record::Version(location, version));
        });
        store.record(Record::Hold(attacker.uid));
        assert!(!store.evict() && store.is_full());
        let newest = store.pack.lock().newest();
        store.evict();
        assert_eq!(store.pack.lock().newest(), newest, "the held was written again");
        store.record(Record::Forget(attacker.uid));
        assert!(store.evict());
        assert!(!store.is_full());
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn what_came_while_a_full_store_was_looked_through_gives_way_later() {
        let dir = std::env::temp_dir().join(format!("norn-later-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let store = Store::open(&dir, 3 << 20).unwrap();
        let attacker = attacker(7);
        store.record(Record::Actor(attacker.clone()));
        store.record(Record::Hold(attacker.uid));
        let record = |number: u8, pid: u32, bytes: usize| {
            let blob = store.append_blob(&vec![number; bytes]).unwrap();
            let (mut location, mut version) = parts(10 + i64::from(number), blob);
            (location.key, version.pid) = (FileKey(number.into()), pid);
            location.path = vec![b'a' + number];
            store.record(Record::Version(location, version));
        };
        (0..5).for_each(|number| record(number, attacker.pid, 540 << 10));
        // In the segment that is being written, which nothing is taken from.
        record(9, 0, 460 << 10);
        assert!(!store.evict() && store.is_full());
        assert!(!store.evict(), "nothing is another since");
        let rest = |store: &Store| lock(&store.stuck).as_ref().map(|stuck| stuck.rest);
        assert_eq!(rest(&store), Some(AGAIN_AFTER));
        let pass = |store: &Store| {
            let mut stuck = lock(&store.stuck);
            stuck.as_mut().unwrap().since -= AGAIN_AFTER;
        };
        pass(&store);
        assert!(store.evict() && !store.is_full(), "{} bytes", store.bytes());
        (20..22).for_each(|number| record(number, attacker.pid, 540 << 10));
        assert!(!store.evict() && rest(&store) == Some(AGAIN_AFTER));
        pass(&store);
        assert!(!store.evict());
        assert_eq!(rest(&store), Some(AGAIN_AFTER * 2), "it was in vain");
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn pre_images_of_the_harmless_give_way_before_those_of_suspects() {
        let dir = std::env::temp_dir().join(format!("norn-suspects-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let store = Store::open(&dir, 4 << 20).unwrap();
        let suspect = attacker(3);
        store.record(Record::Actor(suspect.clone()));
        for number in 0..6 {
            let blob = store.append_blob(&vec![number as u8; 512 << 10]).unwrap();
            let (mut location, mut version) = parts(10 + number, blob);
            location.key = FileKey(number as u128 + 1);
            location.path = vec![b'a' + number as u8];
            version.pid = if number == 0 { suspect.pid } else { 0 };
            store.record(Record::Version(location, version));
        }
        store.index().suspect(suspect.uid);
        let content = |key: u128| {
            let index = store.index();
            index.state(FileKey(key)).unwrap().last().unwrap().content.clone()
        };
        let gone = Content::Missing(Missing::Evicted);
        let fill = || assert!(store.append_blob(&vec![9; 2 << 20]).is_ok());
        fill();
        assert!(store.evict());
        assert_ne!(content(1), gone, "the suspect's");
        assert_eq!(content(2), gone, "somebody's, and younger");
        store.suspect_bytes.store(2 << 20, Ordering::Relaxed);
        (0..3).for_each(|_| {
            fill();
            store.evict();
        });
        assert_eq!(
            content(1),
            gone,
            "suspects who take more than their part are spared nothing"
        );
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn suspects_who_are_spared_no_longer_give_way_though_nothing_came_since() {
        let dir = std::env::temp_dir().join(format!("norn-spared-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let store = Store::open(&dir, 3 << 20).unwrap();
        let suspect = attacker(3);
        store.record(Record::Actor(suspect.clone()));
        for number in 0..8 {
            let blob = store.append_blob(&vec![number as u8; 512 << 10]).unwrap();
            let (mut location, mut version) = parts(10 + number, blob);
            (location.key, version.pid) = (FileKey(number as u128 + 1), suspect.pid);
            store.record(Record::Version(location, version));
        }
        store.index().suspect(suspect.uid);
        assert!(!store.evict() && store.is_full(), "all of it is a suspect's");
        // What suspects have is counted every few seconds.
        store.suspect_bytes.store(4 << 20, Ordering::Relaxed);
        assert!(store.evict() && !store.is_full());
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn the_longest_held_gives_way_when_all_that_is_held_is_too_much() {
        let dir = std::env::temp_dir().join(format!("norn-held-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let store = Store::open(&dir, 4 << 20).unwrap();
        let scopes: Vec<ProcessUid> = [3, 1, 2].into_iter().map(|pid| attacker(pid).uid).collect();
        scopes.iter().for_each(|&scope| store.record(Record::Hold(scope)));
        store.bound_held(&scopes.iter().map(|&scope| (scope, 1 << 20)).collect());
        assert_eq!(store.index().held, scopes[1..]);
        store.bound_held(&scopes.iter().map(|&scope| (scope, 9 << 20)).collect());
        assert_eq!(store.index().held, scopes[2..], "the newest stays however large");
        assert_eq!(store.holds_dropped.load(Ordering::Relaxed), 2);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    fn attacker(pid: u32) -> Actor {
        Actor {
            uid: ProcessUid([pid as u8; 16]),
            parent: ProcessUid([0xff; 16]),
            pid,
            start: 1,
            container: None,
        }
    }

    /// Resident bytes of this process.
    fn resident() -> u64 {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap();
        text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    }

    /// Alone in its process, or others' memory is counted: `cargo test -p norn-vault --lib -- --ignored memory`.
    #[test]
    #[ignore = "a measurement"]
    fn memory_of_a_hundred_thousand_files() {
        const FILES: u128 = 100_000;
        let dir = std::env::temp_dir().join(format!("norn-memory-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let store = Store::open(&dir, 1 << 30).unwrap();
        let blob = store.append_blob(b"content").unwrap();
        let before = resident();
        for number in 0..FILES {
            let path = format!("projects/saga-{}/chapter-{number}.md", number % 100).into_bytes();
            let seen = [b"/srv/data/", &path[..]].concat();
            let (key, place) = (FileKey(number << 64 | number), PlaceId::of(b"/srv/data"));
            if number == 0 {
                store.record(Record::Place(place, PlaceKind::Directory(b"/srv/data".to_vec())));
            }
            let location = Location {
                key,
                place,
                path,
                seen,
            };
            let version = Version {
                time: number as i64,
                pid: 0,
                content: Content::Packed(vec![blob]),
                metadata: Metadata::default(),
                shape: None,
            };
            store.record(Record::Version(location, version));
        }
        let grown = resident() - before;
        println!(
            "{FILES} files: {} MB, {} bytes each",
            grown >> 20,
            grown as u128 / FILES
        );
        assert!(grown < 20 << 20, "{} MB", grown >> 20);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_content_that_two_versions_share_goes_for_both() {
        let dir = std::env::temp_dir().join(format!("norn-store-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let store = Store::open(&dir, 3 << 20).unwrap();
        let shared = store.append_blob(b"before").unwrap();
        store.record(version(10, shared));
        store.append_blob(&vec![1; 2 << 20]).unwrap();
        store.record(version(20, shared));
        let kept = store.append_blob(b"later").unwrap();
        store.record(version(30, kept));
        store.append_blob(&vec![2; 2 << 20]).unwrap();
        assert!(store.evict());
        let contents: Vec<Content> = {
            let index = store.index();
            let state = index.state(FileKey(1)).unwrap();
            state
                .versions
                .iter()
                .map(|version| version.content.clone())
                .collect()
        };
        let gone = Content::Missing(Missing::Evicted);
        assert_eq!(contents, [gone.clone(), gone, Content::Packed(vec![kept])]);
        assert_eq!(store.read(kept).unwrap(), b"later");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
