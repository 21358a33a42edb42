//! The content of a version, read back extent by extent, and compared with or written to a file. Holes stay holes.
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;

use norn_journal::record::{Content, Version};
use norn_journal::store::Store;
use norn_os as os;
use norn_watch::places::LowerFile;
use sha2::{Digest, Sha256};

const CHUNK_BYTES: usize = 1 << 20;
/// Larger files, which only sparse ones can be, are compared by what is not a hole, and have no hash.
const HASHED_BYTES_MAX: u64 = 1 << 30;
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// Why a content can't be given back, as a sentence.
pub type Lost = String;

/// A version, and where its content may lie.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    pub store: &'a Store,
    pub lower: &'a [Vec<u8>],
    pub version: &'a Version,
}

fn failed(error: io::Error) -> Lost {
    format!("the content can't be put back: {error}")
}

/// Hands out what is not a hole as (offset, bytes), in order.
pub fn each_extent(
    source: Source<'_>,
    mut each: impl FnMut(u64, &[u8]) -> io::Result<()>,
) -> Result<(), Lost> {
    let mut blob = |at: u64, blob| {
        let read = source.store.read(blob);
        let bytes = read.map_err(|error| format!("the pre-image can't be read: {error}"))?;
        each(at, &bytes).map_err(failed)
    };
    match &source.version.content {
        Content::Packed(blobs) => {
            let mut at = 0;
            blobs.iter().try_for_each(|&part| {
                let start = at;
                at += u64::from(part.length);
                blob(start, part)
            })
        }
        Content::Sparse(extents) => extents.iter().try_for_each(|&(at, part)| blob(at, part)),
        Content::Cloned(number) => {
            let file = source.store.clones.file(*number, source.version.metadata.size);
            let file = file.map_err(|error| format!("the pre-image can't be read: {error}"))?;
            file_extents(&file, each).map_err(failed)
        }
        Content::Lower(path) => {
            let gone = || "the image's layer no longer holds the file".to_owned();
            let found = LowerFile::like(source.lower, path, &source.version.metadata).ok_or_else(gone)?;
            let path = os::link_of(found.file.as_raw_fd());
            let flags = libc::O_RDONLY | libc::O_NOATIME;
            let file = os::open_below(libc::AT_FDCWD, path.as_bytes(), flags, 0).map_err(failed)?;
            file_extents(&file, each).map_err(failed)
        }
        Content::Missing(why) => Err(why.reason().to_owned()),
        Content::Link(_) => Err("a symbolic link has no content".to_owned()),
    }
}

fn file_extents(file: &OwnedFd, mut each: impl FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut chunk = vec![0_u8; CHUNK_BYTES];
    let mut end = 0;
    while let Some((start, stop)) = os::next_data(file.as_raw_fd(), end)? {
        let mut at = start;
        while at < stop {
            let most = chunk.len().min((stop - at) as usize);
            let count = os::pread(file.as_raw_fd(), &mut chunk[..most], at)?;
            if count == 0 {
                return Ok(());
            }
            each(at, &chunk[..count])?;
            at += count as u64;
        }
        end = stop;
    }
    Ok(())
}

/// A hash of content with holes: they are read as zeros.
struct Hash {
    sha: Sha256,
    at: u64,
}

impl Hash {
    fn new() -> Self {
        Self {
            sha: Sha256::new(),
            at: 0,
        }
    }

    fn zeros_until(&mut self, offset: u64) {
        while self.at < offset {
            let count = ZEROS.len().min((offset - self.at) as usize);
            self.sha.update(&ZEROS[..count]);
            self.at += count as u64;
        }
    }

    fn add(&mut self, offset: u64, bytes: &[u8]) {
        self.zeros_until(offset);
        self.sha.update(bytes);
        self.at += bytes.len() as u64;
    }

    fn finish(mut self, size: u64) -> [u8; 32] {
        self.zeros_until(size);
        self.sha.finalize().into()
    }
}

