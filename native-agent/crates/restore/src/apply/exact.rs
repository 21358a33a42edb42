//! Names are given and taken so that the result is what was meant, or is said to be a conflict. Between a look at a name and
//! the change of it others may give the name, or one of its directories, to something else: each change is looked at after it
//! was made, on the way from the top, and is taken back when it is not what was meant.
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;

use norn_aside::{Aside, Staged};
use norn_journal::file::Metadata;
use norn_journal::record::Version;
use norn_os as os;
use norn_os::{self, Lease};

use super::work::Work;
use crate::content::is_same;
use crate::outcome::{CHANGED_AGAIN, Failed};
use crate::tree::{Entry, name_in_parent};

/// Programs that are held until the end, to take their privileges away again.
const HELD_MAX: usize = 4_096;

pub fn disturbed() -> Failed {
    Failed::Conflict("its name or its directory was given to something else while it was put back".to_owned())
}

impl Work<'_> {
    /// Of the directory that holds `path`. The one of the last file serves again when it is the same directory's.
    pub fn aside(&self, parent: &OwnedFd) -> io::Result<Rc<Aside>> {
        let mut last = self.aside.borrow_mut();
        if let Some(aside) = last.as_ref().filter(|aside| aside.is_within(parent)) {
            return Ok(aside.clone());
        }
        // It goes before another is made: its directory may be next to be removed.
        *last = None;
        let made = Rc::new(Aside::within(parent)?);
        *last = Some(made.clone());
        Ok(made)
    }

    /// This directory is next to be removed: only what others made is to be left in it.
    pub fn leave(&self, directory: &OwnedFd) {
        let mut last = self.aside.borrow_mut();
        if last.as_ref().is_some_and(|aside| aside.lies_in(directory)) {
            *last = None;
        }
    }

    /// The name leads to this very file now, and no mount is in between.
    pub fn leads_to(&self, path: &[u8], file: &OwnedFd) -> io::Result<bool> {
        self.tree.leads_to(path, file)
    }

    /// Copied up just now, a file of the image with several names has another inode number, but its handle.
    fn is_it(&self, file: &OwnedFd, entry: &Entry) -> io::Result<bool> {
        let stat = os::fstat(file.as_raw_fd())?;
        Ok(os::is_one(&stat, &entry.stat) || self.tree.key(file)? == entry.key)
    }

    /// Gives the name to what lies aside, complete. `there` had it, and goes.
    pub fn give(
        &self,
        path: &[u8],
        (aside, staged): (&Aside, &Staged),
        there: Option<&Entry>,
    ) -> Result<(), Failed> {
        let name = os::c_string(name_in_parent(path).1)?;
        if let Err(error) = aside.give(staged, &name, there.is_some()) {
            drop(aside.discard(staged));
            return Err(error.into());
        }
        let came = there.map(|_| aside.came(staged));
        let is_meant = match (&came, there) {
            (Some(Ok(came)), Some(there)) => self.is_it(&came.file, there).unwrap_or(false),
            (came, _) => came.is_none(),
        };
        if is_meant && self.leads_to(path, &staged.file).unwrap_or(false) {
            return match came {
                Some(came) => Ok(aside.discard(&came?)?),
                None => Ok(()),
            };
        }
        // What comes back is ours, unless it was moved in between: then what came is somebody's.
        if there.is_some() {
            drop(aside.give(staged, &name, true));
        } else if let Ok(taken) = aside.take(&name) {
            settle(aside, (&taken, staged), &name);
            return Err(disturbed());
        }
        if let Ok(left) = aside.came(staged) {
            settle(aside, (&left, staged), &name);
        }
        Err(disturbed())
    }

    /// Takes the name away, if it is this file's.
    pub fn take_away(&self, path: &[u8], there: &Entry) -> Result<(), Failed> {
        let (parent, name) = self.tree.parent(path)?;
        let is_directory = there.stat.st_mode & libc::S_IFMT == libc::S_IFDIR;
        let taken = self
            .aside(&parent)
            .and_then(|aside| Ok((aside.take(&name)?, aside)));
        let (taken, aside) = match taken {
            // There is no room, and this makes some; or overlayfs does not move a directory that the image has too.
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(libc::ENOSPC | libc::EDQUOT | libc::EXDEV)
                ) =>
            {
                if !self.leads_to(path, &there.file)? {
                    return Err(disturbed());
                }
                return Ok(os::unlink_at(parent.as_raw_fd(), &name, is_directory)?);
            }
            taken => taken?,
        };
        let gone = match self.is_it(&taken.file, there) {
            // Who looked the directory up before it came here has mounted by now.
            Ok(true) if is_directory && aside.is_mount_point(&taken) => {
                Err(io::Error::from_raw_os_error(libc::EBUSY).into())
            }
            Ok(true) => aside.discard(&taken).map_err(Failed::from),
            Ok(false) => Err(disturbed()),
            Err(error) => Err(error.into()),
        };
        // What does not go keeps its name: a directory that something is mounted on, or made in, since it was looked at.
        if gone.is_err() {
            aside.put_back(&taken, &name);
        }
        gone
    }

    /// The name is one more of this file; `there` had it, and goes.
    pub fn add_name(&self, path: &[u8], file: &OwnedFd, there: Option<&Entry>) -> Result<(), Failed> {
        let (parent, _) = self.tree.parent(path)?;
        let aside = self.aside(&parent)?;
        let staged = aside.link(file)?;
        self.give(path, (&aside, &staged), there)
    }

    /// Renames a file whose new name is free.
    pub fn move_to(&self, from: &[u8], to: &[u8], found: &Entry) -> Result<(), Failed> {
        let (old, name) = self.tree.parent(from)?;
        let (new, target) = self.tree.parent(to)?;
        let (from, there) = ((old.as_raw_fd(), &*name), (new.as_raw_fd(), &*target));
        os::rename_at(from, there, true)?;
        if self.leads_to(to, &found.file).unwrap_or(false) {
            return Ok(());
        }
        if let Err(error) = os::rename_at(there, from, true) {
            tracing::warn!(%error, "what was moved by mistake can't be moved back");
        }
        Err(disturbed())
    }

    /// The two names change files.
    pub fn exchange(
        &self,
        (one, found): (&[u8], &Entry),
        (other, there): (&[u8], &Entry),
    ) -> Result<(), Failed> {
        let (old, name) = self.tree.parent(one)?;
        let (new, target) = self.tree.parent(other)?;
        let spots = ((old.as_raw_fd(), &*name), (new.as_raw_fd(), &*target));
        os::exchange_at(spots.0, spots.1)?;
        let leads = |path: &[u8], entry: &Entry| self.leads_to(path, &entry.file).unwrap_or(false);
        if leads(other, found) && leads(one, there) {
            return Ok(());
        }
        if let Err(error) = os::exchange_at(spots.0, spots.1) {
            tracing::warn!(%error, "what was exchanged by mistake can't be changed back");
        }
        Err(disturbed())
    }

    /// The last step: a program becomes privileged only now, when its name leads to it and its content is right. Whatever is
    /// not as it is to be is a conflict, and has no privileges. `file` is open for reading.
    pub fn finish(&self, path: &[u8], file: &OwnedFd, version: &Version) -> Result<(), Failed> {
        let finished = self.entrust(path, file, version);
        if version.metadata.is_privileged() {
            match finished {
                Ok(()) => self.remember(path, file)?,
                Err(_) => os::strip_privileges(file.as_raw_fd())?,
            }
        }
        finished
    }

    fn remember(&self, path: &[u8], program: &OwnedFd) -> io::Result<()> {
        let mut held = self.privileged.borrow_mut();
        if held.len() < HELD_MAX {
            held.insert(path.to_vec(), program.try_clone()?);
        }
        Ok(())
    }

    fn entrust(&self, path: &[u8], file: &OwnedFd, version: &Version) -> Result<(), Failed> {
        let (fd, wanted) = (file.as_raw_fd(), &version.metadata);
        let is_right = || -> Result<bool, Failed> {
            Ok(self.leads_to(path, file)?
                && (!wanted.is_regular() || is_same(self.source(version), file)?)
                && self.leads_to(path, file)?)
        };
        let mut leases = Vec::new();
        if wanted.is_privileged() {
            // With one name it was made anew, and nobody has opened it yet who may not.
            if os::fstat(fd)?.st_nlink > 1 {
                leases.extend(lease_of(file)?);
                // A mapping through an overlay is one of the layer's file.
                if let Some(layers) = self.tree.in_layer(path, file)? {
                    leases.extend(lease_of(&layers)?);
                }
            }
            if !is_right()? {
                return Err(disturbed());
            }
            put_privileges(fd, wanted)?;
        }
        let now = Metadata::read(fd, &os::fstat(fd)?)?;
        let is_whole = leases.iter().all(Lease::is_whole);
        // What is not privileged has its content compared once, at the end of the restore.
        let stays = match wanted.is_privileged() {
            true => is_right()?,
            false => self.leads_to(path, file)?,
        };
        match now.is_like(wanted) && stays && is_whole {
            true => Ok(()),
            false => Err(Failed::Conflict(CHANGED_AGAIN.to_owned())),
        }
    }
}

