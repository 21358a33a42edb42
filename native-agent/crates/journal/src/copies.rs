//! How the content of a file gets into the journal: copied, without its holes, or cloned when it is large.
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use norn_events::{ContentFormat, ContentShape};
use norn_os as os;

use crate::clones::{CLONE_BYTES_MIN, in_layer};
use crate::file::{FILE_BYTES_MAX, Metadata};
use crate::record::{BlobRef, Content, Location, Missing, Record, Time, Version};
use crate::shape::shape;
use crate::store::Store;
use crate::structure::{index_of_7z, is_locked_7z};

const CHUNK_BYTES: usize = 1 << 20;
/// Of the index of an archive, where its first file's method stands.
const INDEX_BYTES: usize = 256;

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

/// The shape of the content, by its first bytes, and by the index of a 7z archive.
pub fn sample(fd: RawFd, size: u64) -> io::Result<ContentShape> {
    let mut head = [0_u8; ContentShape::SAMPLE_BYTES];
    let count = os::pread(fd, &mut head, 0)?;
    let mut found = shape(&head[..count], size);
    let index_at =
        index_of_7z(&head[..count]).filter(|&at| found.format == ContentFormat::Archive && at < size);
    if let Some(at) = index_at {
        let mut index = [0_u8; INDEX_BYTES];
        let count = os::pread(fd, &mut index, at)?;
        if is_locked_7z(&index[..count]) {
            found.format = ContentFormat::Locked;
        }
    }
    Ok(found)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};

    /// By `7z a -psecret` and `7z a`, of one file of 102 bytes.
    const LOCKED: &[u8] = b"\x37\x7a\xbc\xaf\x27\x1c\x00\x04\x04\x62\x08\x34\x30\x00\x00\x00\x00\x00\x00\x00\x62\x00\x00\x00\x00\x00\x00\x00\xe0\xee\x0e\x02\x42\xaa\xa6\x0e\xfc\xd3\x82\x77\x99\xfe\x33\xeb\x52\x63\x27\x92\x5b\xc6\xcc\x3d\x24\x1f\xdc\x68\x69\x16\x3e\x0e\x21\xd6\xd7\x4b\x2e\x45\x63\x82\x3e\xee\x1c\xc9\x78\xfe\x9e\x93\x1a\x90\x60\xe5\x01\x04\x06\x00\x01\x09\x30\x00\x07\x0b\x01\x00\x02\x24\x06\xf1\x07\x01\x12\x53\x0f\x90\xde\x61\xc8\xce\xb1\xcb\xd5\x6c\x40\x80\xdb\xfc\x08\x12\x8d\x21\x21\x01\x00\x01\x00\x0c\x2f\x66\x00\x08\x0a\x01\xc8\x63\xbf\xe4\x00\x00\x05\x01\x19\x01\x00\x11\x0d\x00\x61\x00\x2e\x00\x63\x00\x73\x00\x76\x00\x00\x00\x14\x0a\x01\x00\xed\x6e\x0e\xb1\x62\x81\xdd\x01\x15\x06\x01\x00\x20\x80\xa4\x81\x00\x00";
    const PLAIN: &[u8] = b"\x37\x7a\xbc\xaf\x27\x1c\x00\x04\x53\xdf\xdf\xce\x2f\x00\x00\x00\x00\x00\x00\x00\x52\x00\x00\x00\x00\x00\x00\x00\xa7\xb8\xed\x91\xe0\x00\x65\x00\x27\x5d\x00\x3a\x1a\x08\xce\x76\xac\xc2\x75\x53\x36\x0c\x1b\x03\xe1\x87\x10\x77\xfd\x48\x99\xef\x8c\x87\x16\xa4\x3e\xe8\x5d\x10\x2b\x02\xe4\xe5\x4e\xa3\x3f\x90\x00\x00\x00\x01\x04\x06\x00\x01\x09\x2f\x00\x07\x0b\x01\x00\x01\x21\x21\x01\x00\x0c\x66\x00\x08\x0a\x01\xc8\x63\xbf\xe4\x00\x00\x05\x01\x19\x0c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x11\x0d\x00\x61\x00\x2e\x00\x63\x00\x73\x00\x76\x00\x00\x00\x14\x0a\x01\x00\xed\x6e\x0e\xb1\x62\x81\xdd\x01\x15\x06\x01\x00\x20\x80\xa4\x81\x00\x00";

    #[test]
    fn a_7z_that_wants_a_password_is_locked_however_far_behind_that_stands() {
        let path = std::env::temp_dir().join(format!("norn-copies-{}", std::process::id()));
        let format_of = |content: &[u8]| {
            fs::write(&path, content).unwrap();
            let file = File::open(&path).unwrap();
            let found = sample(file.as_raw_fd(), content.len() as u64).unwrap().format;
            fs::remove_file(&path).unwrap();
            found
        };
        assert_eq!(format_of(LOCKED), ContentFormat::Locked);
        assert_eq!(format_of(PLAIN), ContentFormat::Archive);
        assert_eq!(format_of(&LOCKED[..64]), ContentFormat::Archive, "cut off");
    }
}
