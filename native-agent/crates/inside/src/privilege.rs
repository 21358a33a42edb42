//! A program becomes more than who starts it only when nobody else can change it any more.
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

use norn_os::Lease;

use crate::pack::Blob;
use crate::preimage::{Attributes, metadata_of, readable};
use crate::second_look::holds;
use crate::spot::{Spot, disturbed, seal};

/// Its content in an inode that nobody has in hand takes its name, and is checked there.
pub fn copy_privileged(
    spot: &Spot,
    node: &OwnedFd,
    (content, before): (Option<&Blob>, &Attributes),
) -> io::Result<OwnedFd> {
    let aside = spot.aside()?;
    let staged = aside.file()?;
    let mut file = fs::File::from(staged.file.try_clone()?);
    let put = io::copy(&mut readable(node)?, &mut file).and_then(|_| before.put(&staged.file));
    if let Err(error) = put {
        aside.discard(&staged)?;
        return Err(error);
    }
    tracing::trace!(step = "it is complete and has no name yet");
    spot.give(&aside, &staged, Some(node))?;
    if metadata_of(&staged.file)?.nlink() > 1 {
        return Err(disturbed());
    }
    let is_right = || spot.leads_to(&staged.file) && content.is_none_or(|blob| holds(&staged.file, blob));
    if !is_right() {
        return Err(disturbed());
    }
    tracing::trace!(step = "it becomes privileged");
    before.put_privileges(&staged.file)?;
    tracing::trace!(step = "it is privileged");
    seal(&staged.file, is_right() && before.are_of(&staged.file, true))?;
    Ok(staged.file)
}

/// The program stays where it is. Nobody may have it open to write to it, and its content, where it is known, must be right.
pub fn entrust(
    spot: &Spot,
    node: &OwnedFd,
    (content, before): (Option<&Blob>, &Attributes),
) -> io::Result<()> {
    let lease = match Lease::take(readable(node)?.into()) {
        Ok(None) => return Err(disturbed()),
        // The file system has none.
        Err(_) => None,
        Ok(lease) => lease,
    };
    let is_right = || spot.leads_to(node) && content.is_none_or(|blob| holds(node, blob));
    if !is_right() {
        return Err(disturbed());
    }
    tracing::trace!(step = "it becomes privileged");
    before.put_privileges(node)?;
    tracing::trace!(step = "it is privileged");
    let is_whole = lease.is_none_or(|lease| lease.is_whole());
    seal(node, is_right() && is_whole && before.are_of(node, true))
}
