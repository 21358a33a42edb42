//! Files that come and go in ordinary work: logs, caches, and what a build makes again.
use norn_programs::lineage::{base_name, kind};

/// Directories whose content a build, a package manager or a clone makes again.
const REMADE: [&[u8]; 14] = [
    b"node_modules",
    b"target",
    b"build",
    b"dist",
    b".git",
    b".cache",
    b".cargo",
    b".npm",
    b".nx",
    b".rustup",
    b".venv",
    b"__pycache__",
    b"site-packages",
    b"dist-packages",
];

/// Emptied all the time, by whoever rotates or clears them. Whole parts of a path, and ends of names.
const PASSING_FOLDERS: [&[u8]; 5] = [b"log", b"logs", b"cache", b".cache", b"spool"];
const PASSING_KINDS: [&[u8]; 13] = [
    b".log",
    b".err",
    b".out",
    b".trace",
    b".journal",
    b".pid",
    b".lock",
    b".tmp",
    b".temp",
    b".cache",
    b".swp",
    b".old",
    b".dump",
];

/// A log, a cache, or what a build makes again.
pub fn is_passing(path: &[u8]) -> bool {
    let name = base_name(path);
    let is_rotated = || name.windows(5).any(|part| part == b".log." || part == b".log-");
    let numbered = kind(path).len() > 1 && kind(path)[1..].iter().all(u8::is_ascii_digit);
    is_remade(path)
        || numbered
        || PASSING_KINDS.contains(&kind(path))
        || is_rotated()
        || path
            .split(|&byte| byte == b'/')
            .any(|part| PASSING_FOLDERS.contains(&part))
}

/// Lies where a build, a package manager or a clone makes its files again.
pub fn is_remade(path: &[u8]) -> bool {
    path.split(|&byte| byte == b'/')
        .any(|part| REMADE.contains(&part))
}
