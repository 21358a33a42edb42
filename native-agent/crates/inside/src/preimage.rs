//! A file as it was: content, mode, owner, times, extended attributes. Taken while whoever wants to change it waits.
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::AtFlags;
use nix::unistd::{Gid, Uid, fchownat};
use norn_events::ContentShape;
use norn_journal::file::nanoseconds;
use norn_os as os;

use crate::pack::large::NOT_READ;
use crate::pack::{Blob, Pack};

/// A larger file is not simply copied: its copy would hold the application up for too long.
pub const FILE_BYTES_MAX: u64 = 64 << 20;
const PERMISSION_BITS: u32 = 0o7777;

/// Which inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId {
    pub device: u64,
    pub inode: u64,
}

/// Changes with every change of the file's content or metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub id: FileId,
    pub size: u64,
    modified_ns: i128,
    changed_ns: i128,
}

impl Stamp {
    pub fn of(metadata: &fs::Metadata) -> Self {
        Self {
            id: FileId {
                device: metadata.dev(),
                inode: metadata.ino(),
            },
            size: metadata.len(),
            modified_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// `None` when there is nothing of that name.
    pub fn at(path: &Path) -> Option<Self> {
        fs::symlink_metadata(path)
            .ok()
            .map(|metadata| Self::of(&metadata))
    }

    pub fn has_same_content_as(&self, other: &Self) -> bool {
        (self.id, self.size, self.modified_ns) == (other.id, other.size, other.modified_ns)
    }
}

/// What is not content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes {
    pub mode: u32,
    pub user: u32,
    pub group: u32,
    modified_ns: i128,
    /// Sorted by name.
    extended: Vec<(Vec<u8>, Vec<u8>)>,
}

pub enum Content {
    File(Blob),
    Link(PathBuf),
    Directory,
    /// Device, fifo, socket: nothing to keep.
    Special,
    /// Not kept: why, a sentence.
    Lost(&'static str),
}

pub struct PreImage {
    pub stamp: Stamp,
    /// Names of this inode.
    pub links: u64,
    pub attributes: Attributes,
    pub content: Content,
    pub shape: Option<ContentShape>,
}

impl PreImage {
    /// `None` when there is nothing of that name. `goes`: the name is all that is to go.
    pub fn take(path: &Path, pack: &mut Pack, goes: bool) -> Option<Self> {
        let node = held(path).ok()?;
        let metadata = metadata_of(&node).ok()?;
        let kind = metadata.file_type();
        let mut shape = None;
        let content = if kind.is_symlink() {
            fs::read_link(path).map_or(Content::Lost("the link could not be read"), Content::Link)
        } else if kind.is_dir() {
            Content::Directory
        } else if !kind.is_file() {
            Content::Special
        } else if let Ok(mut file) = readable(&node) {
            shape = shape_of(&mut file);
            let kept = if metadata.len() <= FILE_BYTES_MAX {
                pack.keep(&mut file).map_err(|_| NOT_READ)
            } else if goes && metadata.nlink() == 1 {
                pack.hold(file)
            } else {
                pack.keep_large(&mut file, path.parent().unwrap_or(path))
            };
            kept.map_or_else(Content::Lost, Content::File)
        } else {
            Content::Lost(NOT_READ)
        };
        Some(Self {
            stamp: Stamp::of(&metadata),
            links: metadata.nlink(),
            attributes: Attributes::of(&node, &metadata),
            content,
            shape,
        })
    }
}

impl Attributes {
    /// Of a file that is held.
    fn of(node: &OwnedFd, metadata: &fs::Metadata) -> Self {
        Self {
            mode: metadata.permissions().mode() & PERMISSION_BITS,
            user: metadata.uid(),
            group: metadata.gid(),
            modified_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            extended: extended_of(node),
        }
    }

    /// With the inode that they are of; `None` when there is nothing of that name.
    pub fn at(path: &Path) -> Option<(FileId, Self)> {
        let node = held(path).ok()?;
        let metadata = metadata_of(&node).ok()?;
        Some((Stamp::of(&metadata).id, Self::of(&node, &metadata)))
    }

    pub fn read(node: &OwnedFd) -> io::Result<Self> {
        Ok(Self::of(node, &metadata_of(node)?))
    }

    /// Times of directories change with every entry: they are not compared.
    pub fn are_of(&self, node: &OwnedFd, with_times: bool) -> bool {
        Self::read(node).is_ok_and(|now| {
            Self {
                modified_ns: if with_times {
                    now.modified_ns
                } else {
                    self.modified_ns
                },
                ..now
            } == *self
        })
    }

