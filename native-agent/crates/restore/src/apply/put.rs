//! A file gets its name and content back by the gentlest way: left alone, renamed, linked, overwritten in place, made again.
//! What each way replaces is saved first.
use std::os::fd::AsRawFd;

use norn_events::wire::action::v1::FileVerdict;
use norn_journal::file::{FileKey, Metadata};
use norn_journal::record::{Aspect, Change, Content, NameKind, Time, Version, is_restorer};
use norn_os as os;

use super::exact::{disturbed, put_metadata};
use super::work::{Placed, Work};
use crate::content::{hash_file, hash_of, is_same, write_version};
use crate::deed::Moved;
use crate::outcome::{Done, Failed, NO_STATE, Outcome, TAKEN};
use crate::plan::{IN_PLACE, METADATA, Spot, Target, Want};
use crate::tree::Entry;
use crate::verdict::describe;

/// A file's times are those of the last tick of the kernel's clock, at 100 a second, ns.
const BIRTH_TICK_NS: u64 = 10_000_000;

/// A file that lies under another name, and whether it keeps that one too.
struct Return<'a> {
    target: &'a Target,
    path: &'a [u8],
    other: &'a [u8],
    /// What lies there.
    found: &'a Entry,
    stays: bool,
    key: FileKey,
}

/// Whoever could change a program may still have it open, mapped or under another name: before it is privileged again it
/// gets an inode that nobody had in hand.
fn is_made_anew(entry: &Entry, wanted: &Metadata) -> bool {
    wanted.is_privileged() && entry.stat.st_nlink == 1
}

