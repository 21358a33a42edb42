//! How the content of a file gets into the journal: copied, without its holes, or cloned when it is large.
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use norn_events::ContentShape;
use norn_os as os;

use crate::clones::{CLONE_BYTES_MIN, in_layer};
use crate::file::{FILE_BYTES_MAX, Metadata};
use crate::record::{BlobRef, Content, Location, Missing, Record, Time, Version};
use crate::shape::shape;
use crate::store::Store;

const CHUNK_BYTES: usize = 1 << 20;

/// A clone of a large file where that can be had, else a copy. `upper` is the layer of the overlay that the file is in.
pub fn keep(
    store: &Store,
    (fd, stat): (RawFd, &os::Stat),
    (upper, path): (Option<&[u8]>, &[u8]),
) -> io::Result<(Content, Option<ContentShape>)> {
    if data_bytes(stat) >= CLONE_BYTES_MIN
        && let Some(content) = clone(store, (fd, stat), (upper, path))
    {
        return Ok((content, Some(sample(fd, stat.st_size as u64)?)));
    }
    copy(store, fd, stat)
}

/// `None` where the vault's file system has no clones, or there is no room.
pub fn clone(
    store: &Store,
    (fd, stat): (RawFd, &os::Stat),
    (upper, path): (Option<&[u8]>, &[u8]),
) -> Option<Content> {
    store.clones.is_supported().ok()?;
    let behind = upper.and_then(|upper| in_layer(upper, path, stat));
    store
        .clones
        .keep(behind.as_ref().map_or(fd, OwnedFd::as_raw_fd), stat)
}

/// The shape of the content, by its first bytes.
pub fn sample(fd: RawFd, size: u64) -> io::Result<ContentShape> {
    let mut head = [0_u8; ContentShape::SAMPLE_BYTES];
    let count = os::pread(fd, &mut head, 0)?;
    Ok(shape(&head[..count], size))
}

/// Copies the content into the pack.
pub fn copy(store: &Store, fd: RawFd, stat: &os::Stat) -> io::Result<(Content, Option<ContentShape>)> {
    let size = stat.st_size as u64;
    if data_bytes(stat) > FILE_BYTES_MAX {
        return Ok((Content::Missing(Missing::TooLarge), None));
    }
    if store.is_full() {
        return Ok((Content::Missing(Missing::Full), None));
    }
    if data_bytes(stat) < size {
        return copy_sparse(store, fd, size);
    }
    let mut blobs: Vec<BlobRef> = Vec::new();
    let mut found = None;
    let mut at = 0;
    let mut chunk = vec![0_u8; CHUNK_BYTES.min(size as usize + 1)];
    loop {
        let count = os::pread(fd, &mut chunk, at)?;
        if found.is_none() {
            found = Some(shape(&chunk[..count], size));
        }
        if count == 0 {
            break;
        }
        blobs.push(store.append_blob(&chunk[..count])?);
        at += count as u64;
        if at > FILE_BYTES_MAX {
            return Ok((Content::Missing(Missing::TooLarge), found));
        }
    }
    blobs.shrink_to_fit();
    Ok((Content::Packed(blobs), found))
}

/// What there is to copy: with holes, less than the size.
pub fn data_bytes(stat: &os::Stat) -> u64 {
    (stat.st_size as u64).min(stat.st_blocks as u64 * 512)
}

/// Copies what is not a hole.
fn copy_sparse(store: &Store, fd: RawFd, size: u64) -> io::Result<(Content, Option<ContentShape>)> {
    let mut extents: Vec<(u64, BlobRef)> = Vec::new();
    let found = Some(sample(fd, size)?);
    let mut chunk = vec![0_u8; CHUNK_BYTES.min(size as usize)];
    let (mut end, mut copied) = (0, 0);
    while let Some((start, stop)) = os::next_data(fd, end)? {
        let mut at = start;
        while at < stop {
            let most = chunk.len().min((stop - at) as usize);
            let count = os::pread(fd, &mut chunk[..most], at)?;
            if count == 0 {
                break;
            }
            extents.push((at, store.append_blob(&chunk[..count])?));
            at += count as u64;
            copied += count as u64;
            if copied > FILE_BYTES_MAX {
                return Ok((Content::Missing(Missing::TooLarge), found));
            }
        }
        end = stop;
    }
    extents.shrink_to_fit();
    Ok((Content::Sparse(extents), found))
}

/// The state is known, its content is not: a restore says so instead of giving back an older one.
pub fn missing_version((fd, stat): (RawFd, &os::Stat), (time, pid): (Time, u32), why: Missing) -> Version {
    Version {
        time,
        pid,
        content: Content::Missing(why),
        metadata: Metadata::read(fd, stat).unwrap_or_default(),
        shape: None,
    }
}

/// Symbolic links are never opened, so their target is taken as soon as they are there.
pub fn keep_link(store: &Store, fd: RawFd, location: Location) -> io::Result<()> {
    let stat = os::fstat(fd)?;
    if stat.st_mode & libc::S_IFMT != libc::S_IFLNK {
        return Ok(());
    }
    let content = Content::Link(os::read_link_at(fd, c"")?);
    let metadata = Metadata::read(fd, &stat)?;
    let version = Version {
        time: os::boot_ns() as Time,
        pid: 0,
        content,
        metadata,
        shape: None,
    };
    store.record(Record::Version(location, version));
    Ok(())
}
