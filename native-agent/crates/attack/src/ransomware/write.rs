//! The ways in which ciphertext takes the place of a file's content.
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::cipher::{encrypt, encrypted, key_of};
use crate::call::{c_path, checked};

const BLOCK: usize = 4096;
/// `partial` encrypts one block of this many.
const EVERY_NTH: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truncation {
    OnOpen,
    ByDescriptor,
    ByPath,
}

pub fn in_place(path: &Path) -> anyhow::Result<()> {
    let mut file = open_writable(path)?;
    let content = encrypted(fs::read(path)?, key_of(path));
    file.seek(SeekFrom::Start(0))?;
    Ok(file.write_all(&content)?)
}

pub fn new_then_unlink(path: &Path) -> anyhow::Result<()> {
    write_new(path)?;
    Ok(fs::remove_file(path)?)
}

pub fn new_then_rename_over(path: &Path) -> anyhow::Result<()> {
    write_new(path)?;
    Ok(fs::rename(with_suffix(path), path)?)
}

pub fn rename_then_in_place(path: &Path) -> anyhow::Result<()> {
    fs::rename(path, with_suffix(path))?;
    in_place(&with_suffix(path))
}

pub fn partial(path: &Path) -> anyhow::Result<()> {
    let file = open_writable(path)?;
    let size = file.metadata()?.len();
    for at in (0..size).step_by(BLOCK * EVERY_NTH) {
        let mut block = vec![0; BLOCK.min(usize::try_from(size - at)?)];
        file.read_exact_at(&mut block, at)?;
        encrypt(&mut block, key_of(path) ^ at);
        file.write_all_at(&block, at)?;
    }
    Ok(())
}

pub fn mapped(path: &Path) -> anyhow::Result<()> {
    let file = open_writable(path)?;
    let size = usize::try_from(file.metadata()?.len())?;
    if size == 0 {
        return Ok(());
    }
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let (shared, fd) = (libc::MAP_SHARED, file.as_raw_fd());
    // SAFETY: a new mapping at an address of the kernel's choice; the result is checked below.
    let address = unsafe { libc::mmap(std::ptr::null_mut(), size, protection, shared, fd, 0) };
    if address == libc::MAP_FAILED {
        return Err(std::io::Error::last_os_error()).context("mmap failed");
    }
    // SAFETY: the mapping is `size` bytes long, writable, and used by nobody else in this process.
    encrypt(
        unsafe { std::slice::from_raw_parts_mut(address.cast(), size) },
        key_of(path),
    );
    // SAFETY: address and length are those of the mapping, which is not used after this.
    unsafe {
        libc::msync(address, size, libc::MS_SYNC);
        libc::munmap(address, size);
    }
    Ok(())
}

pub fn truncated(path: &Path, how: Truncation) -> anyhow::Result<()> {
    make_writable(path)?;
    let content = encrypted(fs::read(path)?, key_of(path));
    if how == Truncation::ByPath {
        truncate_path(path)?;
    }
    let on_open = how == Truncation::OnOpen;
    let mut file = OpenOptions::new().write(true).truncate(on_open).open(path)?;
    if how == Truncation::ByDescriptor {
        file.set_len(0)?;
    }
    Ok(file.write_all(&content)?)
}

pub fn truncate_path(path: &Path) -> anyhow::Result<()> {
    let path = c_path(path)?;
    // SAFETY: the string is NUL-terminated and outlives the call.
    checked("truncate", unsafe { libc::truncate(path.as_ptr(), 0) })
}

/// A third longer than the original.
pub fn as_text(path: &Path) -> anyhow::Result<()> {
    let mut file = open_writable(path)?;
    let content = encrypted(fs::read(path)?, key_of(path));
    Ok(file.write_all(STANDARD.encode(content).as_bytes())?)
}

pub fn punched(path: &Path) -> anyhow::Result<()> {
    let mut file = open_writable(path)?;
    let content = encrypted(fs::read(path)?, key_of(path));
    if content.is_empty() {
        return Ok(());
    }
    let how = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
    let (fd, size) = (file.as_raw_fd(), i64::try_from(content.len())?);
    // SAFETY: `fd` is open for as long as the call lasts.
    checked("fallocate", unsafe { libc::fallocate(fd, how, 0, size) })?;
    Ok(file.write_all(&content)?)
}

fn write_new(path: &Path) -> anyhow::Result<()> {
    let content = encrypted(fs::read(path)?, key_of(path));
    Ok(File::create(with_suffix(path))?.write_all(&content)?)
}

pub fn with_suffix(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".locked");
    PathBuf::from(name)
}

pub fn open_writable(path: &Path) -> anyhow::Result<File> {
    make_writable(path)?;
    Ok(OpenOptions::new().read(true).write(true).open(path)?)
}

/// Read-only files are made writable first: root does not need it, a user would.
pub fn make_writable(path: &Path) -> anyhow::Result<()> {
    if fs::metadata(path)?.permissions().readonly() {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}
