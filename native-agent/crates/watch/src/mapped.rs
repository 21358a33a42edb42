//! Files of overlays that a mapping can still write to when their last descriptor is closed. The mapping is one of the layer's
//! file: nobody tells of what is written by it, nor of its end. So they are looked at until nobody can write to them.
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use norn_journal::clones::open_in_layer;
use norn_journal::file::{FileKey, Stamp};
use norn_journal::record::Time;
use norn_os as os;

use crate::closes::Close;
use crate::mappers::{Identity, Search, Writer};
use crate::places::Overlay;
use crate::watched::Watched;

/// Files looked at, each with two descriptors; those that came first stay, and the others are counted.
const MAPPED_MAX: usize = 1024;
/// With those of which nobody knows yet whether they are mapped.
const NOTED_MAX: usize = 2 * MAPPED_MAX;
/// A look that takes long is followed by a longer time without one: a fiftieth of a core at most.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Sooner than a restore begins after it was asked for.
const LOOK_EVERY_MAX: Duration = Duration::from_millis(200);
const REST: u32 = 50;
/// An overlay lets go of the layer's file a moment after its close is told: only what can still be written then is mapped.
const FIRST_LOOK: Duration = Duration::from_millis(2);

struct Mapped {
    key: FileKey,
    /// As the container has it.
    fd: OwnedFd,
    layer: OwnedFd,
    /// Who closed it last, with only mappings left; once he has ended, who has it mapped.
    writer: Writer,
    identity: Identity,
    /// Size and time of change of the content, ns: another mode, owner or name is no write.
    seen: (u64, i128),
    first_look_at: Instant,
    is_certain: bool,
}

fn content(stat: &os::Stat) -> (u64, i128) {
    let stamp = Stamp::from(stat);
    (stamp.size, stamp.modified_ns)
}

#[derive(Default)]
pub struct Mappings {
    files: Vec<Mapped>,
    look_at: Option<Instant>,
    /// At those alone that nobody has looked at yet.
    first_look_at: Option<Instant>,
    search: Search,
}

