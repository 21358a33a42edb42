//! Finds the new file that took the place of a deleted one: write-new-and-unlink has no single change that shows it.
use std::collections::VecDeque;

use norn_events::{ContentFormat, ProcessUid};

use super::evidence::Harm;
use norn_programs::lineage::{base_name, directory, stem};

/// Two halves further apart than this are not one act, ns.
const APART_MAX_NS: u64 = 60_000_000_000;
/// Without a likeness of names the halves must follow each other at once, ns.
const APART_UNNAMED_MAX_NS: u64 = 5_000_000_000;
/// Ciphertext is as long as its plain text but for header, padding and tag, bytes.
const GROWTH_MAX: u64 = 1_024;

/// Where not even the directory is the same: ciphertext grows by the same header and tag each time, but for padding, bytes.
const GROWTH_VARIES_MAX: u64 = 32;

/// A new file and a deleted one that fit by size and moment only.
const UNNAMED_PAIR: f32 = 0.8;
/// A dedicated tool made the ciphertext and somebody else removed the original, as in `gpg -c f && rm f`; with all that
/// dedicated tools did to a few files it stays below `PROVEN_MAX`.
const PROVEN_PAIR: f32 = 0.5;

/// A new name that is only the beginning of the old one must be at least this long to say anything, bytes.
const NAME_PREFIX_MIN: usize = 3;

/// One half of a conversion, waiting for the other.
#[derive(Debug, Clone)]
pub struct Half {
    pub path: Vec<u8>,
    pub size: u64,
    pub time_ns: u64,
    pub process: ProcessUid,
    /// `Some`: a new file that could be ciphertext. `None`: an original that is gone.
    pub made: Option<Harm>,
    pub format: ContentFormat,
    /// Who deletes it had made it, while the agent watched: what is unpacked, looked at and cleared away. Other files of its size say nothing.
    pub own: bool,
}

/// The halves of one lineage that wait; the oldest is given up for the newest.
#[derive(Debug, Default)]
pub struct Pairs {
    waiting: VecDeque<Half>,
    /// By how much the last new file that only its size spoke for was larger than the original, bytes.
    growth: Option<i64>,
}

impl Pairs {
    const MAX: usize = 256;

    /// The other half of `half`, if it waited; else `half` waits now.
    pub fn complete(&mut self, half: Half) -> Option<Half> {
        while self
            .waiting
            .front()
            .is_some_and(|old| old.time_ns + APART_MAX_NS < half.time_ns)
        {
            self.waiting.pop_front();
        }
        let best = self
            .waiting
            .iter()
            .enumerate()
            .filter(|(_, other)| other.made.is_some() != half.made.is_some())
            .max_by_key(|(_, other)| likeness(other, &half))
            .filter(|(_, other)| likeness(other, &half) > 0)
            .map(|(position, _)| position);
        if let Some(position) = best {
            let other = self.waiting.remove(position)?;
            return self.is_telling(&other, &half).then_some(other);
        }
        if self.waiting.len() >= Self::MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(half);
        None
    }

    /// Do the two belong together? In different directories sizes fit by chance as well, as those of a database's merges:
    /// only what grows a second time by the same is no chance.
    fn is_telling(&mut self, one: &Half, other: &Half) -> bool {
        let (made, gone) = sides(one, other);
        if directory(&made.path) == directory(&gone.path) || likeness(one, other) > 1 {
            return true;
        }
        let growth = plain_size(made).cast_signed() - gone.size.cast_signed();
        let before = self.growth.replace(growth);
        growth >= 0 && before.is_some_and(|before| before.abs_diff(growth) <= GROWTH_VARIES_MAX)
    }

    /// The original that waits, of a file that is there again.
    pub fn take_gone(&mut self, path: &[u8]) -> Option<Half> {
        let is_it = |half: &Half| half.made.is_none() && half.path == path;
        let position = self.waiting.iter().position(is_it)?;
        self.waiting.remove(position)
    }

    /// A waiting file has another name now.
    pub fn rename(&mut self, from: &[u8], to: &[u8]) {
        for half in self
            .waiting
            .iter_mut()
            .filter(|half| half.made.is_some() && half.path == from)
        {
            half.path = to.to_vec();
        }
    }
}

