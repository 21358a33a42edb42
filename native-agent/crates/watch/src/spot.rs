//! A name in a directory that is watched, and the file that has it.
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use norn_journal::file::FileKey;
use norn_journal::record::{Location, NameKind, NameOperation, Time};
use norn_os as os;

use crate::places::Places;
use crate::root::Root;

/// A name below a protected directory.
#[derive(Debug)]
pub struct Spot {
    pub root: Arc<Root>,
    pub path: Vec<u8>,
}

impl Spot {
    pub fn is(&self, other: &Self) -> bool {
        self.root.id == other.root.id && self.path == other.path
    }
}

/// The file that has the name now, held; a link itself.
pub fn identify(places: &Places, spot: &Spot) -> Option<(FileKey, OwnedFd)> {
    let top = spot.root.open(libc::O_PATH).ok()?;
    let flags = libc::O_PATH | libc::O_NOFOLLOW;
    let file = os::open_below(top.as_raw_fd(), &spot.path, flags, os::BELOW_HERE).ok()?;
    let stat = os::fstat(file.as_raw_fd()).ok()?;
    Some((places.key(file.as_raw_fd(), &stat).ok()?, file))
}

pub fn location(spot: &Spot, key: FileKey) -> Location {
    let seen = [&spot.root.path[..], b"/", &spot.path].concat();
    Location {
        key,
        place: spot.root.id,
        path: spot.path.clone(),
        seen,
    }
}

/// What was done to the name, of a file that is still to be said.
pub fn operation(kind: NameKind, spot: &Spot, (pid, time): (u32, Time)) -> NameOperation {
    NameOperation {
        time,
        pid,
        place: spot.root.id,
        kind,
        path: spot.path.clone(),
        target: Vec::new(),
        key: None,
        replaced: None,
        directory: false,
        seen: [&spot.root.path[..], b"/", &spot.path].concat(),
    }
}
