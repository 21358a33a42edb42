//! Files that are gone are made again, and every file gets its metadata back.
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use norn_events::wire::action::v1::FileVerdict;

use super::apply::{Done, Failed, Outcome, Work};
use super::content::{hash_of, write_version};
use super::plan::Target;
use super::tree::Entry;
use crate::file::{FileKey, Metadata};
use crate::places::LowerFile;
use crate::record::{Content, Record, Version};
use crate::sys;

impl Work<'_> {
    /// Makes the file again beside its name, complete, and gives it the name then.
    pub(super) fn again(
        &self,
        (path, target): (&[u8], &Target),
        (key, version, there): (FileKey, &Version, Option<&Entry>),
        verdict: &mut FileVerdict,
    ) -> Outcome {
        let at = self.at(path, target);
        if let Some(there) = there {
            self.deed.keep(at, there, self.tree)?;
        }
        let (parent, name) = self.tree.parent(path)?;
        let beside = CString::new(format!(".norn-{:032x}", key.0)).map_err(io::Error::other)?;
        drop(sys::unlink_at(parent.as_raw_fd(), &beside, false));
        let made = self.make((&parent, &beside), version, verdict);
        let named = made.and_then(|file| {
            sys::rename_at((parent.as_raw_fd(), &beside), (parent.as_raw_fd(), &name), false)?;
            Ok(file)
        });
        match named {
            Ok(file) => {
                let made = self.tree.key(&file)?;
                if let Some(there) = there {
                    self.deed.unlinked(at, there.key, false);
                }
                self.shared.store.record(Record::Alias(made, key));
                self.deed.created(at, made, false);
                Ok(Done::Restored)
            }
            Err(failed) => {
                drop(sys::unlink_at(parent.as_raw_fd(), &beside, false));
                Err(failed)
            }
        }
    }

    fn make(
        &self,
        (parent, name): (&OwnedFd, &CString),
        version: &Version,
        verdict: &mut FileVerdict,
    ) -> Result<OwnedFd, Failed> {
        if let Content::Link(target) = &version.content {
            let target = sys::c_string(target)?;
            sys::symlink_at(&target, parent.as_raw_fd(), name)?;
        } else if version.metadata.is_symbolic_link() {
            let target = self.lower_link(version)?;
            sys::symlink_at(&target, parent.as_raw_fd(), name)?;
        } else if version.metadata.is_regular() {
            let source = self.source(version);
            let before = hash_of(source)?;
            verdict.sha256_before = before.map(Vec::from).unwrap_or_default();
            write_version(source, &sys::create_at(parent.as_raw_fd(), name, 0o600)?)?;
        } else {
            return Err(Failed::Lost("not a regular file".to_owned()));
        }
        let flags = libc::O_PATH | libc::O_NOFOLLOW;
        let file = sys::open_below(parent.as_raw_fd(), name.as_bytes(), flags, sys::BELOW)?;
        put_metadata(&file, &version.metadata)?;
        Ok(file)
    }

    fn lower_link(&self, version: &Version) -> Result<CString, Failed> {
        let Content::Lower(path) = &version.content else {
            return Err(Failed::Lost("the link's target was not recorded".to_owned()));
        };
        let gone = || Failed::Lost("the image's layer no longer holds the link".to_owned());
        let found = LowerFile::like(&self.tree.lower, path, &version.metadata).ok_or_else(gone)?;
        Ok(sys::c_string(&sys::read_link_at(found.file.as_raw_fd(), c"")?)?)
    }
}

/// Owner, then mode, then extended attributes, then times: each undoes what the one before it spoils.
pub(super) fn put_metadata(file: &OwnedFd, wanted: &Metadata) -> io::Result<()> {
    let fd = file.as_raw_fd();
    sys::change_owner(fd, wanted.uid, wanted.gid)?;
    if wanted.is_symbolic_link() {
        return sys::change_time(fd, wanted.modified_ns);
    }
    sys::change_mode(fd, wanted.mode)?;
    let there = sys::attributes(fd)?;
    for (name, _) in there
        .iter()
        .filter(|(name, _)| !wanted.attributes.iter().any(|(known, _)| known == name))
    {
        sys::set_attribute(fd, name, None)?;
    }
    for (name, value) in wanted.attributes.iter().filter(|known| !there.contains(known)) {
        sys::set_attribute(fd, name, Some(value))?;
    }
    sys::change_time(fd, wanted.modified_ns)
}
