//! A restore writes down what it does as any process's work is written down, under an identity of its own, and saves first what
//! it replaces. So a later request can undo it.
use std::io;
use std::os::fd::AsRawFd;

use norn_events::ProcessUid;
use norn_journal::copies;
use norn_journal::file::{FileKey, Metadata, PlaceId, Stamp};
use norn_journal::record::{
    Actor, Aspect, Change, Content, Location, NameKind, NameOperation, RESTORER, Record, Time, Version,
};
use norn_os as os;
use norn_watch::watched::Watched;
use xxhash_rust::xxh3::xxh3_64;

use crate::tree::{Entry, Tree};

pub struct Deed<'a> {
    watched: &'a Watched,
    pid: u32,
}

/// Where something is done, and what the process of the attack called it.
#[derive(Clone, Copy)]
pub struct At<'a> {
    pub place: PlaceId,
    pub path: &'a [u8],
    pub seen: &'a [u8],
}

fn now() -> Time {
    os::boot_ns() as Time
}

impl<'a> Deed<'a> {
    /// The same identity goes on with the same deed.
    pub fn begin(watched: &'a Watched, id: ProcessUid) -> Self {
        let pid = RESTORER | xxh3_64(&id.0) as u32;
        let actor = Actor {
            uid: id,
            parent: ProcessUid::UNKNOWN,
            pid,
            start: now(),
            container: None,
        };
        if !watched.store.index().actors.contains(id) {
            watched.store.record(Record::Actor(actor));
        }
        Self { watched, pid }
    }

    fn location(&self, at: At<'_>, key: FileKey) -> Location {
        Location {
            key,
            place: at.place,
            path: at.path.to_vec(),
            seen: at.seen.to_vec(),
        }
    }

    /// Saves the whole state of what is there. What can't be saved is written down as missing, with the reason.
    pub fn keep(&self, at: At<'_>, entry: &Entry, tree: &Tree) -> io::Result<()> {
        self.keep_as(entry.key, at, (entry, tree))
    }

    /// As `keep`, as the state of `key`.
    pub fn keep_as(&self, key: FileKey, at: At<'_>, (entry, tree): (&Entry, &Tree)) -> io::Result<()> {
        let (fd, time) = (entry.file.as_raw_fd(), now());
        let index = self.watched.store.index();
        let state = index.state(entry.key);
        let saved = state.filter(|state| state.saved() == Some(Stamp::from(&entry.stat)));
        let saved = saved.and_then(|state| state.last().cloned());
        drop(index);
        let (content, shape) = match (saved, entry.stat.st_mode & libc::S_IFMT) {
            (Some(saved), _) => (saved.content, saved.shape),
            (None, libc::S_IFREG) => {
                let file = tree.open_file(entry, libc::O_RDONLY)?;
                let stat = os::fstat(file.as_raw_fd())?;
                let upper = Some(&tree.upper[..]).filter(|upper| !upper.is_empty());
                copies::keep(&self.watched.store, (file.as_raw_fd(), &stat), (upper, at.path))?
            }
            (None, libc::S_IFLNK) => (Content::Link(os::read_link_at(fd, c"")?), None),
            (None, _) => (Content::Packed(Vec::new()), None),
        };
        let version = Version {
            time,
            pid: self.pid,
            content,
            metadata: Metadata::read(fd, &entry.stat)?,
            shape,
        };
        let location = self.location(at, key);
        self.watched.store.record(Record::Version(location, version));
        Ok(())
    }

    /// A directory that was empty, and is gone.
    pub fn keep_gone(&self, at: At<'_>, entry: &Entry) -> io::Result<()> {
        let metadata = Metadata::read(entry.file.as_raw_fd(), &entry.stat)?;
        let version = Version {
            time: now(),
            pid: self.pid,
            content: Content::Packed(Vec::new()),
            metadata,
            shape: None,
        };
        let location = self.location(at, entry.key);
        self.watched.store.record(Record::Version(location, version));
        self.unlinked(at, entry.key, true);
        Ok(())
    }

    /// The content is `version`'s own: only the metadata that is there now needs room.
    pub fn keep_metadata(&self, at: At<'_>, key: FileKey, (version, metadata): (&Version, Metadata)) {
        let kept = Version {
            time: now(),
            pid: self.pid,
            metadata,
            ..version.clone()
        };
        let location = self.location(at, key);
        self.watched.store.record(Record::Version(location, kept));
    }

    pub fn changed(&self, at: At<'_>, key: FileKey, aspect: Aspect) {
        let change = Change {
            time: now(),
            pid: self.pid,
            aspect,
        };
        let location = self.location(at, key);
        self.watched.store.record(Record::Change(location, change));
    }

    fn operation(&self, at: At<'_>, kind: NameKind, key: FileKey) -> NameOperation {
        NameOperation {
            time: now(),
            pid: self.pid,
            place: at.place,
            kind,
            path: at.path.to_vec(),
            target: Vec::new(),
            key: Some(key),
            replaced: None,
            directory: false,
            seen: at.seen.to_vec(),
        }
    }

    fn record(&self, operation: NameOperation) {
        self.watched.store.record(Record::Name(operation));
    }

    pub fn created(&self, at: At<'_>, key: FileKey, directory: bool) {
        self.record(NameOperation {
            directory,
            ..self.operation(at, NameKind::Create, key)
        });
    }

    pub fn linked(&self, at: At<'_>, key: FileKey) {
        self.record(self.operation(at, NameKind::Link, key));
    }

    pub fn unlinked(&self, at: At<'_>, key: FileKey, directory: bool) {
        self.record(NameOperation {
            directory,
            ..self.operation(at, NameKind::Unlink, key)
        });
    }

    /// From `other` to the name in `at`; what had that name may have gone to `other` instead.
    pub fn renamed(&self, at: At<'_>, other: &[u8], moved: Moved) {
        let kind = if moved.exchanged {
            NameKind::Exchange
        } else {
            NameKind::Rename
        };
        self.record(NameOperation {
            path: other.to_vec(),
            target: at.path.to_vec(),
            key: moved.key,
            replaced: moved.replaced,
            directory: moved.directory,
            ..self.operation(at, kind, FileKey(0))
        });
    }
}

#[derive(Default)]
pub struct Moved {
    pub key: Option<FileKey>,
    pub replaced: Option<FileKey>,
    pub exchanged: bool,
    pub directory: bool,
}
