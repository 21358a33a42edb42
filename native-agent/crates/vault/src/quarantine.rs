//! Copies of removed executables: what an attack dropped stays available to the analyst, and can't run.
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::file::Metadata;
use crate::sys;

/// Larger executables are removed without a copy.
pub const QUARANTINED_BYTES_MAX: u64 = 64 << 20;
/// Files in quarantine; with so many there no more are kept.
pub const QUARANTINED_FILES_MAX: usize = 1000;

/// Keeps `file` under its SHA-256 when it is an executable.
pub fn quarantine(dir: &Path, file: &OwnedFd, metadata: &Metadata) -> io::Result<()> {
    let mut head = [0_u8; 4];
    let count = sys::pread(file.as_raw_fd(), &mut head, 0)?;
    let is_code = head[..count].starts_with(b"\x7fELF") || head[..count].starts_with(b"#!");
    if !(is_code || metadata.is_executable()) || metadata.size > QUARANTINED_BYTES_MAX {
        return Ok(());
    }
    if fs::read_dir(dir)?.count() >= QUARANTINED_FILES_MAX {
        return Err(io::Error::other("the quarantine is full"));
    }
    let mut bytes = vec![0_u8; metadata.size as usize];
    File::from(file.try_clone()?).read_exact_at(&mut bytes, 0)?;
    let hash: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(dir.join(hash))
    {
        Ok(kept) => kept.write_all_at(&bytes, 0),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
