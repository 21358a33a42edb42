//! Large files kept whole without copying them, where the file system lets two files share their blocks (FICLONE: XFS, Btrfs). A
//! clone takes room only as its original is overwritten. Those of deleted versions go, and the oldest when there are too many.
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use norn_events::wire::event::v1::Capability;
use norn_os as os;
use norn_os::paths::open_path;

use crate::file::{FILE_BYTES_MAX, FileKey, Stamp};
use crate::index::Index;
use crate::record::{Content, Record, Time};

/// Smaller files are copied: that costs less than a file of their own.
pub const CLONE_BYTES_MIN: u64 = 1 << 20;
/// Clones stand for at most this many times what the vault may copy: most of it is shared with their originals.
const ROOMS: u64 = 8;
/// With less of the file system free, clones give way,
const FREE_PERCENT_MIN: u64 = 5;
/// and with less than this there are no new ones.
const FREE_PERCENT_NEW: u64 = 10;
/// A clone that no version names yet may be about to be named.
const GRACE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Clones {
    dir: PathBuf,
    bytes_max: u64,
    /// Why this file system has none.
    refused: Option<io::Error>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    next: u64,
    bytes: u64,
    by_number: BTreeMap<u64, Clone>,
    /// Not on the disk for sure yet.
    fresh: Vec<File>,
}

#[derive(Debug, Default)]
struct Clone {
    bytes: u64,
    /// Files with a version that is this one.
    of: HashSet<FileKey>,
    made: Option<Instant>,
}

impl Clones {
    /// `named` are the clones that versions of the journal speak of: all others are removed.
    pub fn open(dir: PathBuf, bytes_max: u64, named: BTreeMap<u64, HashSet<FileKey>>) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        let mut known = Known::default();
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            known.next = known.next.max(number + 1);
            let Some(of) = named.get(&number).cloned() else {
                fs::remove_file(entry.path())?;
                continue;
            };
            let bytes = entry.metadata()?.blocks() * 512;
            let made = None;
            known.bytes += bytes;
            known.by_number.insert(number, Clone { bytes, of, made });
        }
        let refused = try_out(&dir, known.next).err();
        Ok(Self {
            dir,
            refused,
            bytes_max: bytes_max * ROOMS,
            known: Mutex::new(known),
        })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, number: u64) -> PathBuf {
        self.dir.join(number.to_string())
    }

    /// The content of the file as it is now; `None` when it can't be shared, or there is no room.
    pub fn keep(&self, from: RawFd, stat: &os::Stat) -> Option<Content> {
        let bytes = stat.st_blocks as u64 * 512;
        if self.refused.is_some() || self.free_percent() < FREE_PERCENT_NEW {
            return None;
        }
        let number = self.number_for(bytes)?;
        let path = self.path(number);
        let made = new_file(&path).and_then(|to| os::clone_file(from, to.as_raw_fd()).map(|()| to));
        let to = match made {
            Ok(to) => to,
            Err(error) => {
                tracing::trace!(%error, "a file can't be cloned");
                drop(fs::remove_file(path));
                return None;
            }
        };
        let mut known = self.known();
        known.bytes += bytes;
        known.fresh.push(to);
        let made = Some(Instant::now());
        let of = HashSet::new();
        known.by_number.insert(number, Clone { bytes, of, made });
        Some(Content::Cloned(number))
    }

    /// `None` when there is no room for them.
    fn number_for(&self, bytes: u64) -> Option<u64> {
        let mut known = self.known();
        let fits = known.bytes + bytes <= self.bytes_max;
        fits.then(|| {
            known.next += 1;
            known.next - 1
        })
    }

    /// Can files that are on the vault's own file system be cloned?
    pub fn is_supported(&self) -> Result<(), &io::Error> {
        self.refused.as_ref().map_or(Ok(()), Err)
    }

    fn free_percent(&self) -> u64 {
        os::free_percent(&self.dir).unwrap_or(0)
    }

    /// Which files a clone is of is learned from what is recorded.
    pub fn note(&self, record: &Record) {
        if let Some((number, key)) = named_by(record)
            && let Some(clone) = self.known().by_number.get_mut(&number)
        {
            clone.of.insert(key);
        }
    }

    /// To read from; a damaged one, whose size is not the version's, is said to be.
    pub fn file(&self, number: u64, size: u64) -> io::Result<OwnedFd> {
        let file = File::open(self.path(number))?;
        match file.metadata()?.len() == size {
            true => Ok(file.into()),
            false => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the pre-image is damaged on disk",
            )),
        }
    }

    /// Puts those made since the last call onto the disk.
    pub fn flush(&self) {
        let fresh = std::mem::take(&mut self.known().fresh);
        for failed in fresh.into_iter().filter_map(|file| file.sync_all().err()) {
            tracing::error!(error = %failed, "a clone can't be flushed to disk");
        }
    }

    pub fn bytes(&self) -> u64 {
        self.known().bytes
    }

    /// Those that no version names any more: they are to be removed, when nobody holds the index.
    pub fn orphans(&self, index: &Index) -> Vec<u64> {
        let mut known = self.known();
        let mut gone = Vec::new();
        for (&number, clone) in &mut known.by_number {
            clone.of.retain(|&key| names(index, key, number).next().is_some());
            let is_young = clone.made.is_some_and(|made| made.elapsed() < GRACE);
            if clone.of.is_empty() && !is_young {
                gone.push(number);
            }
        }
        for number in &gone {
            let bytes = known.by_number.remove(number).map_or(0, |clone| clone.bytes);
            known.bytes -= bytes;
        }
        gone
    }

    pub fn remove(&self, numbers: &[u64]) {
        for &number in numbers {
            if let Err(error) = fs::remove_file(self.path(number)) {
                tracing::warn!(%error, number, "a clone can't be removed");
            }
        }
    }

    /// Versions that are to give way, the oldest clones' first; never those of `kept`.
    pub fn surplus(&self, index: &Index, kept: &HashSet<FileKey>) -> Vec<(FileKey, Time)> {
        let known = self.known();
        let most = self.bytes_max / 8 * 7;
        if known.bytes <= most && self.free_percent() >= FREE_PERCENT_MIN {
            return Vec::new();
        }
        let mut left = known.bytes;
        // With too little free, an eighth goes at a time.
        let goal = most.min(known.bytes / 8 * 7);
        let mut surplus = Vec::new();
        for (&number, clone) in &known.by_number {
            let of: BTreeSet<FileKey> = clone.of.iter().map(|&key| index.original(key)).collect();
            if left <= goal {
                break;
            }
            if of.iter().any(|key| kept.contains(key)) {
                continue;
            }
            left -= clone.bytes;
            for key in of {
                surplus.extend(names(index, key, number).map(|time| (key, time)));
            }
        }
        surplus
    }
}

