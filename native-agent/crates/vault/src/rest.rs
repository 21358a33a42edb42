//! Copies at rest: the state of small files is saved before anybody asks for them. Only this helps against truncate(2),
//! unlink and rename-over of a file that was never opened, for which the kernel asks nobody.
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use norn_events::ContentShape;
use norn_journal::copies::{clone, copy, data_bytes, keep_link, missing_version, sample};
use norn_journal::file::{FILE_BYTES_MAX, FileKey, Metadata, PlaceId, Stamp};
use norn_journal::record::{Content, Location, Missing, NameKind, NameOperation, Record, Time, Version};
use norn_os as os;
use norn_os::paths::{join, open_path};
use norn_watch::audit::Due;
use norn_watch::closing;
use norn_watch::lookout::Scan;
use norn_watch::places::Overlay;
use norn_watch::spot::{Spot, identify, location};

use crate::shared::Shared;
use crate::told::open;

/// Larger files are not copied at rest.
pub const REST_BYTES_MAX: u64 = 1 << 20;
const IDLE: Duration = Duration::from_millis(100);

fn scan(shared: &Shared, scan: Scan) {
    match scan {
        Scan::Overlay(overlay) => attempt(shared, || scan_upper(shared, &overlay)),
        Scan::Directory(root, entries) => {
            let place = root.id;
            for entry in entries {
                let (root, path) = (root.clone(), entry.path);
                attempt(shared, || rest_one(shared, &Spot { root, path }));
            }
            shared.unscanned.end(place);
        }
    }
}

/// What is new, in its order, and what was put off. Works until the vault stops.
pub fn run(shared: &Shared, scans: &Receiver<Scan>) {
    let mut due = Due::soon();
    while !shared.stop.load(Ordering::Relaxed) {
        match scans.recv_timeout(IDLE) {
            Ok(new) => {
                scan(shared, new);
                shared.progress.scans.done();
                due.hasten();
            }
            Err(RecvTimeoutError::Timeout) => due.look(shared),
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let overdue = shared.overdue.take();
        if !overdue.is_empty() {
            due.hasten();
        }
        for (place, path) in overdue {
            attempt(shared, || rest_overdue(shared, place, path));
            shared.progress.overdue.done();
        }
    }
}

fn attempt(shared: &Shared, copy: impl FnOnce() -> io::Result<()>) {
    if !shared.stop.load(Ordering::Relaxed)
        && let Err(error) = copy()
    {
        tracing::debug!(%error, "a file went away while it was copied");
    }
}

fn rest_overdue(shared: &Shared, place: PlaceId, path: Vec<u8>) -> io::Result<()> {
    if let Some(overlay) = shared.places.by_id(place) {
        return rest_merged(shared, &overlay, path);
    }
    let root = shared.places.root(place);
    root.map_or(Ok(()), |root| rest_one(shared, &Spot { root, path }))
}

/// Files that a container made before it was watched.
fn scan_upper(shared: &Shared, overlay: &Overlay) -> io::Result<()> {
    let mut waiting = vec![Vec::new()];
    while let Some(directory) = waiting.pop() {
        let upper = PathBuf::from(OsString::from_vec(join(&overlay.mount.upper, &directory)));
        for entry in std::fs::read_dir(upper)? {
            let entry = entry?;
            let path = join(&directory, entry.file_name().as_bytes());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                waiting.push(path);
            } else if kind.is_file() || kind.is_symlink() {
                attempt(shared, || rest_merged(shared, overlay, path));
            }
        }
    }
    Ok(())
}

fn rest_merged(shared: &Shared, overlay: &Overlay, path: Vec<u8>) -> io::Result<()> {
    let time = os::boot_ns() as Time;
    let top = open_path(&overlay.mount.merged)?;
    let flags = libc::O_PATH | libc::O_NOFOLLOW;
    let file = os::open_below(top.as_raw_fd(), &path, flags, os::BELOW)?;
    let stat = os::fstat(file.as_raw_fd())?;
    let key = shared.places.key(file.as_raw_fd(), &stat)?;
    let seen = [b"/", &path[..]].concat();
    let place = overlay.id;
    let location = Location {
        key,
        place,
        path,
        seen,
    };
    let done = rest_file(shared, (&file, &stat), location.clone());
    note_uncopied(shared, (location, &file, &stat), time);
    done
}

fn rest_one(shared: &Shared, spot: &Spot) -> io::Result<()> {
    let time = os::boot_ns() as Time;
    let Some((key, file)) = identify(&shared.places, spot) else {
        return Ok(());
    };
    let stat = os::fstat(file.as_raw_fd())?;
    shared.linked.note(&shared.watch, &spot.root, (&file, &stat, key));
    let done = rest_file(shared, (&file, &stat), location(spot, key));
    note_uncopied(shared, (location(spot, key), &file, &stat), time);
    done
}

