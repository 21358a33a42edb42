//! Makes room: the oldest segment goes, and what is needed of it is written again.
use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::atomic::Ordering;

use norn_events::ProcessUid;

use super::{Store, lock};
use crate::file::{FileKey, PlaceId};
use crate::index::Holds;
use crate::pack::read_records;
use crate::record::{BlobRef, Content, Location, Missing, NameOperation, Record, Version};

/// New versions may come to rest on a segment while it is emptied. It is looked through at most this many times; what comes later is lost with it.
const SWEEPS_MAX: usize = 4;

/// What must not go with a segment.
struct Needed {
    held: HashSet<FileKey>,
    suspect: HashSet<FileKey>,
}

impl Store {
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
    use super::*;
    use crate::file::Metadata;
    use crate::record::{Actor, Aspect, Change, PlaceKind};
    use crate::store::Places;
    use crate::store::stuck::AGAIN_AFTER;

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
