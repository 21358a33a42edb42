//! What is changed below protected directories without an open: truncate(2) shows nowhere but in the sensor's events, and of a
//! mode or an owner only those know the moment.
use std::os::fd::{AsRawFd, OwnedFd};

use norn_events::{ChangeKind, EventKind};
use norn_journal::record::{Aspect, Change, Record};
use norn_os as os;
use norn_os::paths::{clean, open_path};
use norn_watch::places::Found;

use crate::note::Note;
use crate::shared::Shared;
use crate::told::{before, cut, tell};

/// Records what was done to a protected file of the host, also when a container did it through a mount.
pub fn changed_by_name(shared: &Shared, note: &Note) {
    let Some((found, _)) = find(shared, note) else {
        return;
    };
    let Found {
        mut location,
        overlay,
    } = found;
    if overlay.is_some() {
        return;
    }
    location.seen.clone_from(&note.path);
    let (by, key) = ((note.pid, note.time), location.key);
    let aspect = match note.kind {
        EventKind::FileTruncate => Aspect::Content,
        _ => Aspect::Metadata,
    };
    let shape = before(shared, key, note.time);
    let change = Change {
        time: note.time,
        pid: note.pid,
        aspect,
    };
    shared.store.record(Record::Change(location, change));
    // Of a mode or an owner its directory tells.
    if aspect == Aspect::Content {
        let left = shape.map(|shape| cut(shape, note.value));
        tell(shared, &note.path, by, (ChangeKind::Cut, shape, left));
    }
}

/// The file that has the note's name now.
pub fn find(shared: &Shared, note: &Note) -> Option<(Found, os::Stat)> {
    let file = open(note).or_else(|| open_on_host(shared, note))?;
    let stat = os::fstat(file.as_raw_fd()).ok()?;
    if stat.st_mode & libc::S_IFMT != libc::S_IFREG {
        return None;
    }
    let key = shared.places.key(file.as_raw_fd(), &stat).ok()?;
    Some((shared.find(file.as_raw_fd(), &stat, key)?, stat))
}

/// Nobody is left in the container to show it: by the host's name of what was mounted there.
fn open_on_host(shared: &Shared, note: &Note) -> Option<OwnedFd> {
    let path = shared.homes.host_path(note.container.as_ref()?, &note.path)?;
    os::open_below(libc::AT_FDCWD, &path, libc::O_PATH | libc::O_NOFOLLOW, 0).ok()
}

/// The name as the process sees it; when it is gone, as its oldest living ancestor in the container does.
pub fn open(note: &Note) -> Option<OwnedFd> {
    let root = |pid: u32| open_path(format!("/proc/{pid}/root").as_bytes()).ok();
    let root = match note.container {
        Some(_) => root(note.pid).or_else(|| root(note.elder))?,
        None => root(note.pid).or_else(|| open_path(b"/").ok())?,
    };
    os::open_below(root.as_raw_fd(), &clean(&note.path), libc::O_PATH, os::IN_ROOT).ok()
}
