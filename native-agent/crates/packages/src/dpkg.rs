//! dpkg's lists of checksums, and the versions its status tells: Debian, Ubuntu and what is made from them.
use std::collections::HashMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use crate::checksum::{Algorithm, Checksum};
use crate::database::{Owner, Visit, open_plain};

/// Relative to a root; a list that comes or goes changes its time.
pub const LISTS: &str = "var/lib/dpkg/info";
const STATUS: &str = "var/lib/dpkg/status";
/// A package's list of checksums larger than this is not read, bytes.
const LIST_BYTES_MAX: u64 = 8 << 20;
const STATUS_BYTES_MAX: u64 = 64 << 20;

/// Every line of every list: 32 hex digits, two spaces, and the path without its leading slash.
pub fn each(root: &Path, visit: &mut Visit<'_>) -> io::Result<bool> {
    let versions = versions(root);
    for entry in fs::read_dir(root.join(LISTS))? {
        let name = entry?.file_name();
        // "libc6:amd64", or without an architecture.
        let Some(package) = name.to_str().and_then(|name| name.strip_suffix(".md5sums")) else {
            continue;
        };
        let owner = Owner {
            name: package.split(':').next().unwrap_or_default(),
            version: versions.get(package).map_or("", String::as_str),
        };
        let mut lines = BufReader::new(open_plain(&root.join(LISTS).join(&name))?.take(LIST_BYTES_MAX));
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            let end = line.len() - usize::from(line.ends_with(b"\n"));
            let digits = line
                .get(..32)
                .and_then(|digits| Checksum::of_hex(Algorithm::Md5, digits));
            if let (Some(checksum), Some(path)) = (digits, line.get(34..end))
                && !visit(owner, path, checksum)
            {
                return Ok(false);
            }
            line.clear();
        }
    }
    Ok(true)
}

/// By name, and by name and architecture; empty when the status can't be read.
fn versions(root: &Path) -> HashMap<String, String> {
    let mut versions = HashMap::new();
    let Ok(status) = open_plain(&root.join(STATUS)) else {
        return versions;
    };
    let (mut name, mut architecture) = (String::new(), String::new());
    for line in BufReader::new(status.take(STATUS_BYTES_MAX)).split(b'\n') {
        let Ok(line) = line.map(|line| String::from_utf8_lossy(&line).into_owned()) else {
            break;
        };
        match line.split_once(": ") {
            Some(("Package", package)) => package.clone_into(&mut name),
            Some(("Architecture", of)) => of.clone_into(&mut architecture),
            Some(("Version", version)) => {
                versions.insert(format!("{name}:{architecture}"), version.to_owned());
                versions.insert(name.clone(), version.to_owned());
            }
            _ => {}
        }
    }
    versions
}
