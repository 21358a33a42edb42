//! A name is put back, and tried once more where a flag of the file or of its directory stood in the way.
use std::io;
use std::os::fd::AsRawFd;

use norn_events::wire::action::v1::FileVerdict;
use norn_os as os;

use super::work::Work;
use crate::outcome::{CHANGED_LATER, Done, Failed, Outcome};
use crate::plan::{Target, Want};
use crate::tree::{Entry, name_in_parent};

impl Work<'_> {
    pub fn one(&self, path: &[u8], target: &Target, verdict: &mut FileVerdict) -> Outcome {
        let outcome = self.try_one(path, target, verdict);
        match outcome {
            Err(Failed::Lost(_) | Failed::Refused(_)) if self.never_had_a_name(path, target) => {
                Ok(Done::Nothing)
            }
            Err(Failed::Refused(_)) if self.loosen(path, target) => self.try_one(path, target, verdict),
            outcome => outcome,
        }
    }

    fn try_one(&self, path: &[u8], target: &Target, verdict: &mut FileVerdict) -> Outcome {
        if target.conflict {
            return Err(Failed::Conflict(CHANGED_LATER.to_owned()));
        }
        match target.want {
            Want::Absent => self.remove(path, target, verdict),
            Want::Unknown if target.directory => self.make_directory(path, None, target),
            Want::Unknown => self.move_back(path, target),
            Want::File(key) if target.directory => self.make_directory(path, Some(key), target),
            Want::File(key) => self.file(path, (key, target), verdict),
        }
    }

    /// A file that was made without a name (`O_TMPFILE`) is called `#` and a number by the kernel. It was nobody's before.
    fn never_had_a_name(&self, path: &[u8], target: &Target) -> bool {
        let digits = name_in_parent(path).1.strip_prefix(b"#").unwrap_or_default();
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        let is_named = || {
            let index = self.watched.store.index();
            index.operations.last_of(self.place, path).is_some()
        };
        is_number && target.version.is_none() && !is_named() && matches!(self.tree.lookup(path), Ok(None))
    }

    /// Says whether anything stood in the way.
    fn loosen(&self, path: &[u8], target: &Target) -> bool {
        let mut names = vec![path];
        names.extend(target.moved_to.as_deref());
        let key = target.want.file();
        let spots = key
            .and_then(|key| self.plan.spots.get(&key))
            .into_iter()
            .flatten();
        names.extend(
            spots
                .filter(|(place, _)| *place == self.place)
                .map(|(_, other)| &other[..]),
        );
        let mut is_loosened = false;
        for name in names {
            match self.loosen_name(name) {
                Ok(done) => is_loosened |= done,
                Err(error) => tracing::debug!(%error, "the flags of a file can't be changed"),
            }
        }
        is_loosened
    }

    /// A directory is given its name back.
    pub fn move_loosened(&self, from: &[u8], to: &[u8], found: &Entry) -> Result<(), Failed> {
        match self.move_to(from, to, found) {
            Err(Failed::Refused(_)) => {
                for name in [from, to] {
                    self.loosen_name(name)?;
                }
                self.move_to(from, to, found)
            }
            moved => moved,
        }
    }

    fn loosen_name(&self, path: &[u8]) -> io::Result<bool> {
        let (parent, _) = self.tree.parent(path)?;
        let directory = os::loosen(parent.as_raw_fd())?;
        let is_loosened = directory.is_some();
        self.loosened.borrow_mut().0.extend(directory);
        let file = match self.tree.lookup(path)? {
            Some(entry) => os::loosen(entry.file.as_raw_fd())?,
            None => None,
        };
        Ok(is_loosened || file.is_some())
    }
}
