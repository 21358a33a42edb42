//! What is in a corpus, byte for byte: the independent witness that a restore is judged by.
use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::Serialize;
use sha2::{Digest, Sha256};

#[derive(Serialize)]
struct Entry {
    /// Hex of SHA-256; of a symbolic link: its target; of a directory: empty.
    content: String,
    kind: &'static str,
    size: u64,
    mode: u32,
    uid: u32,
    gid: u32,
    /// Nanoseconds since 1970; 0 for directories, whose times change with every entry.
    mtime_ns: i128,
    xattrs: BTreeMap<String, String>,
}

pub fn print(dir: &Path) -> anyhow::Result<()> {
    let mut entries = BTreeMap::new();
    collect(dir, dir, &mut entries)?;
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, &entries)?;
    writeln!(out)?;
    Ok(())
}

fn collect(root: &Path, folder: &Path, entries: &mut BTreeMap<String, Entry>) -> anyhow::Result<()> {
    for item in fs::read_dir(folder)? {
        let path = item?.path();
        let entry = describe(&path)?;
        let is_dir = entry.kind == "directory";
        entries.insert(path.strip_prefix(root)?.to_string_lossy().into_owned(), entry);
        if is_dir {
            collect(root, &path, entries)?;
        }
    }
    Ok(())
}

fn describe(path: &Path) -> anyhow::Result<Entry> {
    let metadata = fs::symlink_metadata(path)?;
    let (kind, content) = if metadata.is_dir() {
        ("directory", String::new())
    } else if metadata.is_symlink() {
        ("link", fs::read_link(path)?.to_string_lossy().into_owned())
    } else {
        ("file", hex(&Sha256::digest(fs::read(path)?)))
    };
    let mtime_ns = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    Ok(Entry {
        content,
        kind,
        size: if kind == "directory" { 0 } else { metadata.size() },
        mode: metadata.mode(),
        uid: metadata.uid(),
        gid: metadata.gid(),
        mtime_ns: if kind == "directory" { 0 } else { mtime_ns },
        xattrs: xattrs(path),
    })
}

fn xattrs(path: &Path) -> BTreeMap<String, String> {
    let Ok(name) = CString::new(path.as_os_str().as_bytes()) else {
        return BTreeMap::new();
    };
    let mut list = vec![0_u8; 16 * 1024];
    // SAFETY: `name` is NUL-terminated and `list` is as long as said.
    let length = unsafe { libc::llistxattr(name.as_ptr(), list.as_mut_ptr().cast(), list.len()) };
    list.truncate(usize::try_from(length).unwrap_or(0));
    list.split(|byte| *byte == 0)
        .filter(|key| !key.is_empty())
        .filter_map(|key| Some((String::from_utf8_lossy(key).into_owned(), value(&name, key)?)))
        .collect()
}

fn value(path: &CString, key: &[u8]) -> Option<String> {
    let key = CString::new(key).ok()?;
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
