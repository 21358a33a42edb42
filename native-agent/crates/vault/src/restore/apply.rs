//! Carries a plan out, name by name, and says for each what came of it.
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use norn_events::wire::action::v1::{FileVerdict, Verdict};

use super::content::{Lost, hash_file, hash_version, write_version};
use super::plan::{Plan, Spot, Target, Want};
use super::remake::put_metadata;
use super::tree::{Entry, Tree};
use crate::capture::Shared;
use crate::file::{FileKey, Metadata, PlaceId, Stamp};
use crate::quarantine::quarantine;
use crate::record::{Location, Record, Time, Version};
use crate::sys;

/// What a name turned out to need.
pub(super) enum Done {
    Restored,
    Removed,
    Unchanged,
    /// Nothing was there, and nothing is.
    Nothing,
}

/// A failure with its verdict.
pub(super) enum Failed {
    Lost(String),
    Conflict(String),
}

impl From<Lost> for Failed {
    fn from(why: Lost) -> Self {
        Self::Lost(why)
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        let why = match error.raw_os_error() {
            Some(libc::ELOOP) => "a symbolic link stands where the file's directory was".to_owned(),
            Some(libc::EXDEV) => "its path leads out of the container".to_owned(),
            _ => format!("the system refused: {error}"),
        };
        Self::Lost(why)
    }
}

pub(super) type Outcome = Result<Done, Failed>;

/// A file that lies under another name, and whether it keeps that one too.
struct Return<'a> {
    path: &'a [u8],
    other: &'a [u8],
    stays: bool,
}

/// The file itself, under its name; `moved` there by this restore.
struct Placed<'a> {
    path: &'a [u8],
    entry: &'a Entry,
    moved: bool,
}

pub(super) struct Work<'a> {
    pub(super) shared: &'a Shared,
    pub(super) tree: &'a Tree,
    targets: &'a BTreeMap<Spot, Target>,
    spots: &'a HashMap<FileKey, BTreeSet<Spot>>,
    place: PlaceId,
    made: &'a HashSet<FileKey>,
}

pub fn apply(shared: &Shared, plan: Plan) -> Vec<FileVerdict> {
    let mut places: Vec<PlaceId> = plan.targets.keys().map(|(place, _)| *place).collect();
    places.extend(plan.directories.iter().map(|(place, _, _)| *place));
    places.sort_unstable();
    places.dedup();
    let mut verdicts = Vec::new();
    for place in places {
        let tree = Tree::open(shared, place);
        if let Ok(tree) = &tree {
            move_directories(tree, &plan, place);
        }
        for pass in PASSES {
            let here = plan
                .targets
                .iter()
                .filter(|((at, _), target)| *at == place && pass == pass_of(target));
            let mut here: Vec<_> = here.collect();
            if pass == Pass::RemoveDirectories {
                here.reverse();
            }
            for ((_, path), target) in here {
                let mut verdict = verdict_of(target, &plan.containers);
                let outcome = match &tree {
                    Ok(tree) => {
                        let work = Work {
                            shared,
                            tree,
                            targets: &plan.targets,
                            spots: &plan.spots,
                            place,
                            made: &plan.made,
                        };
                        let outcome = work.one(path, target, &mut verdict);
                        let is_there = matches!(outcome, Ok(Done::Restored | Done::Unchanged));
                        if is_there && target.want != Want::Absent && work.save_again(path, target).is_err() {
                            tracing::debug!("what was put back is gone again");
                        }
                        outcome
                    }
                    Err(why) => Err(Failed::Lost(why.clone())),
                };
                verdicts.extend(judged(verdict, outcome));
            }
        }
    }
    verdicts
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    MakeDirectories,
    Files,
    Remove,
    RemoveDirectories,
}

const PASSES: [Pass; 4] = [
    Pass::MakeDirectories,
    Pass::Files,
    Pass::Remove,
    Pass::RemoveDirectories,
];

fn pass_of(target: &Target) -> Pass {
    match (target.want, target.directory) {
        (Want::Absent, true) => Pass::RemoveDirectories,
        (Want::Absent, false) => Pass::Remove,
        (_, true) => Pass::MakeDirectories,
        (_, false) => Pass::Files,
    }
}

