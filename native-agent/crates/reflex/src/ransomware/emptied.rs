//! Files that lose their content and get no other: emptied, or cut to a small part. One is a mistake, or a log; many of
//! several kinds are loss, whatever program was told to do it.
use std::collections::{HashMap, HashSet};

use norn_events::{ChangeKind, ContentChange, ContentShape, ProcessUid};

use super::names::hash_of;
use super::score::{Exhibit, TRACKED_MAX};

/// Of a file that was written anew, at most this is left, bytes, which says nothing, and less than one of `LEFT_PART` parts.
const LEFT_BYTES_MAX: u64 = 48;
const LEFT_PART: u64 = 16;
/// Of what is cut off a file by its size alone, this part is loss: nobody edits so.
const CUT_MIN: u64 = 8;
/// Where it was written too, and the beginning is the same, this part: lists are shortened at their end.
const SHORTENED_MIN: u64 = 2;
/// After a longer pause counting begins anew, ns.
const PAUSE_MAX_NS: u64 = 600_000_000_000;
/// Files of one lineage that wait for more of them; the oldest are given up.
const WAITING_MAX: usize = 64;
/// Emptied files whose lineage is remembered, to see them filled again.
const REMEMBERED_MAX: usize = 8_192;

/// Files, kinds of them by the ends of their names, and directories, that must be empty at the same time.
type Bar = (usize, usize, usize);
/// Fewer kinds ask for more files: caches and samples are of one kind.
const BARS: [Bar; 3] = [(8, 3, 1), (12, 2, 1), (16, 1, 1)];
/// For a dedicated tool of an unchanged package: a database may empty many of its own.
const BARS_PROVEN: [Bar; 1] = [(16, 5, 1)];
/// Of files that one process has open, and may write: TeX opens up to twenty of many kinds, and what divides a table among many
/// files has them all open, of one kind and in one directory.
const BARS_HELD: [Bar; 3] = [(24, 3, 1), (32, 2, 1), (40, 1, 8)];
const BARS_HELD_PROVEN: [Bar; 1] = [(24, 5, 1)];

#[derive(Debug)]
pub struct Waiting {
    pub path: u64,
    pub kind: u64,
    pub directory: u64,
    pub time_ns: u64,
    /// Whoever emptied it has it open.
    pub held: bool,
    pub proven: bool,
    pub chain: Vec<ProcessUid>,
    pub exhibit: Exhibit,
}

/// What one lineage emptied.
#[derive(Debug, Default)]
pub struct Emptied {
    waiting: Vec<Waiting>,
    /// The bar was reached: each further file counts at once.
    counts: bool,
    last_ns: u64,
}

impl Emptied {
    /// Those that count by now, this one the last of them.
    fn add(&mut self, file: Waiting) -> Vec<Waiting> {
        if self.last_ns + PAUSE_MAX_NS < file.time_ns {
            *self = Self::default();
        }
        self.last_ns = file.time_ns;
        self.waiting.retain(|other| other.path != file.path);
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.remove(0);
        }
        let (bars, bars_held) = match file.proven {
            true => (&BARS_PROVEN[..], &BARS_HELD_PROVEN[..]),
            false => (&BARS[..], &BARS_HELD[..]),
        };
        let holder = file.chain.first().copied();
        self.waiting.push(file);
        self.counts |= self.reaches(bars, |file| !file.held)
            || self.reaches(bars_held, |file| {
                file.held && file.chain.first().copied() == holder
            });
        if self.counts {
            std::mem::take(&mut self.waiting)
        } else {
            Vec::new()
        }
    }

    fn reaches(&self, bars: &[Bar], counted: impl Fn(&&Waiting) -> bool) -> bool {
        let counted = || self.waiting.iter().filter(&counted);
        let kinds: HashSet<u64> = counted().map(|file| file.kind).collect();
        let directories: HashSet<u64> = counted().map(|file| file.directory).collect();
        bars.iter().any(|&(files_min, kinds_min, directories_min)| {
            counted().count() >= files_min && kinds.len() >= kinds_min && directories.len() >= directories_min
        })
    }

    fn refill(&mut self, path: u64) {
        self.waiting.retain(|file| file.path != path);
    }
}

/// By lineage, and who emptied which file.
#[derive(Debug, Default)]
pub struct AllEmptied {
    by_lineage: HashMap<ProcessUid, Emptied>,
    of: HashMap<u64, ProcessUid>,
}

impl AllEmptied {
    /// The file has content again: it was emptied to be written.
    pub fn refill(&mut self, path: &[u8]) {
        if self.of.is_empty() {
            return;
        }
        let path = hash_of(path);
        let lineage = self.of.remove(&path);
        if let Some(emptied) = lineage.and_then(|origin| self.by_lineage.get_mut(&origin)) {
            emptied.refill(path);
        }
    }

    /// Lineages that emptied nothing for long are forgotten.
    pub fn sweep(&mut self, now_ns: u64) {
        self.by_lineage
            .retain(|_, emptied| emptied.last_ns + PAUSE_MAX_NS > now_ns);
        let living = &self.by_lineage;
        self.of.retain(|_, origin| living.contains_key(origin));
    }

    pub fn add(&mut self, origin: ProcessUid, file: Waiting) -> Vec<Waiting> {
        if self.of.len() >= REMEMBERED_MAX || self.by_lineage.len() >= TRACKED_MAX {
            self.of.clear();
            self.by_lineage.clear();
        }
        self.of.insert(file.path, origin);
        self.by_lineage.entry(origin).or_default().add(file)
    }
}

/// Nearly all is gone, or the beginning alone is left. `cut`: the file's size was set, and nothing written.
pub fn is_lost(before: &ContentShape, after: &ContentShape, cut: bool) -> bool {
    let same_beginning = || {
        after.size >= ContentShape::SAMPLE_BYTES as u64
            && after.format == before.format
            && after.entropy.to_bits() == before.entropy.to_bits()
    };
    let loses = |part: u64| after.size <= before.size - before.size / part;
    after.size == 0
        || (after.size < LEFT_BYTES_MAX && after.size < before.size / LEFT_PART)
        || (cut && loses(CUT_MIN))
        || (same_beginning() && loses(SHORTENED_MIN))
}

/// What was emptied before was so in order to be written.
pub fn has_content_again(change: &ContentChange) -> bool {
    let written = matches!(change.kind, ChangeKind::Overwritten | ChangeKind::Replaced);
    let is_kept = |after: &ContentShape| {
        let lost = |before: &ContentShape| is_lost(before, after, false);
        after.size > 0 && !change.before.as_ref().is_some_and(lost)
    };
    written && change.after.as_ref().is_some_and(is_kept)
}

#[cfg(test)]
#[path = "emptied_tests.rs"]
mod tests;