pub fn capability(clones: &Clones) -> Capability {
    let available = clones.is_supported().is_ok();
    let detail = match clones.is_supported() {
        Ok(()) => "large files on the vault's file system are kept whole by sharing their blocks".to_owned(),
        Err(error) => format!(
            "the vault's file system can't share blocks between files (XFS and Btrfs can): large files are copied, those above {} MiB not kept: {error}",
            FILE_BYTES_MAX >> 20
        ),
    };
    Capability {
        name: "vault.clone".to_owned(),
        available,
        mechanism: if available {
            "reflink".to_owned()
        } else {
            String::new()
        },
        detail,
        verified: available,
    }
}

/// The clone that a record speaks of, and whose it is.
pub fn named_by(record: &Record) -> Option<(u64, FileKey)> {
    match record {
        Record::Version(location, version) => match version.content {
            Content::Cloned(number) => Some((number, location.key)),
            _ => None,
        },
        _ => None,
    }
}

/// The times of the file's versions that are this clone.
fn names(index: &Index, key: FileKey, number: u64) -> impl Iterator<Item = Time> + use<> {
    let state = index.state(key);
    let versions = state.map(|state| state.versions.clone()).unwrap_or_default();
    versions
        .into_iter()
        .filter(move |version| version.content == Content::Cloned(number))
        .map(|version| version.time)
}

fn try_out(dir: &Path, number: u64) -> io::Result<()> {
    let paths = [number, number + 1].map(|number| dir.join(number.to_string()));
    let tried = new_file(&paths[0]).and_then(|from| {
        from.write_all_at(b"a block to share", 0)?;
        let to = new_file(&paths[1])?;
        os::clone_file(from.as_raw_fd(), to.as_raw_fd())
    });
    paths.iter().for_each(|path| drop(fs::remove_file(path)));
    tried
}

fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// A file of an overlay can't share its blocks, that of its layer with the same size and times can.
pub fn in_layer(upper: &[u8], path: &[u8], stat: &os::Stat) -> Option<OwnedFd> {
    let (file, there) = open_in_layer(upper, path)?;
    (Stamp::from(&there) == Stamp::from(stat)).then_some(file)
}

/// What the layer has under this name, open for reading.
pub fn open_in_layer(upper: &[u8], path: &[u8]) -> Option<(OwnedFd, os::Stat)> {
    let layer = open_path(upper).ok()?;
    let flags = libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOATIME;
    let file = os::open_below(layer.as_raw_fd(), path, flags, os::BELOW).ok()?;
    let stat = os::fstat(file.as_raw_fd()).ok()?;
    Some((file, stat))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_that_no_version_names_are_removed_at_the_start() {
        let dir = std::env::temp_dir().join(format!("norn-clones-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        for number in [3, 7] {
            fs::write(dir.join(number.to_string()), "a clone").unwrap();
        }
        let named = BTreeMap::from([(7, HashSet::from([FileKey(1)]))]);
        let clones = Clones::open(dir.clone(), 1 << 20, named).unwrap();
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        assert!(clones.file(7, 7).is_ok());
        assert!(clones.file(7, 8).is_err(), "it has another size");
        clones.remove(&clones.orphans(&Index::default()));
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
        fs::remove_dir_all(&dir).unwrap();
    }
}
