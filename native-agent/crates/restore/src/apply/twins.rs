//! An image may give one file several names. Overlayfs parts them as soon as one is written to; here they become one again.
use std::os::fd::AsRawFd;

use norn_journal::file::{FileKey, Metadata, Stamp};
use norn_journal::record::{Content, Version};
use norn_os::is_one;
use norn_watch::places::{LowerFile, by_name};

use super::work::{Placed, Work};
use crate::content::is_same;
use crate::deed::At;
use crate::outcome::Failed;
use crate::plan::Target;
use crate::tree::Entry;

impl Work<'_> {
    /// `path` has the file of the image again: the image's other names of it become names of this one.
    pub fn join_names(&self, path: &[u8], target: &Target) -> Result<(), Failed> {
        let Some(version) = &target.version else {
            return Ok(());
        };
        let Some((lower, others)) = self.other_names(path, version) else {
            return Ok(());
        };
        for name in others {
            if let (Some(one), Some(other)) = (self.lookup(path)?, self.lookup(&name)?)
                && !is_one(&one.stat, &other.stat)
                && self.is_as_in_image(&name, &other, (version, &lower))?
            {
                let parted = self.parted(&other, (&one, &name));
                let as_in_image = Version {
                    content: Content::Lower(name.clone()),
                    ..version.clone()
                };
                let metadata = Metadata::read(other.file.as_raw_fd(), &other.stat)?;
                self.deed
                    .keep_metadata(self.named(&name, &seen(&name)), parted, (&as_in_image, metadata));
                self.join_name(&one, (&name, &other), parted)?;
            }
        }
        Ok(())
    }

    /// Both names of the file were written to, and the other one is put back already: this becomes a name of it. Written in
    /// place, both would be the same file to the journal, and an undo could not tell what had been under which.
    pub fn becomes_name(&self, placed: &Placed<'_>, version: &Version) -> Result<bool, Failed> {
        let Placed { path, entry, .. } = *placed;
        let Some((_, others)) = self.other_names(path, version).filter(|_| !placed.moved) else {
            return Ok(false);
        };
        for name in others {
            if let Some(other) = self.lookup(&name)?
                && !is_one(&other.stat, &entry.stat)
                && self.original(other.key) == self.original(entry.key)
                && self.is_put_back(&name, &other, version)?
            {
                let parted = self.parted(entry, (&other, path));
                self.deed
                    .keep_as(parted, self.named(path, &seen(path)), (entry, self.tree))?;
                self.join_name(&other, (path, entry), parted)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The file of the image that `version` is, and its names there beside `path`; `None` when it has no other.
    pub fn other_names(&self, path: &[u8], version: &Version) -> Option<(LowerFile, Vec<Vec<u8>>)> {
        let Content::Lower(image_path) = &version.content else {
            return None;
        };
        let lower = LowerFile::like(&self.tree.lower, image_path, &version.metadata)?;
        if lower.stat.st_nlink < 2 {
            return None;
        }
        let mut names = self.names.borrow_mut().of(&lower.layer, lower.stat.st_ino);
        names.retain(|name| {
            let shown = LowerFile::shown(&self.tree.lower, name);
            name != path && shown.is_some_and(|shown| is_one(&shown.stat, &lower.stat))
        });
        Some((lower, names))
    }

    fn named<'b>(&self, path: &'b [u8], seen: &'b [u8]) -> At<'b> {
        let place = self.place;
        At { place, path, seen }
    }

    /// Never copied up, or put back by this restore.
    fn is_as_in_image(
        &self,
        name: &[u8],
        entry: &Entry,
        (version, lower): (&Version, &LowerFile),
    ) -> Result<bool, Failed> {
        if Stamp::from(&entry.stat) == Stamp::from(&lower.stat) && entry.stat.st_ino == lower.stat.st_ino {
            return Ok(true);
        }
        self.is_put_back(name, entry, version)
    }

    fn is_put_back(&self, name: &[u8], entry: &Entry, version: &Version) -> Result<bool, Failed> {
        let target = self.plan.targets.get(&(self.place, name.to_vec()));
        if target.is_none_or(|target| target.conflict) {
            return Ok(false);
        }
        let metadata = Metadata::read(entry.file.as_raw_fd(), &entry.stat)?;
        let file = self.tree.open_file(entry, libc::O_RDONLY)?;
        Ok(metadata.is_like(&version.metadata) && is_same(self.source(version), &file)?)
    }

    /// `name` is never without a file: the link is made aside and takes its place.
    fn join_name(&self, one: &Entry, (name, other): (&[u8], &Entry), parted: FileKey) -> Result<(), Failed> {
        self.add_name(name, &one.file, Some(other))?;
        let seen = seen(name);
        let at = self.named(name, &seen);
        self.deed.unlinked(at, parted, false);
        self.deed.linked(at, self.original(one.key));
        Ok(())
    }

    /// What is removed here may be another file than what was put back there, though to the journal both are one.
    pub fn own_key(&self, path: &[u8], entry: &Entry) -> Result<FileKey, Failed> {
        let key = self.original(entry.key);
        let spots = self.plan.spots.get(&key).into_iter().flatten();
        for (_, other) in spots.filter(|(place, other)| *place == self.place && other != path) {
            if let Some(one) = self.lookup(other)?
                && self.original(one.key) == key
                && !is_one(&one.stat, &entry.stat)
            {
                return Ok(by_name(&self.tree.upper, path));
            }
        }
        Ok(entry.key)
    }

    /// What had the name: a file with a history of its own, or the image's, of which nothing is known but where it lies.
    fn parted(&self, other: &Entry, (one, name): (&Entry, &[u8])) -> FileKey {
        let [other, one] = [other, one].map(|entry| self.original(entry.key));
        let is_known = self.watched.store.index().state(other).is_some();
        if is_known && other != one {
            other
        } else {
            by_name(&self.tree.upper, name)
        }
    }
}

/// What the container's processes call it.
fn seen(path: &[u8]) -> Vec<u8> {
    [b"/", path].concat()
}
