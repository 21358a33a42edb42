//! Carries a plan out, name by name, and says for each what came of it.
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;

use norn_aside::Aside;
use norn_events::ProcessUid;
use norn_events::wire::action::v1::{FileVerdict, Verdict};
use norn_journal::file::{FileKey, Metadata, PlaceId, Stamp};
use norn_journal::record::{Location, Record, Time, Version};
use norn_os as os;
use norn_watch::watched::Watched;

use crate::content::{Source, each_extent, hash_file};
use crate::deed::{At, Deed, Moved};
use crate::nameless;
use crate::once_more::Flags;
use crate::outcome::{CHANGED_LATER, Done, Failed, Outcome};
use crate::planning::{Directory, Plan, Target, Want};
use crate::put::Placed;
use crate::quarantine::{Kept, Origin, is_code, keep, keep_file};
use crate::second_look::Settled;
use crate::tree::{Entry, Tree};
use crate::twins::Names;

/// Whoever removes a container gives up what was in its layer, whatever had become of it.
const GONE: &str = "gone with the container";

pub struct Work<'a> {
    pub watched: &'a Watched,
    pub tree: &'a Tree,
    pub plan: &'a Plan,
    pub place: PlaceId,
    pub deed: &'a Deed<'a>,
    pub names: RefCell<Names>,
    /// Of the last name that was changed.
    pub aside: RefCell<Option<Rc<Aside>>>,
    /// What was given privileges, by path.
    pub privileged: RefCell<HashMap<Vec<u8>, OwnedFd>>,
    /// Of directories, put back at the end.
    pub loosened: RefCell<Flags>,
    /// Names that got their files back when others did.
    pub exchanged: RefCell<HashSet<Vec<u8>>>,
}

pub fn apply(watched: &Watched, plan: &Plan, deed: &Deed<'_>) -> Vec<FileVerdict> {
    let trees: Vec<_> = places_of(plan)
        .into_iter()
        .map(|place| (place, Tree::open(watched, place)))
        .collect();
    let mut verdicts = Vec::new();
    let mut done = Vec::new();
    for (place, tree) in &trees {
        let work = tree
            .as_ref()
            .map(|tree| Work::new((watched, plan), (*place, tree), deed));
        match work {
            Ok(work) => {
                let settled = work.all(&mut verdicts);
                done.push((work, settled));
            }
            Err(why) => {
                let is_gone = Tree::is_gone(watched, *place);
                let outcome = || match is_gone {
                    true => Ok(Done::Removed),
                    false => Err(Failed::Lost(why.clone())),
                };
                let is_elsewhere = |target: &Target| is_wanted_elsewhere(plan, *place, target);
                let here = plan.targets.iter().filter(|((at, _), _)| at == place);
                let here = here.filter(|(_, target)| !is_elsewhere(target));
                verdicts.extend(here.filter_map(|(_, target)| {
                    let mut verdict = verdict_of(target, &plan.containers);
                    if is_gone {
                        GONE.clone_into(&mut verdict.reason);
                    }
                    judged(verdict, outcome())
                }));
            }
        }
    }
    // Only now: to take back what went wrong in one name can move another.
    for (work, settled) in &done {
        work.look_again(settled, &mut verdicts);
    }
    nameless::apply(watched, plan, (deed, &mut verdicts));
    verdicts
}

fn places_of(plan: &Plan) -> Vec<PlaceId> {
    let mut places: Vec<PlaceId> = plan.targets.keys().map(|(place, _)| *place).collect();
    places.extend(plan.directories.iter().map(|moved| moved.place));
    places.sort_unstable();
    places.dedup();
    places
}

/// A directory that was moved out and is gone: its files come back where they were.
fn is_wanted_elsewhere(plan: &Plan, place: PlaceId, target: &Target) -> bool {
    let Some(key) = target.want.file() else {
        return false;
    };
    let mut spots = plan.spots.get(&key).into_iter().flatten();
    spots.any(|spot| {
        spot.0 != place
            && plan
                .targets
                .get(spot)
                .is_some_and(|other| other.want == target.want)
    })
}

