//! Files that lost their name before the restore, and are there all the same: a container has a single file of the host mounted
//! that was replaced on the host since. What has the name now is another file, and none of theirs.
use std::collections::HashMap;
use std::os::fd::{AsRawFd, OwnedFd};

use norn_aside::{View, views};
use norn_journal::file::{FileKey, PlaceId};
use norn_journal::record::PlaceKind;
use norn_os as os;
use norn_os::mounts::mounts;
use norn_watch::kinds::LOCAL;
use norn_watch::watched::Watched;

use crate::plan::{IN_PLACE, METADATA, Nameless, Plan, Spot, Target, Want};
use crate::tree::Tree;

/// How the kernel ends the name of a mounted file or directory that was removed.
const REMOVED: &[u8] = b"//deleted";

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
