//! The content of a version, read back chunk by chunk, and compared with or written to a file.
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;

use sha2::{Digest, Sha256};

use crate::places::LowerFile;
use crate::record::{Content, Version};
use crate::store::Store;
use crate::sys;

const CHUNK_BYTES: usize = 1 << 20;

/// Why a content can't be given back, as a sentence.
pub type Lost = String;

/// Hands out the version's bytes in order.
pub fn each_chunk(
    store: &Store,
    lower: &[Vec<u8>],
    version: &Version,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), Lost> {
    let failed = |error: io::Error| format!("the content can't be put back: {error}");
    match &version.content {
        Content::Packed(blobs) => blobs.iter().try_for_each(|&blob| {
            let bytes = store
                .read(blob)
                .map_err(|error| format!("the pre-image can't be read: {error}"))?;
            each(&bytes).map_err(failed)
        }),
        Content::Lower(path) => {
            let gone = || "the image's layer no longer holds the file".to_owned();
            let found = LowerFile::like(lower, path, &version.metadata).ok_or_else(gone)?;
            let path = format!("/proc/self/fd/{}", found.file.as_raw_fd());
            let flags = libc::O_RDONLY | libc::O_NOATIME;
            let file = sys::open_below(libc::AT_FDCWD, path.as_bytes(), flags, 0).map_err(failed)?;
            read_all(&file, each).map_err(failed)
        }
        Content::Missing(why) => Err(why.reason().to_owned()),
        Content::Link(_) => Err("a symbolic link has no content".to_owned()),
    }
}

fn read_all(file: &OwnedFd, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut chunk = vec![0_u8; CHUNK_BYTES];
    let mut at = 0;
    loop {
        let count = sys::pread(file.as_raw_fd(), &mut chunk, at)?;
        if count == 0 {
            return Ok(());
        }
        each(&chunk[..count])?;
        at += count as u64;
    }
}

pub fn hash_file(file: &OwnedFd) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    read_all(file, |bytes| {
        hash.update(bytes);
        Ok(())
    })?;
    Ok(hash.finalize().into())
}

pub fn hash_version(store: &Store, lower: &[Vec<u8>], version: &Version) -> Result<[u8; 32], Lost> {
    let mut hash = Sha256::new();
    each_chunk(store, lower, version, |bytes| {
        hash.update(bytes);
        Ok(())
    })?;
    Ok(hash.finalize().into())
}

/// Overwrites from the start and cuts at the end; holes are not made.
pub fn write_version(store: &Store, lower: &[Vec<u8>], version: &Version, to: OwnedFd) -> Result<(), Lost> {
    let file = std::fs::File::from(to);
    let mut at = 0;
    each_chunk(store, lower, version, |bytes| {
        file.write_all_at(bytes, at)?;
        at += bytes.len() as u64;
        Ok(())
    })?;
    file.set_len(at)
        .map_err(|error| format!("the file can't be cut to its size: {error}"))
}
