//! Files that lost their name before the restore, and are there all the same: a container has a single file of the host mounted
//! that was replaced on the host since. They are put back where they are, through a mount of them. What has the name now is
//! another file, and none of theirs.
use std::collections::{HashMap, HashSet};
use std::os::fd::{AsRawFd, OwnedFd};

use norn_aside::{View, views};
use norn_events::wire::action::v1::FileVerdict;
use norn_journal::file::{FileKey, Metadata, PlaceId};
use norn_journal::record::{Aspect, NameKind, PlaceKind, Time, Version, is_restorer};
use norn_os as os;
use norn_os::mounts::mounts;
use norn_watch::kinds::LOCAL;
use norn_watch::watched::Watched;

use crate::apply::{Work, describe, judged, verdict_of};
use crate::content::{is_same, write_version};
use crate::deed::Deed;
use crate::exact::put_metadata;
use crate::outcome::{CHANGED_AGAIN, CHANGED_LATER, Done, Failed, NO_STATE, Outcome};
use crate::planning::{IN_PLACE, METADATA, Plan, Scope, Spot, Target, Want};
use crate::put::Placed;
use crate::tree::{Entry, Tree};

/// How the kernel ends the name of a mounted file or directory that was removed.
const REMOVED: &[u8] = b"//deleted";
const OUT_OF_REACH: &str = "it had lost its name before it was changed, or had been moved out of what is protected, and no mount leads to \
                            it: nothing was put under its name";
const PLACED: &str = "it has lost its name: it is put back where it is mounted";

/// A file that the scope changed, and that has no name.
#[derive(Debug)]
pub struct Nameless {
    pub spot: Spot,
    pub target: Target,
    /// Through a mount of it (`O_PATH`); `None` when no process has one.
    pub file: Option<OwnedFd>,
}

/// The name that each of these files lost last and got no other for, by nobody of the scope, and when.
pub fn names_lost(scope: &Scope<'_>, of: &HashSet<FileKey>) -> HashMap<FileKey, (Spot, Time)> {
    let mut lost = HashMap::new();
    let is_of = |key: Option<FileKey>| key.is_some_and(|key| of.contains(&key));
    let all = scope.index.operations.iter();
    for known in all.filter(|known| is_of(known.key()) || is_of(known.replaced())) {
        let operation = known.whole();
        let is_gone = operation.kind == NameKind::Unlink;
        let named = operation.key.filter(|_| !is_gone);
        let swapped = operation
            .replaced
            .filter(|_| operation.kind == NameKind::Exchange);
        for key in named.into_iter().chain(swapped) {
            lost.remove(&key);
        }
        let (gone, path) = match operation.kind {
            NameKind::Unlink => (operation.key, operation.path),
            NameKind::Rename => (operation.replaced, operation.target),
            _ => (None, Vec::new()),
        };
        let is_scopes = || scope.holds(operation.pid, operation.time).is_some();
        if let Some(key) = gone.filter(|_| !is_restorer(operation.pid) && !is_scopes()) {
            lost.insert(key, ((operation.place, path), operation.time));
        }
    }
    lost
}

/// Takes out of the plan's names the files that have none any more.
pub fn find(watched: &Watched, plan: &mut Plan) {
    let mut trees = Trees {
        watched,
        open: HashMap::new(),
    };
    let mut without = Vec::new();
    // Of two files of one name, the one that has it now is put back there.
    for (spot, target) in std::mem::take(&mut plan.displaced) {
        let is_there = trees
            .key_at(&spot)
            .is_some_and(|key| target.want == Want::File(key));
        let may_give_way = plan.targets.get(&spot).is_none_or(is_changed_alone);
        let other = match is_there && may_give_way {
            true => plan.targets.insert(spot.clone(), target),
            false => Some(target),
        };
        without.extend(other.map(|target| (spot, target)));
    }
    let displaced = without.len();
    let spots = plan.targets.iter().filter(|(_, target)| is_changed_alone(target));
    let is_nameless = |(spot, target): &(&Spot, &Target)| {
        if !trees.is_of_host(spot) {
            return false;
        }
        let key = trees.key_at(spot);
        // A free name that the file had when it was attacked is given to it again.
        let is_others = key.is_some() || plan.unnamed.contains(*spot);
        key != target.want.file() && is_others
    };
    let spots: Vec<Spot> = spots.filter(is_nameless).map(|(spot, _)| spot.clone()).collect();
    without.extend(
        spots
            .into_iter()
            .filter_map(|spot| plan.targets.remove_entry(&spot)),
    );
    if without.is_empty() {
        return;
    }
    let mut mounted = mounted(watched);
    for (number, (spot, target)) in without.into_iter().enumerate() {
        let key = target.want.file();
        let file = key.and_then(|key| mounted.remove(&key).or_else(|| watched.linked.open(key)));
        if file.is_none() && number >= displaced && !plan.unnamed.contains(&spot) {
            plan.targets.insert(spot, target);
            continue;
        }
        plan.nameless.push(Nameless { spot, target, file });
    }
}

/// The scope changed the file, and not its name.
fn is_changed_alone(target: &Target) -> bool {
    matches!(target.want, Want::File(_)) && matches!(target.change, IN_PLACE | METADATA) && !target.directory
}

struct Trees<'a> {
    watched: &'a Watched,
    open: HashMap<PlaceId, Option<Tree>>,
}

impl Trees<'_> {
    fn is_of_host(&self, spot: &Spot) -> bool {
        let index = self.watched.store.index();
        matches!(index.places.get(&spot.0), Some(PlaceKind::Directory(_)))
    }

    /// What has the name now.
    fn key_at(&mut self, (place, path): &Spot) -> Option<FileKey> {
        let watched = self.watched;
        let open = || Tree::open(watched, *place).ok();
        let tree = self.open.entry(*place).or_insert_with(open).as_ref()?;
        let found = tree.lookup(path).ok()??;
        Some(watched.store.index().original(found.key))
    }
}

/// Files without a name that are mounted somewhere, by the keys that the journal knows them by.
fn mounted(watched: &Watched) -> HashMap<FileKey, OwnedFd> {
    let mut found = HashMap::new();
    for view in views() {
        add_mounted(watched, &view, &mut found);
    }
    found
}

/// Those that this process sees. What lies under another mount is out of its reach too.
fn add_mounted(watched: &Watched, view: &View, found: &mut HashMap<FileKey, OwnedFd>) {
    let table = view.mountinfo();
    let removed = |root: &[u8]| root.ends_with(REMOVED);
    for mount in mounts(&table).iter().filter(|mount| removed(&mount.root)) {
        if mount.read_only || !LOCAL.contains(&&mount.kind[..]) {
            continue;
        }
        let flags = libc::O_PATH | libc::O_NOFOLLOW;
        let Ok(file) = os::open_below(view.root.as_raw_fd(), &mount.at, flags, os::IN_ROOT) else {
            continue;
        };
        let Ok(stat) = os::fstat(file.as_raw_fd()) else {
            continue;
        };
        if stat.st_nlink == 0
            && let Ok(key) = watched.places.key(file.as_raw_fd(), &stat)
        {
            let key = watched.store.index().original(key);
            found.entry(key).or_insert(file);
        }
    }
}

/// Puts them back, each with its verdict, after all that has a name.
pub fn apply(watched: &Watched, plan: &Plan, (deed, verdicts): (&Deed<'_>, &mut Vec<FileVerdict>)) {
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
