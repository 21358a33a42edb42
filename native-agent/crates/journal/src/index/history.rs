//! Who had a name, from when on.
use crate::file::{FileKey, SlimKey};
use crate::record::Time;

/// Holders kept of one name; the oldest give way.
const BINDINGS_MAX: usize = 8;

/// Who had a name from a moment on: 24 bytes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Binding {
    since: Time,
    key: SlimKey,
}

impl Binding {
    fn new(since: Time, key: Option<FileKey>) -> Self {
        let key = key.into();
        Self { since, key }
    }

    fn key(&self) -> Option<FileKey> {
        self.key.key()
    }
}

/// By time. Nearly every name has had one holder: that one takes no room of its own.
#[derive(Debug, Default)]
pub struct History {
    first: Option<Binding>,
    rest: Box<[Binding]>,
}

impl History {
    fn iter(&self) -> impl DoubleEndedIterator<Item = &Binding> {
        self.first.iter().chain(self.rest.iter())
    }

    pub fn bind(&mut self, since: Time, key: Option<FileKey>) {
        let mut all: Vec<Binding> = self.iter().copied().collect();
        let at = all.partition_point(|binding| binding.since <= since);
        if at.checked_sub(1).is_some_and(|at| all[at].key() == key) {
            return;
        }
        all.insert(at, Binding::new(since, key));
        if all.len() > BINDINGS_MAX {
            all.remove(0);
        }
        let rest = all.split_off(1);
        self.first = all.pop();
        self.rest = rest.into_boxed_slice();
    }

    /// Of holders other than `but`, and since when: `None` when that is not known, a holder of `None` when nobody had it.
    pub fn at(&self, time: Time, but: Option<FileKey>) -> Option<(Option<FileKey>, Time)> {
        let is_other = |key: Option<FileKey>, _| but.is_none() || key != but;
        self.last_of(time, is_other)
    }

    /// The last until `time` that `is_meant`.
    pub fn last_of(
        &self,
        time: Time,
        is_meant: impl Fn(Option<FileKey>, Time) -> bool,
    ) -> Option<(Option<FileKey>, Time)> {
        let mut earlier = self.iter().rev().filter(|binding| binding.since <= time);
        let found = earlier.find(|binding| is_meant(binding.key(), binding.since))?;
        Some((found.key(), found.since))
    }

    /// It was this one's before `since`, which was not told to have lost it: who was seen here after may have been seen early.
    pub fn had(&self, key: FileKey, since: Time) -> bool {
        let earlier = self.iter().filter(|binding| binding.since < since);
        let mut earlier = earlier.skip_while(|binding| binding.key() != Some(key));
        earlier.next().is_some() && earlier.all(|binding| binding.key().is_some())
    }

    pub fn all(&self) -> impl Iterator<Item = (FileKey, Time)> {
        self.iter()
            .filter_map(|binding| Some((binding.key()?, binding.since)))
    }

    /// Who has it now, and since when.
    pub fn holder(&self) -> Option<(FileKey, Time)> {
        let last = self.iter().next_back()?;
        Some((last.key()?, last.since))
    }

    /// Who has it now, or that nobody has, and since when.
    pub fn last(&self) -> Option<(Option<FileKey>, Time)> {
        self.iter().next_back().map(|last| (last.key(), last.since))
    }

    pub fn keys(&self) -> impl Iterator<Item = FileKey> {
        self.iter().filter_map(Binding::key)
    }

    pub fn replace(&mut self, old: FileKey, new: FileKey) {
        for binding in self.first.iter_mut().chain(self.rest.iter_mut()) {
            if binding.key() == Some(old) {
                *binding = Binding::new(binding.since, Some(new));
            }
        }
    }
}