fn size_of(file: &OwnedFd) -> io::Result<u64> {
    Ok(os::fstat(file.as_raw_fd())?.st_size as u64)
}

/// `None` when it is too large to be hashed.
pub fn hash_file(file: &OwnedFd) -> io::Result<Option<[u8; 32]>> {
    let size = size_of(file)?;
    if size > HASHED_BYTES_MAX {
        return Ok(None);
    }
    let mut hash = Hash::new();
    file_extents(file, |at, bytes| {
        hash.add(at, bytes);
        Ok(())
    })?;
    Ok(Some(hash.finish(size)))
}

/// `None` when it is too large to be hashed.
pub fn hash_of(source: Source<'_>) -> Result<Option<[u8; 32]>, Lost> {
    let size = source.version.metadata.size;
    let mut hash = Hash::new();
    let hashed = size <= HASHED_BYTES_MAX;
    each_extent(source, |at, bytes| {
        if hashed {
            hash.add(at, bytes);
        }
        Ok(())
    })?;
    Ok(hashed.then(|| hash.finish(size)))
}

/// Is this range of the file zeros, holes or not?
fn is_zero(file: &OwnedFd, (start, stop): (u64, u64)) -> io::Result<bool> {
    let mut chunk = vec![0_u8; CHUNK_BYTES];
    let mut end = start;
    while let Some((from, to)) = os::next_data(file.as_raw_fd(), end)? {
        let (mut at, to) = (from, to.min(stop));
        while at < to {
            let most = chunk.len().min((to - at) as usize);
            let count = os::pread(file.as_raw_fd(), &mut chunk[..most], at)?;
            if chunk[..count].iter().any(|&byte| byte != 0) {
                return Ok(false);
            }
            if count == 0 {
                break;
            }
            at += count as u64;
        }
        if to >= stop || from >= stop {
            break;
        }
        end = to;
    }
    Ok(true)
}

/// Is the file's content the version's?
pub fn is_same(source: Source<'_>, file: &OwnedFd) -> Result<bool, Lost> {
    let size = source.version.metadata.size;
    if size_of(file).map_err(failed)? != size {
        return Ok(false);
    }
    let (mut same, mut end, mut chunk) = (true, 0, Vec::new());
    each_extent(source, |at, bytes| {
        if !same {
            return Ok(());
        }
        chunk.resize(bytes.len(), 0);
        let count = os::pread(file.as_raw_fd(), &mut chunk, at)?;
        same = count == bytes.len() && chunk == bytes && is_zero(file, (end, at))?;
        end = at + bytes.len() as u64;
        Ok(())
    })?;
    Ok(same && is_zero(file, (end, size)).map_err(failed)?)
}

/// Overwrites from the start, makes holes where there were some, and cuts at the end.
pub fn write_version(source: Source<'_>, to: &OwnedFd) -> Result<(), Lost> {
    if let Content::Cloned(number) = source.version.content
        && let Ok(from) = source.store.clones.file(number, source.version.metadata.size)
        && os::clone_file(from.as_raw_fd(), to.as_raw_fd()).is_ok()
    {
        return Ok(());
    }
    let file = std::fs::File::from(to.try_clone().map_err(failed)?);
    let size = source.version.metadata.size;
    let there = file.metadata().map_err(failed)?.len();
    let hole = |from: u64, until: u64| match from < until.min(there) {
        true => os::punch_hole(to.as_raw_fd(), from, until - from),
        false => Ok(()),
    };
    let mut end = 0;
    each_extent(source, |at, bytes| {
        hole(end, at)?;
        file.write_all_at(bytes, at)?;
        end = at + bytes.len() as u64;
        Ok(())
    })?;
    let cut = |error| format!("the file can't be cut to its size: {error}");
    hole(end, size).map_err(failed)?;
    file.set_len(size).map_err(cut)
}
