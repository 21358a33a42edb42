//! A directory that got another name, and whose own name something else got that the scope made: each goes where the other is.
//! What was made goes from there with all else that was made. The same of two that were exchanged.
use norn_journal::file::FileKey;
use norn_os as os;
use norn_os::paths::{join, parent};

use super::work::Work;
use crate::deed::{At, Moved};
use crate::outcome::Failed;
use crate::plan::Directory;
use crate::tree::Entry;

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
