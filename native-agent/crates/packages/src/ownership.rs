//! Whether a file is what its package put there.
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::{Checksum, HostPackages, look_up};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    Unchanged,
    /// In no package, or not as the package put it there.
    Other,
    /// There is no database that can be read, or the file can't be, or is too large to be compared.
    Untold,
}

impl Ownership {
    /// A file larger than this is not read to be compared, bytes.
    const FILE_BYTES_MAX: u64 = 64 << 20;

    /// `path` begins at `root`.
    pub fn of(host: &HostPackages, root: &Path, path: &[u8]) -> Self {
        Self::compare(host, root, path).unwrap_or(Self::Untold)
    }

    fn compare(host: &HostPackages, root: &Path, path: &[u8]) -> io::Result<Self> {
        let recorded = match host.of(root, path) {
            Some(known) => known,
            None => look_up(root, path)?,
        };
        let Some(recorded) = recorded else {
            return Ok(Self::Other);
        };
        let relative = path.strip_prefix(b"/").unwrap_or(path);
        let file = File::open(root.join(OsStr::from_bytes(relative)))?;
        if file.metadata()?.len() > Self::FILE_BYTES_MAX {
            return Ok(Self::Untold);
        }
        let is_same = holds(file, &recorded.checksum)?;
        Ok(if is_same { Self::Unchanged } else { Self::Other })
    }
}

fn holds(mut file: File, recorded: &Checksum) -> io::Result<bool> {
    let (mut comparison, mut buffer) = (recorded.compare(), [0_u8; 32 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(comparison.is_same()),
            length => comparison.update(&buffer[..length]),
        }
    }
}
