//! What the package databases of a root say, whichever they are.
use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use norn_events::Package;
use xxhash_rust::xxh3::xxh3_64;

use crate::checksum::Checksum;
use crate::database::{Owner, Visit};
use crate::{apk, dpkg, rpm};

/// What a package says of one of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub checksum: Checksum,
    pub package: Arc<Package>,
}

struct Kind {
    /// Relative to a root; it is there when such packages are.
    path: &'static str,
    /// What changes when it does not.
    beside: &'static str,
    /// False when the visitor wanted no more.
    each: fn(&Path, &mut Visit<'_>) -> io::Result<bool>,
}

const KINDS: [Kind; 3] = [
    Kind {
        path: dpkg::LISTS,
        beside: dpkg::LISTS,
        each: dpkg::each,
    },
    Kind {
        path: rpm::DATABASE,
        beside: rpm::LOG,
        each: rpm::each,
    },
    Kind {
        path: apk::INSTALLED,
        beside: apk::INSTALLED,
        each: apk::each,
    },
];

/// Files known; more are looked up in the databases when they are asked about.
const FILES_MAX: usize = 400_000;
/// A larger database of a container is not looked through: whoever asks may be about to stop something. Bytes.
const LOOK_UP_BYTES_MAX: u64 = 64 << 20;
/// No programs there, but most of what packages bring.
const WITHOUT_PROGRAMS: [&[u8]; 3] = [b"usr/share/", b"usr/include/", b"usr/src/"];

/// When a root's databases last changed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct AsOf([Option<(SystemTime, Option<SystemTime>)>; KINDS.len()]);

/// What the databases of one root say, in memory.
#[derive(Debug, Default)]
pub struct Lists {
    /// When they last changed before they were read.
    pub as_of: Option<AsOf>,
    /// All of it.
    pub is_complete: bool,
    /// By hash of the path as the database has it, without a leading slash; the package is one of `packages`.
    files: HashMap<u64, (Checksum, u32)>,
    packages: Vec<Arc<Package>>,
}

impl Lists {
    pub fn read(root: &Path) -> Self {
        let mut lists = Self {
            as_of: changed(root),
            ..Self::default()
        };
        let read = each(root, &mut |owner, path, checksum| {
            if lists.files.len() >= FILES_MAX {
                return false;
            }
            if is_left_out(path) {
                return true;
            }
            if lists.packages.last().is_none_or(|last| !is_same(last, owner)) {
                lists.packages.push(described(owner));
            }
            let owner = lists.packages.len() as u32 - 1;
            lists.files.insert(xxh3_64(path), (checksum, owner));
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

/// Whether `Lists` has nothing of what lies there.
pub fn is_left_out(path: &[u8]) -> bool {
    let relative = path.strip_prefix(b"/").unwrap_or(path);
    WITHOUT_PROGRAMS.iter().any(|other| relative.starts_with(other))
}

/// When packages last came or went; `None` where there is no database that can be read.
pub fn changed(root: &Path) -> Option<AsOf> {
    let at = |path: &str| {
        fs::metadata(root.join(path))
            .and_then(|found| found.modified())
            .ok()
    };
    let as_of = KINDS.map(|kind| Some((at(kind.path)?, at(kind.beside))));
    as_of.iter().any(Option::is_some).then_some(AsOf(as_of))
}

/// Where the databases of a root lie, as a name for them.
pub fn identity(root: &Path) -> Option<(u64, u64)> {
    let found = KINDS
        .iter()
        .find_map(|kind| fs::metadata(root.join(kind.path)).ok())?;
    Some((found.dev(), found.ino()))
}

/// Packages older than the merged /usr still list `bin/gzip` for `/usr/bin/gzip`.
fn spellings(path: &[u8]) -> [Vec<u8>; 2] {
    let relative = path.strip_prefix(b"/").unwrap_or(path);
    let unmerged = relative.strip_prefix(b"usr/").unwrap_or(relative);
    [[b"usr/", unmerged].concat(), unmerged.to_vec()]
}

/// From the databases themselves.
///
/// # Errors
/// When the root has none, or one of them can't be read.
pub fn look_up(root: &Path, path: &[u8]) -> io::Result<Option<Recorded>> {
    let is_large =
        |kind: &Kind| fs::metadata(root.join(kind.path)).is_ok_and(|found| found.len() > LOOK_UP_BYTES_MAX);
    if KINDS.iter().any(is_large) && !is_own(root) {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    let wanted = spellings(path);
    let mut found = None;
    each(root, &mut |owner, path, checksum| {
        if wanted.iter().any(|wanted| wanted == path) {
            let package = described(owner);
            found = Some(Recorded { checksum, package });
        }
        found.is_none()
    })?;
    Ok(found)
}

/// Whether it is the root that the agent itself has.
pub fn is_own(root: &Path) -> bool {
    let at = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    at(root).is_some_and(|theirs| at(Path::new("/")) == Some(theirs))
}

fn described(owner: Owner<'_>) -> Arc<Package> {
    Arc::new(Package {
        name: owner.name.to_owned(),
        version: owner.version.to_owned(),
    })
}

fn is_same(package: &Package, owner: Owner<'_>) -> bool {
    package.name == owner.name && package.version == owner.version
}

/// Every file of every database that is there.
fn each(root: &Path, visit: &mut Visit<'_>) -> io::Result<()> {
    let mut is_any = false;
    for kind in &KINDS {
        if !root.join(kind.path).exists() {
            continue;
        }
        is_any = true;
        if !(kind.each)(root, visit)? {
            return Ok(());
        }
    }
    is_any
        .then_some(())
        .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::Algorithm;
    use crate::testing::root_with_gzip;

    #[test]
    fn what_is_kept_in_memory_is_what_the_lists_say() {
        let root = root_with_gzip("lists");
        let lists = Lists::read(&root.0);
        let looked_up = look_up(&root.0, b"/usr/bin/gzip").unwrap();
        assert_eq!(lists.of(b"/usr/bin/gzip"), looked_up);
        let recorded = looked_up.expect("it is listed");
        assert_eq!(
            Some(recorded.checksum),
            Checksum::of_digest(Algorithm::Md5, &[0xab; 16])
        );
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
