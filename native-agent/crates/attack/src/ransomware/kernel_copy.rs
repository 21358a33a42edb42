//! Ciphertext that the kernel carries into the file: no write(2) ever names it.
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::Path;
use std::ptr;

use anyhow::bail;

use super::cipher::{encrypted, key_of};
use super::write::{open_writable, with_suffix};
use crate::call::checked;

/// From a file beside the original: copy_file_range stays inside one file system.
pub fn copy_file_range(path: &Path) -> anyhow::Result<()> {
    let beside = with_suffix(path);
    let content = encrypted(fs::read(path)?, key_of(path));
    fs::write(&beside, &content)?;
    let (from, to) = (File::open(&beside)?, open_writable(path)?);
    in_parts(content.len(), |left| {
        // SAFETY: both descriptors are open; null offsets stand for the files' own positions.
        unsafe {
            libc::copy_file_range(
                from.as_raw_fd(),
                ptr::null_mut(),
                to.as_raw_fd(),
                ptr::null_mut(),
                left,
                0,
            )
        }
    })?;
    Ok(fs::remove_file(&beside)?)
}

/// From a memfd.
pub fn sendfile(path: &Path) -> anyhow::Result<()> {
    let content = encrypted(fs::read(path)?, key_of(path));
    // SAFETY: the name is NUL-terminated; the result is checked.
    let fd = unsafe { libc::memfd_create(c"work".as_ptr(), libc::MFD_CLOEXEC) };
    checked("memfd_create", fd)?;
    // SAFETY: `fd` is new and owned by nobody else.
    let mut from = unsafe { File::from_raw_fd(fd) };
    from.write_all(&content)?;
    let to = open_writable(path)?;
    let mut at = 0;
    in_parts(content.len(), |left| {
        // SAFETY: both descriptors are open and `at` outlives the call.
        unsafe { libc::sendfile(to.as_raw_fd(), from.as_raw_fd(), &raw mut at, left) }
    })
}

/// Calls `copy` with what is left until nothing is; it returns bytes, or -1 with errno.
fn in_parts(size: usize, mut copy: impl FnMut(usize) -> isize) -> anyhow::Result<()> {
    let mut left = size;
    while left > 0 {
        match usize::try_from(copy(left)) {
            Ok(0) => bail!("the kernel copied {} of {size} bytes", size - left),
            Ok(copied) => left -= copied,
            Err(_) => bail!("the kernel does not copy: {}", std::io::Error::last_os_error()),
        }
    }
    Ok(())
}
