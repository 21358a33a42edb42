//! The whole state of a tree of files, taken without the vault's help.
use std::collections::BTreeMap;
use std::ffi::{CString, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::c_path;

/// A file's whole state, to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub content: Vec<u8>,
    pub mode: u32,
    pub owner: (u32, u32),
    pub modified: (i64, i64),
    pub attributes: Vec<(Vec<u8>, Vec<u8>)>,
    pub links: u64,
}

pub type Manifest = BTreeMap<Vec<u8>, State>;

/// Of everything below `top`, names relative to it.
pub fn manifest_of(top: &Path) -> Manifest {
    let mut found = Manifest::new();
    collect(top, top, &mut found);
    found
}

fn collect(top: &Path, path: &Path, found: &mut Manifest) {
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        let stat = fs::symlink_metadata(&path).unwrap();
        let name = path.strip_prefix(top).unwrap().as_os_str().as_bytes().to_vec();
        if stat.is_dir() {
            found.insert(
                [&name[..], b"/"].concat(),
                State {
                    modified: (0, 0),
                    links: 0,
                    ..state(&path, &stat)
                },
            );
            collect(top, &path, found);
        } else {
            found.insert(name, state(&path, &stat));
        }
    }
}

fn state(path: &Path, stat: &fs::Metadata) -> State {
    let content = if stat.is_symlink() {
        fs::read_link(path).unwrap().into_os_string().into_vec()
    } else if stat.is_file() {
        fs::read(path).unwrap()
    } else {
        Vec::new()
    };
    let link = stat.is_symlink();
    State {
        content,
        mode: stat.mode(),
        owner: (stat.uid(), stat.gid()),
        modified: if link {
            (0, 0)
        } else {
            (stat.mtime(), stat.mtime_nsec())
        },
        attributes: attributes(path),
        links: stat.nlink(),
    }
}

fn attributes(path: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (path, mut names) = (c_path(path), vec![0_u8; 4096]);
    // SAFETY: the buffer is as long as said.
    let count = unsafe { libc::llistxattr(path.as_ptr(), names.as_mut_ptr().cast(), names.len()) };
    names.truncate(count.max(0) as usize);
    let mut found = Vec::new();
    for name in names.split(|&byte| byte == 0).filter(|name| !name.is_empty()) {
        let (key, mut value) = (CString::new(name).unwrap(), vec![0_u8; 4096]);
        // SAFETY: the buffer is as long as said.
        let count = unsafe {
            libc::lgetxattr(
                path.as_ptr(),
                key.as_ptr(),
                value.as_mut_ptr().cast(),
                value.len(),
            )
        };
        value.truncate(count.max(0) as usize);
        found.push((name.to_vec(), value));
    }
    found.sort();
    found
}

pub fn files(manifest: &Manifest, data: &Path) -> Vec<PathBuf> {
    let regular = |(name, state): (&Vec<u8>, &State)| {
        (state.mode & libc::S_IFMT == libc::S_IFREG).then(|| data.join(OsString::from_vec(name.clone())))
    };
    manifest.iter().filter_map(regular).collect()
}

/// What differs, for a message one can read.
pub fn difference(before: &Manifest, after: &Manifest) -> Vec<String> {
    let mut found = Vec::new();
    for name in before
        .keys()
        .chain(after.keys().filter(|name| !before.contains_key(*name)))
    {
        let (then, now) = (before.get(name), after.get(name));
        if then != now {
            let brief = |state: Option<&State>| {
                state.map_or("absent".to_owned(), |state| {
                    let State {
                        mode,
                        owner,
                        modified,
                        links,
                        ..
                    } = state;
                    let size = state.content.len();
                    let names: Vec<_> = state
                        .attributes
                        .iter()
                        .map(|(name, _)| String::from_utf8_lossy(name))
                        .collect();
                    format!("{size} bytes, {mode:o}, {owner:?}, {modified:?}, {links} links, {names:?}")
                })
            };
            let name = String::from_utf8_lossy(name);
            let content = then.map(|state| &state.content) == now.map(|state| &state.content);
            let content = if content { "same content" } else { "other content" };
            found.push(format!(
                "{name}: was {}, is {}, {content}",
                brief(then),
                brief(now)
            ));
        }
    }
    found
}
