//! At the end of a restore each name is looked at once more: it may have been given to something else while others were put
//! back, by others, or by the restore when it took back by name what others had exchanged.
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use norn_os::strip_privileges;

use crate::pack::Blob;
use crate::preimage::{Attributes, Content, FileId, PreImage, Stamp, metadata_of, readable};
use crate::spot::Spot;

/// Programs that are held until the end, to take their privileges away again.
const HELD_MAX: usize = 256;

/// What a name leads to.
struct Expected<'a> {
    id: FileId,
    content: Option<&'a Blob>,
    attributes: Option<Attributes>,
    program: Option<OwnedFd>,
}

#[derive(Default)]
pub struct Expectations<'a> {
    names: HashMap<PathBuf, Expected<'a>>,
    held: usize,
}

pub fn holds(node: &OwnedFd, blob: &Blob) -> bool {
    readable(node).is_ok_and(|file| blob.is_in(&file).unwrap_or(false))
}

fn id_of(node: &OwnedFd) -> io::Result<FileId> {
    Ok(Stamp::of(&metadata_of(node)?).id)
}

impl<'a> Expectations<'a> {
    /// The name has this file again.
    pub fn file(&mut self, path: &Path, node: &OwnedFd, pre: &'a PreImage) -> io::Result<()> {
        let (content, attributes) = match &pre.content {
            Content::File(blob) => (Some(blob), Some(pre.attributes.clone())),
            _ => (None, None),
        };
        let is_held = pre.attributes.are_privileged() && content.is_some() && self.held < HELD_MAX;
        self.held += usize::from(is_held);
        let expected = Expected {
            id: id_of(node)?,
            content,
            attributes,
            program: is_held.then(|| node.try_clone()).transpose()?,
        };
        self.names.insert(path.to_owned(), expected);
        Ok(())
    }

    /// The file that has the name has other attributes now; what is known of its content stays.
    pub fn attributes(&mut self, path: &Path, node: &OwnedFd) -> io::Result<()> {
        let (id, now) = (id_of(node)?, Attributes::read(node)?);
        let known = self.names.remove(path).filter(|known| known.id == id);
        let expected = Expected {
            id,
            content: known.and_then(|known| known.content),
            program: now.are_privileged().then(|| node.try_clone()).transpose()?,
            attributes: Some(now),
        };
        self.names.insert(path.to_owned(), expected);
        Ok(())
    }

    /// Another inode has the name, with this content if it is known.
    pub fn replaced(&mut self, path: &Path, node: &OwnedFd, content: Option<&'a Blob>) -> io::Result<()> {
        let expected = Expected {
            id: id_of(node)?,
            content,
            attributes: Some(Attributes::read(node)?),
            program: Some(node.try_clone()?),
        };
        self.names.insert(path.to_owned(), expected);
        Ok(())
    }

    pub fn moved(&mut self, (from, to): (&Path, &Path), node: &OwnedFd, exchange: bool) -> io::Result<()> {
        let unknown = Expected {
            id: id_of(node)?,
            content: None,
            attributes: None,
            program: None,
        };
        let expected = self.names.remove(from).unwrap_or(unknown);
        let there = self.names.insert(to.to_owned(), expected);
        if let Some(there) = there.filter(|_| exchange) {
            self.names.insert(from.to_owned(), there);
        }
        Ok(())
    }

    pub fn gone(&mut self, path: &Path) {
        self.names.remove(path);
    }

    /// What the file at this path is to hold, if that is known.
    pub fn content(&self, path: &Path) -> Option<&'a Blob> {
        self.names.get(path)?.content
    }

    /// What is not as it was left has no privileges.
    pub fn is_met(&self, path: &Path) -> bool {
        let Some(expected) = self.names.get(path) else {
            return true;
        };
        let is_met = expected.is_met(path).unwrap_or(false);
        if let (false, Some(program)) = (is_met, &expected.program)
            && let Err(error) = strip_privileges(program.as_raw_fd())
        {
            tracing::error!(%error, path = %path.display(), "a program that lost its name keeps its privileges");
        }
        is_met
    }
}

impl Expected<'_> {
    fn is_met(&self, path: &Path) -> io::Result<bool> {
        let spot = Spot::of(path)?;
        let Some(node) = spot.node()? else {
            return Ok(false);
        };
        let is_directory = metadata_of(&node)?.is_dir();
        let are_like = |wanted: &Attributes| wanted.are_of(&node, !is_directory);
        Ok(id_of(&node)? == self.id
            && self.content.is_none_or(|blob| holds(&node, blob))
            && self.attributes.as_ref().is_none_or(are_like)
            && spot.leads_to(&node))
    }
}