/// What was found in a place that was to hold something of the restore's own.
fn settle(aside: &Aside, (found, own): (&Staged, &Staged), name: &std::ffi::CStr) {
    let stats = [found, own].map(|staged| os::fstat(staged.file.as_raw_fd()));
    match stats {
        [Ok(found_stat), Ok(own_stat)] if os::is_one(&found_stat, &own_stat) => {
            drop(aside.discard(found));
        }
        _ => aside.put_back(found, name),
    }
}

/// `None` where the file system has no leases.
fn lease_of(file: &OwnedFd) -> Result<Option<Lease>, Failed> {
    match Lease::take(os::open_again(file.as_raw_fd(), libc::O_RDONLY)?) {
        Ok(Some(lease)) => Ok(Some(lease)),
        Ok(None) => Err(Failed::Conflict(
            "a process has this program open for writing, so it can't be given its privileges".to_owned(),
        )),
        Err(error) => {
            tracing::debug!(%error, "no lease can be had");
            Ok(None)
        }
    }
}

/// Owner, then attributes and mode, without what makes a program more than who starts it.
pub fn put_metadata(file: &OwnedFd, wanted: &Metadata) -> io::Result<()> {
    let fd = file.as_raw_fd();
    os::change_owner(fd, wanted.uid, wanted.gid)?;
    if wanted.is_symbolic_link() {
        return os::change_time(fd, wanted.modified_ns);
    }
    let kept = match wanted.is_regular() {
        true => wanted.mode & !(libc::S_ISUID | libc::S_ISGID),
        false => wanted.mode,
    };
    os::change_mode(fd, kept)?;
    let there = os::attributes(fd)?;
    for (name, _) in there
        .iter()
        .filter(|(name, _)| !wanted.attributes.iter().any(|(known, _)| known == name))
    {
        os::set_attribute(fd, name, None)?;
    }
    let plain = |name: &[u8]| name != os::CAPABILITY;
    for (name, value) in wanted.attributes.iter().filter(|known| !there.contains(known)) {
        if plain(name) {
            os::set_attribute(fd, name, Some(value))?;
        }
    }
    os::change_time(fd, wanted.modified_ns)
}

fn put_privileges(fd: i32, wanted: &Metadata) -> io::Result<()> {
    for (name, value) in &wanted.attributes {
        if name == os::CAPABILITY {
            os::set_attribute(fd, name, Some(value))?;
        }
    }
    os::change_mode(fd, wanted.mode)
}