    /// It makes a program more than who starts it: its content must be right before it does.
    pub fn are_privileged(&self) -> bool {
        self.mode & PRIVILEGE_BITS != 0 || self.extended.iter().any(|(name, _)| name == os::CAPABILITY)
    }

    /// In the order in which nothing undoes what was set before: owner, mode, attributes, times. Without privileges.
    pub fn put(&self, node: &OwnedFd) -> io::Result<()> {
        let metadata = metadata_of(node)?;
        let now = Self::of(node, &metadata);
        let mut result = Ok(());
        if (now.user, now.group) != (self.user, self.group) {
            let (user, group) = (Uid::from_raw(self.user), Gid::from_raw(self.group));
            let empty = AtFlags::AT_EMPTY_PATH;
            result = fchownat(node, "", Some(user), Some(group), empty).map_err(io::Error::from);
        }
        if !metadata.is_symlink() {
            let kept = if metadata.is_file() { !PRIVILEGE_BITS } else { !0 };
            result = set_mode(node, self.mode & kept).and(result);
        }
        for (name, value) in self.extended.iter().filter(|(name, _)| name != os::CAPABILITY) {
            let is_there = now
                .extended
                .iter()
                .any(|known| known == &(name.clone(), value.clone()));
            if !is_there || name.starts_with(b"security.") {
                result = os::set_attribute(node.as_raw_fd(), name, Some(value)).and(result);
            }
        }
        for (name, _) in &now.extended {
            if !self.extended.iter().any(|(known, _)| known == name) {
                result = os::set_attribute(node.as_raw_fd(), name, None).and(result);
            }
        }
        os::change_time(node.as_raw_fd(), self.modified_ns).and(result)
    }

    /// The rest of `put`, when everything else is right.
    pub fn put_privileges(&self, node: &OwnedFd) -> io::Result<()> {
        let mut result = Ok(());
        for (name, value) in self.extended.iter().filter(|(name, _)| name == os::CAPABILITY) {
            result = os::set_attribute(node.as_raw_fd(), name, Some(value)).and(result);
        }
        set_mode(node, self.mode).and(result)
    }
}

const PRIVILEGE_BITS: u32 = 0o6000;

/// Sorted by name; none where they can't be read.
fn extended_of(node: &OwnedFd) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = os::attributes(node.as_raw_fd()).unwrap_or_default();
    found.sort();
    found
}

/// The file itself, links not followed: what is looked at by this is what is changed by it.
pub fn held(path: &Path) -> io::Result<OwnedFd> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_NOFOLLOW)
        .open(path)?;
    Ok(file.into())
}

pub fn metadata_of(node: &OwnedFd) -> io::Result<fs::Metadata> {
    File::from(node.try_clone()?).metadata()
}

/// Leads to the held file, whatever has its name.
fn link_of(node: &OwnedFd) -> PathBuf {
    PathBuf::from(os::link_of(node.as_raw_fd()))
}

pub fn set_mode(node: &OwnedFd, mode: u32) -> io::Result<()> {
    fs::set_permissions(link_of(node), Permissions::from_mode(mode))
}

/// Who owns a file may read it, whatever its mode says: it is opened up for a moment.
pub fn readable(node: &OwnedFd) -> io::Result<File> {
    opened(node, (OpenOptions::new().read(true), 0o400))
}

/// To be written and read.
pub fn writable(node: &OwnedFd) -> io::Result<File> {
    opened(node, (OpenOptions::new().read(true).write(true), 0o600))
}

fn opened(node: &OwnedFd, (options, bits): (&mut OpenOptions, u32)) -> io::Result<File> {
    let metadata = metadata_of(node)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let options = options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    match options.open(link_of(node)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && is_own(&metadata) => {
            let mode = metadata.permissions().mode() & PERMISSION_BITS;
            set_mode(node, mode | bits)?;
            let file = options.open(link_of(node));
            set_mode(node, mode)?;
            file
        }
        result => result,
    }
}

fn is_own(metadata: &fs::Metadata) -> bool {
    metadata.uid() == Uid::effective().as_raw()
}

pub fn shape_of(file: &mut File) -> Option<ContentShape> {
    let size = file.metadata().ok()?.len();
    let mut sample = Vec::with_capacity(ContentShape::SAMPLE_BYTES);
    Read::by_ref(file)
        .take(ContentShape::SAMPLE_BYTES as u64)
        .read_to_end(&mut sample)
        .ok()?;
    Some(norn_journal::shape::shape(&sample, size))
}

/// `None` when it is no file that can be read.
pub fn shape_at(path: &Path) -> Option<ContentShape> {
    shape_of(&mut readable(&held(path).ok()?).ok()?)
}
