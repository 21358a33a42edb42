//! What the scope made goes; what it left there is kept, as evidence and for an undo.
use std::os::fd::AsRawFd;

use norn_events::wire::action::v1::FileVerdict;
use norn_journal::file::Metadata;
use norn_os as os;

use super::work::{Placed, Work};
use crate::content::hash_file;
use crate::outcome::{Done, Failed, Outcome};
use crate::plan::Target;
use crate::tree::Entry;
use crate::verdict::describe;

impl Work<'_> {
    pub fn remove(&self, path: &[u8], target: &Target, verdict: &mut FileVerdict) -> Outcome {
        let Some(entry) = self.lookup(path)? else {
            return Ok(if target.left_absent {
                Done::Nothing
            } else {
                Done::Unchanged
            });
        };
        let is_directory = entry.stat.st_mode & libc::S_IFMT == libc::S_IFDIR;
        self.may_be_removed(path, &entry, target)?;
        let at = self.at(path, target);
        if is_directory {
            self.remove_directory(path, &entry)?;
            self.deed.keep_gone(at, &entry)?;
            return Ok(Done::Removed);
        }
        if let Some(version) = target.version.as_ref().filter(|_| entry.stat.st_nlink > 1) {
            let placed = Placed {
                path,
                target,
                entry: &entry,
                moved: false,
            };
            self.in_place(&placed, version, verdict)?;
        }
        let metadata = Metadata::read(entry.file.as_raw_fd(), &entry.stat)?;
        describe(verdict, &metadata);
        if metadata.is_regular() {
            let file = self.tree.open_file(&entry, libc::O_RDONLY)?;
            verdict.sha256_after = hash_file(&file)?.map(Vec::from).unwrap_or_default();
            if let Some(name) = self.keep_executable(&file, &metadata, target) {
                verdict.reason = format!("a program: it is kept in quarantine as {name}");
                verdict.quarantined_as = name;
            }
        }
        let key = self.own_key(path, &entry)?;
        self.deed.keep_as(key, at, (&entry, self.tree))?;
        self.take_away(path, &entry)?;
        self.deed.unlinked(at, key, false);
        Ok(Done::Removed)
    }

    fn remove_directory(&self, path: &[u8], entry: &Entry) -> Result<(), Failed> {
        let holds = || Failed::Conflict("the directory holds files that others made".to_owned());
        self.leave(&entry.file);
        // What is not empty is not moved, not even for a moment.
        let open = os::open_again(entry.file.as_raw_fd(), libc::O_RDONLY | libc::O_DIRECTORY)?;
        if os::has_entries(open.as_raw_fd())? {
            return Err(holds());
        }
        match self.take_away(path, entry) {
            Err(Failed::Lost(_) | Failed::Refused(_)) if os::has_entries(open.as_raw_fd())? => Err(holds()),
            done => done,
        }
    }
}
