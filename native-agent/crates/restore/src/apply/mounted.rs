//! Files without a name are put back where they are, through a mount of them.
use std::os::fd::{AsRawFd, OwnedFd};

use norn_events::wire::action::v1::FileVerdict;
use norn_journal::file::Metadata;
use norn_journal::record::{Aspect, Version};
use norn_os as os;
use norn_watch::watched::Watched;

use super::exact::put_metadata;
use super::work::{Placed, Work};
use crate::content::{is_same, write_version};
use crate::deed::Deed;
use crate::outcome::{CHANGED_AGAIN, CHANGED_LATER, Done, Failed, NO_STATE, Outcome};
use crate::plan::{Nameless, Plan, Target};
use crate::tree::{Entry, Tree};
use crate::verdict::{describe, judged, verdict_of};

const OUT_OF_REACH: &str = "it had lost its name before it was changed, or had been moved out of what is protected, and no mount leads to \
                            it: nothing was put under its name";
const PLACED: &str = "it has lost its name: it is put back where it is mounted";

/// Puts them back, each with its verdict, after all that has a name.
pub fn put_back(watched: &Watched, plan: &Plan, (deed, verdicts): (&Deed<'_>, &mut Vec<FileVerdict>)) {
    for Nameless { spot, target, file } in &plan.nameless {
        let mut verdict = verdict_of(target, &plan.containers);
        let out_of_reach = || Failed::Lost(OUT_OF_REACH.to_owned());
        let reached = file.as_ref().ok_or_else(out_of_reach);
        let outcome = reached.and_then(|file| {
            let tree = Tree::of_file(file)?;
            let work = Work::new((watched, plan), (spot.0, &tree), deed);
            let mut outcome = work.nameless((&spot.1, target), file, &mut verdict);
            if matches!(&outcome, Err(Failed::Refused(_))) && os::loosen(file.as_raw_fd())?.is_some() {
                outcome = work.nameless((&spot.1, target), file, &mut verdict);
            }
            if let Err(Failed::Conflict(why)) = &mut outcome {
                work.keep_both(target, why, &mut verdict);
            }
            outcome
        });
        verdicts.extend(judged(verdict, outcome));
    }
}

impl Work<'_> {
    fn nameless(
        &self,
        (path, target): (&[u8], &Target),
        file: &OwnedFd,
        verdict: &mut FileVerdict,
    ) -> Outcome {
        if target.conflict {
            return Err(Failed::Conflict(CHANGED_LATER.to_owned()));
        }
        let no_state = || Failed::Lost(NO_STATE.to_owned());
        let version = target.version.as_ref().ok_or_else(no_state)?;
        describe(verdict, &version.metadata);
        let entry = Entry {
            key: self.tree.key(file)?,
            stat: os::fstat(file.as_raw_fd())?,
            file: file.try_clone()?,
        };
        let placed = Placed {
            path,
            target,
            entry: &entry,
            moved: false,
        };
        let is_whole = self.has_content(&placed, version, verdict)?;
        let now = Metadata::read(file.as_raw_fd(), &entry.stat)?;
        if is_whole && now.is_like(&version.metadata) {
            return Ok(Done::Unchanged);
        }
        let at = self.at(path, target);
        self.deed.keep(at, &entry, self.tree)?;
        // Written down first: half of it may be done when this ends.
        if !is_whole {
            let to = self.tree.open_file(&entry, libc::O_RDWR)?;
            self.deed.changed(at, entry.key, Aspect::Content);
            write_version(self.source(version), &to)?;
        } else {
            self.deed.changed(at, entry.key, Aspect::Metadata);
        }
        put_metadata(file, &version.metadata)?;
        self.is_whole_again(&entry, version, verdict)
    }

    /// Whoever has the mount may have it open, so it gets no privileges again.
    fn is_whole_again(&self, entry: &Entry, version: &Version, verdict: &mut FileVerdict) -> Outcome {
        let open = self.tree.open_file(entry, libc::O_RDONLY)?;
        let now = Metadata::read(open.as_raw_fd(), &os::fstat(open.as_raw_fd())?)?;
        let is_right = is_same(self.source(version), &open)?;
        match is_right && now.is_like(&version.metadata) {
            true => {
                verdict.reason = PLACED.to_owned();
                Ok(Done::Restored)
            }
            false if is_right && version.metadata.is_privileged() => Err(Failed::Conflict(
                "it has its content again, but a program that has lost its name gets no privileges"
                    .to_owned(),
            )),
            false => Err(Failed::Conflict(CHANGED_AGAIN.to_owned())),
        }
    }
}
