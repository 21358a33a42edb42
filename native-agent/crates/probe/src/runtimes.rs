//! Executables of container runtimes on this host. runc runs a sealed copy of itself out of a memfd (a defence against
//! CVE-2019-5736): the exec policy must not kill it, and the kernel side must know it by device and inode.
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const NAMES: [&str; 4] = ["runc", "crun", "youki", "docker-runc"];
const DIRECTORIES: [&str; 6] = [
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/bin",
    "/var/lib/rancher/k3s/data/current/bin",
];

/// `struct file_key` of each runtime that belongs to root and that nobody else may write: the usual ones and `others`.
pub fn keys(others: &[PathBuf]) -> Vec<[u8; 16]> {
    let usual = DIRECTORIES
        .iter()
        .flat_map(|directory| NAMES.iter().map(|name| Path::new(directory).join(name)));
    let files = usual
        .chain(others.iter().cloned())
        .filter_map(|path| fs::metadata(path).ok());
    files.filter(is_trusted).map(|file| key(&file)).collect()
}

fn is_trusted(file: &fs::Metadata) -> bool {
    file.is_file() && file.uid() == 0 && file.mode() & 0o022 == 0
}

fn key(file: &fs::Metadata) -> [u8; 16] {
    // The kernel's dev_t has the minor number in its low 20 bits.
    let device = u64::from(libc::major(file.dev()) << 20 | libc::minor(file.dev()));
    let mut key = [0; 16];
    key[..8].copy_from_slice(&file.ino().to_ne_bytes());
    key[8..].copy_from_slice(&device.to_ne_bytes());
    key
}
