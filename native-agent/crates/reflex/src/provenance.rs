//! Where a program comes from: owned by a Debian package, and still what the package put there. Asked only when
//! something already stands against a process, so it reads the package database then and keeps the answer.
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use md5::{Digest, Md5};
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use norn_events::Process;

use crate::lineage::is_system_image;

/// Answers where a process's image comes from.
pub trait Provenance {
    /// Owned by a package of the process's own root file system, and unchanged since.
    fn is_package_owned(&mut self, process: &Process) -> bool;

    /// The program's file was put there, or changed, within the last day. False when the process is gone.
    fn is_new(&mut self, process: &Process) -> bool;

    /// Runs from a memfd that nobody can write any more (`F_SEAL_WRITE`). False when the process is gone.
    fn is_sealed_copy(&mut self, process: &Process) -> bool;
}

/// dpkg's database, of the host or of the container's own root.
#[derive(Debug, Default)]
pub struct Packages {
    known: HashMap<(u64, u64), bool>,
}

impl Packages {
    /// A program is new so long after its file changed, s.
    const NEW_S: u64 = 86_400;
    /// Answers kept, by device and inode; the cache starts anew beyond.
    const KNOWN_MAX: usize = 4_096;
    /// A package's list of checksums larger than this is not read, bytes.
    const LIST_BYTES_MAX: u64 = 8 << 20;
    /// A program larger than this is not read to be compared, bytes.
    const IMAGE_BYTES_MAX: u64 = 64 << 20;
}

impl Provenance for Packages {
    fn is_package_owned(&mut self, process: &Process) -> bool {
        if !is_system_image(process) {
            return false;
        }
        let key = (process.image.device, process.image.inode);
        if let Some(&answer) = self.known.get(&key).filter(|_| key.1 != 0) {
            return answer;
        }
        let root = PathBuf::from(format!("/proc/{}/root", process.pid));
        let answer = is_unchanged(&root, &process.image.path).unwrap_or(false);
        if self.known.len() >= Self::KNOWN_MAX {
            self.known.clear();
        }
        self.known.insert(key, answer);
        answer
    }

    fn is_new(&mut self, process: &Process) -> bool {
        let changed = fs::metadata(format!("/proc/{}/exe", process.pid)).map(|image| image.ctime());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        changed.is_ok_and(|changed| now.as_secs().saturating_sub(changed as u64) < Self::NEW_S)
    }

    fn is_sealed_copy(&mut self, process: &Process) -> bool {
        let Ok(image) = File::open(format!("/proc/{}/exe", process.pid)) else {
            return false;
        };
        let seals = fcntl(&image, FcntlArg::F_GET_SEALS).unwrap_or(0);
        SealFlag::from_bits_truncate(seals).contains(SealFlag::F_SEAL_WRITE)
    }
}

fn is_unchanged(root: &Path, path: &[u8]) -> io::Result<bool> {
    let Some(recorded) = recorded_checksum(root, path)? else {
        return Ok(false);
    };
    let relative = path.strip_prefix(b"/").unwrap_or(path);
    let file = File::open(root.join(std::ffi::OsStr::from_bytes(relative)))?;
    if file.metadata()?.len() > Packages::IMAGE_BYTES_MAX {
        return Ok(false);
    }
    Ok(checksum(file)? == recorded)
}

fn checksum(mut file: File) -> io::Result<String> {
    let (mut hash, mut buffer) = (Md5::new(), [0_u8; 32 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            length => hash.update(&buffer[..length]),
        }
    }
}

/// A line of `<package>.md5sums` is 32 hex digits, two spaces and the path without its leading slash. Packages older than
/// the merged /usr still list `bin/gzip` for `/usr/bin/gzip`.
fn recorded_checksum(root: &Path, path: &[u8]) -> io::Result<Option<String>> {
    let relative = path.strip_prefix(b"/").unwrap_or(path);
    let unmerged = relative.strip_prefix(b"usr/").unwrap_or(relative);
    let merged = [b"usr/", unmerged].concat();
    for entry in fs::read_dir(root.join("var/lib/dpkg/info"))? {
        let list = entry?.path();
        if list.extension().is_none_or(|extension| extension != "md5sums") {
            continue;
        }
        let mut lines = BufReader::new(File::open(&list)?.take(Packages::LIST_BYTES_MAX));
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            let end = line.len() - usize::from(line.ends_with(b"\n"));
            let listed = line.get(34..end).unwrap_or_default();
            if listed == unmerged || listed == merged {
                return Ok(Some(String::from_utf8_lossy(&line[..32]).into_owned()));
            }
            line.clear();
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Root(PathBuf);

    impl Drop for Root {
        fn drop(&mut self) {
            let _gone = fs::remove_dir_all(&self.0);
        }
    }

    fn root_with_gzip(name: &str, content: &[u8]) -> Root {
        let root = std::env::temp_dir().join(format!("norn-provenance-{}-{name}", std::process::id()));
        fs::create_dir_all(root.join("var/lib/dpkg/info")).unwrap();
        fs::create_dir_all(root.join("usr/bin")).unwrap();
        fs::write(root.join("usr/bin/gzip"), content).unwrap();
        // md5 of "gzip, unchanged".
        let sum = checksum_of(b"gzip, unchanged");
        fs::write(
            root.join("var/lib/dpkg/info/gzip.md5sums"),
            format!("{sum}  bin/gzip\n"),
        )
        .unwrap();
        Root(root)
    }

    fn checksum_of(content: &[u8]) -> String {
        Md5::digest(content)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    #[test]
    fn a_file_that_is_what_its_package_put_there_is_unchanged() {
        let root = root_with_gzip("same", b"gzip, unchanged");
        assert!(is_unchanged(&root.0, b"/usr/bin/gzip").unwrap());
    }

    #[test]
    fn a_file_somebody_replaced_is_not() {
        let root = root_with_gzip("other", b"something else");
        assert!(!is_unchanged(&root.0, b"/usr/bin/gzip").unwrap());
    }

    #[test]
    fn a_file_no_package_lists_is_not() {
        let root = root_with_gzip("none", b"gzip, unchanged");
        assert!(!is_unchanged(&root.0, b"/usr/bin/other").unwrap());
    }
}
