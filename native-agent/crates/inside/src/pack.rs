//! Where contents are kept: one file without a name. Nobody can open it but through the agent's descriptor, which is out of
//! reach; it is gone with the agent. Room that is given up is given back at once.
mod allowance;
pub mod large;

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use norn_os as os;

use allowance::Allowance;

/// The place of a pack that no directory took.
const MEMORY: &str = "memory";
/// Memory counts as the container's.
const MEMORY_BYTES_MAX: u64 = 64 << 20;

/// A piece of a file that is no hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    pub at: u64,
    pub length: u64,
    pub in_pack: u64,
}

pub struct PackFile {
    pub file: File,
    /// Kept in it or, where each content has a file of its own, in all of those.
    bytes: Arc<AtomicU64>,
    /// Other contents lie in it.
    is_shared: bool,
}

impl PackFile {
    /// Of one content alone.
    pub fn apart(file: File, bytes: &Arc<AtomicU64>) -> Self {
        Self {
            file,
            bytes: Arc::clone(bytes),
            is_shared: false,
        }
    }

    pub fn take(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// A content. Its room in the pack goes with it.
pub struct Blob {
    pub size: u64,
    extents: Vec<Extent>,
    pack: Arc<PackFile>,
}

pub struct Pack {
    pub(crate) inner: Arc<PackFile>,
    pub(crate) end: u64,
    pub(crate) allowance: Allowance,
    /// Of contents that have a file of their own.
    pub(crate) own_bytes: Arc<AtomicU64>,
    pub(crate) own_max: u64,
    /// Where it lies, for the capability report.
    pub place: String,
}

impl Pack {
    /// In the first directory that takes a file, else in memory.
    ///
    /// # Errors
    /// When not even memory takes it.
    pub fn open(directories: &[PathBuf]) -> io::Result<Self> {
        for directory in directories {
            if let Ok(file) = unnamed(directory) {
                return Ok(Self::of(
                    file,
                    format!("a file without a name in {}", directory.display()),
                ));
            }
        }
        // SAFETY: a NUL-terminated name and a flag.
        let fd = unsafe { libc::memfd_create(c"norn-vault".as_ptr(), libc::MFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new descriptor that nobody else has.
        Ok(Self::of(unsafe { File::from_raw_fd(fd) }, MEMORY.to_owned()))
    }

    fn of(file: File, place: String) -> Self {
        let inner = PackFile {
            file,
            bytes: Arc::default(),
            is_shared: true,
        };
        Self {
            inner: Arc::new(inner),
            end: 0,
            allowance: Allowance::default(),
            own_bytes: Arc::default(),
            own_max: 0,
            place,
        }
    }

    /// Large files take at most this much, wherever they lie.
    pub fn with_own(self, own_max: u64) -> Self {
        Self { own_max, ..self }
    }

    /// What may be kept here, bytes: half of what is free, so that the application has the rest.
    pub fn room(&self) -> u64 {
        if self.place == MEMORY {
            return MEMORY_BYTES_MAX;
        }
        nix::sys::statfs::fstatfs(&self.inner.file).map_or(MEMORY_BYTES_MAX, |found| {
            found.blocks_available() * found.block_size().cast_unsigned() / 2
        })
    }

    pub fn bytes(&self) -> u64 {
        self.inner.bytes.load(Ordering::Relaxed)
    }

    pub fn own_bytes(&self) -> u64 {
        self.own_bytes.load(Ordering::Relaxed)
    }

    /// Contents with a file of their own.
    pub fn own_files(&self) -> u64 {
        Arc::strong_count(&self.own_bytes) as u64 - 1
    }

    /// A copy of what the file holds now; holes stay holes.
    pub fn keep(&mut self, source: &mut File) -> io::Result<Blob> {
        let size = source.metadata()?.len();
        let mut blob = Blob {
            size,
            extents: Vec::new(),
            pack: Arc::clone(&self.inner),
        };
        let mut at = 0;
        while let Some((from, to)) = next_data(source, at, size) {
            let length = copy(source, (&self.inner.file, self.end), (from, to - from))?;
            blob.extents.push(Extent {
                at: from,
                length,
                in_pack: self.end,
            });
            self.end += length;
            self.inner.take(length);
            at = to;
        }
        Ok(blob)
    }
}

impl Blob {
    pub fn of(size: u64, extents: Vec<Extent>, pack: Arc<PackFile>) -> Self {
        Self { size, extents, pack }
    }

    /// It has a file of its own.
    pub fn is_apart(&self) -> bool {
        !self.pack.is_shared
    }

    /// Makes the file hold what was kept, and nothing else.
    pub fn write_to(&self, target: &File) -> io::Result<()> {
        target.set_len(0)?;
        let mut buffer = vec![0; 128 * 1024];
        for extent in &self.extents {
            let mut done = 0;
            while done < extent.length {
                let length = buffer.len().min((extent.length - done) as usize);
                self.pack
                    .file
                    .read_exact_at(&mut buffer[..length], extent.in_pack + done)?;
                target.write_all_at(&buffer[..length], extent.at + done)?;
                done += length as u64;
            }
        }
        target.set_len(self.size)
    }

    /// True when the file holds just this.
    pub fn is_in(&self, file: &File) -> io::Result<bool> {
        if file.metadata()?.len() != self.size {
            return Ok(false);
        }
        let (mut ours, mut theirs) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
        let mut at = 0;
        while at < self.size {
            let length = ours.len().min((self.size - at) as usize);
            self.read_at(&mut ours[..length], at)?;
            file.read_exact_at(&mut theirs[..length], at)?;
            if ours[..length] != theirs[..length] {
                return Ok(false);
            }
            at += length as u64;
        }
        Ok(true)
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        buffer.fill(0);
        let end = at + buffer.len() as u64;
        for extent in &self.extents {
            let (from, to) = (extent.at.max(at), (extent.at + extent.length).min(end));
            if from < to {
                let piece = &mut buffer[(from - at) as usize..(to - at) as usize];
                self.pack
                    .file
                    .read_exact_at(piece, extent.in_pack + from - extent.at)?;
            }
        }
        Ok(())
    }
}

impl Drop for Blob {
    fn drop(&mut self) {
        for extent in self.extents.iter().filter(|extent| extent.length > 0) {
            // A file of its own may be the application's, and its room goes with the descriptor.
            if self.pack.is_shared {
                // A file system without holes keeps the room.
                drop(os::punch_hole(
                    self.pack.file.as_raw_fd(),
                    extent.in_pack,
                    extent.length,
                ));
            }
            self.pack.bytes.fetch_sub(extent.length, Ordering::Relaxed);
        }
    }
}

/// `length` bytes from `at` on, in the kernel where it can; how many that were.
pub fn copy(source: &mut File, (mut target, to): (&File, u64), (at, length): (u64, u64)) -> io::Result<u64> {
    source.seek(SeekFrom::Start(at))?;
    target.seek(SeekFrom::Start(to))?;
    io::copy(&mut Read::by_ref(source).take(length), &mut target)
}

/// The next piece with data from `at` on. Where nobody can tell, nothing follows.
pub fn next_data(file: &File, at: u64, size: u64) -> Option<(u64, u64)> {
    if at >= size {
        return None;
    }
    let (from, to) = os::next_data(file.as_raw_fd(), at).ok()??;
    Some((from, to.min(size))).filter(|(from, to)| from < to)
}

pub fn unnamed(directory: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(libc::O_TMPFILE | libc::O_CLOEXEC)
        .open(directory)?;
    // Some file systems only refuse the first write.
    file.write_all(b"n")?;
    file.set_len(0)?;
    file.rewind()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn file(name: &str) -> (PathBuf, File) {
        let path = std::env::temp_dir().join(format!("norn-inside-pack-{}-{name}", std::process::id()));
        let options = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .clone();
        let file = options.open(&path).unwrap();
        (path, file)
    }

    #[test]
    fn a_sparse_file_comes_back_with_its_holes() {
        let mut pack = Pack::open(&[std::env::temp_dir()]).unwrap();
        let (path, mut source) = file("sparse");
        source.set_len(4 << 20).unwrap();
        source.write_all_at(b"in the middle", 2 << 20).unwrap();
        let blob = pack.keep(&mut source).unwrap();
        assert!(blob.is_in(&source).unwrap());
        source.write_all_at(&[7; 3 << 20], 0).unwrap();
        assert!(!blob.is_in(&source).unwrap());
        blob.write_to(&source).unwrap();
        assert!(blob.is_in(&source).unwrap());
        assert!(source.metadata().unwrap().blocks() * 512 < 1 << 20);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn room_goes_with_the_blob_and_an_empty_file_needs_none() {
        let mut pack = Pack::open(&[]).unwrap();
        assert_eq!(pack.place, "memory");
        let (path, mut source) = file("room");
        assert_eq!(pack.keep(&mut source).unwrap().size, 0);
        source.write_all(&[1; 10_000]).unwrap();
        let (one, other) = (pack.keep(&mut source).unwrap(), pack.keep(&mut source).unwrap());
        assert_eq!(pack.bytes(), 20_000);
        drop(one);
        assert_eq!(pack.bytes(), 10_000);
        assert!(other.is_in(&source).unwrap());
        std::fs::remove_file(path).unwrap();
    }
}
