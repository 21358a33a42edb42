//! What became of a file's content: the vault observes it, the ransomware reflex judges it.
use crate::{ContainerId, ProcessUid};

/// How a file changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// Content written in place (open for write, truncate, mmap).
    Overwritten,
    /// Its size was set, by truncate(2) or ftruncate(2); what may be written after comes as another change.
    Cut,
    /// Emptied by an open, and neither written nor closed since, by a process that holds several such. Its close is another change.
    Held,
    /// Another file took its name.
    Replaced,
    Created,
    Unlinked,
    Renamed,
    /// Mode, owner, extended attributes or times only.
    Metadata,
}

/// A file's content in a few figures, from at most `SAMPLE_BYTES` of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ContentShape {
    pub size: u64,
    /// Shannon entropy of the sample, bits per byte, 0–8.
    pub entropy: f32,
    /// Known by its first bytes (or as text).
    pub format: ContentFormat,
}

impl ContentShape {
    /// Bytes sampled, from the start of the file.
    pub const SAMPLE_BYTES: usize = 16 * 1024;
    /// What has so many zeros where its format stood has lost it.
    pub const BLANK_BYTES: usize = 512;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentFormat {
    Empty,
    Text,
    /// zip, gzip, xz, zstd, 7z, office documents, …: high entropy is their nature, their magic is their proof.
    Archive,
    /// jpeg, png, mp4, ….
    Media,
    /// pdf, sqlite, elf, ….
    Structured,
    /// No known structure.
    Unknown,
    /// It begins with zeros, at least `BLANK_BYTES` of them or nothing else.
    Blank,
    /// It begins as a known format does, and what follows is not of it.
    Feigned,
    /// An archive that wants a password for what is in it.
    Locked,
}

/// One change to one file by one process.
#[derive(Debug, Clone)]
pub struct ContentChange {
    /// CLOCK_BOOTTIME, ns.
    pub time_ns: u64,
    /// On the host.
    pub pid: u32,
    /// `None` when the process was not known to whoever observed the change.
    pub process: Option<ProcessUid>,
    pub container: Option<ContainerId>,
    /// As the process saw it.
    pub path: Vec<u8>,
    pub kind: ChangeKind,
    /// `None` when there was no file, or its content is not known.
    pub before: Option<ContentShape>,
    pub after: Option<ContentShape>,
}
