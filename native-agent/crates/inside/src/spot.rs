//! A name, in a directory that is held while the name is changed: what was put in the directory's place meanwhile is not
//! touched, and what the name leads to afterwards is looked at.
use std::ffi::{CString, OsStr};
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use nix::fcntl::{OFlag, OpenHow, RenameFlags, ResolveFlag, openat2, renameat2};
use nix::unistd::{UnlinkatFlags, unlinkat};
use norn_aside::{Aside, Staged};
use norn_os::{mount_of, strip_privileges};

use crate::preimage::metadata_of;

/// The name, or a directory of it, was given to something else meanwhile.
#[derive(Debug)]
struct Disturbed;

impl std::fmt::Display for Disturbed {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("it, its name or its directory was changed by others while it was put back")
    }
}

impl std::error::Error for Disturbed {}

pub fn disturbed() -> io::Error {
    io::Error::other(Disturbed)
}

pub fn is_disturbed(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Disturbed>())
}

/// Right, or without privileges.
pub fn seal(node: &OwnedFd, is_right: bool) -> io::Result<()> {
    if is_right {
        return Ok(());
    }
    strip_privileges(node.as_raw_fd())?;
    Err(disturbed())
}

pub struct Spot {
    path: PathBuf,
    directory: OwnedFd,
    name: CString,
}

/// A process's own root is a link of the kernel's; every other link was followed when the path was written down.
fn top_of(path: &Path) -> (PathBuf, PathBuf) {
    let parts: Vec<Component<'_>> = path.components().take(4).collect();
    let is_own_root = parts.len() == 4
        && parts[1].as_os_str() == OsStr::new("proc")
        && parts[3].as_os_str() == OsStr::new("root");
    let top: PathBuf = match is_own_root {
        true => parts.iter().collect(),
        false => PathBuf::from("/"),
    };
    let rest = path.strip_prefix(&top).unwrap_or(path).to_owned();
    (top, rest)
}

fn open_below(directory: &impl std::os::fd::AsFd, path: &Path, flags: OFlag) -> io::Result<OwnedFd> {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    let how = OpenHow::new()
        .flags(flags | OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    Ok(openat2(directory, path, how)?)
}

fn is_one(one: &OwnedFd, other: &OwnedFd) -> bool {
    let of = |node| metadata_of(node).map(|found| (found.dev(), found.ino()));
    match (of(one), of(other)) {
        (Ok(first), Ok(second)) => {
            first == second && mount_of(one.as_raw_fd()) == mount_of(other.as_raw_fd())
        }
        _ => false,
    }
}

impl Spot {
    pub fn of(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self {
            directory: open_directory(path)?,
            name: CString::new(name.as_bytes())?,
            path: path.to_owned(),
        })
    }

    fn name(&self) -> &Path {
        Path::new(OsStr::from_bytes(self.name.as_bytes()))
    }

    /// What has the name, held; `None` when nothing has it.
    pub fn node(&self) -> io::Result<Option<OwnedFd>> {
        match open_below(&self.directory, self.name(), OFlag::empty()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            found => found.map(Some),
        }
    }

    /// On the way from the top, the name leads to this very file.
    pub fn leads_to(&self, node: &OwnedFd) -> bool {
        let again = Self::of(&self.path).and_then(|spot| spot.node());
        again.is_ok_and(|found| found.is_some_and(|found| is_one(&found, node)))
    }

    pub fn aside(&self) -> io::Result<Aside> {
        Aside::within(&self.directory)
    }

    /// The name leads to what lies aside; `there` had it, and goes.
    pub fn give(&self, aside: &Aside, staged: &Staged, there: Option<&OwnedFd>) -> io::Result<()> {
        if let Err(error) = aside.give(staged, &self.name, there.is_some()) {
            aside.discard(staged)?;
            return Err(error);
        }
        tracing::trace!(step = "it has got its name");
        let came = there.map(|_| aside.came(staged)).transpose()?;
        let is_meant = match (&came, there) {
            (Some(came), Some(there)) => is_one(&came.file, there),
            _ => true,
        };
        if is_meant && self.leads_to(&staged.file) {
            return came.map_or(Ok(()), |came| aside.discard(&came));
        }
        let back = match there {
            Some(_) => aside
                .give(staged, &self.name, true)
                .and_then(|()| aside.came(staged)),
            None => aside.take(&self.name),
        };
        if let Ok(back) = back.or_else(|_| aside.came(staged)) {
            match is_one(&back.file, &staged.file) {
                true => aside.discard(&back)?,
                false => aside.put_back(&back, &self.name),
            }
        }
        Err(disturbed())
    }

    /// `exchange`: what has the other name gets this one; else it must be free.
    pub fn move_to(&self, to: &Self, node: &OwnedFd, exchange: bool) -> io::Result<()> {
        let flags = match exchange {
            true => RenameFlags::RENAME_EXCHANGE,
            false => RenameFlags::RENAME_NOREPLACE,
        };
        let (from, target) = ((&self.directory, self.name()), (&to.directory, to.name()));
        tracing::trace!(step = "a name is about to be moved");
        renameat2(from.0, from.1, target.0, target.1, flags)?;
        tracing::trace!(step = "a name was moved");
        if to.leads_to(node) {
            return Ok(());
        }
        renameat2(target.0, target.1, from.0, from.1, flags)?;
        Err(disturbed())
    }

    /// Takes the name away, if it is this file's. A directory must be empty.
    pub fn remove(&self, node: &OwnedFd) -> io::Result<()> {
        if metadata_of(node)?.is_dir() {
            if !self.leads_to(node) {
                return Err(disturbed());
            }
            return Ok(unlinkat(&self.directory, self.name(), UnlinkatFlags::RemoveDir)?);
        }
        let aside = match self.aside() {
            // Room comes with what is removed.
            Err(error) if error.kind() == io::ErrorKind::StorageFull && self.leads_to(node) => {
                return Ok(unlinkat(
                    &self.directory,
                    self.name(),
                    UnlinkatFlags::NoRemoveDir,
                )?);
            }
            aside => aside?,
        };
        tracing::trace!(step = "a name is about to go");
        let taken = aside.take(&self.name)?;
        if is_one(&taken.file, node) {
            return aside.discard(&taken);
        }
        aside.put_back(&taken, &self.name);
        Err(disturbed())
    }
}

fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    let (top, rest) = top_of(path.parent().unwrap_or(path));
    let top = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_DIRECTORY)
        .open(top)?;
    open_below(&top, &rest, OFlag::O_DIRECTORY)
}
