//! What names give away: one new suffix on many files, one small text in many directories.
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use norn_programs::lineage::{base_name, directory};

/// Suffixes that ordinary programs add to names.
const ORDINARY_SUFFIXES: [&[u8]; 18] = [
    b"bak",
    b"old",
    b"orig",
    b"tmp",
    b"temp",
    b"new",
    b"save",
    b"part",
    b"swp",
    b"lock",
    b"gz",
    b"xz",
    b"bz2",
    b"zst",
    b"zip",
    b"log",
    b"dpkg-new",
    b"dpkg-tmp",
];
/// Words of ransom notes' names, upper case.
const NOTE_WORDS: [&[u8]; 9] = [
    b"DECRYPT", b"RESTORE", b"RECOVER", b"RANSOM", b"UNLOCK", b"HOW_TO", b"HOW TO", b"READ_ME", b"README",
];
/// A note is read, not scrolled, bytes.
pub const NOTE_BYTES_MAX: u64 = 64 * 1024;
/// Files with one new suffix before it is a pattern.
const RENAMES_MIN: u32 = 4;
/// Directories with one new small text before it is a note.
const NOTE_DIRECTORIES_MIN: usize = 3;
/// Weight of each rename from `RENAMES_MIN` on.
pub const RENAME_WEIGHT: f32 = 0.5;
/// Weight of a note, once for its name.
pub const NOTE_WEIGHT: f32 = 2.2;

pub fn hash_of(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// The suffix that `to` adds to `from`, when it is none that ordinary programs add.
pub fn added_suffix<'a>(from: &[u8], to: &'a [u8]) -> Option<&'a [u8]> {
    let suffix = base_name(to).strip_prefix(base_name(from))?.strip_prefix(b".")?;
    let telling = (2..=24).contains(&suffix.len())
        && !suffix.iter().all(u8::is_ascii_digit)
        && !ORDINARY_SUFFIXES.contains(&suffix);
    telling.then_some(suffix)
}

pub fn sounds_like_note(path: &[u8]) -> bool {
    let name = base_name(path).to_ascii_uppercase();
    NOTE_WORDS
        .iter()
        .any(|word| name.windows(word.len()).any(|part| part == *word))
}

/// Counts for one lineage.
#[derive(Debug, Default)]
pub struct Names {
    renames: HashMap<u64, u32>,
    notes: HashMap<u64, HashSet<u64>>,
}

impl Names {
    /// Different suffixes, and different notes, that are counted for one lineage.
    const MAX: usize = 64;

    /// True when this rename makes, or continues, a pattern.
    pub fn rename(&mut self, suffix: &[u8]) -> bool {
        let key = hash_of(suffix);
        if self.renames.len() >= Self::MAX && !self.renames.contains_key(&key) {
            return false;
        }
        let count = self.renames.entry(key).or_default();
        *count += 1;
        *count >= RENAMES_MIN
    }

    /// True once for a name: when it has come up in enough directories.
    pub fn note(&mut self, path: &[u8]) -> bool {
        let key = hash_of(base_name(path));
        if self.notes.len() >= Self::MAX && !self.notes.contains_key(&key) {
            return false;
        }
        let directories = self.notes.entry(key).or_default();
        let before = directories.len();
        if before >= NOTE_DIRECTORIES_MIN {
            return false;
        }
        directories.insert(hash_of(directory(path)));
        before < NOTE_DIRECTORIES_MIN && directories.len() >= NOTE_DIRECTORIES_MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suffix_that_backups_or_packages_use_tells_nothing() {
        assert_eq!(
            added_suffix(b"/d/a.txt", b"/d/a.txt.locked"),
            Some(&b"locked"[..])
        );
        assert_eq!(added_suffix(b"/d/a.txt", b"/d/a.txt.bak"), None);
        assert_eq!(added_suffix(b"/d/syslog", b"/d/syslog.1"), None);
        assert_eq!(added_suffix(b"/d/a.dpkg-new", b"/d/a"), None);
    }

    #[test]
    fn one_suffix_on_four_files_is_a_pattern() {
        let mut names = Names::default();
        assert_eq!(
            [(); 5].map(|()| names.rename(b"locked")),
            [false, false, false, true, true]
        );
    }

    #[test]
    fn one_text_in_three_directories_is_a_note_once() {
        let mut names = Names::default();
        let paths = [
            &b"/a/READ.txt"[..],
            b"/a/READ.txt",
            b"/b/READ.txt",
            b"/c/READ.txt",
            b"/d/READ.txt",
        ];
        assert_eq!(
            paths.map(|path| names.note(path)),
            [false, false, false, true, false]
        );
    }
}
