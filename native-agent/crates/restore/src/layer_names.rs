//! The names of files of an image that have more than one.
use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use norn_os::paths::join;

/// Entries of a layer that are looked at; names beyond stay parted.
const ENTRIES_MAX: usize = 2_000_000;

/// Of a layer, the names of each of its files that have more than one.
#[derive(Default)]
pub struct Names(HashMap<Vec<u8>, HashMap<u64, Vec<Vec<u8>>>>);

impl Names {
    pub fn of(&mut self, layer: &[u8], inode: u64) -> Vec<Vec<u8>> {
        let known = self.0.entry(layer.to_vec()).or_insert_with(|| walk(layer));
        known.get(&inode).cloned().unwrap_or_default()
    }
}

fn walk(layer: &[u8]) -> HashMap<u64, Vec<Vec<u8>>> {
    let mut names: HashMap<u64, Vec<Vec<u8>>> = HashMap::new();
    let mut waiting = vec![Vec::new()];
    let mut seen = 0;
    while let Some(directory) = waiting.pop() {
        let path = PathBuf::from(OsString::from_vec(join(layer, &directory)));
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            seen += 1;
            if seen > ENTRIES_MAX {
                return names;
            }
            let path = join(&directory, entry.file_name().as_bytes());
            match entry.metadata() {
                Ok(about) if about.is_dir() => waiting.push(path),
                Ok(about) if about.is_file() && about.nlink() > 1 => {
                    names.entry(about.ino()).or_default().push(path);
                }
                _ => {}
            }
        }
    }
    names
}
