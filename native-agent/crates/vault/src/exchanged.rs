//! Two directories that changed places: a file of each may have another's name now, and that is told as if it had been replaced.
use std::os::fd::{AsRawFd, OwnedFd};

use norn_events::ChangeKind;
use norn_journal::file::PlaceId;
use norn_journal::record::{NameOperation, Time};
use norn_os as os;
use norn_os::paths::open_path;
use norn_watch::watch::entries;

use crate::shared::Shared;
use crate::told::{LOOKED_AT_MAX, before, look_at, tell};

/// Of each of the two directories no more than `LOOKED_AT_MAX` entries are looked at: an attack shows in the first.
pub fn tell_below(shared: &Shared, exchange: &NameOperation) {
    let Some((top, prefix)) = top(shared, exchange.place) else {
        return;
    };
    for path in [&exchange.path, &exchange.target] {
        let mut waiting = vec![path.clone()];
        let mut count = 0;
        while let Some(path) = waiting.pop() {
            let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
            let opened = os::open_below(top.as_raw_fd(), &path, flags, os::BELOW_HERE);
            let inside = opened.and_then(|directory| entries(&path, &directory));
            for entry in inside.unwrap_or_default() {
                count += 1;
                if count > LOOKED_AT_MAX {
                    waiting.clear();
                    break;
                }
                if entry.is_directory {
                    waiting.push(entry.path);
                    continue;
                }
                let by = (exchange.pid, exchange.time);
                tell_one(shared, (&top, exchange.place), (&entry.path, &prefix), by);
            }
        }
    }
}

/// Where names of this place are looked up, and what is in front of them.
fn top(shared: &Shared, place: PlaceId) -> Option<(OwnedFd, Vec<u8>)> {
    match (shared.places.by_id(place), shared.places.root(place)) {
        (Some(overlay), _) => Some((open_path(&overlay.mount.merged).ok()?, b"/".to_vec())),
        (None, Some(root)) => Some((root.open(libc::O_PATH).ok()?, [&root.path[..], b"/"].concat())),
        (None, None) => None,
    }
}

/// Of a name that was another file's until now.
fn tell_one(
    shared: &Shared,
    (top, place): (&OwnedFd, PlaceId),
    (path, prefix): (&[u8], &[u8]),
    (pid, time): (u32, Time),
) -> Option<()> {
    let had = shared.store.index().name_at(place, path, time - 1).flatten()?;
    let shape = before(shared, had, time)?;
    let flags = libc::O_PATH | libc::O_NOFOLLOW;
    let file = os::open_below(top.as_raw_fd(), path, flags, os::BELOW_HERE).ok()?;
    let stat = os::fstat(file.as_raw_fd()).ok()?;
    let has = shared.places.key(file.as_raw_fd(), &stat).ok()?;
    if shared.store.index().original(has) == had {
        return None;
    }
    let seen = [prefix, path].concat();
    let kind = (ChangeKind::Replaced, Some(shape), look_at(&file));
    tell(shared, &seen, (pid, time), kind);
    Some(())
}
