//! What is in a corpus, byte for byte: the independent witness that a restore is judged by.
use std::collections::{BTreeMap, HashMap};
use std::ffi::CStr;
use std::fs::{self, Metadata};
use std::io::{BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::call::c_path;

#[derive(Serialize)]
struct Entry {
    /// Hex of SHA-256; of a symbolic link: its target; of a directory: empty.
    content: String,
    kind: &'static str,
    size: u64,
    /// Bytes that the file occupies: a file with holes has less than its size. 0 for directories.
    allocated: u64,
    mode: u32,
    uid: u32,
    gid: u32,
    /// Nanoseconds since 1970; 0 for directories, whose times change with every entry.
    mtime_ns: i128,
    /// With POSIX ACLs (`system.posix_acl_access`, `_default`) and `security.capability`; hex.
    xattrs: BTreeMap<String, String>,
    /// The first other name of the same inode in this corpus, if there is one.
    same_as: Option<String>,
}

/// By path below the corpus; `.` is the corpus itself. Bytes that are no UTF-8 stand as `\xNN`, a backslash as `\\`.
type Entries = BTreeMap<String, Entry>;

pub fn print(dir: &Path) -> anyhow::Result<()> {
    let mut collector = Collector {
        root: dir,
        entries: BTreeMap::new(),
        inodes: HashMap::new(),
    };
    collector.add(dir)?;
    collector.collect(dir)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    serde_json::to_writer(&mut out, &collector.finish())?;
    writeln!(out)?;
    Ok(out.flush()?)
}

struct Collector<'a> {
    root: &'a Path,
    entries: Entries,
    /// Names of inodes that have more than one.
    inodes: HashMap<(u64, u64), Vec<String>>,
}

impl Collector<'_> {
    fn collect(&mut self, folder: &Path) -> anyhow::Result<()> {
        for item in fs::read_dir(folder)? {
            let path = item?.path();
            if self.add(&path)?.is_dir() {
                self.collect(&path)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &Path) -> anyhow::Result<Metadata> {
        let metadata = fs::symlink_metadata(path)?;
        let name = match path.strip_prefix(self.root)?.as_os_str().as_bytes() {
            b"" => ".".to_owned(),
            below => printable(below),
        };
        if metadata.is_file() && metadata.nlink() > 1 {
            let inode = (metadata.dev(), metadata.ino());
            self.inodes.entry(inode).or_default().push(name.clone());
        }
        self.entries.insert(name, describe(path, &metadata)?);
        Ok(metadata)
    }

    fn finish(mut self) -> Entries {
        for mut names in self.inodes.into_values() {
            names.sort();
            for name in &names {
                if let Some(entry) = self.entries.get_mut(name) {
                    entry.same_as = names.iter().find(|other| *other != name).cloned();
                }
            }
        }
        self.entries
    }
}

fn describe(path: &Path, metadata: &Metadata) -> anyhow::Result<Entry> {
    let (kind, content) = if metadata.is_dir() {
        ("directory", String::new())
    } else if metadata.is_symlink() {
        ("link", printable(fs::read_link(path)?.as_os_str().as_bytes()))
    } else if metadata.is_file() {
        ("file", hex(&Sha256::digest(fs::read(path)?)))
    } else {
        ("special", String::new())
    };
    let of_file = |value: u64| if kind == "directory" { 0 } else { value };
    let mtime_ns = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    Ok(Entry {
        content,
        kind,
        size: of_file(metadata.size()),
        allocated: of_file(metadata.blocks() * 512),
        mode: metadata.mode(),
        uid: metadata.uid(),
        gid: metadata.gid(),
        mtime_ns: if kind == "directory" { 0 } else { mtime_ns },
        xattrs: xattrs(path)?,
        same_as: None,
    })
}

fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', "\\\\"));
        chunk
            .invalid()
            .iter()
            .for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}

fn xattrs(path: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let path = c_path(path)?;
    let mut list = vec![0_u8; 16 * 1024];
    // SAFETY: `path` is NUL-terminated and `list` is as long as said.
    let length = unsafe { libc::llistxattr(path.as_ptr(), list.as_mut_ptr().cast(), list.len()) };
    list.truncate(usize::try_from(length).unwrap_or(0));
    Ok(list
        .split_inclusive(|byte| *byte == 0)
        .filter_map(|key| CStr::from_bytes_with_nul(key).ok())
        .filter_map(|key| Some((key.to_string_lossy().into_owned(), value(&path, key)?)))
        .collect())
}

fn value(path: &CStr, key: &CStr) -> Option<String> {
    let mut bytes = vec![0_u8; 16 * 1024];
    // SAFETY: both strings are NUL-terminated and `bytes` is as long as said.
    let length = unsafe {
        libc::lgetxattr(
            path.as_ptr(),
            key.as_ptr(),
            bytes.as_mut_ptr().cast(),
            bytes.len(),
        )
    };
    bytes.truncate(usize::try_from(length).ok()?);
    Some(hex(&bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_text_is_told_from_every_other() {
        assert_eq!(printable(b"plain/s\xc3\xbcd"), "plain/süd");
        assert_eq!(printable(b"latin-\xfc"), "latin-\\xfc");
        assert_eq!(printable(b"latin-\\xfc"), "latin-\\\\xfc");
    }
}
