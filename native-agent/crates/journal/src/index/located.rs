//! Whether a file still has the name that a record gives it. A record's name was looked up after the record's time, by another
//! thread than the one that reports names: an operation on the name that is later than the record may be known already, and is
//! what counts.
use std::sync::Arc;

use super::Index;
use crate::file::{FileKey, PlaceId};
use crate::record::{NameKind, Time};

/// Who got another name is followed to it over at most this many operations.
const LATER_MAX: usize = 4096;

impl Index {
    /// After `since` the file lost the name: nobody has it now, or another.
    fn has_lost(&self, key: FileKey, (place, path): (PlaceId, &[u8]), since: Time) -> bool {
        let last = self
            .names
            .get(&(place, Arc::from(path)))
            .and_then(|known| known.last());
        last.is_some_and(|(holder, at)| at > since && holder != Some(key))
    }

    /// The file is not called so any more, and nothing else is: what an undo parted is another's name now, and to be joined again.
    pub fn is_former_name(&self, key: FileKey, (place, path): (PlaceId, &[u8])) -> bool {
        self.has_lost(key, (place, path), Time::MIN) && self.name_at(place, path, Time::MAX) == Some(None)
    }

    /// The name to keep of a file that had this one at `time`; `None` when the one that is known is newer.
    pub(super) fn name_since(&self, key: FileKey, name: (PlaceId, &[u8]), time: Time) -> Option<Arc<[u8]>> {
        let (place, path) = name;
        if !self.has_lost(key, name, time) {
            return Some(self.shared(place, path));
        }
        if self.touched.get(&key).is_some_and(|state| !state.path.is_empty()) {
            return None;
        }
        let mut now: Arc<[u8]> = Arc::from(path);
        let (later, _) = self.operations.some(usize::MAX, LATER_MAX);
        let mut later: Vec<_> = later
            .filter(|known| known.place == place && known.time > time)
            .collect();
        later.sort_by_key(|known| known.time);
        for known in later {
            let Some(target) = known.target.as_ref() else {
                continue;
            };
            let is_exchanged = known.kind() == NameKind::Exchange && known.replaced() == Some(key);
            if known.key() == Some(key) && known.path == now {
                now = target.clone();
            } else if is_exchanged && *target == now {
                now = known.path.clone();
            }
        }
        Some(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::Metadata;
    use crate::record::{Aspect, Change, Content, Location, NameOperation, Record, Version};

    const PLACE: PlaceId = PlaceId(1);
    const SAVED: FileKey = FileKey(9);
    const OLD: FileKey = FileKey(4);
    const TEMPORARY: &[u8] = b"dir/.t~1";
    const DOCUMENT: &[u8] = b"dir/document";

    fn location(path: &[u8]) -> Location {
        Location {
            key: SAVED,
            place: PLACE,
            path: path.to_vec(),
            seen: [b"/srv/", path].concat(),
        }
    }

    fn operation(kind: NameKind, (path, target): (&[u8], &[u8]), time: Time) -> Record {
        Record::Name(NameOperation {
            time,
            pid: 7,
            place: PLACE,
            kind,
            path: path.to_vec(),
            target: target.to_vec(),
            key: Some(SAVED),
            replaced: (kind == NameKind::Exchange).then_some(OLD),
            directory: false,
            seen: Vec::new(),
        })
    }

    /// As a close, or the copy after it, is recorded.
    fn records(time: Time, path: &[u8]) -> [Record; 2] {
        let aspect = Aspect::Content;
        let change = Change { time, pid: 7, aspect };
        let version = Version {
            time,
            pid: 0,
            content: Content::Link(time.to_le_bytes().to_vec()),
            metadata: Metadata::default(),
            shape: None,
        };
        [
            Record::Change(location(path), change),
            Record::Version(location(path), version),
        ]
    }

    /// A document, and a file that was written beside it.
    fn written() -> Index {
        let mut index = Index::default();
        index.bind((PLACE, DOCUMENT), 1, Some(OLD));
        index.apply(&operation(NameKind::Create, (TEMPORARY, b""), 10));
        index
    }

    fn holder(index: &Index, path: &[u8]) -> Option<FileKey> {
        index.name_at(PLACE, path, Time::MAX).flatten()
    }

    fn last_name(index: &Index) -> Vec<u8> {
        index.last_name(SAVED, &index.state(SAVED).unwrap()).1
    }

    #[test]
    fn a_name_that_was_looked_up_before_a_rename_is_not_given_back_by_what_is_recorded_after_it() {
        for kind in [NameKind::Rename, NameKind::Exchange] {
            for record in records(20, TEMPORARY) {
                let mut index = written();
                index.apply(&operation(kind, (TEMPORARY, DOCUMENT), 30));
                index.apply(&record);
                assert_ne!(holder(&index, TEMPORARY), Some(SAVED), "{record:?}");
                assert_eq!(holder(&index, DOCUMENT), Some(SAVED), "{record:?}");
                assert_eq!(last_name(&index), DOCUMENT, "{record:?}");
            }
        }
    }

    #[test]
    fn nor_one_that_was_taken_from_a_file_with_two() {
        for record in records(20, TEMPORARY) {
            let mut index = written();
            index.apply(&operation(NameKind::Link, (DOCUMENT, b""), 30));
            index.apply(&operation(NameKind::Unlink, (TEMPORARY, b""), 31));
            index.apply(&record);
            assert_eq!(holder(&index, TEMPORARY), None, "{record:?}");
            assert!(index.is_former_name(SAVED, (PLACE, TEMPORARY)), "{record:?}");
            assert!(!index.is_former_name(SAVED, (PLACE, DOCUMENT)), "{record:?}");
        }
    }

    #[test]
    fn a_name_that_the_file_got_again_is_its_name() {
        for record in records(50, TEMPORARY) {
            let mut index = written();
            index.apply(&operation(NameKind::Rename, (TEMPORARY, DOCUMENT), 30));
            index.apply(&operation(NameKind::Rename, (DOCUMENT, TEMPORARY), 40));
            index.apply(&record);
            assert_eq!(holder(&index, TEMPORARY), Some(SAVED));
            assert_eq!(last_name(&index), TEMPORARY);
        }
        // Nobody told that it came back: it was found under the name, and later than it had lost it.
        let mut index = written();
        index.apply(&operation(NameKind::Unlink, (TEMPORARY, b""), 30));
        records(50, TEMPORARY)
            .iter()
            .for_each(|record| index.apply(record));
        assert_eq!(holder(&index, TEMPORARY), Some(SAVED));
        assert_eq!(last_name(&index), TEMPORARY);
    }
}