/// Of a file that has no copy at least the name is known, and its owner and mode: the kernel does not say what a rename replaces,
/// nor what a file was before its mode is set.
fn note_uncopied(shared: &Shared, (location, file, stat): (Location, &OwnedFd, &os::Stat), time: Time) {
    let index = shared.store.index();
    let is_known = index.state(location.key).is_some()
        || index.name_at(location.place, &location.path, Time::MAX).is_some();
    drop(index);
    if is_known || stat.st_mode & libc::S_IFMT != libc::S_IFREG || shared.store.knows_many() {
        return;
    }
    let version = missing_version((file.as_raw_fd(), stat), (time, 0), Missing::Unopened);
    shared.store.record(Record::Version(location, version));
}

fn rest_file(shared: &Shared, (file, stat): (&OwnedFd, &os::Stat), location: Location) -> io::Result<()> {
    match stat.st_mode & libc::S_IFMT {
        libc::S_IFLNK => keep_link(&shared.store, file.as_raw_fd(), location),
        libc::S_IFDIR => note_first(shared, location, |time| directory(file, stat, time)),
        libc::S_IFREG if stat.st_size as u64 > REST_BYTES_MAX => rest_large(shared, (file, stat), location),
        libc::S_IFREG
            if stat.st_size as u64 <= REST_BYTES_MAX
                && !shared.store.is_rest_full()
                && !shared.store.knows_many() =>
        {
            let file = open(file)?;
            at_rest(shared, file.as_raw_fd(), (location, os::boot_ns() as Time))?;
            std::thread::sleep(shared.pace.pay(stat.st_size as u64).saturating_sub(IDLE));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Kept if that needs no copy; of one that never can be copied that is said before anybody attacks it.
fn rest_large(shared: &Shared, (file, stat): (&OwnedFd, &os::Stat), location: Location) -> io::Result<()> {
    let overlay = shared.places.by_id(location.place);
    let (path, is_too_large) = (location.path.clone(), data_bytes(stat) > FILE_BYTES_MAX);
    let clone = |fd: RawFd, stat: &os::Stat| {
        let upper = overlay.as_ref().map(|overlay| &overlay.mount.upper[..]);
        let content = clone(&shared.store, (fd, stat), (upper, &path));
        let content = content.or_else(|| is_too_large.then_some(Content::Missing(Missing::TooLarge)));
        content
            .map(|content| Ok((content, Some(sample(fd, stat.st_size as u64)?))))
            .transpose()
    };
    take_at_rest(
        shared,
        open(file)?.as_raw_fd(),
        (location, os::boot_ns() as Time),
        clone,
    )
}

/// What has no content to copy is known before anybody attacks it.
fn note_first(
    shared: &Shared,
    location: Location,
    version: impl FnOnce(Time) -> io::Result<Version>,
) -> io::Result<()> {
    if shared.store.index().state(location.key).is_none() {
        let version = version(os::boot_ns() as Time)?;
        shared.store.record(Record::Version(location, version));
    }
    Ok(())
}

fn directory(file: &OwnedFd, stat: &os::Stat, time: Time) -> io::Result<Version> {
    Ok(Version {
        time,
        pid: 0,
        content: Content::Packed(Vec::new()),
        metadata: Metadata::read(file.as_raw_fd(), stat)?,
        shape: None,
    })
}

/// A saved file under a name that is not known yet.
fn note_other_name(shared: &Shared, location: Location, time: Time) {
    let index = shared.store.index();
    let known = index.name_at(location.place, &location.path, time).is_some();
    let last = index.state(location.key).and_then(|state| state.last().cloned());
    drop(index);
    if let Some(last) = last.filter(|_| !known) {
        let version = Version { time, pid: 0, ..last };
        shared.store.record(Record::Version(location, version));
    }
}

/// By the name that the file has now: it may have waited for its copy, and been renamed meanwhile.
fn named_now(shared: &Shared, (fd, stat): (RawFd, &os::Stat), location: Location) -> Location {
    let top = match shared.places.by_id(location.place) {
        Some(overlay) => open_path(&overlay.mount.merged).ok(),
        None => shared
            .places
            .root(location.place)
            .and_then(|root| root.open(libc::O_PATH).ok()),
    };
    let there = top.and_then(|top| os::stat_at(top.as_raw_fd(), &location.path).ok());
    if there.is_some_and(|there| os::is_one(&there, stat)) {
        return location;
    }
    let found = shared.places.find(fd, stat, location.key);
    found.map_or(location, |found| found.location)
}

/// A directory that was moved is another place now, and has no names in the one before; says whether the file is known of there.
fn leave_former_place(shared: &Shared, (location, stat): (&Location, &os::Stat), time: Time) -> bool {
    let former = {
        let index = shared.store.index();
        let state = index.state(location.key);
        state.map(|state| (state.place, state.path.to_vec(), state.changes.is_empty()))
    };
    let Some((place, path, is_unchanged)) = former.filter(|(place, ..)| *place != location.place) else {
        return false;
    };
    // What a restore may still want in a place that is not there any more stays.
    let Some(root) = shared.places.root(place) else {
        return is_unchanged;
    };
    let there = root
        .open(libc::O_PATH)
        .and_then(|top| os::stat_at(top.as_raw_fd(), &path));
    if there.is_ok_and(|there| os::is_one(&there, stat)) {
        return false;
    }
    shared.store.record(Record::Name(NameOperation {
        time,
        pid: 0,
        place,
        kind: NameKind::Unlink,
        path,
        target: Vec::new(),
        key: Some(location.key),
        replaced: None,
        directory: false,
        seen: Vec::new(),
    }));
    true
}

/// Copies a state nobody is about to change; given up when somebody opened the file meanwhile.
pub fn at_rest(shared: &Shared, fd: RawFd, of: (Location, Time)) -> io::Result<()> {
    take_at_rest(shared, fd, of, |fd, stat| copy(&shared.store, fd, stat).map(Some))
}

/// The state that needs no other copy; whether the content of the file is kept, whatever its mode; what that takes in the pack.
fn known(shared: &Shared, key: FileKey) -> (Option<Stamp>, bool, Option<u64>) {
    let index = shared.store.index();
    let Some(state) = index.state(key) else {
        return (None, false, None);
    };
    let saved = state.saved();
    let is_kept = saved.is_some() || state.has_content();
    (saved, is_kept, state.last().map(|last| last.content.bytes()))
}

type Taken = io::Result<Option<(Content, Option<ContentShape>)>>;

fn take_at_rest(
    shared: &Shared,
    fd: RawFd,
    (location, closed): (Location, Time),
    take: impl FnOnce(RawFd, &os::Stat) -> Taken,
) -> io::Result<()> {
    let stat = os::fstat(fd)?;
    let is_gone = stat.st_nlink == 0;
    if is_gone && stat.st_size > 0 {
        return Ok(());
    }
    // An empty file that was deleted before its close was looked at was empty then too.
    let time = if is_gone {
        closed + 1
    } else {
        os::boot_ns() as Time
    };
    let location = if is_gone {
        location
    } else {
        named_now(shared, (fd, &stat), location)
    };
    let key = location.key;
    let elsewhere = leave_former_place(shared, (&location, &stat), time);
    let (saved, is_kept, earlier) = known(shared, key);
    if saved == Some(Stamp::from(&stat)) {
        if stat.st_nlink > 1 || elsewhere {
            note_other_name(shared, location, time);
        }
        return Ok(());
    }
    if is_gone && earlier.is_some() {
        return Ok(());
    }
    if shared.store.is_sated(location.place) {
        shared.overdue.refused.fetch_add(1, Ordering::Relaxed);
        return Ok(());
    }
    let metadata = Metadata::read(fd, &stat)?;
    let Some((content, shape)) = take(fd, &stat)? else {
        return Ok(());
    };
    let after = os::fstat(fd)?;
    let (is_reopened, is_opened) = {
        let index = shared.store.index();
        (index.is_reopened(key), index.opened_since(key, closed))
    };
    let unchanged = Stamp::from(&after) == metadata.stamp() && (is_reopened || !is_opened);
    // Nothing is lost by a state in between when there never was any content: of a new mode or owner it is told.
    let always_empty = earlier.is_none() && stat.st_size + after.st_size == 0;
    if !unchanged && !always_empty {
        return Ok(());
    }
    // No close was told since the copy that is known, or since the last writer opened it again: who writes now was not asked, and
    // what he makes of it is no state of rest.
    if (is_kept || is_reopened) && closing::is_being_written(shared, fd, &stat)? {
        return shared.watch.ask_again(fd);
    }
    let version = Version {
        time,
        pid: 0,
        content,
        metadata,
        shape,
    };
    shared
        .store
        .note_resting(version.content.bytes(), earlier.unwrap_or(0));
    let is_copied = !matches!(version.content, Content::Missing(_));
    shared.store.record(Record::Version(location, version));
    if is_copied {
        shared.ignore(fd);
    }
    Ok(())
}
