//! Carries a plan out, name by name, and says for each what came of it.
mod exact;
mod mounted;
mod once_more;
mod places_changed;
mod put;
mod remake;
mod removal;
mod second_look;
mod twins;
mod work;

use std::os::fd::AsRawFd;

use norn_events::wire::action::v1::FileVerdict;
use norn_journal::file::{Metadata, PlaceId, Stamp};
use norn_journal::record::{Location, Record, Time, Version};
use norn_os as os;
use norn_watch::watched::Watched;

use crate::deed::{At, Deed, Moved};
use crate::outcome::{Done, Failed};
use crate::plan::{Directory, Plan, Target, Want};
use crate::tree::{Entry, Tree};
use crate::verdict::{container_of, judged, verdict_at, verdict_of};

use second_look::Settled;
use work::Work;

/// Whoever removes a container gives up what was in its layer, whatever had become of it.
const GONE: &str = "gone with the container";

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
    mounted::put_back(watched, plan, (deed, &mut verdicts));
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

impl<'a> Work<'a> {
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

    /// The start of the container changed it, as every start does: it is no file that somebody asks for.
    fn is_containers_root(&self, path: &[u8]) -> bool {
        path.is_empty() && !self.tree.upper.is_empty()
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
}
