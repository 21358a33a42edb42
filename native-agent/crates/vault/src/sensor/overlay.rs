//! What a container's processes did to the names and files of its overlay.
use std::os::fd::{AsRawFd, OwnedFd};

use norn_events::{ChangeKind, EventKind};
use norn_journal::copies::keep_link;
use norn_journal::file::{FileKey, Metadata};
use norn_journal::record::{
    Aspect, Change, Content, Location, NameKind, NameOperation, Record, Time, Version,
};
use norn_os as os;
use norn_os::paths::{below, clean, open_path};
use norn_watch::places::{LowerFile, Overlay, by_name};

use crate::exchanged;
use crate::names::changes::{record_rename, record_unlink, tell_rename};
use crate::names::refresh_metadata;
use crate::note::Note;
use crate::shared::Shared;
use crate::told::{before, cut, look_at, tell};

/// What is told to be made at a moment was made no longer before it.
const TOLD_WITHIN_NS: u64 = 200_000_000;

pub fn handle(shared: &Shared, overlay: &Overlay, note: &Note, path: Vec<u8>) {
    let operation = |kind: NameKind| NameOperation {
        time: note.time,
        pid: note.pid,
        place: overlay.id,
        kind,
        path: path.clone(),
        target: Vec::new(),
        key: None,
        replaced: None,
        directory: false,
        seen: [b"/", &path[..]].concat(),
    };
    match note.kind {
        EventKind::FileRename => rename(shared, overlay, note, operation(NameKind::Rename)),
        EventKind::FileUnlink => {
            let mut gone = operation(NameKind::Unlink);
            gone.directory = note.flags & 1 == 1;
            gone.key = known_or_lower(shared, overlay, &path, note.time);
            record_unlink(shared, gone);
        }
        EventKind::FileLink if note.flags & 1 == 0 => {
            let other = operation(NameKind::Link);
            know_source(shared, overlay, note, &other.path);
            create(shared, overlay, other);
        }
        EventKind::FileLink | EventKind::FileMkdir => {
            let mut made = operation(NameKind::Create);
            made.directory = note.kind == EventKind::FileMkdir;
            create(shared, overlay, made);
        }
        EventKind::FileChmod | EventKind::FileChown => {
            touched(shared, overlay, note, (path, Aspect::Metadata));
        }
        EventKind::FileTruncate => touched(shared, overlay, note, (path, Aspect::Content)),
        EventKind::FileOpen if note.flags & libc::O_ACCMODE as u32 != libc::O_RDONLY as u32 => {
            opened(shared, overlay, note, &path);
        }
        _ => {}
    }
}

/// The file that has this name on the mounted overlay now.
fn now(shared: &Shared, overlay: &Overlay, path: &[u8]) -> Option<(FileKey, OwnedFd)> {
    let top = open_path(&overlay.mount.merged).ok()?;
    let flags = libc::O_PATH | libc::O_NOFOLLOW;
    let file = os::open_below(top.as_raw_fd(), path, flags, os::BELOW).ok()?;
    let stat = os::fstat(file.as_raw_fd()).ok()?;
    if stat.st_dev != overlay.mount.device {
        return None;
    }
    Some((shared.places.key(file.as_raw_fd(), &stat).ok()?, file))
}

/// A lower file that nobody opened has no record; it gets one that says where its content lies.
fn known_or_lower(shared: &Shared, overlay: &Overlay, path: &[u8], time: Time) -> Option<FileKey> {
    if let Some(known) = shared.store.index().name_at(overlay.id, path, time) {
        return known;
    }
    let lower = LowerFile::shown(&overlay.mount.lower, path)?;
    let key = by_name(&overlay.mount.upper, path);
    record_lower(shared, overlay, &lower, (key, path, time));
    Some(key)
}

fn record_lower(
    shared: &Shared,
    overlay: &Overlay,
    lower: &LowerFile,
    (key, path, time): (FileKey, &[u8], Time),
) {
    if let Ok(metadata) = Metadata::read(lower.file.as_raw_fd(), &lower.stat) {
        let seen = [b"/", path].concat();
        let location = Location {
            key,
            place: overlay.id,
            path: path.to_vec(),
            seen,
        };
        let content = Content::Lower(path.to_vec());
        let version = Version {
            time: time - 1,
            pid: 0,
            content,
            metadata,
            shape: None,
        };
        shared.store.record(Record::Version(location, version));
    }
}

