//! What a reader of a package database is given, and what it says of a file.
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::checksum::Checksum;

/// Whose a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner<'a> {
    pub name: &'a str,
    pub version: &'a str,
}

/// Takes a file, its path without the leading slash; false: no more.
pub type Visit<'a> = dyn FnMut(Owner<'_>, &[u8], Checksum) -> bool + 'a;

/// Whoever made the root may have put a pipe there, which nobody must wait at.
pub fn open_plain(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::from(io::ErrorKind::InvalidInput))
}
