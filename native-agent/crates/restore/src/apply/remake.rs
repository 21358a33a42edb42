//! Files, links and directories that are gone are made again: complete, out of everybody's reach, and given their name then.
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use norn_aside::{Aside, Staged};
use norn_events::wire::action::v1::FileVerdict;
use norn_journal::file::FileKey;
use norn_journal::record::{Content, Record, Version};
use norn_os as os;
use norn_watch::places::LowerFile;

use super::exact::{disturbed, put_metadata};
use super::work::Work;
use crate::content::{hash_of, write_version};
use crate::outcome::{Done, Failed, Outcome};
use crate::plan::Target;
use crate::tree::Entry;

impl Work<'_> {
    /// One descriptor leads from the new file's birth to its verdict.
    pub fn again(
        &self,
        (path, target): (&[u8], &Target),
        (key, version, there): (FileKey, &Version, Option<&Entry>),
        verdict: &mut FileVerdict,
    ) -> Outcome {
        let at = self.at(path, target);
        if let Some(there) = there {
            if there.stat.st_mode & libc::S_IFMT == libc::S_IFDIR {
                return Err(Failed::Conflict("a directory has this name now".to_owned()));
            }
            self.deed.keep(at, there, self.tree)?;
        }
        let (parent, _) = self.tree.parent(path)?;
        let aside = self.aside(&parent)?;
        let staged = self.make(&aside, version, verdict)?;
        if let Err(error) = put_metadata(&staged.file, &version.metadata) {
            drop(aside.discard(&staged));
            return Err(error.into());
        }
        self.give(path, (&aside, &staged), there)?;
        let made = self.tree.key(&staged.file)?;
        if let Some(there) = there {
            self.deed.unlinked(at, there.key, false);
        }
        self.watched.store.record(Record::Alias(made, key));
        self.deed.created(at, made, false);
        let has_other_names = os::fstat(staged.file.as_raw_fd())?.st_nlink > 1;
        if has_other_names && version.metadata.is_privileged() {
            return Err(disturbed());
        }
        self.finish(path, &staged.file, version)?;
        Ok(Done::Restored)
    }

    fn make(&self, aside: &Aside, version: &Version, verdict: &mut FileVerdict) -> Result<Staged, Failed> {
        if let Content::Link(target) = &version.content {
            return Ok(aside.symbolic_link(&os::c_string(target)?)?);
        }
        if version.metadata.is_symbolic_link() {
            return Ok(aside.symbolic_link(&self.lower_link(version)?)?);
        }
        if !version.metadata.is_regular() {
            return Err(Failed::Lost("not a regular file".to_owned()));
        }
        let source = self.source(version);
        let before = hash_of(source)?;
        verdict.sha256_before = before.map(Vec::from).unwrap_or_default();
        let staged = aside.file()?;
        if let Err(why) = write_version(source, &staged.file) {
            drop(aside.discard(&staged));
            return Err(why.into());
        }
        Ok(staged)
    }

    fn lower_link(&self, version: &Version) -> Result<CString, Failed> {
        let Content::Lower(path) = &version.content else {
            return Err(Failed::Lost("the link's target was not recorded".to_owned()));
        };
        let gone = || Failed::Lost("the image's layer no longer holds the link".to_owned());
        let found = LowerFile::like(&self.tree.lower, path, &version.metadata).ok_or_else(gone)?;
        Ok(os::c_string(&os::read_link_at(found.file.as_raw_fd(), c"")?)?)
    }

    /// A directory whose metadata nobody saved gets those of the directory it lies in.
    pub fn make_directory(&self, path: &[u8], key: Option<FileKey>, target: &Target) -> Outcome {
        if self.tree.lookup(path)?.is_some() {
            return Ok(Done::Unchanged);
        }
        let (parent, _) = self.tree.parent(path)?;
        let aside = self.aside(&parent)?;
        let staged = aside.directory(0o700)?;
        let put = match &target.version {
            Some(version) => put_metadata(&staged.file, &version.metadata),
            None => inherit(&staged.file, &parent),
        };
        if let Err(error) = put {
            drop(aside.discard(&staged));
            return Err(error.into());
        }
        self.give(path, (&aside, &staged), None)?;
        let made = self.tree.key(&staged.file)?;
        if let Some(key) = key {
            self.watched.store.record(Record::Alias(made, key));
        }
        self.deed.created(self.at(path, target), made, true);
        Ok(Done::Restored)
    }
}

/// What a directory that is simply made gets of the one that it lies in, and more.
fn inherit(made: &OwnedFd, parent: &OwnedFd) -> io::Result<()> {
    let above = os::fstat(parent.as_raw_fd())?;
    os::change_owner(made.as_raw_fd(), above.st_uid, above.st_gid)?;
    os::change_mode(made.as_raw_fd(), above.st_mode & 0o777)?;
    let default_acl = os::attributes(parent.as_raw_fd())?
        .into_iter()
        .find(|(name, _)| name == os::DEFAULT_ACL);
    match default_acl {
        Some((name, value)) => os::set_attribute(made.as_raw_fd(), &name, Some(&value)),
        None => Ok(()),
    }
}