fn rename(shared: &Shared, overlay: &Overlay, note: &Note, mut operation: NameOperation) {
    let target = match note.container {
        Some(_) => clean(&note.target),
        None => match below(&note.target, &overlay.mount.merged) {
            Some(inside) => clean(inside),
            None => return,
        },
    };
    let moved = now(shared, overlay, &target);
    let open = moved.as_ref().and_then(|(_, file)| file.try_clone().ok());
    let look = || look_at(open.as_ref()?);
    let is_exchange = note.flags & libc::RENAME_EXCHANGE != 0;
    operation.directory = match &moved {
        Some((_, file)) => is_directory(file),
        // It was moved on since.
        None => shared.store.index().is_directory(overlay.id, &operation.path),
    };
    if is_exchange && let Some((_, other)) = now(shared, overlay, &operation.path) {
        operation.directory |= is_directory(&other);
    }
    let known = shared
        .store
        .index()
        .name_at(overlay.id, &operation.path, note.time)
        .flatten();
    operation.key = known.or_else(|| {
        let lower = LowerFile::shown(&overlay.mount.lower, &operation.path);
        let moved = match &lower {
            Some(lower) if is_exchange => image_file(shared, overlay, lower, [&target, &operation.path]),
            _ => moved,
        };
        match (moved, lower) {
            (Some((key, _)), Some(lower)) => {
                if !shared.store.index().has_state_before(key, note.time) {
                    record_lower(shared, overlay, &lower, (key, &operation.path, note.time));
                }
                Some(key)
            }
            (Some((key, _)), None) => Some(key),
            (None, Some(_)) => known_or_lower(shared, overlay, &operation.path, note.time),
            (None, None) => None,
        }
    });
    if is_exchange {
        know_exchanged(shared, overlay, note, (&operation.path, &target));
    }
    // What is replaced must be known before the rename is recorded.
    if known_or_lower(shared, overlay, &target, note.time).is_some() {
        tracing::trace!("a name was replaced");
    }
    operation.seen = [b"/", &target[..]].concat();
    operation.target = target;
    if is_exchange {
        operation.kind = NameKind::Exchange;
        let known = shared
            .store
            .index()
            .name_at(overlay.id, &operation.target, note.time)
            .flatten();
        let other = || Some(now(shared, overlay, &operation.path)?.0);
        operation.replaced = known.or_else(|| other().filter(|_| operation.directory));
        shared.store.record(Record::Name(operation.clone()));
        tell_rename(shared, &operation, look);
        if operation.directory {
            exchanged::tell_below(shared, &operation);
        }
    } else {
        record_rename(shared, operation, look);
    }
}

fn is_directory(file: &OwnedFd) -> bool {
    os::fstat(file.as_raw_fd()).is_ok_and(|stat| stat.st_mode & libc::S_IFMT == libc::S_IFDIR)
}

/// The image's file that had the name `target` lies at `path` now, or has its name again, under its own key.
fn know_exchanged(shared: &Shared, overlay: &Overlay, note: &Note, (path, target): (&[u8], &[u8])) {
    let known = shared
        .store
        .index()
        .name_at(overlay.id, target, note.time)
        .is_some();
    let lower = LowerFile::shown(&overlay.mount.lower, target);
    if let (false, Some(lower)) = (known, lower)
        && let Some((key, _)) = image_file(shared, overlay, &lower, [path, target])
    {
        record_lower(shared, overlay, &lower, (key, target, note.time));
    }
}

/// The file of the image, under one of the names that were exchanged: they may have been exchanged again since.
fn image_file(
    shared: &Shared,
    overlay: &Overlay,
    lower: &LowerFile,
    names: [&[u8]; 2],
) -> Option<(FileKey, OwnedFd)> {
    let is_it =
        |file: &OwnedFd| os::fstat(file.as_raw_fd()).is_ok_and(|stat| stat.st_ino == lower.stat.st_ino);
    let mut found = names.into_iter().filter_map(|name| now(shared, overlay, name));
    found.find(|(_, file)| is_it(file))
}

