//! Files of protected directories that have another name outside of them, or were moved out: an open by that name asks nobody in
//! the directory, so the file itself is watched.
use std::os::fd::{AsRawFd, OwnedFd};

use norn_events::{Event, EventKind};
use norn_journal::copies::keep_link;
use norn_journal::file::FileKey;
use norn_journal::record::{NameKind, Time};
use norn_os as os;
use norn_os::paths::clean;
use norn_watch::spot::{Spot, identify, location};

use crate::arrivals::{tell_arrival, tell_change_by};
use crate::named;
use crate::note::Note;
use crate::shared::Shared;
use crate::told::before;

/// Who unlinks a file and links another in its place does so at once, ns.
const REPLACED_WITHIN: Time = 1_000_000_000;

/// One more name for a file, which may be a protected one: what it is linked from need not be a name of it.
pub fn is_made(event: &Event<'_>) -> bool {
    event.kind == EventKind::FileLink && event.flags & 1 == 0
}

/// Somebody gave a file one more name, wherever that is. When it is a protected one he may have written by the name already, and
/// the other may be gone.
pub fn made(shared: &Shared, link: &Note) {
    if let Some(file) = named::open(link) {
        of_known(shared, &file, link);
    }
    let path = [b"/", &clean(&link.target)[..]].concat();
    let Some((root, path)) = shared.places.named(&path) else {
        return;
    };
    let spot = Spot { root, path };
    if let Some((key, file)) = identify(&shared.places, &spot)
        && let Ok(stat) = os::fstat(file.as_raw_fd())
    {
        shared.linked.note(&shared.watch, &spot.root, (&file, &stat, key));
        tell_change_by(shared, (&location(&spot, key), &file), (link.pid, link.time));
    }
}

fn of_known(shared: &Shared, file: &OwnedFd, link: &Note) -> Option<()> {
    let stat = os::fstat(file.as_raw_fd()).ok()?;
    let key = shared.places.key(file.as_raw_fd(), &stat).ok()?;
    let known = shared.last_known(key)?.location;
    let root = shared.places.root(known.place)?;
    shared.linked.add(&shared.watch, &root, (file, &stat, key));
    tell_change_by(shared, (&known, file), (link.pid, link.time));
    Some(())
}

/// What had the name until a moment ago, and was unlinked.
pub fn last_unlinked(shared: &Shared, spot: &Spot, time: Time) -> Option<FileKey> {
    let index = shared.store.index();
    let last = index.operations.recent_of(spot.root.id, &spot.path)?;
    let is_recent = last.kind() == NameKind::Unlink && time - last.time < REPLACED_WITHIN;
    last.key().filter(|_| is_recent)
}

/// It got the name by a link, so it may have been written anywhere; `gone` was unlinked for it.
pub fn came_in(shared: &Shared, spot: &Spot, (key, gone): (FileKey, Option<FileKey>), by: (u32, Time)) {
    let Some((found, file)) = identify(&shared.places, spot).filter(|(found, _)| *found == key) else {
        return;
    };
    let Ok(stat) = os::fstat(file.as_raw_fd()) else {
        return;
    };
    shared.linked.note(&shared.watch, &spot.root, (&file, &stat, key));
    // A link that is kept is known from then on.
    let is_known = shared.store.index().state(key).is_some();
    keep_link(&shared.store, file.as_raw_fd(), location(spot, found))
        .unwrap_or_else(|error| tracing::debug!(%error, "a symbolic link went away"));
    if is_known {
        tell_change_by(shared, (&location(spot, key), &file), by);
    } else if stat.st_size > 0 {
        let before = gone.and_then(|gone| before(shared, gone, by.1));
        tell_arrival(shared, spot, (Some(key), before, gone.is_some()), by);
    }
}