fn move_directories(tree: &Tree, plan: &Plan, place: PlaceId) {
    for (_, from, to) in plan.directories.iter().filter(|(at, _, _)| *at == place) {
        let moved = tree.parent(from).and_then(|(old, name)| {
            let (new, target) = tree.parent(to)?;
            sys::rename_at((old.as_raw_fd(), &name), (new.as_raw_fd(), &target), true)
        });
        if let Err(error) = moved {
            tracing::info!(%error, "a directory was not moved back; it may have been before");
        }
    }
}

fn verdict_of(target: &Target, containers: &HashMap<norn_events::ProcessUid, String>) -> FileVerdict {
    let wall_offset = sys::wall_ns() as i64 - sys::boot_ns() as i64;
    FileVerdict {
        path: target.seen.clone(),
        container_id: containers.get(&target.process).cloned().unwrap_or_default(),
        change: target.change.to_owned(),
        changed_at_us: ((target.time + wall_offset) / 1000).max(0) as u64,
        process_uid: target.process.0.to_vec(),
        ..FileVerdict::default()
    }
}

fn judged(mut verdict: FileVerdict, outcome: Outcome) -> Option<FileVerdict> {
    let (found, reason) = match outcome {
        Ok(Done::Nothing) => return None,
        Ok(Done::Restored) => (Verdict::Restored, String::new()),
        Ok(Done::Removed) => (Verdict::Removed, String::new()),
        Ok(Done::Unchanged) => (Verdict::Unchanged, String::new()),
        Err(Failed::Lost(why)) => (Verdict::Lost, why),
        Err(Failed::Conflict(why)) => (Verdict::Conflict, why),
    };
    verdict.verdict = found as i32;
    verdict.reason = reason;
    Some(verdict)
}

fn describe(verdict: &mut FileVerdict, metadata: &Metadata) {
    verdict.size = metadata.size;
    verdict.mode = metadata.mode;
    verdict.user_id = metadata.uid;
    verdict.group_id = metadata.gid;
    verdict.modified_at_us = (metadata.modified_ns / 1000).max(0) as u64;
}

