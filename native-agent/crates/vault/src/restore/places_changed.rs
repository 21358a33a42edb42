//! A directory that got another name, and whose own name something else got that the scope made: each goes where the other is.
//! What was made goes from there with all else that was made.
use super::apply::{Failed, Work};
use super::deed::{At, Moved};
use super::plan::Directory;
use super::tree::Entry;
use crate::sys;
use crate::watch::{join, parent};

impl Work<'_> {
    /// `false` when there is nothing in the way of the directory.
    pub(super) fn change_places(&self, directory: &Directory) -> Result<bool, Failed> {
        let Directory { from, to, made, .. } = directory;
        let is_made = |entry: &Entry| self.plan.made.contains(&self.original(entry.key));
        let is_it =
            |entry: &Entry| directory.key.map(|key| self.original(key)) == Some(self.original(entry.key));
        let Some(there) = self
            .tree
            .lookup(to)?
            .filter(|there| made.is_some() && is_made(there))
        else {
            return Ok(false);
        };
        if is_it(&there) {
            return Ok(false);
        }
        match self.tree.lookup(from)? {
            None => self.give_other_name(directory, (to, from), &there)?,
            Some(found) if is_it(&found) || is_made(&found) => {
                let between = join(parent(to), format!(".norn-{:032x}", sys::random()?).as_bytes());
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
