//! Changes of names, kept in little room: their texts are shared with the names they are about.
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use super::seen::Seen;
use crate::file::{FileKey, PlaceId, SlimKey};
use crate::record::{NameKind, NameOperation, Time};

/// Names that several processes change at once between two steps of one of them.
const RECENT_MAX: usize = 128;

/// Kept in any case no more than these; the oldest give way.
const OPERATIONS_MAX: usize = 500_000;
/// The halves of an exchange are told one after the other, with little between.
const HALVES_APART_MAX: usize = 64;

/// A `NameOperation`, which `whole` gives back.
#[derive(Debug)]
pub struct Operation {
    pub time: Time,
    pub pid: u32,
    kind: NameKind,
    directory: bool,
    pub place: PlaceId,
    pub path: Arc<[u8]>,
    pub target: Option<Arc<[u8]>>,
    seen: Seen,
    key: SlimKey,
    replaced: SlimKey,
}

impl Operation {
    fn is_of(&self, place: PlaceId, path: &[u8]) -> bool {
        let mut paths = [Some(&self.path), self.target.as_ref()].into_iter().flatten();
        self.place == place && paths.any(|known| known[..] == *path)
    }

    pub fn new(from: &NameOperation, (path, target): (Arc<[u8]>, Option<Arc<[u8]>>), seen: Seen) -> Self {
        Self {
            time: from.time,
            pid: from.pid,
            kind: from.kind,
            directory: from.directory,
            place: from.place,
            path,
            target,
            seen,
            key: from.key.into(),
            replaced: from.replaced.into(),
        }
    }

    pub fn is_of_directory(&self) -> bool {
        self.directory
    }

    pub fn kind(&self) -> NameKind {
        self.kind
    }

    pub fn key(&self) -> Option<FileKey> {
        self.key.key()
    }

    /// What had the name `target` before.
    pub fn replaced(&self) -> Option<FileKey> {
        self.replaced.key()
    }

    pub fn whole(&self) -> NameOperation {
        let target = self.target.as_deref().unwrap_or_default();
        NameOperation {
            time: self.time,
            pid: self.pid,
            place: self.place,
            kind: self.kind,
            path: self.path.to_vec(),
            target: target.to_vec(),
            key: self.key(),
            replaced: self.replaced(),
            directory: self.directory,
            seen: self.seen.name(if self.is_move() { target } else { &self.path }),
        }
    }

    fn is_move(&self) -> bool {
        is_move(self.kind)
    }

    fn mark(&self) -> Mark {
        (self.time, self.pid, name_hash(&self.path))
    }
}

/// `seen` is then what the process calls the target.
pub fn is_move(kind: NameKind) -> bool {
    matches!(kind, NameKind::Rename | NameKind::Exchange)
}

pub fn name_hash(path: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(path)
}

/// Tells one operation from others.
type Mark = (Time, u32, u64);

/// By time, nearly.
#[derive(Debug, Default)]
pub struct Operations(VecDeque<Operation>);