/// What gets another name is known under the one it has.
fn know_source(shared: &Shared, overlay: &Overlay, note: &Note, path: &[u8]) {
    let source = match note.container {
        Some(_) => clean(&note.target),
        None => below(&note.target, &overlay.mount.merged)
            .map(clean)
            .unwrap_or_default(),
    };
    let known = shared
        .store
        .index()
        .name_at(overlay.id, &source, note.time)
        .is_some();
    if known || source.is_empty() {
        return;
    }
    let lower = LowerFile::shown(&overlay.mount.lower, &source);
    if let (Some(lower), Some((key, _))) = (lower, now(shared, overlay, path)) {
        record_lower(shared, overlay, &lower, (key, &source, note.time));
    }
}

fn create(shared: &Shared, overlay: &Overlay, mut made: NameOperation) {
    let is_it = |file: &OwnedFd| !made.directory || is_as_young(file, made.time);
    let found = now(shared, overlay, &made.path).filter(|(_, file)| is_it(file));
    made.key = found.as_ref().map(|(key, _)| *key);
    if made
        .key
        .is_some_and(|key| shared.store.index().knows_creation(key, &made.path))
    {
        return;
    }
    let location = made.key.map(|key| Location {
        key,
        place: made.place,
        path: made.path.clone(),
        seen: made.seen.clone(),
    });
    shared.store.record(Record::Name(made));
    if let (Some((_, file)), Some(location)) = (found, location) {
        keep_link(&shared.store, file.as_raw_fd(), location)
            .unwrap_or_else(|error| tracing::debug!(%error, "a symbolic link went away"));
    }
}

/// Something older has the name by now: what was made was exchanged for it.
fn is_as_young(file: &OwnedFd, made: Time) -> bool {
    let born_ns = os::birth_ns(file.as_raw_fd());
    let since_ns = os::boot_ns().saturating_sub(made.max(0) as u64);
    born_ns == 0 || born_ns + TOLD_WITHIN_NS > os::wall_ns().saturating_sub(since_ns)
}

/// Changed without an open.
fn touched(shared: &Shared, overlay: &Overlay, note: &Note, (path, aspect): (Vec<u8>, Aspect)) {
    let Some((key, file)) = now(shared, overlay, &path) else {
        return;
    };
    if !shared.store.index().has_state_before(key, note.time)
        && let Some(lower) = LowerFile::shown(&overlay.mount.lower, &path)
    {
        record_lower(shared, overlay, &lower, (key, &path, note.time));
    }
    let shape = before(shared, key, note.time);
    let seen = [b"/", &path[..]].concat();
    let location = Location {
        key,
        place: overlay.id,
        path,
        seen: seen.clone(),
    };
    let change = Change {
        time: note.time,
        pid: note.pid,
        aspect,
    };
    shared.store.record(Record::Change(location.clone(), change));
    if aspect == Aspect::Metadata
        && let Ok(stat) = os::fstat(file.as_raw_fd())
        && let Ok(metadata) = Metadata::read(file.as_raw_fd(), &stat)
    {
        refresh_metadata(shared, location, (metadata, note.time));
    }
    let (kind, after) = match aspect {
        Aspect::Metadata => (ChangeKind::Metadata, None),
        Aspect::Content => (ChangeKind::Cut, shape.map(|shape| cut(shape, note.value))),
    };
    tell(shared, &seen, (note.pid, note.time), (kind, shape, after));
}

/// Evidence of a writer that was stopped before it closed.
fn opened(shared: &Shared, overlay: &Overlay, note: &Note, path: &[u8]) {
    let mut index = shared.store.index();
    let Some(Some(key)) = index.name_at(overlay.id, path, note.time) else {
        return;
    };
    let closed = |change: &Change| change.pid == note.pid && change.time >= note.time;
    let Some(state) = index.state(key).filter(|state| !state.changes.iter().any(closed)) else {
        return;
    };
    if state.versions.is_empty() {
        return;
    }
    let saved = state.is_saved;
    let seen = state.seen();
    drop(index);
    let location = Location {
        key,
        place: overlay.id,
        path: path.to_vec(),
        seen,
    };
    let change = Change {
        time: note.time,
        pid: note.pid,
        aspect: Aspect::Content,
    };
    shared.store.record(Record::Change(location, change));
    index = shared.store.index();
    // The state that was saved is still what was there at the open.
    let key = index.original(key);
    if let Some(state) = index.touched.get_mut(&key) {
        state.is_saved |= saved;
    }
}
