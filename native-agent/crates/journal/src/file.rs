//! Which file, in which state: identity, stamp and metadata.
use std::io;
use std::os::fd::RawFd;

use norn_os as os;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Files above are not copied.
pub const FILE_BYTES_MAX: u64 = 256 << 20;

/// A tree of files the vault watches: a container's overlay or a protected host directory. Stable for ever.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlaceId(pub u64);

impl PlaceId {
    /// An overlay is its upper directory; a host directory is itself.
    pub fn of(path: &[u8]) -> Self {
        Self(xxh3_64(path))
    }
}

/// One inode, whatever its names. Survives copy-up, remount and reboot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileKey(pub u128);

impl FileKey {
    /// `domain` tells file systems apart: an overlay's place, or the id of a host file system.
    pub fn new(domain: u64, handle: &os::Handle) -> Self {
        let mut bytes = Vec::with_capacity(handle.bytes.len() + 12);
        bytes.extend_from_slice(&domain.to_le_bytes());
        bytes.extend_from_slice(&handle.kind.to_le_bytes());
        bytes.extend_from_slice(&handle.bytes);
        Self(xxh3_128(&bytes))
    }
}

/// A key or none, in 16 bytes and not 32. `FileKey(0)`, which no file has, is none.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct SlimKey([u64; 2]);

impl SlimKey {
    pub fn key(self) -> Option<FileKey> {
        let key = u128::from(self.0[0]) | u128::from(self.0[1]) << 64;
        (key != 0).then_some(FileKey(key))
    }
}

impl From<Option<FileKey>> for SlimKey {
    fn from(key: Option<FileKey>) -> Self {
        let key = key.map_or(0, |key| key.0);
        Self([key as u64, (key >> 64) as u64])
    }
}

/// Changes whenever content or metadata does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub size: u64,
    pub modified_ns: i128,
    pub changed_ns: i128,
}

pub fn nanoseconds(seconds: i64, rest: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(rest)
}

impl From<&os::Stat> for Stamp {
    fn from(stat: &os::Stat) -> Self {
        Self {
            size: stat.st_size as u64,
            modified_ns: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
            changed_ns: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
        }
    }
}

/// What a file is beside its content.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// Type and permissions, as stat(2) has them.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    pub modified_ns: i128,
    /// Cannot be put back; it tells whether the file was touched since.
    pub changed_ns: i128,
    /// Sorted by name.
    pub attributes: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Metadata {
    /// Of an open file; O_PATH will do.
    pub fn read(fd: RawFd, stat: &os::Stat) -> io::Result<Self> {
        let mut attributes = os::attributes(fd)?;
        attributes.sort();
        Ok(Self {
            mode: stat.st_mode,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: stat.st_size as u64,
            modified_ns: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
            changed_ns: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
            attributes,
        })
    }

    pub fn stamp(&self) -> Stamp {
        Stamp {
            size: self.size,
            modified_ns: self.modified_ns,
            changed_ns: self.changed_ns,
        }
    }

    /// Equal in all that a restore puts back.
    pub fn is_like(&self, other: &Self) -> bool {
        let links = self.is_symbolic_link();
        (self.mode, self.uid, self.gid) == (other.mode, other.uid, other.gid)
            && (links || self.modified_ns == other.modified_ns)
            && self.attributes == other.attributes
    }

    pub fn is_regular(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFREG
    }

    pub fn is_symbolic_link(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFLNK
    }

    /// A program that is more than who starts it: its content must be right before it is.
    pub fn is_privileged(&self) -> bool {
        let is_capable = || self.attributes.iter().any(|(name, _)| name == os::CAPABILITY);
        self.is_regular() && (self.mode & (libc::S_ISUID | libc::S_ISGID) != 0 || is_capable())
    }

    pub fn is_executable(&self) -> bool {
        self.is_regular() && self.mode & 0o111 != 0
    }
}
