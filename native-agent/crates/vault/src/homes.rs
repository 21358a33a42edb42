//! Where the files are that an event of a container names.
use std::os::fd::AsRawFd;
use std::sync::Arc;

use norn_os as os;
use norn_os::paths::{clean, open_path, parent};
use norn_watch::places::Overlay;

use crate::note::Note;
use crate::shared::Shared;

/// The overlay that the event's process has as its root, and the path inside.
pub fn home(shared: &Shared, note: &Note) -> Option<(Arc<Overlay>, Vec<u8>)> {
    let Some(container) = &note.container else {
        let (overlay, path) = shared.places.overlay_of_host_path(&note.path)?;
        return Some((overlay, clean(path)));
    };
    let known = shared.homes.overlay_of(container);
    let overlay = known.and_then(|id| shared.places.by_id(id));
    let overlay = overlay.or_else(|| shared.find_home(note.pid, container))?;
    Some((overlay, clean(&note.path)))
}

/// Volumes and other mounts inside the container are not the overlay; those that are protected report themselves. When its
/// process has just ended nothing is mounted there any more: then what was known of it counts.
pub fn elsewhere(shared: &Shared, overlay: &Overlay, note: &Note, path: &[u8]) -> bool {
    let Some(container) = &note.container else {
        return false;
    };
    let root = open_path(format!("/proc/{}/root", note.pid).as_bytes());
    let directory =
        root.and_then(|root| os::open_below(root.as_raw_fd(), parent(path), libc::O_PATH, os::IN_ROOT));
    let device = directory.and_then(|directory| os::fstat(directory.as_raw_fd()));
    device.is_ok_and(|stat| stat.st_dev != overlay.mount.device)
        || shared.homes.is_mounted(container, &[b"/", path].concat())
}
