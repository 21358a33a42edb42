//! Files that are only deleted: ordinary for whatever came with the system, and for whoever deletes whole directories or
//! what it made itself; not for a program that has just come and picks files of many kinds.
use std::collections::HashSet;

use norn_events::ContentFormat;

use super::names::hash_of;
use crate::lineage::base_name;

/// Weight of one file.
const WEIGHT: f32 = 0.55;
/// After a longer pause counting begins anew: a session's programs delete a file now and then, ns.
const PAUSE_MAX_NS: u64 = 60_000_000_000;
/// Kinds counted for one lineage.
const KINDS_MAX: usize = 64;

/// What must have gone before deletions count: fewer files are housekeeping; logs, caches and backups are of one kind or two.
#[derive(Debug)]
pub struct Bar {
    files: u32,
    /// Endings of names.
    kinds: usize,
    /// Formats by content.
    formats: u32,
}

/// For a program that nobody brought here but lately.
pub const NEWCOMER: Bar = Bar {
    files: 8,
    kinds: 3,
    formats: 1,
};
/// For one that lies where programs lie, in no package, and was started in a container from outside of it: it may be there to
/// clear away, but not documents, pictures and archives alike.
pub const STRANGER: Bar = Bar {
    files: 12,
    kinds: 5,
    formats: 3,
};

/// Directories whose content a build, a package manager or a clone makes again.
const REMADE: [&[u8]; 14] = [
    b"node_modules",
    b"target",
    b"build",
    b"dist",
    b".git",
    b".cache",
    b".cargo",
    b".npm",
    b".nx",
    b".rustup",
    b".venv",
    b"__pycache__",
    b"site-packages",
    b"dist-packages",
];

/// Deletions of one lineage.
#[derive(Debug, Default)]
pub struct Removals {
    kinds: HashSet<u64>,
    /// A bit for each.
    formats: u32,
    files: u32,
    counted: u32,
    last_ns: u64,
}

impl Removals {
    /// The weight of this file and of those before it that have not counted yet, and how many that are.
    pub fn add(
        &mut self,
        (path, format): (&[u8], ContentFormat),
        bar: &Bar,
        now_ns: u64,
    ) -> Option<(f32, u32)> {
        if is_remade(path) {
            return None;
        }
        if self.last_ns + PAUSE_MAX_NS < now_ns {
            self.forget();
        }
        self.last_ns = now_ns;
        self.files += 1;
        self.formats |= 1 << format as u32;
        if self.kinds.len() < KINDS_MAX {
            self.kinds.insert(hash_of(kind(path)));
        }
        if !self.reaches(bar) {
            return None;
        }
        let fresh = self.files - self.counted;
        self.counted = self.files;
        Some((fresh as f32 * WEIGHT, fresh))
    }

    fn reaches(&self, bar: &Bar) -> bool {
        self.files >= bar.files && self.kinds.len() >= bar.kinds && self.formats.count_ones() >= bar.formats
    }

    /// A directory went too: a whole tree is being cleared away.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

/// Lies where a build, a package manager or a clone makes its files again.
pub fn is_remade(path: &[u8]) -> bool {
    path.split(|&byte| byte == b'/')
        .any(|part| REMADE.contains(&part))
}

/// What a name ends in; all names without an ending are of one kind.
pub fn kind(path: &[u8]) -> &[u8] {
    let name = base_name(path);
    let dot = name.iter().rposition(|&byte| byte == b'.');
    dot.filter(|&at| at > 0).map_or(b"", |at| &name[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(removals: &mut Removals, path: &str, now_ns: u64) -> Option<(f32, u32)> {
        removals.add((path.as_bytes(), ContentFormat::Text), &NEWCOMER, now_ns)
    }

    #[test]
    fn a_stranger_must_have_deleted_more_kinds_of_more_content() {
        let formats = [ContentFormat::Text, ContentFormat::Media, ContentFormat::Archive];
        let counts = |formats: &[ContentFormat], kinds: u32| {
            let mut removals = Removals::default();
            (0..40_u32).any(|number| {
                let path = format!("/srv/a.{}", number % kinds);
                let format = formats[number as usize % formats.len()];
                removals.add((path.as_bytes(), format), &STRANGER, 1).is_some()
            })
        };
        assert!(counts(&formats, 5));
        assert!(!counts(&formats, 4) && !counts(&formats[..2], 5));
    }

    #[test]
    fn nothing_counts_before_there_are_enough_files_of_enough_kinds_and_then_all_do() {
        let mut removals = Removals::default();
        let paths = [
            "a.txt", "b.txt", "c.txt", "d.txt", "e.txt", "f.txt", "g.txt", "h.txt", "i.pdf",
        ];
        assert!(paths.iter().all(|path| add(&mut removals, path, 1).is_none()));
        let (weight, files) = add(&mut removals, "j.png", 1).expect("three kinds");
        assert_eq!(files, 10);
        assert!(weight > 5.0);
        assert_eq!(add(&mut removals, "k.png", 1).map(|(_, files)| files), Some(1));
        assert!(
            add(&mut removals, "l.png", PAUSE_MAX_NS + 2).is_none(),
            "after a pause it begins anew"
        );
    }

    #[test]
    fn what_can_be_made_again_is_no_loss() {
        let mut removals = Removals::default();
        let remade =
            (0..100).all(|number| add(&mut removals, &format!("/p/node_modules/a.{number}"), 1).is_none());
        assert!(remade);
    }
}
