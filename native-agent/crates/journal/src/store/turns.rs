//! Walks over all that is known, some of it at a time: whoever judges what happens on the host never waits long for the index.
use std::collections::HashSet;

use norn_events::ProcessUid;

use super::Store;
use crate::file::FileKey;
use crate::index::{Holds, Index, Operation, oldest};
use crate::record::{Location, Time, Version};

/// A tenth of a millisecond's work, about.
const AT_ONCE: usize = 256;

impl Store {
    /// Each file that is known all the while; one that comes or goes meanwhile, perhaps.
    pub fn each_file(&self, mut look: impl FnMut(&Index, FileKey)) {
        // One at rest that is touched meanwhile is among the touched after.
        let mut slot = Some(0);
        while let Some(from) = slot {
            let index = self.index();
            let (some, next) = index.some_at_rest(from, AT_ONCE);
            some.for_each(|key| look(&index, key));
            slot = next;
        }
        let touched: Vec<FileKey> = self.index().touched.keys().copied().collect();
        for some in touched.chunks(AT_ONCE) {
            let index = self.index();
            let known = some.iter().filter(|key| index.touched.contains_key(key));
            known.for_each(|&key| look(&index, key));
        }
    }

    fn each_operation(&self, mut look: impl FnMut(&Index, &Operation)) {
        let mut end = Some(usize::MAX);
        while let Some(before) = end {
            let index = self.index();
            let (some, next) = index.operations.some(before, AT_ONCE);
            some.for_each(|operation| look(&index, operation));
            end = next;
        }
    }

    /// Files that a held subtree opened, changed or renamed.
    pub fn held_by(&self, mut holds: Holds) -> HashSet<FileKey> {
        let mut all = HashSet::new();
        if holds.is_empty() {
            return all;
        }
        self.each_file(|index, key| all.extend(holds.of_file(index, key).map(|_| key)));
        all.extend(self.renamed(&mut holds).into_iter().map(|(key, _)| key));
        all
    }

    /// Files that a held subtree gave another name, or took theirs.
    pub fn renamed(&self, holds: &mut Holds) -> Vec<(FileKey, ProcessUid)> {
        let mut all = Vec::new();
        if holds.is_empty() {
            return all;
        }
        self.each_operation(|index, operation| {
            if let Some(holder) = holds.of_operation(index, operation) {
                let keys = [operation.key(), operation.replaced()].into_iter().flatten();
                all.extend(keys.map(|key| (key, holder)));
            }
        });
        all
    }

    /// States that have content in this segment.
    pub fn resting_on(&self, segment: u32) -> Vec<(Location, Version)> {
        let mut all = Vec::new();
        self.each_file(|index, key| all.extend(index.resting_on(key, segment)));
        all
    }

    /// Lets the longest untouched files go when too many are known, and what else is too much.
    pub fn bound(&self, now: Time) {
        let surplus = self.index().surplus();
        if surplus > 0 {
            let holds = Holds::new(&self.index());
            let held = self.held_by(holds);
            let mut ages = Vec::new();
            self.each_file(|index, key| ages.extend(index.age(key).map(|age| (age, key))));
            for some in oldest(ages, &held, surplus).chunks(AT_ONCE) {
                let mut index = self.index();
                some.iter().for_each(|&(age, key)| index.drop_file(key, age));
            }
            self.index().accept_files();
        }
        self.index().bound(now);
    }
}
