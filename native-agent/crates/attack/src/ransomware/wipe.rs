//! Destroys content for good: one half of the files with zeros, the other with random bytes, then their names.
use std::fs;
use std::io::Write;
use std::path::Path;

use super::cipher::{encrypted, key_of};
use super::write::open_writable;

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
