//! What is in a program's file: its checksum and the loader it asks for, remembered while the file is unchanged.
use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, PoisonError};

use nix::sys::stat::{FileStat, fstat};
use nix::sys::uio::pread;
use sha2::{Digest, Sha256};

/// Files remembered at once; the oldest go.
pub const FILES_MAX: usize = 4_096;
/// A larger program is not hashed: it is not known.
pub const HASHED_BYTES_MAX: u64 = 512 << 20;
const READ_BYTES: usize = 256 * 1024;
/// Program headers lie in the first page.
const HEAD_BYTES: usize = 4_096;

/// A file and its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileVersion {
    pub device: u64,
    pub inode: u64,
    mtime: (i64, i64),
    ctime: (i64, i64),
    size: i64,
}

impl From<&FileStat> for FileVersion {
    fn from(stat: &FileStat) -> Self {
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            mtime: (stat.st_mtime, stat.st_mtime_nsec),
            ctime: (stat.st_ctime, stat.st_ctime_nsec),
            size: stat.st_size,
        }
    }
}

/// Of one version of a file; `None`: not looked at yet.
#[derive(Debug, Clone, Default)]
struct Content {
    sha256: Option<Arc<str>>,
    loader: Option<Option<Arc<str>>>,
}

#[derive(Debug, Default)]
struct Remembered {
    contents: HashMap<FileVersion, Content>,
    order: VecDeque<FileVersion>,
}

#[derive(Debug, Default)]
pub struct Files(Mutex<Remembered>);

impl Files {
    /// What was computed before.
    pub fn known_sha256(&self, version: FileVersion) -> Option<Arc<str>> {
        self.with(version, |content| content.sha256.clone())
    }

    /// 64 hex. Reads the whole file. `still_wanted` is asked between reads.
    ///
    /// # Errors
    /// When the file can't be read, is too large, changes meanwhile, or nobody waits any more.
    pub fn sha256(&self, fd: BorrowedFd<'_>, still_wanted: &dyn Fn() -> bool) -> io::Result<Arc<str>> {
        let version = FileVersion::from(&fstat(fd)?);
        if let Some(known) = self.known_sha256(version) {
            return Ok(known);
        }
        if version.size as u64 > HASHED_BYTES_MAX {
            return Err(io::Error::other("it is too large to be hashed"));
        }
        let (mut hash, mut buffer, mut offset) = (Sha256::new(), vec![0; READ_BYTES], 0);
        loop {
            let count = pread(fd, &mut buffer, offset)?;
            if count == 0 {
                break;
            }
            hash.update(&buffer[..count]);
            offset += count as i64;
            if !still_wanted() {
                return Err(io::Error::other("nobody waits for the checksum any more"));
            }
        }
        if FileVersion::from(&fstat(fd)?) != version {
            return Err(io::Error::other("it changed while it was read"));
        }
        let sum: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let sum: Arc<str> = sum.into();
        self.with(version, |content| content.sha256 = Some(Arc::clone(&sum)));
        Ok(sum)
    }

    /// The loader that the kernel starts with this program; `None` for a static one, a script, or what can't be read.
    pub fn loader(&self, fd: BorrowedFd<'_>, version: FileVersion) -> Option<Arc<str>> {
        if let Some(known) = self.with(version, |content| content.loader.clone()) {
            return known;
        }
        let mut head = vec![0; HEAD_BYTES];
        let count = pread(fd, &mut head, 0).unwrap_or(0);
        let loader = loader_of(&head[..count]).map(Arc::from);
        self.with(version, |content| content.loader = Some(loader.clone()));
        loader
    }

    fn with<T>(&self, version: FileVersion, look: impl FnOnce(&mut Content) -> T) -> T {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !remembered.contents.contains_key(&version) {
            if remembered.order.len() >= FILES_MAX
                && let Some(oldest) = remembered.order.pop_front()
            {
                remembered.contents.remove(&oldest);
            }
            remembered.order.push_back(version);
        }
        look(remembered.contents.entry(version).or_default())
    }
}

/// PT_INTERP of an ELF file for 64 bits, little-endian (elf(5)).
fn loader_of(head: &[u8]) -> Option<&str> {
    const PT_INTERP: u32 = 3;
    const CLASS_64_LITTLE: [u8; 6] = [0x7f, b'E', b'L', b'F', 2, 1];
    if !head.starts_with(&CLASS_64_LITTLE) {
        return None;
    }
    let number = |at: usize, length: usize| {
        let bytes = head.get(at..at.checked_add(length)?)?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte)),
        )
    };
    let (table, entry, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    for index in 0..count {
        let at = usize::try_from(table.checked_add(index * entry)?).ok()?;
        if number(at, 4)? == u64::from(PT_INTERP) {
            let from = usize::try_from(number(at.checked_add(8)?, 8)?).ok()?;
            let length = usize::try_from(number(at.checked_add(32)?, 8)?).ok()?;
            let name = head.get(from..from.checked_add(length)?)?;
            return std::str::from_utf8(name.split(|&byte| byte == 0).next()?).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Write;
    use std::os::fd::AsFd;

    use super::*;

    fn file(name: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("norn-policy-files-{}-{name}", std::process::id()))
    }

    #[test]
    fn a_checksum_is_kept_until_the_file_changes() {
        let path = file("sum");
        fs::write(&path, "abc").unwrap();
        let files = Files::default();
        let sum = |wanted: bool| files.sha256(File::open(&path).unwrap().as_fd(), &|| wanted);
        let abc = sum(true).unwrap();
        assert_eq!(&abc[..16], "ba7816bf8f01cfea");
        assert_eq!(sum(false).unwrap(), abc, "it is known without a look");
        fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"d")
            .unwrap();
        assert!(sum(false).is_err(), "another content, and nobody waits");
        assert_ne!(sum(true).unwrap(), abc);
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn the_loader_is_what_the_program_asks_for() {
        let loader = |path: &str| {
            let file = File::open(path).unwrap();
            let version = FileVersion::from(&fstat(file.as_fd()).unwrap());
            Files::default().loader(file.as_fd(), version)
        };
        assert!(loader("/bin/sh").unwrap().starts_with("/lib"));
        assert_eq!(loader("/etc/passwd"), None);
    }

    #[test]
    fn no_head_however_broken_is_read_beyond_its_end() {
        let shell = fs::read("/bin/sh").unwrap();
        for length in 0..512 {
            loader_of(&shell[..length]);
        }
        for at in 0..200 {
            for byte in [0, 1, 0x7f, 0xff] {
                let mut head = shell[..4_096].to_vec();
                head[at] = byte;
                loader_of(&head);
            }
        }
    }

    #[test]
    fn only_so_many_files_are_remembered() {
        let files = Files::default();
        let stat = fstat(File::open("/etc/passwd").unwrap().as_fd()).unwrap();
        for inode in 0..FILES_MAX as u64 + 10 {
            let version = FileVersion {
                inode,
                ..FileVersion::from(&stat)
            };
            files.with(version, |content| content.sha256 = Some("x".into()));
        }
        assert_eq!(files.0.lock().unwrap().contents.len(), FILES_MAX);
    }
}