impl Mappings {
    /// To be called at each close of a file.
    pub fn note(&mut self, watched: &Watched, close: &Close) -> io::Result<()> {
        let fd = close.fd.as_raw_fd();
        let stat = os::fstat(fd)?;
        let Some(overlay) = watched.places.overlay(stat.st_dev) else {
            return Ok(());
        };
        // Who has it open still will close it, and is told of then.
        if stat.st_nlink == 0 || os::is_open_to_write(fd)? {
            return Ok(());
        }
        let key = watched.places.key(fd, &stat)?;
        let is_known = self.files.iter().any(|file| file.key == key);
        let found = watched
            .places
            .find_in_overlay(fd, &stat, key)
            .filter(|_| !is_known);
        let layer = found.and_then(|found| in_layer(&overlay, &found.location.path, &stat));
        let Some(layer) = layer else {
            return Ok(());
        };
        if os::is_open_to_write(layer.as_raw_fd())? {
            if self.files.len() >= NOTED_MAX {
                watched.mapped_refused.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            let identity = Identity::of(&stat, &os::fstat(layer.as_raw_fd())?);
            let first_look_at = Instant::now() + FIRST_LOOK;
            self.first_look_at.get_or_insert(first_look_at);
            self.files.push(Mapped {
                key,
                fd: close.fd.try_clone()?,
                layer,
                writer: Writer::now(close.pid),
                identity,
                seen: content(&stat),
                first_look_at,
                is_certain: false,
            });
        }
        Ok(())
    }

    /// How long until the next look; `None` when there is nothing to look at.
    pub fn due_in(&self) -> Option<Duration> {
        let at = self.look_at.into_iter().chain(self.first_look_at).min()?;
        Some(at.saturating_duration_since(Instant::now()))
    }

    /// What was written since the last look, as if it were closed now. When it is due.
    pub fn look(&mut self, watched: &Watched) -> Vec<Close> {
        if self.due_in() != Some(Duration::ZERO) {
            return Vec::new();
        }
        let begun = Instant::now();
        let at_all = self.look_at.is_some_and(|at| at <= begun);
        if at_all {
            self.find_writers();
        }
        let (mut written, mut certain) = (Vec::new(), 0);
        let is_searching = self.search.goes_on();
        self.files.retain_mut(|file| {
            let is_due = if file.is_certain {
                at_all
            } else {
                file.first_look_at <= begun
            };
            if !is_due {
                certain += usize::from(file.is_certain);
                return true;
            }
            let goes_on = file.look(is_searching, &mut written);
            let goes_on = goes_on.unwrap_or_else(|error| {
                tracing::debug!(%error, "a file that is mapped can't be looked at");
                false
            });
            certain += usize::from(goes_on);
            if certain > MAPPED_MAX {
                watched.mapped_refused.fetch_add(1, Ordering::Relaxed);
            }
            goes_on && certain <= MAPPED_MAX
        });
        let uncertain = self.files.iter().filter(|file| !file.is_certain);
        self.first_look_at = uncertain.map(|file| file.first_look_at).min();
        let pause = (begun.elapsed() * REST).clamp(LOOK_EVERY, LOOK_EVERY_MAX);
        let next = self.look_at.filter(|_| !at_all).unwrap_or(begun + pause);
        self.look_at = (!self.files.is_empty()).then_some(next);
        written
    }

    /// Of those whose writer has ended: a child of his may have the mapping from him, and is not to be missed when it writes.
    fn find_writers(&mut self) {
        self.search.look_at_ends();
        let mut orphans: Vec<_> = self.files.iter_mut().filter(|file| file.is_certain).collect();
        orphans.retain_mut(|file| self.search.has_ended(&file.writer));
        let mut wanted: Vec<_> = orphans
            .iter_mut()
            .map(|file| (file.identity, &mut file.writer))
            .collect();
        self.search.go_on(&mut wanted);
    }
}

impl Mapped {
    /// Says whether it is to be looked at again. While it is being searched who has it mapped, nothing is told of it.
    fn look(&mut self, is_searching: bool, written: &mut Vec<Close>) -> io::Result<bool> {
        // First this: what is written by a mapping that has gone meanwhile is seen after it.
        let is_mapped = os::is_open_to_write(self.layer.as_raw_fd())?;
        if !is_mapped && !self.is_certain {
            return Ok(false);
        }
        self.is_certain = true;
        if is_mapped && is_searching && !self.writer.lives() {
            return Ok(true);
        }
        let now = content(&os::fstat(self.fd.as_raw_fd())?);
        let changed = std::mem::replace(&mut self.seen, now) != now;
        // Who has opened it since tells of it by his close.
        if changed && !os::is_open_to_write(self.fd.as_raw_fd())? {
            let (fd, pid, time) = (self.fd.try_clone()?, self.writer.pid, os::boot_ns() as Time);
            written.push(Close { fd, pid, time });
        }
        Ok(is_mapped)
    }
}

/// The file of the layer, open for reading.
fn in_layer(overlay: &Overlay, path: &[u8], stat: &os::Stat) -> Option<OwnedFd> {
    let (file, there) = open_in_layer(&overlay.mount.upper, path)?;
    // On one file system both have one number; else what nobody writes at this moment has one state.
    let is_it = there.st_ino == stat.st_ino || Stamp::from(&there) == Stamp::from(stat);
    is_it.then_some(file)
}

/// A descriptor, or a mapping of the layer's file, can write to it. `file` is open for reading.
pub fn can_be_written(watched: &Watched, file: RawFd, stat: &os::Stat) -> io::Result<bool> {
    if os::is_open_to_write(file)? {
        return Ok(true);
    }
    let Some(overlay) = watched.places.overlay(stat.st_dev) else {
        return Ok(false);
    };
    let key = watched.places.key(file, stat)?;
    let found = watched.places.find_in_overlay(file, stat, key);
    let layer = found.and_then(|found| in_layer(&overlay, &found.location.path, stat));
    layer.map_or(Ok(false), |layer| os::is_open_to_write(layer.as_raw_fd()))
}
