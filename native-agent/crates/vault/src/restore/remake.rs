//! Files that are gone are made again, and every file gets its metadata back.
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use norn_events::wire::action::v1::FileVerdict;

use super::apply::{Done, Failed, Outcome, Work};
use super::content::{hash_version, write_version};
use crate::file::{FileKey, Metadata};
use crate::places::LowerFile;
use crate::record::{Content, Record, Version};
use crate::sys;

impl Work<'_> {
    /// Makes the file again beside its name, complete, and gives it the name then.
    pub(super) fn again(
        &self,
        path: &[u8],
        (key, version): (FileKey, &Version),
        verdict: &mut FileVerdict,
    ) -> Outcome {
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
                self.shared
                    .store
                    .record(Record::Alias(self.tree.key(&file)?, key));
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
            let (store, lower) = (&self.shared.store, &self.tree.lower);
            let before = hash_version(store, lower, version)?;
            verdict.sha256_before = before.to_vec();
            write_version(
                store,
                lower,
                version,
                sys::create_at(parent.as_raw_fd(), name, 0o600)?,
            )?;
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
