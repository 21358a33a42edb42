//! Files nobody changed since they were copied: one state, under one name. They are most of what is known, so each is kept as
//! its journal record and read when it is asked for.
use hashbrown::HashTable;
use slab::Slab;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::file::{FileKey, PlaceId};
use crate::record::{Location, Peek, Record, Time, Version, peek};

#[derive(Debug, Default)]
pub struct AtRest {
    /// Encoded `Record::Version`s.
    records: Slab<Box<[u8]>>,
    by_key: HashTable<u32>,
    by_name: HashTable<u32>,
}

fn key_hash(key: FileKey) -> u64 {
    key.0 as u64
}

fn name_hash(place: PlaceId, path: &[u8]) -> u64 {
    xxh3_64_with_seed(path, place.0)
}

impl AtRest {
    pub fn len(&self) -> usize {
        self.records.len()
    }

    pub fn contains(&self, key: FileKey) -> bool {
        self.find(key).is_some()
    }

    /// The file and its name are known to none of those here.
    pub fn insert(&mut self, location: Location, version: Version) {
        let record = Record::Version(location, version).encode();
        let id = self.records.insert(record.into_boxed_slice()) as u32;
        let records = &self.records;
        let hashes = |&id: &u32| {
            let file = peek(&records[id as usize]);
            file.map_or((0, 0), |file| {
                (key_hash(file.key), name_hash(file.place, file.path))
            })
        };
        let (key, name) = hashes(&id);
        self.by_key.insert_unique(key, id, |id| hashes(id).0);
        self.by_name.insert_unique(name, id, |id| hashes(id).1);
    }

    pub fn peek(&self, key: FileKey) -> Option<Peek<'_>> {
        self.find(key).and_then(|id| peek(&self.records[id as usize]))
    }

    pub fn get(&self, key: FileKey) -> Option<(Location, Version)> {
        self.find(key).and_then(|id| decode(&self.records[id as usize]))
    }

    /// From now on somebody else keeps it.
    pub fn take(&mut self, key: FileKey) -> Option<(Location, Version)> {
        let id = self.find(key)?;
        let record = self.records.remove(id as usize);
        let file = peek(&record)?;
        let hashes = [key_hash(file.key), name_hash(file.place, file.path)];
        for (table, hash) in [&mut self.by_key, &mut self.by_name].into_iter().zip(hashes) {
            if let Ok(found) = table.find_entry(hash, |&other| other == id) {
                found.remove();
            }
        }
        decode(&record)
    }

    /// Who has this name, and since when that is known.
    pub fn holder(&self, place: PlaceId, path: &[u8]) -> Option<(FileKey, Time)> {
        let is_name = |&id: &u32| has_name(&self.records, id, (place, path));
        let id = *self.by_name.find(name_hash(place, path), is_name)?;
        peek(&self.records[id as usize]).map(|file| (file.key, file.time))
    }

    pub fn peeks(&self) -> impl Iterator<Item = Peek<'_>> {
        self.records.iter().filter_map(|(_, record)| peek(record))
    }

    /// Those in at most `most` slots from this one on, and the slot to go on with; `None` at the end. Between two calls a file may
    /// come or be taken, but none moves.
    pub fn some(&self, from: usize, most: usize) -> (impl Iterator<Item = Peek<'_>>, Option<usize>) {
        let to = (from + most).min(self.records.capacity());
        let records = (from..to).filter_map(|slot| self.records.get(slot));
        let files = records.filter_map(|record| peek(record));
        (files, (to < self.records.capacity()).then_some(to))
    }

    fn find(&self, key: FileKey) -> Option<u32> {
        let of_key = |&id: &u32| has_key(&self.records, id, key);
        self.by_key.find(key_hash(key), of_key).copied()
    }
}

fn has_key(records: &Slab<Box<[u8]>>, id: u32, key: FileKey) -> bool {
    peek(&records[id as usize]).is_some_and(|file| file.key == key)
}

fn has_name(records: &Slab<Box<[u8]>>, id: u32, name: (PlaceId, &[u8])) -> bool {
    peek(&records[id as usize]).is_some_and(|file| (file.place, file.path) == name)
}

fn decode(record: &[u8]) -> Option<(Location, Version)> {
    match Record::decode(record)? {
        Record::Version(location, version) => Some((location, version)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::Metadata;
    use crate::record::Content;

    fn file(number: u8) -> (Location, Version) {
        let location = Location {
            key: FileKey(u128::from(number)),
            place: PlaceId(1),
            path: vec![b'a', number],
            seen: vec![b'/', b'a', number],
        };
        let version = Version {
            time: number.into(),
            pid: 0,
            content: Content::Link(vec![number]),
            metadata: Metadata::default(),
            shape: None,
        };
        (location, version)
    }

    #[test]
    fn a_file_is_found_by_its_key_and_its_name_until_it_is_taken() {
        let mut files = AtRest::default();
        for number in 1..200 {
            let (location, version) = file(number);
            files.insert(location, version);
        }
        assert_eq!(files.get(FileKey(7)), Some(file(7)));
        assert_eq!(files.holder(PlaceId(1), &[b'a', 7]), Some((FileKey(7), 7)));
        assert_eq!(files.holder(PlaceId(2), &[b'a', 7]), None);
        assert_eq!(files.take(FileKey(7)), Some(file(7)));
        assert_eq!(files.take(FileKey(7)), None);
        assert_eq!(files.holder(PlaceId(1), &[b'a', 7]), None);
        let (location, version) = file(7);
        files.insert(location, version);
        assert_eq!((files.len(), files.get(FileKey(7))), (199, Some(file(7))));
        let mut seen = Vec::new();
        let mut slot = Some(0);
        while let Some(from) = slot {
            let (some, next) = files.some(from, 10);
            seen.extend(some.map(|file| file.key.0));
            slot = next;
        }
        seen.sort_unstable();
        assert_eq!(seen, (1..200).collect::<Vec<u128>>());
    }
}
