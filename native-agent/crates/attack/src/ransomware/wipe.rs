//! Destroys content for good: one half of the files with zeros, the other with random bytes, then their names; or by cutting it
//! off, which leaves the names and writes nothing.
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use super::cipher::{encrypted, key_of};
use super::write::{Truncation, make_writable, open_writable, truncate_path};

pub fn empty(path: &Path, how: Truncation) -> anyhow::Result<()> {
    make_writable(path)?;
    match how {
        Truncation::OnOpen => drop(OpenOptions::new().write(true).truncate(true).open(path)?),
        Truncation::ByDescriptor => OpenOptions::new().write(true).open(path)?.set_len(0)?,
        Truncation::ByPath => truncate_path(path)?,
    }
    Ok(())
}

pub fn overwrite(path: &Path) -> anyhow::Result<()> {
    let mut file = open_writable(path)?;
    let zeros = vec![0; usize::try_from(file.metadata()?.len())?];
    let key = key_of(path);
    let content = if key.is_multiple_of(2) {
        zeros
    } else {
        encrypted(zeros, key)
    };
    file.write_all(&content)?;
    file.sync_data()?;
    Ok(fs::remove_file(path)?)
}
