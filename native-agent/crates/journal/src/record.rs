//! What the journal holds: the facts from which a restore is computed.
mod bytes;

pub use bytes::{Peek, peek};
use norn_events::{ContentShape, ProcessUid};

use crate::file::{FileKey, Metadata, PlaceId};

/// CLOCK_BOOTTIME of this boot, ns; negative for what an earlier boot recorded.
pub type Time = i64;

/// In a pid: not a process but a restore, whose changes are nobody's conflict. No kernel gives such pids.
pub const RESTORER: u32 = 1 << 31;

pub fn is_restorer(pid: u32) -> bool {
    pid & RESTORER != 0
}

/// Where a run of bytes lies in the pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobRef {
    pub segment: u32,
    pub offset: u64,
    pub length: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Copied into the pack, in chunks.
    Packed(Vec<BlobRef>),
    /// The same of a file with holes: each chunk with its offset.
    Sparse(Vec<(u64, BlobRef)>),
    /// A file of its own that shares its blocks with the original, by its number.
    Cloned(u64),
    /// The file of an image's layer at this path is the content.
    Lower(Vec<u8>),
    /// What a symbolic link points to.
    Link(Vec<u8>),
    /// Not there, and why.
    Missing(Missing),
}

impl Content {
    /// In the pack.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Packed(blobs) => blobs.iter().map(|blob| u64::from(blob.length)).sum(),
            Self::Sparse(extents) => extents.iter().map(|(_, blob)| u64::from(blob.length)).sum(),
            _ => 0,
        }
    }

    pub fn rests_on(&self, segment: u32) -> bool {
        match self {
            Self::Packed(blobs) => blobs.iter().any(|blob| blob.segment == segment),
            Self::Sparse(extents) => extents.iter().any(|(_, blob)| blob.segment == segment),
            _ => false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    TooLarge,
    TooSlow,
    Full,
    Evicted,
    /// A device, pipe or socket: it has no content.
    Special,
    Unreadable,
    Unwatched,
    /// It gave way to later states of the same file.
    Thinned,
    /// Not copied at rest, and nobody has opened it: what it is beside its content is known.
    Unopened,
}

impl Missing {
    pub const ALL: [Self; 9] = [
        Self::TooLarge,
        Self::TooSlow,
        Self::Full,
        Self::Evicted,
        Self::Special,
        Self::Unreadable,
        Self::Unwatched,
        Self::Thinned,
        Self::Unopened,
    ];

    pub fn reason(self) -> &'static str {
        match self {
            Self::TooLarge => "too large: files above the vault's limit are not copied",
            Self::TooSlow => "deadline: the file was changed before its pre-image was complete",
            Self::Full => "the vault was full with pre-images of open alerts",
            Self::Evicted => "evicted: the vault had reached its limit of bytes",
            Self::Special => "not a regular file",
            Self::Unwatched => {
                "made or changed while nobody watched: what was there before, if anything, is not known"
            }
            Self::Thinned => "the vault keeps 16 states of a file, and this one gave way to later ones",
            Self::Unopened => "no pre-image was taken before its first change",
            Self::Unreadable => "the file could not be read when it was opened",
        }
    }

    /// Another open may be luckier.
    pub fn may_pass(self) -> bool {
        matches!(
            self,
            Self::TooSlow | Self::Full | Self::Unreadable | Self::Unopened
        )
    }
}

/// A state a file had.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    pub time: Time,
    /// Whose open it was taken for; 0 when it was taken at rest.
    pub pid: u32,
    pub content: Content,
    pub metadata: Metadata,
    pub shape: Option<ContentShape>,
}

impl Version {
    /// Of the state itself nothing is kept.
    pub fn is_thinned(&self) -> bool {
        self.content == Content::Missing(Missing::Thinned)
    }

    /// All but the content is known.
    pub fn is_unopened(&self) -> bool {
        self.content == Content::Missing(Missing::Unopened)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    Content,
    Metadata,
}

/// Somebody changed a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    pub time: Time,
    pub pid: u32,
    pub aspect: Aspect,
}

/// Which names a file had when something was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    pub key: FileKey,
    pub place: PlaceId,
    /// Relative to the place's root, without a slash in front.
    pub path: Vec<u8>,
    /// As the process saw it.
    pub seen: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKind {
    Create,
    Unlink,
    /// From `path` to `target`.
    Rename,
    /// `path` and `target` changed places.
    Exchange,
    /// `path` became another name of a file that was there.
    Link,
}

/// Somebody changed a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameOperation {
    pub time: Time,
    pub pid: u32,
    pub place: PlaceId,
    pub kind: NameKind,
    pub path: Vec<u8>,
    pub target: Vec<u8>,
    pub key: Option<FileKey>,
    /// What had the name `target` before.
    pub replaced: Option<FileKey>,
    pub directory: bool,
    /// `path` (or for a rename `target`) as the process saw it; empty when not known.
    pub seen: Vec<u8>,
}

/// A process with a journaled change, or an ancestor of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    pub uid: ProcessUid,
    pub parent: ProcessUid,
    pub pid: u32,
    pub start: Time,
    pub container: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceKind {
    /// Topmost layer first.
    Overlay {
        lower: Vec<Vec<u8>>,
        upper: Vec<u8>,
        work: Vec<u8>,
    },
    Directory(Vec<u8>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// Opens a segment: whose clock the times that follow are.
    Boot {
        boot_id: u128,
        wall_offset_ns: i64,
    },
    Place(PlaceId, PlaceKind),
    Version(Location, Version),
    Change(Location, Change),
    Name(NameOperation),
    Actor(Actor),
    /// A file that was made again: new, old.
    Alias(FileKey, FileKey),
    Hold(ProcessUid),
    Forget(ProcessUid),
    /// The content of the file's version of this time is gone.
    Evicted(FileKey, Time),
    /// A container's own file system.
    Home(String, PlaceId),
}
