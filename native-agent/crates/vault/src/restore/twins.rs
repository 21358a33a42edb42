//! An image may give one file several names. Overlayfs parts them as soon as one is written to; here they become one again.
use std::collections::HashMap;
use std::ffi::{CString, OsString};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::apply::{Failed, Work};
use super::content::is_same;
use super::deed::At;
use super::plan::Target;
use super::tree::Entry;
use crate::file::{FileKey, Metadata, Stamp};
use crate::places::{LowerFile, by_name};
use crate::record::{Content, Version};
use crate::sys;
use crate::watch::join;

/// Entries of a layer that are looked at; names beyond stay parted.
const ENTRIES_MAX: usize = 2_000_000;

/// Of a layer, the names of each of its files that have more than one.
#[derive(Default)]
pub(super) struct Names(HashMap<Vec<u8>, HashMap<u64, Vec<Vec<u8>>>>);

impl Names {
    fn of(&mut self, layer: &[u8], inode: u64) -> Vec<Vec<u8>> {
        let known = self.0.entry(layer.to_vec()).or_insert_with(|| walk(layer));
        known.get(&inode).cloned().unwrap_or_default()
    }
}

fn walk(layer: &[u8]) -> HashMap<u64, Vec<Vec<u8>>> {
    let mut names: HashMap<u64, Vec<Vec<u8>>> = HashMap::new();
    let mut waiting = vec![Vec::new()];
    let mut seen = 0;
    while let Some(directory) = waiting.pop() {
        let path = PathBuf::from(OsString::from_vec(join(layer, &directory)));
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            seen += 1;
            if seen > ENTRIES_MAX {
                return names;
            }
            let path = join(&directory, entry.file_name().as_bytes());
            match entry.metadata() {
                Ok(about) if about.is_dir() => waiting.push(path),
                Ok(about) if about.is_file() && about.nlink() > 1 => {
                    names.entry(about.ino()).or_default().push(path);
                }
                _ => {}
            }
        }
    }
    names
}

impl Work<'_> {
    /// `path` has the file of the image again: the image's other names of it become names of this one.
    pub(super) fn join_names(&self, path: &[u8], target: &Target, names: &mut Names) -> Result<(), Failed> {
        let Some(version) = &target.version else {
            return Ok(());
        };
        let Content::Lower(image_path) = &version.content else {
            return Ok(());
        };
        let Some(lower) = LowerFile::like(&self.tree.lower, image_path, &version.metadata) else {
            return Ok(());
        };
        if lower.stat.st_nlink < 2 {
            return Ok(());
        }
        for name in names.of(&lower.layer, lower.stat.st_ino) {
            let shown = LowerFile::shown(&self.tree.lower, &name);
            let is_shown = shown.is_some_and(|shown| is_one(&shown.stat, &lower.stat));
            if name == path || !is_shown {
                continue;
            }
            if let (Some(one), Some(other)) = (self.tree.lookup(path)?, self.tree.lookup(&name)?)
                && !is_one(&one.stat, &other.stat)
                && self.is_as_in_image(&name, &other, (version, &lower))?
            {
                self.join_name((path, &one), (&name, &other), version)?;
            }
        }
        Ok(())
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
        let target = self.plan.targets.get(&(self.place, name.to_vec()));
        if target.is_none_or(|target| target.conflict) {
            return Ok(false);
        }
        let metadata = Metadata::read(entry.file.as_raw_fd(), &entry.stat)?;
        let file = self.tree.open_file(name, entry, libc::O_RDONLY)?;
        Ok(metadata.is_like(&version.metadata) && is_same(self.source(version), &file)?)
    }

    /// `name` is never without a file: the link is made beside it and takes its place.
    fn join_name(
        &self,
        (path, one): (&[u8], &Entry),
        (name, other): (&[u8], &Entry),
        version: &Version,
    ) -> Result<(), Failed> {
        let seen = [b"/", name].concat();
        let at = At {
            place: self.place,
            path: name,
            seen: &seen,
        };
        let as_in_image = Version {
            content: Content::Lower(name.to_vec()),
            ..version.clone()
        };
        let metadata = Metadata::read(other.file.as_raw_fd(), &other.stat)?;
        let parted = self.parted(other, (one, name));
        self.deed.keep_metadata(at, parted, (&as_in_image, metadata));
        let (from, old) = self.tree.parent(path)?;
        let (to, new) = self.tree.parent(name)?;
        let beside = CString::new(format!(".norn-{:032x}", other.key.0)).map_err(std::io::Error::other)?;
        drop(sys::unlink_at(to.as_raw_fd(), &beside, false));
        sys::link_at((from.as_raw_fd(), &old), (to.as_raw_fd(), &beside))?;
        if let Err(error) = sys::rename_at((to.as_raw_fd(), &beside), (to.as_raw_fd(), &new), false) {
            drop(sys::unlink_at(to.as_raw_fd(), &beside, false));
            return Err(error.into());
        }
        self.deed.unlinked(at, parted, false);
        self.deed.linked(at, self.original(one.key));
        Ok(())
    }

    /// What had the name: a file with a history of its own, or the image's, of which nothing is known but where it lies.
    fn parted(&self, other: &Entry, (one, name): (&Entry, &[u8])) -> FileKey {
        let [other, one] = [other, one].map(|entry| self.original(entry.key));
        let is_known = self.shared.store.index().state(other).is_some();
        if is_known && other != one {
            other
        } else {
            by_name(&self.tree.upper, name)
        }
    }
}

fn is_one(one: &sys::Stat, other: &sys::Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}
