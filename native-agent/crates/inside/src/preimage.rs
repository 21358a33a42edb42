//! A file as it was: content, mode, owner, times, extended attributes. Taken while whoever wants to change it waits.
use std::ffi::{CStr, CString};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::Uid;
use norn_events::ContentShape;

use crate::large::NOT_READ;
use crate::pack::{Blob, Pack};

/// A larger file is not simply copied: its copy would hold the application up for too long.
pub const FILE_BYTES_MAX: u64 = 64 << 20;
/// Of one attribute, and of the list of their names.
const ATTRIBUTE_BYTES_MAX: usize = 64 * 1024;
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
            modified_ns: i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec()),
            changed_ns: i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec()),
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
    modified: (i64, i64),
    extended: Vec<(CString, Vec<u8>)>,
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
        let metadata = fs::symlink_metadata(path).ok()?;
        let kind = metadata.file_type();
        let mut shape = None;
        let content = if kind.is_symlink() {
            fs::read_link(path).map_or(Content::Lost("the link could not be read"), Content::Link)
        } else if kind.is_dir() {
            Content::Directory
        } else if !kind.is_file() {
            Content::Special
        } else if let Ok(mut file) = readable(path, &metadata) {
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
            attributes: Attributes::of(path, &metadata),
            content,
            shape,
        })
    }
}

impl Attributes {
    fn of(path: &Path, metadata: &fs::Metadata) -> Self {
        Self {
            mode: metadata.permissions().mode() & PERMISSION_BITS,
            user: metadata.uid(),
            group: metadata.gid(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            extended: extended_of(path),
        }
    }

    /// `None` when there is nothing of that name.
    pub fn at(path: &Path) -> Option<Self> {
        let metadata = fs::symlink_metadata(path).ok()?;
        Some(Self::of(path, &metadata))
    }

    /// Times of directories change with every entry: they are not compared.
    pub fn are_at(&self, path: &Path, with_times: bool) -> bool {
        Self::at(path).is_some_and(|now| {
            Self {
                modified: if with_times { now.modified } else { self.modified },
                ..now
            } == *self
        })
    }

    /// In the order in which nothing undoes what was set before: owner, mode, attributes, times.
    pub fn put(&self, path: &Path, is_link: bool) -> io::Result<()> {
        let Some(now) = Self::at(path) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let mut result = Ok(());
        if (now.user, now.group) != (self.user, self.group) {
            result = std::os::unix::fs::lchown(path, Some(self.user), Some(self.group));
        }
        if !is_link {
            result = fs::set_permissions(path, Permissions::from_mode(self.mode)).and(result);
        }
        for (name, value) in &self.extended {
            let is_there = now
                .extended
                .iter()
                .any(|known| known == &(name.clone(), value.clone()));
            // A change of owner takes the capability along.
            if !is_there || name.as_bytes().starts_with(b"security.") {
                result = set_extended(path, name, value).and(result);
            }
        }
        for (name, _) in &now.extended {
            if !self.extended.iter().any(|(known, _)| known == name) {
                result = remove_extended(path, name).and(result);
            }
        }
        let time = TimeSpec::new(self.modified.0, self.modified.1);
        let keep = TimeSpec::new(0, libc::UTIME_OMIT);
        let flag = UtimensatFlags::NoFollowSymlink;
        utimensat(nix::fcntl::AT_FDCWD, path, &keep, &time, flag).map_err(io::Error::from)?;
        result
    }
}

/// Who owns a file may read it, whatever its mode says: it is opened up for a moment.
pub fn readable(path: &Path, metadata: &fs::Metadata) -> io::Result<File> {
    let open = || {
        OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY)
            .open(path)
    };
    match open() {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && is_own(metadata) => {
            let mode = metadata.permissions().mode() & PERMISSION_BITS;
            fs::set_permissions(path, Permissions::from_mode(mode | 0o400))?;
            let file = open();
            fs::set_permissions(path, Permissions::from_mode(mode))?;
            file
        }
        result => result,
    }
}

pub fn is_own(metadata: &fs::Metadata) -> bool {
    metadata.uid() == Uid::effective().as_raw()
}

pub fn shape_of(file: &mut File) -> Option<ContentShape> {
    let size = file.metadata().ok()?.len();
    let mut sample = Vec::with_capacity(ContentShape::SAMPLE_BYTES);
    Read::by_ref(file)
        .take(ContentShape::SAMPLE_BYTES as u64)
        .read_to_end(&mut sample)
        .ok()?;
    Some(norn_vault::shape(&sample, size))
}

/// `None` when it is no file that can be read.
pub fn shape_at(path: &Path) -> Option<ContentShape> {
    let metadata = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
    shape_of(&mut readable(path, &metadata).ok()?)
}

fn c_path(path: &Path) -> Option<CString> {
    CString::new(path.as_os_str().as_bytes()).ok()
}

fn extended_of(path: &Path) -> Vec<(CString, Vec<u8>)> {
    let Some(path) = c_path(path) else {
        return Vec::new();
    };
    // SAFETY: without a buffer only the length is asked for.
    if unsafe { libc::llistxattr(path.as_ptr(), std::ptr::null_mut(), 0) } <= 0 {
        return Vec::new();
    }
    let mut names = vec![0_u8; ATTRIBUTE_BYTES_MAX];
    // SAFETY: the buffer is as long as is said.
    let length = unsafe { libc::llistxattr(path.as_ptr(), names.as_mut_ptr().cast(), names.len()) };
    names.truncate(usize::try_from(length).unwrap_or(0));
    let mut found: Vec<(CString, Vec<u8>)> = names
        .split_inclusive(|&byte| byte == 0)
        .filter_map(|name| CStr::from_bytes_with_nul(name).ok())
        .filter_map(|name| {
            let mut value = vec![0_u8; ATTRIBUTE_BYTES_MAX];
            let room = value.len();
            // SAFETY: two NUL-terminated strings and a buffer as long as is said.
            let length =
                unsafe { libc::lgetxattr(path.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), room) };
            value.truncate(usize::try_from(length).ok()?);
            value.shrink_to_fit();
            Some((name.to_owned(), value))
        })
        .collect();
    found.sort();
    found
}

fn set_extended(path: &Path, name: &CStr, value: &[u8]) -> io::Result<()> {
    let path = c_path(path).ok_or(io::ErrorKind::InvalidInput)?;
    // SAFETY: two NUL-terminated strings and a buffer as long as is said.
    let result = unsafe {
        libc::lsetxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_ptr().cast(),
            value.len(),
            0,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn remove_extended(path: &Path, name: &CStr) -> io::Result<()> {
    let path = c_path(path).ok_or(io::ErrorKind::InvalidInput)?;
    // SAFETY: two NUL-terminated strings.
    let result = unsafe { libc::lremovexattr(path.as_ptr(), name.as_ptr()) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
