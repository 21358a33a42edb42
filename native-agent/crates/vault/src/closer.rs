//! After a close: what became of the content is told, and the new state of a small file is copied at rest.
use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use norn_events::ChangeKind;
use norn_journal::copies::{missing_version, sample};
use norn_journal::file::{FileKey, Metadata, Stamp};
use norn_journal::record::{Aspect, Change, Content, Location, Missing, Record, Time, Version};
use norn_os as os;
use norn_watch::closes::Close;
use norn_watch::closing;
use norn_watch::mapped::Mappings;
use norn_watch::places::{Found, LowerFile};

use crate::rest::{REST_BYTES_MAX, at_rest};
use crate::shared::Shared;
use crate::told::{before, looks_encrypted, tell};
use crate::writers::Writers;

/// Files waiting for their copy at rest, each with its descriptor; more are put off.
pub const REST_MAX: usize = 1024;
/// Copies at rest begin when no close came for this long.
const QUIET: Duration = Duration::from_millis(2);
/// While files are closed one after the other, nobody is woken by each: what was closed is fetched this often.
const NAP: Duration = Duration::from_micros(250);
/// When the last close was this long ago, the next one may wake the closer.
const LINGER: Duration = Duration::from_millis(20);
const IDLE: Duration = Duration::from_millis(500);
const SETTLED_AFTER: Duration = Duration::from_millis(100);
/// Much longer than any file system's clock takes to go on.
const CLOCK_TICK_NS: i128 = 1_000_000_000;

struct Resting {
    fd: OwnedFd,
    location: Location,
    closed: Time,
    /// Looked at again then: owner, mode and times are often set after the last close.
    again: Option<Instant>,
}

/// The files that wait for their copy, each once, in order of their first close.
#[derive(Default)]
struct Queue {
    order: VecDeque<FileKey>,
    files: HashMap<FileKey, Resting>,
}

impl Queue {
    fn push(&mut self, file: Resting) {
        let key = file.location.key;
        if self.files.insert(key, file).is_none() {
            self.order.push_back(key);
        }
    }

    fn pop(&mut self) -> Option<Resting> {
        self.order.pop_front().and_then(|key| self.files.remove(&key))
    }
}

/// The files whose copy at rest is due, and those that are looked at once more.
#[derive(Default)]
struct Files {
    resting: Queue,
    settling: VecDeque<Resting>,
    writers: Writers,
    mapped: Mappings,
}

impl Files {
    fn is_empty(&self) -> bool {
        self.resting.order.is_empty() && self.settling.is_empty()
    }

    fn closed(&mut self, shared: &Shared, close: Close) {
        if let Err(error) = self.mapped.note(shared, &close) {
            tracing::debug!(%error, "nobody can tell whether a file that was closed is mapped");
        }
        self.take(shared, close);
    }

    fn look_at_mapped(&mut self, shared: &Shared) {
        for written in self.mapped.look(shared) {
            self.take(shared, written);
        }
    }

    fn take(&mut self, shared: &Shared, close: Close) {
        match after_close(shared, &mut self.writers, close) {
            Ok(Some(file)) if self.resting.order.len() < REST_MAX && !shared.pace.is_ahead() => {
                self.resting.push(file);
                self.count(shared);
            }
            Ok(Some(file)) => shared.put_off(file.location.place, file.location.path),
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "a file that was closed can't be read"),
        }
    }

    /// One at a time: whoever works on this host goes first.
    fn rest(&mut self, shared: &Shared) {
        if let Some(mut file) = self.resting.pop() {
            rest(shared, &file);
            file.again = Some(Instant::now() + SETTLED_AFTER);
            self.settling.push_back(file);
            self.settling.truncate(REST_MAX);
        }
        let due = |file: &mut Resting| file.again.is_some_and(|again| again <= Instant::now());
        while let Some(file) = self.settling.pop_front_if(due) {
            rest(shared, &file);
        }
        self.count(shared);
    }

    fn count(&self, shared: &Shared) {
        let count = self.resting.order.len() + self.settling.len();
        shared.progress.rests.set(count);
    }
}

/// Works until no thread of the vault opens files any more, and all that was closed is taken in.
pub fn run(shared: &Shared) {
    let mut files = Files::default();
    let mut rest_at = Instant::now();
    let mut busy_until = rest_at;
    loop {
        files.look_at_mapped(shared);
        if let Some(close) = next(shared) {
            files.closed(shared, close);
            shared.progress.closes.handled(1);
            rest_at = Instant::now() + QUIET;
            busy_until = Instant::now() + LINGER;
        } else if shared.quiet.load(Ordering::Relaxed) {
            return;
        } else if !files.is_empty() && rest_at <= Instant::now() {
            files.rest(shared);
            rest_at = Instant::now() + QUIET;
        } else if Instant::now() < busy_until {
            std::thread::sleep(NAP);
        } else {
            let idle = if files.is_empty() { IDLE } else { QUIET };
            closing::wait(shared, files.mapped.due_in().unwrap_or(idle).min(idle));
        }
    }
}

fn next(shared: &Shared) -> Option<Close> {
    let waiting = shared.closes.pop();
    waiting.or_else(|| {
        closing::gather(shared);
        shared.closes.pop()
    })
}