impl Work<'_> {
    /// All that is known is that it was renamed.
    pub fn move_back(&self, path: &[u8], target: &Target) -> Outcome {
        let lost = || Failed::Lost("no pre-image was taken before it was removed".to_owned());
        let from = target.moved_to.as_ref().ok_or_else(lost)?;
        if self.lookup(path)?.is_some() {
            return Ok(Done::Unchanged);
        }
        let entry = self.lookup(from)?.ok_or_else(lost)?;
        self.move_to(from, path, &entry)?;
        let key = Some(self.original(entry.key));
        let moved = Moved {
            key,
            ..Moved::default()
        };
        self.deed.renamed(self.at(path, target), from, moved);
        Ok(Done::Restored)
    }

    pub fn file(&self, path: &[u8], wanted: (FileKey, &Target), verdict: &mut FileVerdict) -> Outcome {
        match self.its_file(path, wanted, verdict)? {
            Done::Unchanged if self.exchanged.borrow().contains(path) => Ok(Done::Restored),
            done => Ok(done),
        }
    }

    fn its_file(&self, path: &[u8], (key, target): (FileKey, &Target), verdict: &mut FileVerdict) -> Outcome {
        let mut entry = self.lookup(path)?;
        let mut moved = false;
        let is_it = |entry: Option<&Entry>| entry.is_some_and(|entry| self.original(entry.key) == key);
        if entry.is_none() && matches!(target.change, IN_PLACE | METADATA) && self.is_elsewhere(path, key)? {
            return Ok(Done::Nothing);
        }
        if entry.is_none() && self.was_removed_since(path, key, target) {
            return Ok(Done::Nothing);
        }
        if !is_it(entry.as_ref()) {
            if let Some(there) = &entry {
                self.may_give_way(path, there, target)?;
            }
            moved = self.bring_back((path, target), key, entry.as_ref())?;
            entry = if moved { self.lookup(path)? } else { entry };
        }
        let Some(version) = &target.version else {
            return match moved {
                true => Ok(Done::Restored),
                false
                    if is_it(entry.as_ref())
                        && (target.change == "renamed" || !self.plan.changed.contains(&key)) =>
                {
                    Ok(Done::Unchanged)
                }
                false => Err(Failed::Lost(NO_STATE.to_owned())),
            };
        };
        describe(verdict, &version.metadata);
        match &entry {
            Some(entry) if self.original(entry.key) == key => {
                let placed = Placed {
                    path,
                    target,
                    entry,
                    moved,
                };
                self.in_place(&placed, version, verdict)
            }
            there => self.again((path, target), (key, version, there.as_ref()), verdict),
        }
    }

    /// The scope changed it in place, a restore put it back, and somebody removed it after that.
    fn was_removed_since(&self, path: &[u8], key: FileKey, target: &Target) -> bool {
        let index = self.watched.store.index();
        let Some(gone) = index.operations.last_of(self.place, path) else {
            return false;
        };
        let is_removal = gone.kind() == NameKind::Unlink && !is_restorer(gone.pid);
        let is_back = |change: &Change| is_restorer(change.pid) && change.time < gone.time;
        matches!(target.change, IN_PLACE | METADATA)
            && is_removal
            && index
                .state(key)
                .is_some_and(|state| state.changes.iter().any(is_back))
    }

    /// The scope changed its content alone, and it has another of the names that it was known by: this one was taken for its own
    /// while its directory was being moved.
    fn is_elsewhere(&self, path: &[u8], key: FileKey) -> Result<bool, Failed> {
        for spot in self.plan.spots.get(&key).into_iter().flatten() {
            let is_other = spot.0 == self.place && spot.1 != path && self.wants(spot, key);
            let there = if is_other { self.lookup(&spot.1)? } else { None };
            if there.is_some_and(|entry| self.original(entry.key) == key) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A name that the scope made goes with what it left there.
    pub fn may_be_removed(&self, path: &[u8], entry: &Entry, target: &Target) -> Result<(), Failed> {
        let key = self.original(entry.key);
        let is_other = target.left_absent || target.put.is_some_and(|put| put != key);
        let is_older = || !self.plan.made.contains(&key) && self.is_older(entry, target.time);
        let may_go = || self.plan.over_conflicts && !is_older() || self.is_restorers(path, key);
        match is_other && !may_go() {
            true => Err(Failed::Conflict(TAKEN.to_owned())),
            false => Ok(()),
        }
    }

    /// Older than what the scope did to the name: it is not of its making, and nobody decides for that to go.
    fn is_older(&self, entry: &Entry, time: Time) -> bool {
        let of_image = |version: &Version| matches!(version.content, Content::Lower(_));
        let index = self.watched.store.index();
        let state = index.state(entry.key);
        let is_known = state.is_some_and(|state| {
            state.before(time).is_some() || state.versions.first().is_some_and(of_image)
        });
        let since_ns = os::boot_ns().saturating_sub(time.max(0) as u64);
        let born_ns = os::birth_ns(entry.file.as_raw_fd());
        is_known || born_ns > 0 && born_ns + BIRTH_TICK_NS < os::wall_ns().saturating_sub(since_ns)
    }

    fn wants(&self, spot: &Spot, key: FileKey) -> bool {
        let target = self.plan.targets.get(spot);
        target.is_some_and(|target| target.want == Want::File(key))
    }

    /// An earlier restore, or its undo, gave the name to this file, and nobody has changed it since.
    pub fn is_restorers(&self, path: &[u8], key: FileKey) -> bool {
        let index = self.watched.store.index();
        let Some(named) = index.operations.last_of(self.place, path) else {
            return false;
        };
        let is_later = |change: &Change| change.time > named.time && !is_restorer(change.pid);
        is_restorer(named.pid)
            && named.key().map(|key| index.original(key)) == Some(key)
            && !index
                .state(key)
                .is_some_and(|state| state.changes.iter().any(is_later))
    }

    /// What has the name now is replaced only when the scope put it there.
    fn may_give_way(&self, path: &[u8], there: &Entry, target: &Target) -> Result<(), Failed> {
        let key = self.original(there.key);
        let mut spots = self.plan.spots.get(&key).into_iter().flatten();
        let ours = self.plan.over_conflicts
            || Some(key) == target.put
            || self.plan.made.contains(&key)
            || self.plan.older.contains(&key)
            || spots.any(|spot| self.wants(spot, key))
            || self.is_restorers(path, key);
        if !ours {
            return Err(Failed::Conflict(TAKEN.to_owned()));
        }
        if there.stat.st_mode & libc::S_IFMT == libc::S_IFREG {
            let file = self.tree.open_file(there, libc::O_RDONLY)?;
            let metadata = Metadata::read(there.file.as_raw_fd(), &there.stat)?;
            // The verdict is about the file that comes back.
            drop(self.keep_executable(&file, &metadata, target));
        }
        Ok(())
    }

    /// Renames or links the file from another name of it; `false` when there is none.
    fn bring_back(
        &self,
        (path, target): (&[u8], &Target),
        key: FileKey,
        there: Option<&Entry>,
    ) -> Result<bool, Failed> {
        let state = self.watched.store.index();
        let last = state.state(key).map(|state| (state.place, state.path.to_vec()));
        drop(state);
        let spots = self
            .plan
            .spots
            .get(&key)
            .into_iter()
            .flatten()
            .chain(last.as_ref());
        for (place, other) in spots {
            if *place != self.place || other == path {
                continue;
            }
            let Some(found) = self
                .lookup(other)?
                .filter(|entry| self.original(entry.key) == key)
            else {
                continue;
            };
            let wanted_there = self.plan.targets.get(&(*place, other.clone()));
            let stays = wanted_there.is_none_or(|target| target.want == Want::File(key));
            // Somebody may have moved it there since: then it is not to be linked, but made again.
            let had_it = self.had_name(other, target.time, key);
            if stays && wanted_there.is_none() && !had_it && found.stat.st_nlink < 2 && there.is_some() {
                continue;
            }
            let back = Return {
                target,
                path,
                other,
                found: &found,
                stays,
                key,
            };
            // What is at the other name is to be there again when this is undone.
            self.deed.keep(self.at(other, target), &found, self.tree)?;
            match there {
                Some(there) => self.swap_out(&back, there)?,
                None => self.fetch(&back)?,
            }
            return Ok(true);
        }
        Ok(false)
    }

    fn had_name(&self, path: &[u8], time: Time, key: FileKey) -> bool {
        let index = self.watched.store.index();
        index.name_at(self.place, path, time) == Some(Some(key))
    }

    /// The name is free.
    fn fetch(&self, back: &Return<'_>) -> Result<(), Failed> {
        let at = self.at(back.path, back.target);
        if back.stays {
            self.add_name(back.path, &back.found.file, None)?;
            self.deed.linked(at, back.key);
            return Ok(());
        }
        self.move_to(back.other, back.path, back.found)?;
        let key = Some(back.key);
        let moved = Moved {
            key,
            ..Moved::default()
        };
        self.deed.renamed(at, back.other, moved);
        Ok(())
    }

    /// The name is taken by what the scope left there: that goes aside when it is wanted elsewhere, else away.
    fn swap_out(&self, back: &Return<'_>, there: &Entry) -> Result<(), Failed> {
        let (at, other) = (self.at(back.path, back.target), back.other);
        let theirs = self.original(there.key);
        let mut moved = Moved {
            key: Some(back.key),
            replaced: Some(theirs),
            ..Moved::default()
        };
        let is_wanted = self.wants(&(self.place, other.to_vec()), theirs);
        // What is wanted elsewhere is changed only where the scope did.
        if !is_wanted || self.plan.changed.contains(&theirs) {
            self.deed.keep(at, there, self.tree)?;
        }
        if !is_wanted && back.stays {
            self.add_name(back.path, &back.found.file, Some(there))?;
            self.deed.unlinked(at, there.key, false);
            self.deed.linked(at, back.key);
            return Ok(());
        }
        self.exchange((other, back.found), (back.path, there))?;
        moved.exchanged = is_wanted;
        self.deed.renamed(at, other, moved);
        match is_wanted {
            true => {
                self.exchanged.borrow_mut().insert(other.to_vec());
                Ok(())
            }
            false => self.take_away(other, there),
        }
    }

    pub fn in_place(&self, placed: &Placed<'_>, version: &Version, verdict: &mut FileVerdict) -> Outcome {
        let Placed { path, entry, .. } = *placed;
        let at = self.at(path, placed.target);
        let anew = |verdict: &mut FileVerdict| {
            let key = self.original(entry.key);
            self.again((path, placed.target), (key, version, Some(entry)), verdict)
        };
        let mut changed = placed.moved;
        if version.metadata.is_regular() && !self.has_content(placed, version, verdict)? {
            if self.becomes_name(placed, version)? {
                return Ok(Done::Restored);
            }
            if is_made_anew(entry, &version.metadata) {
                return anew(verdict);
            }
            if !placed.moved {
                self.deed.keep(at, entry, self.tree)?;
            }
            let to = match self.tree.open_file(entry, libc::O_RDWR) {
                Ok(to) => to,
                // It runs: its inode can't be written, its name can be given to another.
                Err(error) if error.raw_os_error() == Some(libc::ETXTBSY) => return anew(verdict),
                Err(error) => return Err(error.into()),
            };
            // Written down first: half of it may be done when this ends.
            self.deed.changed(at, entry.key, Aspect::Content);
            write_version(self.source(version), &to)?;
            changed = true;
        }
        let stat = os::fstat(entry.file.as_raw_fd())?;
        let now = Metadata::read(entry.file.as_raw_fd(), &stat)?;
        if !now.is_like(&version.metadata) {
            if is_made_anew(entry, &version.metadata) {
                return anew(verdict);
            }
            if !changed {
                self.deed.keep_metadata(at, entry.key, (version, now));
                self.deed.changed(at, entry.key, Aspect::Metadata);
            }
            put_metadata(&entry.file, &version.metadata)?;
            changed = true;
        }
        if !changed {
            return Ok(Done::Unchanged);
        }
        self.finish_in_place(placed, version)?;
        Ok(Done::Restored)
    }

    fn finish_in_place(&self, placed: &Placed<'_>, version: &Version) -> Result<(), Failed> {
        let Placed { path, entry, .. } = *placed;
        match version.metadata.is_regular() {
            true => {
                let file = self.tree.open_file(entry, libc::O_RDONLY)?;
                self.finish(path, &file, version)
            }
            false if self.leads_to(path, &entry.file)? => Ok(()),
            false => Err(disturbed()),
        }
    }

    /// Is the content what it was? The verdict gets the hashes of both.
    pub fn has_content(
        &self,
        placed: &Placed<'_>,
        version: &Version,
        verdict: &mut FileVerdict,
    ) -> Result<bool, Failed> {
        let file = self.tree.open_file(placed.entry, libc::O_RDONLY)?;
        match (hash_of(self.source(version))?, hash_file(&file)?) {
            (Some(before), Some(after)) => {
                verdict.sha256_before = before.to_vec();
                verdict.sha256_after = after.to_vec();
                Ok(before == after)
            }
            _ => Ok(is_same(self.source(version), &file)?),
        }
    }
}
