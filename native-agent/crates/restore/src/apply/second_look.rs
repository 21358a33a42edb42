//! At the end of a restore each name is looked at once more. What was put back may have been moved since: by others, or by this
//! restore, when it took back by name what others had exchanged.
use std::os::fd::AsRawFd;

use norn_events::wire::action::v1::{FileVerdict, Verdict};
use norn_journal::file::{FileKey, Metadata};
use norn_os as os;

use super::exact::disturbed;
use super::work::Work;
use crate::content::is_same;
use crate::outcome::{Done, Failed, Outcome};
use crate::plan::{Target, Want};
use crate::tree::Entry;

/// A name that is said to lead to what it led to before the attack.
pub struct Settled<'a> {
    path: &'a [u8],
    target: &'a Target,
    /// `None`: it was gone again at once.
    found: Option<(FileKey, u64)>,
    /// Which verdict says so.
    verdict: usize,
}

impl<'a> Settled<'a> {
    /// `None` where the verdict does not say which file it is.
    pub fn of(
        (path, target): (&'a [u8], &'a Target),
        outcome: &Outcome,
        found: Option<Entry>,
        verdict: usize,
    ) -> Option<Self> {
        let is_told = match outcome {
            Ok(Done::Restored) => true,
            Ok(Done::Unchanged) => target.version.is_some() && !target.directory,
            _ => false,
        };
        is_told.then(|| Self {
            path,
            target,
            found: found.map(|entry| (entry.key, os::mount_of(entry.file.as_raw_fd()))),
            verdict,
        })
    }
}

impl Work<'_> {
    /// What is not as its verdict says is a conflict, and has no privileges.
    pub fn look_again(&self, settled: &[Settled<'_>], verdicts: &mut [FileVerdict]) {
        let is_privileged = |one: &&Settled<'_>| {
            let version = one.target.version.as_ref();
            version.is_some_and(|version| version.metadata.is_privileged())
        };
        let mut left: Vec<_> = settled.iter().collect();
        loop {
            let held = self.privileged.borrow().len();
            left.retain(|one| self.is_as_said(one, verdicts));
            if self.privileged.borrow().len() == held {
                break;
            }
            // Another name of such a program is the same file, and lost them too.
            left.retain(is_privileged);
        }
    }

    fn is_as_said(&self, one: &Settled<'_>, verdicts: &mut [FileVerdict]) -> bool {
        let Err(failed) = self.is_still(one) else {
            return true;
        };
        let mut why = failed.why();
        let program = self.privileged.borrow_mut().remove(one.path);
        if let Some(Err(error)) = program.map(|program| os::strip_privileges(program.as_raw_fd())) {
            tracing::error!(%error, "a program that lost its name keeps its privileges");
        }
        if let Some(verdict) = verdicts.get_mut(one.verdict) {
            self.keep_both(one.target, &mut why, verdict);
            verdict.verdict = Verdict::Conflict as i32;
            verdict.reason = why;
        }
        false
    }

    fn is_still(&self, settled: &Settled<'_>) -> Result<(), Failed> {
        let Settled { path, target, .. } = *settled;
        tracing::trace!(path = %String::from_utf8_lossy(path), "the last look before the verdict");
        let (Some(entry), Some((key, mount))) = (self.lookup(path)?, settled.found) else {
            return Err(disturbed());
        };
        let meant = match target.want {
            Want::File(key) => key,
            Want::Unknown | Want::Absent => self.original(key),
        };
        let version = target.version.as_ref().filter(|_| !target.directory);
        // The image's other names of it may have become one with it since: then content and metadata tell.
        let is_joined = || version.is_some_and(|version| self.other_names(path, version).is_some());
        let is_meant = self.original(entry.key) == meant || is_joined();
        if !is_meant || os::mount_of(entry.file.as_raw_fd()) != mount {
            return Err(disturbed());
        }
        let Some(version) = version else {
            return Ok(());
        };
        let stat = os::fstat(entry.file.as_raw_fd())?;
        let is_like = Metadata::read(entry.file.as_raw_fd(), &stat)?.is_like(&version.metadata);
        let is_right = is_like
            && match version.metadata.is_regular() {
                true => {
                    let file = self.tree.open_file(&entry, libc::O_RDONLY)?;
                    is_same(self.source(version), &file)? && self.leads_to(path, &file)?
                }
                false => true,
            };
        match is_right {
            true => Ok(()),
            false => Err(Failed::Conflict(
                "somebody changed it again while other files were put back".to_owned(),
            )),
        }
    }
}
