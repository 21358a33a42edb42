//! What the reflex is told of a change: what the file held before, and what it holds now.
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use norn_events::{ChangeKind, ContentChange, ContentFormat, ContentShape};
use norn_journal::copies::sample;
use norn_journal::file::FileKey;
use norn_journal::record::{Content, Time};
use norn_journal::shape::shape;
use norn_os as os;
use norn_os::paths::{below, open_path, parent};
use norn_watch::places::LowerFile;
use norn_watch::spot::Spot;

use crate::shared::Shared;

/// Above this, bits per byte, unknown content that replaced something else looks like ciphertext.
const CIPHER_ENTROPY: f32 = 7.2;
/// Files of a directory that came as a whole which are looked at: an attack shows in the first.
pub const LOOKED_AT_MAX: usize = 256;

/// The file's shape in the state it had before this close's writer opened it.
pub fn before(shared: &Shared, key: FileKey, time: Time) -> Option<ContentShape> {
    let index = shared.store.index();
    let state = index.state(key)?;
    let settled = state.settled_before(time, index.watched_since_ns);
    let alone = settled.filter(|_| index.had_one_writer(key, time));
    let version = alone.or_else(|| state.before(time))?.clone();
    let overlay = shared.places.by_id(state.place);
    drop(index);
    match (&version.content, overlay) {
        (Content::Lower(path), Some(overlay)) => {
            let lower = LowerFile::like(&overlay.mount.lower, path, &version.metadata)?;
            let path = os::path_of(lower.file.as_raw_fd()).ok()?;
            let file = os::open_below(libc::AT_FDCWD, &path, libc::O_RDONLY, 0).ok()?;
            sample(file.as_raw_fd(), lower.stat.st_size as u64).ok()
        }
        _ => version.shape,
    }
}

pub fn tell(
    shared: &Shared,
    path: &[u8],
    (pid, time): (u32, Time),
    (kind, before, after): (ChangeKind, Option<ContentShape>, Option<ContentShape>),
) {
    let index = shared.store.index();
    let actor = index.actors.at(pid, time);
    let change = ContentChange {
        time_ns: time.max(0) as u64,
        pid,
        process: actor.map(|actor| actor.uid),
        container: actor.and_then(|actor| actor.container.as_deref()).map(Into::into),
        path: path.to_vec(),
        kind,
        before,
        after,
    };
    drop(index);
    shared.emit(change);
}

/// No room is spent on what an encryptor leaves behind; its next open would be captured anyway.
pub fn looks_encrypted(before: Option<ContentShape>, after: ContentShape) -> bool {
    use ContentFormat::{Blank, Feigned, Unknown};
    let random = matches!(after.format, Unknown | Blank | Feigned) && after.entropy > CIPHER_ENTROPY;
    random && before.is_some_and(|before| !matches!(before.format, Unknown | Feigned))
}

/// What a regular file holds now.
pub fn look_at(file: &OwnedFd) -> Option<ContentShape> {
    let stat = os::fstat(file.as_raw_fd()).ok()?;
    if stat.st_mode & libc::S_IFMT != libc::S_IFREG {
        return None;
    }
    let open = open(file).ok()?;
    sample(open.as_raw_fd(), stat.st_size as u64).ok()
}

/// What whoever reads by the name gets: of a symbolic link, what lies behind it.
pub fn look_by_name(spot: &Spot, file: &OwnedFd) -> Option<ContentShape> {
    look_at(file).or_else(|| look_at(&behind(spot, file).ok()??))
}

/// Within the file system of the link, and through no mount of another.
fn behind(spot: &Spot, link: &OwnedFd) -> io::Result<Option<OwnedFd>> {
    let own = os::fstat(link.as_raw_fd())?;
    if own.st_mode & libc::S_IFMT != libc::S_IFLNK {
        return Ok(None);
    }
    let target = os::read_link_at(link.as_raw_fd(), c"")?;
    let mount = &spot.root.mount;
    let (start, path) = match below(&target, mount) {
        Some(rest) => (os::open_below(libc::AT_FDCWD, mount, libc::O_PATH, 0)?, rest),
        None if target.starts_with(b"/") => (open_path(b"/")?, &target[1..]),
        None => {
            let top = spot.root.open(libc::O_PATH)?;
            let directory = parent(&spot.path);
            let start = os::open_below(top.as_raw_fd(), directory, libc::O_PATH, os::BELOW_HERE)?;
            (start, &target[..])
        }
    };
    let found = os::open_below(start.as_raw_fd(), path, libc::O_PATH, os::ON_MOUNT)?;
    let is_near = os::fstat(found.as_raw_fd())?.st_dev == own.st_dev;
    Ok(is_near.then_some(found))
}

/// For reading, of what was found by `O_PATH`.
pub fn open(file: &OwnedFd) -> io::Result<OwnedFd> {
    let path = os::link_of(file.as_raw_fd());
    let flags = libc::O_RDONLY | libc::O_NOATIME;
    os::open_below(libc::AT_FDCWD, path.as_bytes(), flags, 0)
}

/// What is left of a content when its size is set.
pub fn cut(before: ContentShape, size: u64) -> ContentShape {
    match size {
        0 => shape(&[], 0),
        _ => ContentShape { size, ..before },
    }
}
