//! Paths as the bytes that they are, and what leads to them.
use std::io;
use std::os::fd::OwnedFd;

use crate::names::open_below;

/// `path` below `root`, without a slash in front.
pub fn below<'a>(path: &'a [u8], root: &[u8]) -> Option<&'a [u8]> {
    let rest = path.strip_prefix(root)?;
    if root == b"/" {
        Some(rest)
    } else {
        rest.strip_prefix(b"/")
    }
}

/// The same of what may be `root` itself: then nothing is left.
pub fn within<'a>(path: &'a [u8], root: &[u8]) -> Option<&'a [u8]> {
    match path == root {
        true => Some(b""),
        false => below(path, root),
    }
}

/// What `join` put in front of the last name.
pub fn parent(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&byte| byte == b'/');
    &path[..end.unwrap_or(0)]
}

/// The last name of a path.
pub fn last(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
}

pub fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() {
        name.to_vec()
    } else {
        [directory, b"/", name].concat()
    }
}

/// The process's view of `path`, from its view of `known` in the same place.
pub fn sibling(seen: &[u8], known: &[u8], path: &[u8]) -> Vec<u8> {
    match seen.strip_suffix(known) {
        Some(prefix) => [prefix, path].concat(),
        None => [b"/", path].concat(),
    }
}

/// The directory of this name, as a place to go on from.
pub fn open_path(path: &[u8]) -> io::Result<OwnedFd> {
    open_below(libc::AT_FDCWD, path, libc::O_PATH | libc::O_DIRECTORY, 0)
}

/// Without slashes in front, `.`, `..` and double slashes.
pub fn clean(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join(&b'/')
}