/// How much the pair counts. `by_tool`: a dedicated one of a package made the new file.
pub fn weight(harm: Harm, (made, gone): (&Half, &Half), by_tool: bool) -> f32 {
    let is_near = directory(&made.path) == directory(&gone.path);
    let by_two = by_tool && made.process != gone.process;
    harm.weight() * if is_near { 1.0 } else { UNNAMED_PAIR } * if by_two { PROVEN_PAIR } else { 1.0 }
}

/// 3: one took the other's name; 2: the names are of one file; 1: only size and moment fit; 0: nothing to do with each other.
fn likeness(one: &Half, other: &Half) -> u8 {
    let (made, gone) = sides(one, other);
    // Moved into its place, or into that of its whole directory, whoever did either.
    if is_in_place_of(made, gone) {
        return 3;
    }
    // Two processes: only a name made out of the other's name shows that they work together. A build or an unpacking
    // that leaves random-looking files is no accomplice of whoever deletes their neighbours.
    if one.process != other.process {
        let locked = || made.format == ContentFormat::Locked && names_are_of_one_file(&made.path, &gone.path);
        return if extends(&made.path, &gone.path) || locked() {
            2
        } else {
            0
        };
    }
    if names_are_of_one_file(&made.path, &gone.path) {
        return 2;
    }
    let apart = one.time_ns.abs_diff(other.time_ns);
    let alone_proves_nothing = [made.format, gone.format]
        .iter()
        .any(|format| matches!(format, ContentFormat::Archive | ContentFormat::Locked));
    // Small sizes always fit: a database's merges delete and make tiny files all over. Only a neighbour took the place of such a one.
    let size_says_something = gone.size >= GROWTH_MAX || directory(&made.path) == directory(&gone.path);
    let is_near = apart < APART_UNNAMED_MAX_NS;
    if is_near && !gone.own && !alone_proves_nothing && size_says_something && sizes_fit(made, gone) {
        1
    } else {
        0
    }
}

/// The same name; or the same last part of it with a fitting size, as when whole directories are exchanged.
fn is_in_place_of(made: &Half, gone: &Half) -> bool {
    made.path == gone.path
        || (base_name(&made.path) == base_name(&gone.path)
            && gone.size >= GROWTH_MAX
            && gone.format != ContentFormat::Archive
            && sizes_fit(made, gone))
}

/// The new file, and the original.
fn sides<'a>(one: &'a Half, other: &'a Half) -> (&'a Half, &'a Half) {
    if one.made.is_some() {
        (one, other)
    } else {
        (other, one)
    }
}

/// `a/report.pdf` and `a/report.pdf.locked`, `a/report.locked` or `a/report.pdf.tmp`.
pub fn names_are_of_one_file(made: &[u8], gone: &[u8]) -> bool {
    let (made_name, gone_name) = (base_name(made), base_name(gone));
    let (made_stem, gone_stem) = (stem(made_name), stem(gone_name));
    directory(made) == directory(gone)
        && !gone_name.is_empty()
        && (made_name.starts_with(gone_name)
            || made_stem == gone_stem
            || (made_name.len() >= NAME_PREFIX_MIN && gone_name.starts_with(made_name)))
}

/// Who seals keeps the name, or makes the new one out of it; with a directory of its own for what is sealed, another removes the original.
pub fn is_sealed_as(made: &Half, gone: &Half) -> bool {
    names_are_of_one_file(&made.path, &gone.path)
        || made.process != gone.process && is_in_place_of(made, gone)
}

/// What was in an archive of its name.
pub fn is_unpacked(made: &Half, gone: &Half) -> bool {
    gone.format == ContentFormat::Archive && extends(&gone.path, &made.path)
}

/// `a/report.pdf.enc` of `a/report.pdf`.
fn extends(made: &[u8], gone: &[u8]) -> bool {
    made.len() > gone.len() && made.starts_with(gone) && made[gone.len()] == b'.'
}

fn sizes_fit(made: &Half, gone: &Half) -> bool {
    let plain = plain_size(made);
    plain + GROWTH_MAX / 2 >= gone.size && plain <= gone.size + GROWTH_MAX
}

