//! Files that are only deleted: ordinary for whatever came with the system, and for whoever deletes whole directories or
//! what it made itself; not for a program that has just come and picks files of many kinds.
use std::collections::{HashSet, VecDeque};

use super::names::hash_of;
use crate::lineage::base_name;

/// Weight of one file.
const WEIGHT: f32 = 0.55;
/// Fewer are housekeeping.
const FILES_MIN: u32 = 8;
/// Logs, caches and backups are of one kind or two.
const KINDS_MIN: usize = 3;
/// After a longer pause counting begins anew: a session's programs delete a file now and then, ns.
const PAUSE_MAX_NS: u64 = 60_000_000_000;
/// Kinds counted for one lineage.
const KINDS_MAX: usize = 64;

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
    files: u32,
    counted: u32,
    last_ns: u64,
}

impl Removals {
    /// The weight of this file and of those before it that have not counted yet, and how many that are.
    pub fn add(&mut self, path: &[u8], now_ns: u64) -> Option<(f32, u32)> {
        if is_remade(path) {
            return None;
        }
        if self.last_ns + PAUSE_MAX_NS < now_ns {
            self.forget();
        }
        self.last_ns = now_ns;
        self.files += 1;
        if self.kinds.len() < KINDS_MAX {
            self.kinds.insert(hash_of(kind(path)));
        }
        if self.files < FILES_MIN || self.kinds.len() < KINDS_MIN {
            return None;
        }
        let fresh = self.files - self.counted;
        self.counted = self.files;
        Some((fresh as f32 * WEIGHT, fresh))
    }

    /// A directory went too: a whole tree is being cleared away.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

fn is_remade(path: &[u8]) -> bool {
    path.split(|&byte| byte == b'/')
        .any(|part| REMADE.contains(&part))
}

/// What a name ends in; all names without an ending are of one kind.
pub fn kind(path: &[u8]) -> &[u8] {
    let name = base_name(path);
    let dot = name.iter().rposition(|&byte| byte == b'.');
    dot.filter(|&at| at > 0).map_or(b"", |at| &name[at..])
}

/// Files that came to be while the agent watched, the latest.
#[derive(Debug, Default)]
pub struct Births {
    known: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Births {
    const MAX: usize = 16_384;

    pub fn add(&mut self, path: &[u8]) {
        let key = hash_of(path);
        if !self.known.insert(key) {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > Self::MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    pub fn rename(&mut self, from: &[u8], to: &[u8]) {
        if self.holds(from) {
            self.add(to);
        }
    }

    pub fn holds(&self, path: &[u8]) -> bool {
        self.known.contains(&hash_of(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_counts_before_there_are_enough_files_of_enough_kinds_and_then_all_do() {
        let mut removals = Removals::default();
        let paths = [
            "a.txt", "b.txt", "c.txt", "d.txt", "e.txt", "f.txt", "g.txt", "h.txt", "i.pdf",
        ];
        assert!(
            paths
                .iter()
                .all(|path| removals.add(path.as_bytes(), 1).is_none())
        );
        let (weight, files) = removals.add(b"j.png", 1).expect("three kinds");
        assert_eq!(files, 10);
        assert!(weight > 5.0);
        assert_eq!(removals.add(b"k.png", 1).map(|(_, files)| files), Some(1));
        assert!(
            removals.add(b"l.png", PAUSE_MAX_NS + 2).is_none(),
            "after a pause it begins anew"
        );
    }

    #[test]
    fn what_can_be_made_again_is_no_loss() {
        let mut removals = Removals::default();
        let remade = (0..100).all(|number| {
            removals
                .add(format!("/p/node_modules/a.{number}").as_bytes(), 1)
                .is_none()
        });
        assert!(remade);
    }

    #[test]
    fn the_oldest_birth_is_given_up() {
        let mut births = Births::default();
        (0..=Births::MAX).for_each(|number| births.add(number.to_string().as_bytes()));
        assert!(!births.holds(b"0") && births.holds(b"1"));
        births.rename(b"1", b"other");
        assert!(births.holds(b"other"));
    }
}
