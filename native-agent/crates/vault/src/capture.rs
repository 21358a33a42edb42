//! Workers: they copy a file's state into the pack while its opener waits.
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, PoisonError};

use norn_journal::copies::{keep, missing_version};
use norn_journal::file::{Metadata, Stamp};
use norn_journal::record::{Content, Missing, NameKind, NameOperation, Record, Time, Version};
use norn_os as os;
use norn_watch::places::{Found, LowerFile};

use crate::opens::{Done, Job, allow};
use crate::shared::Shared;

/// An empty file younger than this was made by the open that asks, ns.
const NEWBORN_NS: u64 = 200_000_000;
/// How often a copy that somebody wrote into is tried again.
const TRIES: usize = 3;

/// Works until the responder is gone.
pub fn work(shared: &Shared, jobs: &Mutex<Receiver<Box<Job>>>, done: &Done) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else {
            return;
        };
        dawdle(shared);
        capture(shared, &job);
        shared.store.index().take_late(job.key);
        shared.progress.captures.done();
        // Through the responder it would come two changes of threads later.
        if !job.released.swap(true, Ordering::AcqRel) {
            allow(&shared.watch, &job.fd);
        }
        done.push(job.id);
    }
}

/// What `Vault::slow_down` asked for.
fn dawdle(shared: &Shared) {
    let begun = os::boot_ns();
    let delay = shared.capture_delay_ns.load(Ordering::Relaxed);
    while os::boot_ns() - begun < delay && !shared.stop.load(Ordering::Relaxed) {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

pub fn capture(shared: &Shared, job: &Job) {
    let fd = job.fd.as_raw_fd();
    let now = Some(Stamp::from(&job.stat));
    let saved = shared.store.index().state(job.key).map(|state| state.saved());
    // Another open of the same file brought it in while this one waited. What was made empty and is closed already was copied
    // by then, but that it was made is still to be told.
    if saved == Some(now) && job.born.is_none() {
        return;
    }
    let found = job.born.clone().or_else(|| shared.find(fd, &job.stat, job.key));
    let Some(found) = found else {
        return;
    };
    let lower = found
        .overlay
        .as_ref()
        .and_then(|overlay| LowerFile::behind(overlay, &found.location.path, &job.stat));
    if lower.is_none() && job.is_making {
        record_birth(shared, &found, (job.time, job.pid));
        return;
    }
    let version = match lower {
        Some(_) => lower_version(fd, job, &found),
        None => copy_version(shared, job, &found),
    };
    let version = version.unwrap_or_else(|error| {
        tracing::warn!(%error, key = ?job.key, "a pre-image can't be taken");
        missing_version((fd, &job.stat), (job.time, job.pid), Missing::Unreadable)
    });
    let saved = !matches!(version.content, Content::Missing(_));
    if lower.is_none() {
        note_image(shared, &found, &version);
    }
    shared.store.record(Record::Version(found.location, version));
    if saved {
        shared.ignore(fd);
    }
}

/// A file of the image that was copied into the layer without an open, with what was set then: how the image has it is known, too.
fn note_image(shared: &Shared, found: &Found, version: &Version) {
    let Some(overlay) = &found.overlay else {
        return;
    };
    let location = &found.location;
    if shared.store.index().state(location.key).is_some() {
        return;
    }
    let same = |metadata: &Metadata| (metadata.size, metadata.modified_ns);
    let Some(image) = LowerFile::shown(&overlay.mount.lower, &location.path) else {
        return;
    };
    let Ok(metadata) = Metadata::read(image.file.as_raw_fd(), &image.stat) else {
        return;
    };
    if metadata.is_regular() && same(&metadata) == same(&version.metadata) {
        let version = Version {
            time: version.time - 1,
            pid: 0,
            content: Content::Lower(location.path.clone()),
            metadata,
            shape: None,
        };
        shared.store.record(Record::Version(location.clone(), version));
    }
}

/// Made by the open that asks.
pub fn is_newborn(fd: RawFd, stat: &os::Stat, time: Time) -> bool {
    let waited = os::boot_ns().saturating_sub(time as u64);
    let opened = os::wall_ns().saturating_sub(waited);
    stat.st_size == 0 && opened.saturating_sub(os::birth_ns(fd)) < NEWBORN_NS
}

/// A file that did not exist before has no pre-image: its creation is what is undone.
pub fn record_birth(shared: &Shared, found: &Found, (time, pid): (Time, u32)) {
    let location = &found.location;
    let mut index = shared.store.index();
    let known =
        index.knows_creation(location.key, &location.path) || index.has_state_before(location.key, time);
    if !known && found.overlay.is_none() {
        index.note_birth(location.key);
    }
    drop(index);
    if known || found.overlay.is_none() {
        return;
    }
    shared.store.record(Record::Name(NameOperation {
        time,
        pid,
        place: location.place,
        kind: NameKind::Create,
        path: location.path.clone(),
        target: Vec::new(),
        key: Some(location.key),
        replaced: None,
        directory: false,
        seen: location.seen.clone(),
    }));
}

fn lower_version(fd: RawFd, job: &Job, found: &Found) -> io::Result<Version> {
    Ok(Version {
        time: job.time,
        pid: job.pid,
        content: Content::Lower(found.location.path.clone()),
        metadata: Metadata::read(fd, &job.stat)?,
        shape: None,
    })
}

fn copy_version(shared: &Shared, job: &Job, found: &Found) -> io::Result<Version> {
    let fd = job.fd.as_raw_fd();
    let upper = found.overlay.as_ref().map(|overlay| &overlay.mount.upper[..]);
    let keep = |stat: &os::Stat| keep(&shared.store, (fd, stat), (upper, &found.location.path));
    let too_slow = || missing_version((fd, &job.stat), (job.time, job.pid), Missing::TooSlow);
    for _ in 0..TRIES {
        let stat = os::fstat(fd)?;
        // The opener was let go while this waited: what it wrote is no pre-image, however whole the copy is.
        if job.released.load(Ordering::Acquire) && Stamp::from(&stat) != Stamp::from(&job.stat) {
            return Ok(too_slow());
        }
        let metadata = Metadata::read(fd, &stat)?;
        let (content, shape) = keep(&stat)?;
        if os::fstat(fd).is_ok_and(|after| Stamp::from(&after) == metadata.stamp()) {
            return Ok(Version {
                time: job.time,
                pid: job.pid,
                content,
                metadata,
                shape,
            });
        }
        if job.released.load(Ordering::Acquire) {
            return Ok(too_slow());
        }
    }
    // Somebody who had it open writes on and on: what is there now is the best there is.
    let stat = os::fstat(fd)?;
    let metadata = Metadata::read(fd, &stat)?;
    let (content, shape) = keep(&stat)?;
    Ok(Version {
        time: job.time,
        pid: job.pid,
        content,
        metadata,
        shape,
    })
}