impl Work<'_> {
    fn one(&self, path: &[u8], target: &Target, verdict: &mut FileVerdict) -> Outcome {
        if target.conflict {
            return Err(Failed::Conflict(
                "changed later by a process outside the attack".to_owned(),
            ));
        }
        match target.want {
            Want::Absent => self.remove(path, target, verdict),
            Want::Unknown if target.directory => self.make_directory(path, None, target),
            Want::Unknown => self.move_back(path, target),
            Want::File(key) if target.directory => self.make_directory(path, Some(key), target),
            Want::File(key) => self.file(path, (key, target), verdict),
        }
    }

    /// The next attack may cut or remove what is there again before anybody opens it: its content is in the vault already.
    fn save_again(&self, path: &[u8], target: &Target) -> io::Result<()> {
        let (Some(entry), Some(version)) = (self.tree.lookup(path)?, &target.version) else {
            self.shared.put_off(self.place, path.to_vec());
            return Ok(());
        };
        let index = self.shared.store.index();
        let saved = index.state(entry.key).and_then(|state| state.saved);
        let named = index.name_at(self.place, path, Time::MAX).flatten();
        let known = named == Some(index.original(entry.key)) && saved == Some(Stamp::from(&entry.stat));
        drop(index);
        if known {
            return Ok(());
        }
        let location = Location {
            key: entry.key,
            place: self.place,
            path: path.to_vec(),
            seen: target.seen.clone(),
        };
        let version = Version {
            time: sys::boot_ns() as Time,
            pid: 0,
            metadata: Metadata::read(entry.file.as_raw_fd(), &entry.stat)?,
            ..version.clone()
        };
        self.shared.store.record(Record::Version(location, version));
        Ok(())
    }

    fn original(&self, key: FileKey) -> FileKey {
        self.shared.store.index().original(key)
    }

    fn remove(&self, path: &[u8], target: &Target, verdict: &mut FileVerdict) -> Outcome {
        let Some(entry) = self.tree.lookup(path)? else {
            return Ok(if target.left_absent {
                Done::Nothing
            } else {
                Done::Unchanged
            });
        };
        let is_directory = entry.stat.st_mode & libc::S_IFMT == libc::S_IFDIR;
        if target.put.is_some_and(|put| put != self.original(entry.key)) || target.left_absent {
            let why = "another file has taken this name since".to_owned();
            return Err(Failed::Conflict(why));
        }
        let (parent, name) = self.tree.parent(path)?;
        if is_directory {
            return match sys::unlink_at(parent.as_raw_fd(), &name, true) {
                Ok(()) => Ok(Done::Removed),
                Err(error) if error.raw_os_error() == Some(libc::ENOTEMPTY) => Err(Failed::Conflict(
                    "the directory holds files that others made".to_owned(),
                )),
                Err(error) => Err(error.into()),
            };
        }
        let metadata = Metadata::read(entry.file.as_raw_fd(), &entry.stat)?;
        describe(verdict, &metadata);
        if metadata.is_regular() {
            let file = self.tree.open_file(path, &entry, libc::O_RDONLY)?;
            verdict.sha256_after = hash_file(&file)?.to_vec();
            self.keep_executable(&file, &metadata);
        }
        sys::unlink_at(parent.as_raw_fd(), &name, false)?;
        Ok(Done::Removed)
    }

    /// What an attack dropped is evidence.
    fn keep_executable(&self, file: &OwnedFd, metadata: &Metadata) {
        if let Err(error) = quarantine(&self.shared.quarantine, file, metadata) {
            tracing::warn!(%error, "a removed executable could not be kept");
        }
    }

    /// A directory whose metadata nobody saved gets those of the directory it lies in.
    fn make_directory(&self, path: &[u8], key: Option<FileKey>, target: &Target) -> Outcome {
        if self.tree.lookup(path)?.is_some() {
            return Ok(Done::Unchanged);
        }
        let (parent, name) = self.tree.parent(path)?;
        let above = sys::fstat(parent.as_raw_fd())?;
        sys::make_directory_at(parent.as_raw_fd(), &name, above.st_mode & 0o777)?;
        let Some(made) = self.tree.lookup(path)? else {
            return Err(Failed::Lost("the directory was removed again".to_owned()));
        };
        match &target.version {
            Some(version) => put_metadata(&made.file, &version.metadata)?,
            None => sys::change_owner(made.file.as_raw_fd(), above.st_uid, above.st_gid)?,
        }
        if let Some(key) = key {
            self.shared.store.record(Record::Alias(made.key, key));
        }
        Ok(Done::Restored)
    }

    /// All that is known is that it was renamed.
    fn move_back(&self, path: &[u8], target: &Target) -> Outcome {
        let lost = || Failed::Lost("no pre-image was taken before it was removed".to_owned());
        let from = target.moved_to.as_ref().ok_or_else(lost)?;
        if self.tree.lookup(path)?.is_some() {
            return Ok(Done::Unchanged);
        }
        self.tree.lookup(from)?.ok_or_else(lost)?;
        self.rename(from, path, true)?;
        Ok(Done::Restored)
    }

    fn rename(&self, from: &[u8], to: &[u8], no_replace: bool) -> io::Result<()> {
        let (old, name) = self.tree.parent(from)?;
        let (new, target) = self.tree.parent(to)?;
        sys::rename_at((old.as_raw_fd(), &name), (new.as_raw_fd(), &target), no_replace)
    }

    fn file(&self, path: &[u8], (key, target): (FileKey, &Target), verdict: &mut FileVerdict) -> Outcome {
        let mut entry = self.tree.lookup(path)?;
        let mut moved = false;
        if entry.as_ref().is_none_or(|entry| self.original(entry.key) != key) {
            if let Some(there) = &entry {
                self.may_give_way(path, there, target)?;
            }
            moved = self.bring_back(path, (key, target.time), entry.as_ref())?;
            entry = if moved { self.tree.lookup(path)? } else { entry };
        }
        let Some(version) = &target.version else {
            return match moved {
                true => Ok(Done::Restored),
                false if entry.is_some() && target.change == "renamed" => Ok(Done::Unchanged),
                false => Err(Failed::Lost(
                    "no pre-image was taken before its first change".to_owned(),
                )),
            };
        };
        describe(verdict, &version.metadata);
        match entry.filter(|entry| self.original(entry.key) == key) {
            Some(entry) => {
                let entry = &entry;
                self.in_place(Placed { path, entry, moved }, version, verdict)
            }
            None => self.again(path, (key, version), verdict),
        }
    }

    fn wants(&self, spot: &Spot, key: FileKey) -> bool {
        self.targets
            .get(spot)
            .is_some_and(|target| target.want == Want::File(key))
    }

    /// What has the name now is replaced only when the scope put it there.
    fn may_give_way(&self, path: &[u8], there: &Entry, target: &Target) -> Result<(), Failed> {
        let key = self.original(there.key);
        let ours = Some(key) == target.put
            || self.made.contains(&key)
            || self
                .spots
                .get(&key)
                .into_iter()
                .flatten()
                .any(|spot| self.wants(spot, key));
        if !ours {
            return Err(Failed::Conflict(
                "another file has taken this name since".to_owned(),
            ));
        }
        if there.stat.st_mode & libc::S_IFMT == libc::S_IFREG {
            let file = self.tree.open_file(path, there, libc::O_RDONLY)?;
            let metadata = Metadata::read(there.file.as_raw_fd(), &there.stat)?;
            self.keep_executable(&file, &metadata);
        }
        Ok(())
    }

    /// Renames or links the file from another name of it; `false` when there is none.
    fn bring_back(
        &self,
        path: &[u8],
        (key, time): (FileKey, Time),
        there: Option<&Entry>,
    ) -> Result<bool, Failed> {
        let last = self
            .shared
            .store
            .index()
            .state(key)
            .map(|state| (state.place, state.path.clone()));
        let spots = self.spots.get(&key).into_iter().flatten().chain(last.as_ref());
        for (place, other) in spots {
            if *place != self.place || other == path {
                continue;
            }
            let Some(found) = self
                .tree
                .lookup(other)?
                .filter(|entry| self.original(entry.key) == key)
            else {
                continue;
            };
            let wanted_there = self.targets.get(&(*place, other.clone()));
            let stays = wanted_there.is_none_or(|target| target.want == Want::File(key));
            // Somebody may have moved it there since: then it is not to be linked, but made again.
            let index = self.shared.store.index();
            let had_it = index.name_at(*place, other, time) == Some(Some(key));
            drop(index);
            if stays && wanted_there.is_none() && !had_it && found.stat.st_nlink < 2 && there.is_some() {
                continue;
            }
            if let Some(there) = there {
                self.swap_out(Return { path, other, stays }, there)?;
            } else if stays {
                self.link(other, path)?;
            } else {
                self.rename(other, path, true)?;
            }
            return Ok(true);
        }
        Ok(false)
    }

    fn link(&self, from: &[u8], to: &[u8]) -> io::Result<()> {
        let (old, name) = self.tree.parent(from)?;
        let (new, target) = self.tree.parent(to)?;
        sys::link_at((old.as_raw_fd(), &name), (new.as_raw_fd(), &target))
    }

    /// The name is taken by what the scope left there: that goes aside when it is wanted elsewhere, else away.
    fn swap_out(&self, Return { path, other, stays }: Return<'_>, there: &Entry) -> io::Result<()> {
        if self.wants(&(self.place, other.to_vec()), self.original(there.key)) {
            let (old, name) = self.tree.parent(other)?;
            let (new, target) = self.tree.parent(path)?;
            return sys::exchange_at((old.as_raw_fd(), &name), (new.as_raw_fd(), &target));
        }
        if stays {
            let (parent, name) = self.tree.parent(path)?;
            sys::unlink_at(parent.as_raw_fd(), &name, false)?;
            return self.link(other, path);
        }
        self.rename(other, path, false)
    }

    fn in_place(
        &self,
        Placed { path, entry, moved }: Placed<'_>,
        version: &Version,
        verdict: &mut FileVerdict,
    ) -> Outcome {
        let mut changed = moved;
        if version.metadata.is_regular() {
            let (store, lower) = (&self.shared.store, &self.tree.lower);
            let before = hash_version(store, lower, version)?;
            let file = self.tree.open_file(path, entry, libc::O_RDONLY)?;
            let after = hash_file(&file)?;
            verdict.sha256_before = before.to_vec();
            verdict.sha256_after = after.to_vec();
            if before != after {
                match self.tree.open_file(path, entry, libc::O_RDWR) {
                    Ok(to) => write_version(store, lower, version, to)?,
                    // It runs: its inode can't be written, its name can be given to another.
                    Err(error) if error.raw_os_error() == Some(libc::ETXTBSY) => {
                        let key = self.original(entry.key);
                        return self.again(path, (key, version), verdict);
                    }
                    Err(error) => return Err(error.into()),
                }
                if hash_file(&file)? != before {
                    return Err(Failed::Lost("somebody goes on writing to it".to_owned()));
                }
                changed = true;
            }
        }
        let stat = sys::fstat(entry.file.as_raw_fd())?;
        let now = Metadata::read(entry.file.as_raw_fd(), &stat)?;
        if !now.is_like(&version.metadata) {
            put_metadata(&entry.file, &version.metadata)?;
            changed = true;
        }
        Ok(if changed { Done::Restored } else { Done::Unchanged })
    }
}
