//! What is to be undone: which name is to hold which file again, and in which state.
mod directory;
mod target;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::os::fd::OwnedFd;

use norn_events::ProcessUid;
use norn_journal::file::{FileKey, PlaceId};
use norn_journal::index::Index;
use norn_journal::record::Time;

pub use directory::Directory;
pub use target::{IN_PLACE, METADATA, Spot, Target, Want};

#[derive(Debug, Default)]
pub struct Plan {
    pub targets: BTreeMap<Spot, Target>,
    /// To be moved back, in this order.
    pub directories: Vec<Directory>,
    /// Files the scope made.
    pub made: HashSet<FileKey>,
    /// Files and directories that it made so long before that they stay.
    pub older: HashSet<FileKey>,
    /// Those of these directories that got another name as early. From the last to the first.
    pub kept_moves: Vec<Directory>,
    /// Files whose content or metadata the scope changed.
    pub changed: HashSet<FileKey>,
    pub containers: HashMap<ProcessUid, String>,
    /// Where each file of this plan may lie now, or is to lie.
    pub spots: HashMap<FileKey, BTreeSet<Spot>>,
    /// What others made of a file since gives way too.
    pub over_conflicts: bool,
    /// Files that the scope changed under a name that is another file's target.
    pub displaced: Vec<(Spot, Target)>,
    /// Where the file had lost the name, by nobody of the scope, before the scope changed it.
    pub unnamed: HashSet<Spot>,
    /// Files that have no name now.
    pub nameless: Vec<Nameless>,
}

/// A file that the scope changed, and that has no name.
#[derive(Debug)]
pub struct Nameless {
    pub spot: Spot,
    pub target: Target,
    /// Through a mount of it (`O_PATH`); `None` when no process has one.
    pub file: Option<OwnedFd>,
}

impl Plan {
    /// A person decided for the state from before, of `paths` or of all.
    pub fn overrule(&mut self, paths: &[String]) {
        let is_meant = |seen: &[u8]| {
            let name = String::from_utf8_lossy(seen);
            paths.is_empty() || paths.iter().any(|path| *path == name)
        };
        self.targets.retain(|_, target| is_meant(&target.seen));
        self.displaced.retain(|(_, target)| is_meant(&target.seen));
        let displaced = self.displaced.iter_mut().map(|(_, target)| target);
        for target in self.targets.values_mut().chain(displaced) {
            target.conflict = false;
        }
        self.over_conflicts = true;
    }

    /// What a restore exchanged again has the names that it is to have.
    pub fn leave_changed_back(&mut self, index: &Index) {
        for at in 0..self.directories.len() {
            let directory = &self.directories[at];
            let earlier = self.directories[..at].iter().rev();
            let here = earlier.filter(|moved| moved.place == directory.place && moved.is_in_force);
            // Undone one after the other: what the names are now, before the first is.
            let now = here.fold(directory.from.clone(), |path, moved| {
                moved.back(&path).unwrap_or(path)
            });
            let holder = index.name_at(directory.place, &now, Time::MAX).flatten();
            let is_it = |key| holder.is_none_or(|holder| index.original(holder) == index.original(key));
            self.directories[at].is_in_force = !directory.is_exchange || directory.key.is_none_or(is_it);
        }
    }

    pub fn moved_back(&self, place: PlaceId, path: &[u8]) -> Vec<u8> {
        let mut path = path.to_vec();
        let here = self.directories.iter().filter(|moved| moved.place == place);
        for moved in here.filter(|moved| moved.is_in_force) {
            let back = match moved.is_exchange {
                true => moved.other(&path),
                false => moved.inside(&path),
            };
            path = back.unwrap_or(path);
        }
        path
    }
}