/// What a new file holds, bytes.
fn plain_size(made: &Half) -> u64 {
    match made.made {
        Some(Harm::Encoded) => made.size * 3 / 4,
        _ => made.size,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(path: &str, size: u64, time_ns: u64) -> Half {
        Half {
            path: path.into(),
            size,
            time_ns,
            process: ProcessUid([1; 16]),
            made: Some(Harm::Encrypted),
            format: ContentFormat::Unknown,
            own: false,
        }
    }

    fn gone(path: &str, size: u64, time_ns: u64) -> Half {
        Half {
            made: None,
            format: ContentFormat::Text,
            ..made(path, size, time_ns)
        }
    }

    #[test]
    fn a_new_name_that_extends_the_old_one_is_a_pair_in_either_order() {
        let mut pairs = Pairs::default();
        assert!(pairs.complete(made("/d/a.txt.locked", 9_000, 1)).is_none());
        assert!(pairs.complete(gone("/d/a.txt", 5_000, 2)).is_some());
        assert!(pairs.complete(gone("/d/b.txt", 5_000, 3)).is_none());
        assert!(pairs.complete(made("/d/b.locked", 9_000, 4)).is_some());
    }

    #[test]
    fn random_names_pair_by_size_and_moment() {
        let mut pairs = Pairs::default();
        pairs.complete(made("/d/8f2c", 5_040, 1));
        assert!(pairs.complete(gone("/d/a.txt", 5_000, 2)).is_some());
        pairs.complete(made("/d/77aa", 5_040, 3));
        assert!(pairs.complete(gone("/d/b.txt", 50_000, 4)).is_none());
    }

    #[test]
    fn tiny_files_of_a_merge_are_no_pair_and_neighbours_are() {
        let mut pairs = Pairs::default();
        // As ClickHouse's merges delete and make them, in its store.
        pairs.complete(gone("/store/098/tmp_insert_202611_2_2_0/ttl.txt", 80, 1));
        assert!(
            pairs
                .complete(made("/store/c03/tmp_insert_all_1_1_1/checksums.txt", 267, 2))
                .is_none()
        );
        pairs.complete(gone("/d/a.txt", 80, 3));
        assert!(pairs.complete(made("/d/8f2c", 120, 4)).is_some());
    }

    #[test]
    fn large_files_of_a_merge_are_no_pairs_and_what_grows_steadily_elsewhere_is() {
        let mut pairs = Pairs::default();
        let mut complete = |number: u64, size: u64, growth: i64| {
            pairs.complete(gone(&format!("/store/098/{number}.bin"), size, number));
            let larger = size.saturating_add_signed(growth);
            pairs
                .complete(made(&format!("/store/c03/{number:x}"), larger, number))
                .is_some()
        };
        for (number, growth) in [(1, 40), (2, -310), (3, 700), (4, -20), (5, 210)] {
            assert!(!complete(number, 5_000 * number, growth), "merge {number}");
        }
        assert_eq!(
            [6, 7, 8].map(|number| complete(number, 5_000 * number, 60)),
            [false, true, true]
        );
    }

    #[test]
    fn halves_far_apart_in_time_are_not_a_pair() {
        let mut pairs = Pairs::default();
        pairs.complete(made("/d/8f2c", 5_040, 1));
        assert!(
            pairs
                .complete(gone("/d/a.txt", 5_000, APART_UNNAMED_MAX_NS + 2))
                .is_none()
        );
    }

    #[test]
    fn a_renamed_half_is_known_by_its_new_name() {
        let mut pairs = Pairs::default();
        pairs.complete(made("/tmp/work", 90_000, 1));
        pairs.rename(b"/tmp/work", b"/d/a.txt.locked");
        assert!(pairs.complete(gone("/d/a.txt", 5_000, 2)).is_some());
    }

    #[test]
    fn the_oldest_half_is_given_up_when_there_are_too_many() {
        let mut pairs = Pairs::default();
        for number in 0..=Pairs::MAX {
            pairs.complete(made(
                &format!("/d/{number}.x"),
                10_000_000 + 10_000 * number as u64,
                1,
            ));
        }
        assert_eq!(pairs.waiting.len(), Pairs::MAX);
    }
}