impl Operations {
    pub fn push(&mut self, operation: Operation) {
        self.0.push_back(operation);
        if self.0.len() > OPERATIONS_MAX {
            self.0.pop_front();
        }
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn retain(&mut self, is_kept: impl FnMut(&Operation) -> bool) {
        self.0.retain(is_kept);
        self.0.shrink_to_fit();
    }

    pub fn iter(&self) -> impl Iterator<Item = &Operation> {
        self.0.iter()
    }

    /// At most `most` before this one, the later first, and where to go on; `None` at the end. From the end, because the oldest go meanwhile.
    pub fn some(&self, before: usize, most: usize) -> (impl Iterator<Item = &Operation>, Option<usize>) {
        let to = before.min(self.0.len());
        let from = to.saturating_sub(most);
        (self.0.range(from..to).rev(), (from > 0).then_some(from))
    }

    /// What last gave `path` to a file, or took it away.
    pub fn last_of(&self, place: PlaceId, path: &[u8]) -> Option<&Operation> {
        self.0.iter().rev().find(|known| known.is_of(place, path))
    }

    /// The same, if it is among the last few: for who asks at each new name.
    pub fn recent_of(&self, place: PlaceId, path: &[u8]) -> Option<&Operation> {
        let mut recent = self.0.iter().rev().take(RECENT_MAX);
        recent.find(|known| known.is_of(place, path))
    }

    /// How far back the rename is that this one, the other way round, makes an exchange. `second` takes away again what the first
    /// half gave a name to, and it is another file: had that come to the name by itself, it would have been told in between.
    fn first_half(&self, second: &NameOperation) -> Option<usize> {
        let (place, from, to) = (second.place, &second.path[..], &second.target[..]);
        let is_of = |path: &[u8]| path == from || path == to;
        let is_about = |known: &Operation| {
            known.place == place && (is_of(&known.path) || known.target.as_deref().is_some_and(is_of))
        };
        let mut latest = self.0.iter().rev().take(HALVES_APART_MAX).enumerate();
        let (back, last) = latest.find(|(_, known)| is_about(known))?;
        let is_first = last.kind == NameKind::Rename
            && last.pid == second.pid
            && last.path[..] == *to
            && last.target.as_deref() == Some(from)
            && last.key().is_some()
            && second.key.is_some()
            && last.key() != second.key
            && last
                .replaced()
                .is_none_or(|replaced| second.key == Some(replaced));
        is_first.then(|| self.0.len() - 1 - back)
    }

    /// The other half of an exchange, when that was told just before.
    pub fn half_of(&self, second: &NameOperation) -> Option<&Operation> {
        self.0.get(self.first_half(second)?)
    }

    /// An exchange was told: the rename that was taken for its first half is none.
    pub fn take_half_of(&mut self, exchange: &NameOperation) -> Option<Operation> {
        let at = self.first_half(exchange)?;
        let is_its = self.0[at].key() == exchange.replaced;
        is_its.then(|| self.0.remove(at)).flatten()
    }

    /// All at once: there may be hundreds of thousands of either.
    pub fn remove(&mut self, gone: &[NameOperation]) {
        let marks: HashSet<Mark> = gone
            .iter()
            .map(|gone| (gone.time, gone.pid, name_hash(&gone.path)))
            .collect();
        let times = gone.iter().map(|gone| gone.time);
        let (Some(first), Some(last)) = (times.clone().min(), times.max()) else {
            return;
        };
        let is_gone =
            |known: &Operation| (first..=last).contains(&known.time) && marks.contains(&known.mark());
        self.0.retain(|known| !is_gone(known));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Index;
    use crate::record::Record;

    fn operation(time: Time, kind: NameKind) -> NameOperation {
        NameOperation {
            time,
            pid: 7,
            place: PlaceId(1),
            kind,
            path: b"a/old".to_vec(),
            target: if is_move(kind) {
                b"b/new".to_vec()
            } else {
                Vec::new()
            },
            key: Some(FileKey(9)),
            replaced: None,
            directory: false,
            seen: if is_move(kind) {
                b"/data/b/new".to_vec()
            } else {
                b"/data/a/old".to_vec()
            },
        }
    }

    #[test]
    fn an_operation_comes_back_whole() {
        let mut index = Index::default();
        let told = [
            operation(1, NameKind::Create),
            operation(2, NameKind::Rename),
            NameOperation {
                seen: Vec::new(),
                key: None,
                ..operation(3, NameKind::Unlink)
            },
        ];
        told.iter()
            .cloned()
            .for_each(|each| index.apply(&Record::Name(each)));
        let kept: Vec<NameOperation> = index.operations.iter().map(Operation::whole).collect();
        assert_eq!(kept, told);
    }

    #[test]
    fn those_that_are_gone_are_removed_and_no_others() {
        let mut index = Index::default();
        let told: Vec<NameOperation> = (1..6).map(|time| operation(time, NameKind::Create)).collect();
        told.iter()
            .cloned()
            .for_each(|each| index.apply(&Record::Name(each)));
        index.operations.remove(&[told[1].clone(), told[3].clone()]);
        let left: Vec<Time> = index.operations.iter().map(|known| known.time).collect();
        assert_eq!(left, [1, 3, 5]);
    }
}