fn join_names(work: &Work<'_>, put_back: &[(&Vec<u8>, &Target)]) {
    for (path, target) in put_back {
        if let Err(failed) = work.join_names(path, target) {
            let why = failed.why();
            tracing::warn!(path = %String::from_utf8_lossy(path), why, "the image's names of a file stay parted");
        }
    }
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

pub fn verdict_of(target: &Target, containers: &HashMap<ProcessUid, String>) -> FileVerdict {
    FileVerdict {
        container_id: container_of(containers, target.process),
        change: target.change.to_owned(),
        ..verdict_at(target.seen.clone(), target.time, target.process)
    }
}

fn container_of(containers: &HashMap<ProcessUid, String>, process: ProcessUid) -> String {
    containers.get(&process).cloned().unwrap_or_default()
}

fn verdict_at(path: Vec<u8>, time: Time, process: ProcessUid) -> FileVerdict {
    let wall_offset = os::wall_ns() as i64 - os::boot_ns() as i64;
    FileVerdict {
        path,
        changed_at_us: ((time + wall_offset) / 1000).max(0) as u64,
        process_uid: process.0.to_vec(),
        ..FileVerdict::default()
    }
}

pub fn judged(mut verdict: FileVerdict, outcome: Outcome) -> Option<FileVerdict> {
    let (found, why) = match outcome {
        Ok(Done::Nothing) => return None,
        Ok(Done::Restored) => (Verdict::Restored, None),
        Ok(Done::Removed) => (Verdict::Removed, None),
        Ok(Done::Unchanged) => (Verdict::Unchanged, None),
        Err(Failed::Conflict(why)) => (Verdict::Conflict, Some(why)),
        Err(failed) => (Verdict::Lost, Some(failed.why())),
    };
    verdict.verdict = found as i32;
    if let Some(why) = why {
        verdict.reason = why;
    }
    Some(verdict)
}

/// Of a hash in hex.
fn bytes_of(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.filter_map(byte).collect()
}

pub fn describe(verdict: &mut FileVerdict, metadata: &Metadata) {
    verdict.size = metadata.size;
    verdict.mode = metadata.mode;
    verdict.user_id = metadata.uid;
    verdict.group_id = metadata.gid;
    verdict.modified_at_us = (metadata.modified_ns / 1000).max(0) as u64;
}

impl<'a> Work<'a> {
    pub fn new(
        (watched, plan): (&'a Watched, &'a Plan),
        (place, tree): (PlaceId, &'a Tree),
        deed: &'a Deed<'a>,
    ) -> Self {
        Self {
            watched,
            tree,
            plan,
            place,
            deed,
            names: RefCell::default(),
            aside: RefCell::default(),
            privileged: RefCell::default(),
            loosened: RefCell::default(),
            exchanged: RefCell::default(),
        }
    }

    /// Everything in this place; what is to be looked at again at the end.
    fn all(&self, verdicts: &mut Vec<FileVerdict>) -> Vec<Settled<'a>> {
        let (mut put_back, mut settled) = (Vec::new(), Vec::new());
        self.move_directories(verdicts);
        for pass in PASSES {
            let here = self.plan.targets.iter();
            let here = here.filter(|((at, _), target)| *at == self.place && pass == pass_of(target));
            let mut here: Vec<_> = here.collect();
            if pass == Pass::RemoveDirectories {
                here.reverse();
            }
            for ((_, path), target) in here {
                let mut verdict = verdict_of(target, &self.plan.containers);
                let mut outcome = self.one(path, target, &mut verdict);
                if let Err(Failed::Conflict(why)) = &mut outcome {
                    self.keep_both(target, why, &mut verdict);
                }
                let is_there = matches!(outcome, Ok(Done::Restored | Done::Unchanged));
                if is_there && self.is_containers_root(path) {
                    continue;
                }
                if is_there && target.want != Want::Absent {
                    put_back.push((path, target));
                    let found = self.lookup(path).ok().flatten();
                    self.save_again(path, target, found.as_ref());
                    settled.extend(Settled::of((path, target), &outcome, found, verdicts.len()));
                }
                verdicts.extend(judged(verdict, outcome));
            }
        }
        join_names(self, &put_back);
        // Its directory goes before anything is looked at again.
        *self.aside.borrow_mut() = None;
        self.loosened.take().put_back();
        settled
    }

    fn move_directories(&self, verdicts: &mut Vec<FileVerdict>) {
        let here = self
            .plan
            .directories
            .iter()
            .filter(|moved| moved.place == self.place);
        for directory in here {
            if let Err(failed) = self.move_directory(directory) {
                let mut verdict = verdict_at(directory.seen.clone(), directory.time, directory.process);
                verdict.container_id = container_of(&self.plan.containers, directory.process);
                verdict.change = "renamed".to_owned();
                verdicts.extend(judged(verdict, Err(failed)));
            }
        }
    }

    fn move_directory(&self, directory: &Directory) -> Result<(), Failed> {
        if self.change_places(directory)? {
            return Ok(());
        }
        let Directory { from, to, .. } = directory;
        let is_it = |entry: &Entry| {
            let found = self.original(entry.key);
            let is_directory = entry.stat.st_mode & libc::S_IFMT == libc::S_IFDIR;
            (is_directory || directory.is_exchange)
                && directory.key.is_none_or(|key| self.original(key) == found)
        };
        let there = self.tree.lookup(to)?;
        let Some(found) = self.tree.lookup(from)?.filter(is_it) else {
            // It was moved back before, or is made again with what was in it.
            let is_planned = || self.plan.targets.contains_key(&(self.place, to.clone()));
            return match there.is_some() || is_planned() {
                true => Ok(()),
                false => Err(Failed::Lost(
                    "the directory is not where it was moved to".to_owned(),
                )),
            };
        };
        self.move_loosened(from, to, &found)?;
        let moved = Moved {
            key: Some(found.key),
            directory: true,
            ..Moved::default()
        };
        let (place, path, seen) = (self.place, &to[..], &directory.seen[..]);
        self.deed.renamed(At { place, path, seen }, from, moved);
        Ok(())
    }

    pub fn try_one(&self, path: &[u8], target: &Target, verdict: &mut FileVerdict) -> Outcome {
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

    /// The next attack may cut or remove what is there again before anybody opens it: its content is in the vault already.
    fn save_again(&self, path: &[u8], target: &Target, found: Option<&Entry>) {
        let (Some(entry), Some(version)) = (found, &target.version) else {
            return self.watched.put_off(self.place, path.to_vec());
        };
        let index = self.watched.store.index();
        let saved = index.state(entry.key).and_then(|state| state.saved());
        let named = index.name_at(self.place, path, Time::MAX).flatten();
        let known = named == Some(index.original(entry.key)) && saved == Some(Stamp::from(&entry.stat));
        drop(index);
        let Ok(metadata) = Metadata::read(entry.file.as_raw_fd(), &entry.stat) else {
            return tracing::debug!("what was put back is gone again");
        };
        if known {
            return;
        }
        let location = Location {
            key: entry.key,
            place: self.place,
            path: path.to_vec(),
            seen: target.seen.clone(),
        };
        let version = Version {
            time: os::boot_ns() as Time,
            pid: 0,
            metadata,
            ..version.clone()
        };
        self.watched.store.record(Record::Version(location, version));
    }

    pub fn at<'b>(&self, path: &'b [u8], target: &'b Target) -> At<'b> {
        At {
            place: self.place,
            path,
            seen: &target.seen,
        }
    }

    pub fn source<'b>(&'b self, version: &'b Version) -> Source<'b> {
        Source {
            store: &self.watched.store,
            lower: &self.tree.lower,
            version,
        }
    }

    pub fn lookup(&self, path: &[u8]) -> io::Result<Option<Entry>> {
        let target = self.plan.targets.get(&(self.place, path.to_vec()));
        let left = target.and_then(|target| target.put);
        self.tree
            .lookup_known(&self.watched.store, (self.place, path), left)
    }

    pub fn original(&self, key: FileKey) -> FileKey {
        self.watched.store.index().original(key)
    }

    fn remove(&self, path: &[u8], target: &Target, verdict: &mut FileVerdict) -> Outcome {
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

    /// What an attack dropped is evidence. The name it has in quarantine.
    pub fn keep_executable(&self, file: &OwnedFd, metadata: &Metadata, target: &Target) -> Option<String> {
        let kept = is_code(file, metadata).and_then(|code| match code {
            true => {
                let origin = self.origin(Kept::Dropped, metadata, target);
                keep_file(&self.watched.quarantine, file, origin).map(Some)
            }
            false => Ok(None),
        });
        kept.unwrap_or_else(|error| {
            tracing::warn!(%error, "a removed executable could not be kept");
            None
        })
    }

    fn origin(&self, kept: Kept, metadata: &Metadata, target: &Target) -> Origin {
        let container = self.plan.containers.get(&target.process);
        Origin {
            sha256: String::new(),
            kept,
            path: String::from_utf8_lossy(&target.seen).into_owned(),
            container_id: container.cloned().unwrap_or_default(),
            size: metadata.size,
            mode: metadata.mode,
        }
    }

    /// What somebody made of the file since stays where it is; its state from before goes into quarantine.
    pub fn keep_both(&self, target: &Target, why: &mut String, verdict: &mut FileVerdict) {
        let Some(version) = target
            .version
            .as_ref()
            .filter(|version| version.metadata.is_regular())
        else {
            return;
        };
        describe(verdict, &version.metadata);
        let origin = self.origin(Kept::Conflict, &version.metadata, target);
        let kept = keep(&self.watched.quarantine, origin, |each| {
            each_extent(self.source(version), each).map_err(io::Error::other)
        });
        match kept {
            Ok(name) => {
                verdict.sha256_before = bytes_of(&name);
                why.push_str(&format!(
                    "; its state from before is kept in quarantine as {name}"
                ));
                verdict.quarantined_as = name;
            }
            Err(error) => why.push_str(&format!("; its state from before can't be kept ({error})")),
        }
    }
}
