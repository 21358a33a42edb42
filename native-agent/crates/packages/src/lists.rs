//! dpkg's lists of checksums, and the versions its status tells.
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use norn_events::Package;
use xxhash_rust::xxh3::xxh3_64;

/// MD5, as dpkg has it.
pub type Checksum = [u8; 16];

/// What a package says of one of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub checksum: Checksum,
    pub package: Arc<Package>,
}

/// Relative to a root.
const LISTS: &str = "var/lib/dpkg/info";
const STATUS: &str = "var/lib/dpkg/status";
/// A package's list of checksums larger than this is not read, bytes.
const LIST_BYTES_MAX: u64 = 8 << 20;
const STATUS_BYTES_MAX: u64 = 64 << 20;
/// Files known; more are looked up in the lists when they are asked about.
const FILES_MAX: usize = 400_000;
/// No programs there, but most of what packages bring.
const WITHOUT_PROGRAMS: [&[u8]; 3] = [b"usr/share/", b"usr/include/", b"usr/src/"];

/// The lists of one root, in memory.
#[derive(Debug, Default)]
pub struct Lists {
    /// When the lists last changed before they were read.
    pub as_of: Option<SystemTime>,
    /// All of them.
    pub is_complete: bool,
    /// By hash of the path as the list has it, without a leading slash; the package is one of `packages`.
    files: HashMap<u64, (Checksum, u32)>,
    packages: Vec<Arc<Package>>,
}

impl Lists {
    pub fn read(root: &Path) -> Self {
        let mut lists = Self {
            as_of: changed(root),
            ..Self::default()
        };
        let versions = versions(root);
        let mut of_last = String::new();
        let read = each(root, |package, path, sum| {
            if lists.files.len() >= FILES_MAX {
                return false;
            }
            if WITHOUT_PROGRAMS.iter().any(|other| path.starts_with(other)) {
                return true;
            }
            if of_last != package {
                package.clone_into(&mut of_last);
                lists.packages.push(described(package, &versions));
            }
            let owner = lists.packages.len() as u32 - 1;
            lists.files.insert(xxh3_64(path), (sum, owner));
            true
        });
        lists.is_complete = read.is_ok() && lists.files.len() < FILES_MAX;
        lists.files.shrink_to_fit();
        lists
    }

    pub fn of(&self, path: &[u8]) -> Option<Recorded> {
        let (checksum, owner) = spellings(path)
            .iter()
            .find_map(|path| self.files.get(&xxh3_64(path)).copied())?;
        let package = Arc::clone(self.packages.get(owner as usize)?);
        Some(Recorded { checksum, package })
    }
}

/// When packages last came or went; `None` where there are none of dpkg's.
pub fn changed(root: &Path) -> Option<SystemTime> {
    fs::metadata(root.join(LISTS))
        .and_then(|lists| lists.modified())
        .ok()
}

/// Where the lists of a root lie, as a name for them.
pub fn identity(root: &Path) -> Option<(u64, u64)> {
    let lists = fs::metadata(root.join(LISTS)).ok()?;
    Some((lists.dev(), lists.ino()))
}

/// Packages older than the merged /usr still list `bin/gzip` for `/usr/bin/gzip`.
fn spellings(path: &[u8]) -> [Vec<u8>; 2] {
    let relative = path.strip_prefix(b"/").unwrap_or(path);
    let unmerged = relative.strip_prefix(b"usr/").unwrap_or(relative);
    [[b"usr/", unmerged].concat(), unmerged.to_vec()]
}

/// From the lists themselves.
///
/// # Errors
/// When the root has no lists, or one of them can't be read.
pub fn look_up(root: &Path, path: &[u8]) -> io::Result<Option<Recorded>> {
    let wanted = spellings(path);
    let mut found = None;
    each(root, |package, path, sum| {
        if wanted.iter().any(|wanted| wanted == path) {
            found = Some((package.to_owned(), sum));
        }
        found.is_none()
    })?;
    Ok(found.map(|(package, checksum)| Recorded {
        checksum,
        package: described(&package, &versions(root)),
    }))
}

/// `package` is as the list is called: "libc6:amd64", or without an architecture.
fn described(package: &str, versions: &HashMap<String, String>) -> Arc<Package> {
    Arc::new(Package {
        name: package.split(':').next().unwrap_or_default().to_owned(),
        version: versions.get(package).cloned().unwrap_or_default(),
    })
}

/// Every line of every list: the package, the path without its leading slash, and the checksum (32 hex digits and two spaces
/// before the path). Until `visit` says no.
fn each(root: &Path, mut visit: impl FnMut(&str, &[u8], Checksum) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(root.join(LISTS))? {
        let name = entry?.file_name();
        let Some(package) = name.to_str().and_then(|name| name.strip_suffix(".md5sums")) else {
            continue;
        };
        let mut lines = BufReader::new(open_plain(&root.join(LISTS).join(&name))?.take(LIST_BYTES_MAX));
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            let end = line.len() - usize::from(line.ends_with(b"\n"));
            if let (Some(sum), Some(path)) = (line.get(..32).and_then(parse), line.get(34..end))
                && !visit(package, path, sum)
            {
                return Ok(());
            }
            line.clear();
        }
    }
    Ok(())
}

/// Whoever made the root may have put a pipe there, which nobody must wait at.
fn open_plain(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::from(io::ErrorKind::InvalidInput))
}

fn parse(digits: &[u8]) -> Option<Checksum> {
    let mut sum = [0; 16];
    for (byte, pair) in sum.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(sum)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::root_with_gzip;

    #[test]
    fn what_is_kept_in_memory_is_what_the_lists_say() {
        let root = root_with_gzip("lists");
        let lists = Lists::read(&root.0);
        let looked_up = look_up(&root.0, b"/usr/bin/gzip").unwrap();
        assert_eq!(lists.of(b"/usr/bin/gzip"), looked_up);
        let recorded = looked_up.expect("it is listed");
        assert_eq!(recorded.checksum, [0xab; 16]);
        assert_eq!(
            *recorded.package,
            Package {
                name: "gzip".to_owned(),
                version: "1.12-1".to_owned()
            }
        );
    }

    #[test]
    fn a_list_that_names_its_architecture_is_of_the_same_package() {
        let root = root_with_gzip("architecture");
        let recorded = Lists::read(&root.0)
            .of(b"/usr/lib/libz.so.1")
            .expect("it is listed");
        assert_eq!(
            (&recorded.package.name[..], &recorded.package.version[..]),
            ("zlib1g", "1:1.2.13")
        );
    }

    #[test]
    fn a_file_no_package_lists_belongs_to_none() {
        let root = root_with_gzip("none");
        assert_eq!(Lists::read(&root.0).of(b"/usr/bin/other"), None);
        assert_eq!(look_up(&root.0, b"/usr/bin/other").unwrap(), None);
    }

    #[test]
    fn nobody_waits_at_a_pipe_in_the_place_of_a_list() {
        let root = root_with_gzip("pipe");
        let pipe = root.0.join("var/lib/dpkg/info/pipe.md5sums");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        assert!(!Lists::read(&root.0).is_complete);
    }
}
