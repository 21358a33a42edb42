//! A directory that got another name, and whose own name something else got that the scope made: each goes where the other is.
//! What was made goes from there with all else that was made. The same of two that were exchanged.
use norn_journal::file::{FileKey, PlaceId};
use norn_journal::index::Index;
use norn_journal::record::Time;
use norn_os as os;
use norn_os::paths::{below, join, parent};

use crate::apply::Work;
use crate::deed::{At, Moved};
use crate::outcome::Failed;
use crate::planning::{Directory, Plan};
use crate::tree::Entry;

impl Plan {
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

impl Directory {
    /// Where a name in the directory, or of it, goes; with what was made in its place, that too.
    pub fn other(&self, path: &[u8]) -> Option<Vec<u8>> {
        let Self { from, to, .. } = self;
        let is_it = |from: &[u8], to: &[u8]| (path == from).then(|| to.to_vec());
        let there = || self.change_places().then(|| is_it(to, from))?;
        is_it(from, to).or_else(there).or_else(|| self.inside(path))
    }

    fn inside(&self, path: &[u8]) -> Option<Vec<u8>> {
        let Self { from, to, .. } = self;
        let moved = |from: &[u8], to: &[u8]| below(path, from).map(|rest| join(to, rest));
        let there = || self.change_places().then(|| moved(to, from))?;
        moved(from, to).or_else(there)
    }

    /// The name that `other` gave another.
    fn back(&self, path: &[u8]) -> Option<Vec<u8>> {
        let Self { from, to, .. } = self;
        match self.is_exchange {
            true => self.other(path),
            false if path == to => Some(from.clone()),
            false => below(path, to).map(|rest| join(from, rest)),
        }
    }

    fn change_places(&self) -> bool {
        self.is_exchange || self.made.is_some()
    }
}

impl Work<'_> {
    /// `false` when there is nothing in the way of the directory.
    pub fn change_places(&self, directory: &Directory) -> Result<bool, Failed> {
        let Directory {
            from,
            to,
            made,
            is_exchange,
            ..
        } = directory;
        let is_other = |key: FileKey| *is_exchange && made.is_none_or(|made| self.original(made) == key);
        let is_made = |entry: &Entry| {
            let key = self.original(entry.key);
            self.plan.made.contains(&key) || self.plan.older.contains(&key) || is_other(key)
        };
        let is_it =
            |entry: &Entry| directory.key.map(|key| self.original(key)) == Some(self.original(entry.key));
        let Some(there) = self
            .tree
            .lookup(to)?
            .filter(|there| (*is_exchange || made.is_some()) && is_made(there))
        else {
            return Ok(false);
        };
        if is_it(&there) {
            return Ok(false);
        }
        match self.tree.lookup(from)? {
            None => self.give_other_name(directory, (to, from), &there)?,
            Some(found) if *is_exchange && is_it(&found) => {
                self.exchange_again(directory, &found, &there)?;
            }
            Some(found) if is_it(&found) || is_made(&found) => {
                let between = join(parent(to), format!(".norn-{:032x}", os::random()?).as_bytes());
                self.give_other_name(directory, (to, &between), &there)?;
                if let Err(failed) = self.give_other_name(directory, (from, to), &found) {
                    self.give_other_name(directory, (&between, to), &there)?;
                    return Err(failed);
                }
                self.give_other_name(directory, (&between, from), &there)?;
            }
            Some(_) => return Ok(false),
        }
        Ok(true)
    }

    fn exchange_again(&self, directory: &Directory, found: &Entry, there: &Entry) -> Result<(), Failed> {
        let Directory { from, to, seen, .. } = directory;
        self.exchange((from, found), (to, there))?;
        let moved = Moved {
            key: Some(found.key),
            replaced: Some(there.key),
            exchanged: true,
            directory: true,
        };
        let (place, path) = (self.place, &to[..]);
        self.deed.renamed(At { place, path, seen }, from, moved);
        Ok(())
    }

    fn give_other_name(
        &self,
        directory: &Directory,
        (from, to): (&[u8], &[u8]),
        entry: &Entry,
    ) -> Result<(), Failed> {
        self.move_to(from, to, entry)?;
        let moved = Moved {
            key: Some(entry.key),
            directory: entry.stat.st_mode & libc::S_IFMT == libc::S_IFDIR,
            ..Moved::default()
        };
        let (place, seen) = (self.place, &directory.seen[..]);
        self.deed.renamed(
            At {
                place,
                path: to,
                seen,
            },
            from,
            moved,
        );
        Ok(())
    }
}