fn after_close(shared: &Shared, writers: &mut Writers, mut close: Close) -> io::Result<Option<Resting>> {
    let fd = close.fd.as_raw_fd();
    let stat = os::fstat(fd)?;
    if stat.st_mode & libc::S_IFMT != libc::S_IFREG {
        return Ok(None);
    }
    let key = shared.places.key(fd, &stat)?;
    if is_unwritten(shared, key, &stat) {
        return Ok(None);
    }
    let Some(found) = shared.find(fd, &stat, key) else {
        return Ok(None);
    };
    close.pid = writers.of(shared, (key, found.location.place), (close.pid, close.time));
    let after = sample(fd, stat.st_size as u64)?;
    let (created, known) = {
        let index = shared.store.index();
        (
            index.knows_birth(key, &found.location.path),
            index.has_state_before(key, close.time),
        )
    };
    let copied_up = !created && !known && record_copied_up(shared, &found, (&stat, close.time));
    if !created && !copied_up {
        record_late(shared, &found, (fd, &stat));
    }
    note_other_writers(shared, (fd, &stat), (key, close.time));
    let before = before(shared, key, close.time);
    let change = Change {
        time: close.time,
        pid: close.pid,
        aspect: Aspect::Content,
    };
    shared
        .store
        .record(Record::Change(found.location.clone(), change));
    let kind = if created && before.is_none() {
        ChangeKind::Created
    } else {
        ChangeKind::Overwritten
    };
    tell(
        shared,
        &found.location.seen,
        (close.pid, close.time),
        (kind, before, Some(after)),
    );
    let wanted = !shared.store.index().is_held(close.pid, close.time)
        && stat.st_size as u64 <= REST_BYTES_MAX
        && !shared.store.is_rest_full()
        && !looks_encrypted(before, after);
    let resting = Resting {
        fd: close.fd,
        location: found.location,
        closed: close.time,
        again: None,
    };
    if wanted && stat.st_size == 0 {
        // Nothing to copy, and one that waited behind others could be deleted meanwhile.
        rest(shared, &resting);
    }
    Ok((wanted && stat.st_nlink > 0).then_some(resting))
}

/// Opened to write and closed as it was copied. A write in the tick of the clock in which the copied state came about would not
/// show: such a young one counts as written.
fn is_unwritten(shared: &Shared, key: FileKey, stat: &os::Stat) -> bool {
    let index = shared.store.index();
    let Some(state) = index.state(key) else {
        return false;
    };
    let copied = state.last().map_or(Time::MIN, |last| last.time);
    let now = Stamp::from(stat);
    let age = i128::from(os::wall_ns()) - now.changed_ns;
    let since = i128::from(os::boot_ns()) - i128::from(copied);
    state.saved() == Some(now)
        && age - since > CLOCK_TICK_NS
        && !state.ends_in_the_making(index.watched_since_ns)
}

/// Its opener was let go without a pre-image, and here it changed.
fn record_late(shared: &Shared, found: &Found, file: (RawFd, &os::Stat)) {
    let key = found.location.key;
    let late = shared.store.index().take_late(key);
    let Some((time, pid)) = late else {
        return;
    };
    let version = missing_version(file, (time, pid), Missing::TooSlow);
    shared
        .store
        .record(Record::Version(found.location.clone(), version));
}

/// A lower file that was opened without asking (its record was lost): it is its own pre-image.
fn record_copied_up(shared: &Shared, found: &Found, (stat, time): (&os::Stat, Time)) -> bool {
    let Some(overlay) = &found.overlay else {
        return false;
    };
    let path = &found.location.path;
    let same = |lower: &os::Stat| lower.st_ino == stat.st_ino;
    if let Some(lower) = LowerFile::open(&overlay.mount.lower, path, same)
        && let Ok(metadata) = Metadata::read(lower.file.as_raw_fd(), &lower.stat)
    {
        let content = Content::Lower(path.clone());
        let version = Version {
            time: time - 1,
            pid: 0,
            content,
            metadata,
            shape: None,
        };
        shared
            .store
            .record(Record::Version(found.location.clone(), version));
        return true;
    }
    false
}

/// Somebody opened the file while it was being written: whether only by the one who closes it now says what he can still do.
fn note_other_writers(shared: &Shared, (fd, stat): (RawFd, &os::Stat), (key, time): (FileKey, Time)) {
    if !is_in_the_making(shared, key, time) && !shared.store.index().has_other_writers(key) {
        return;
    }
    let is_shared = closing::is_written_by_others(shared, fd, stat);
    shared.store.index().note_other_writers(key, time, is_shared);
}

fn is_in_the_making(shared: &Shared, key: FileKey, time: Time) -> bool {
    let index = shared.store.index();
    let since = index.watched_since_ns;
    index.state(key).is_some_and(|state| {
        let settled = state.settled_before(time, since).map(|version| version.time);
        settled != state.before(time).map(|version| version.time)
    })
}

fn rest(shared: &Shared, file: &Resting) {
    at_rest(shared, file.fd.as_raw_fd(), (file.location.clone(), file.closed))
        .unwrap_or_else(|error| tracing::debug!(%error, "no copy at rest"));
}
