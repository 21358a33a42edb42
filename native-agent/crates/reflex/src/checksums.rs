//! What the host's packages put on its disk, kept in memory: reading it when a reflex asks would hold up a stop by as long
//! as an encryptor needs for a hundred files.
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::SystemTime;

use crate::ransomware::hash_of;

pub type Checksum = [u8; 16];

/// dpkg's lists, relative to a root.
const LISTS: &str = "var/lib/dpkg/info";
/// A package's list of checksums larger than this is not read, bytes.
const LIST_BYTES_MAX: u64 = 8 << 20;
/// Files known; more are looked up in the lists when they are asked about.
const FILES_MAX: usize = 400_000;
/// No programs there, but most of what packages bring.
const WITHOUT_PROGRAMS: [&[u8]; 3] = [b"usr/share/", b"usr/include/", b"usr/src/"];

/// The host's lists. Read by a thread of its own, at the start and whenever packages have come or gone.
#[derive(Debug, Clone, Default)]
pub struct HostChecksums(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// When the lists last changed before they were read.
    as_of: Option<SystemTime>,
    is_reading: bool,
    is_complete: bool,
    /// By hash of the path as the list has it, without a leading slash.
    files: HashMap<u64, Checksum>,
}

impl HostChecksums {
    pub fn read_beside(&self) {
        if std::mem::replace(&mut self.lock().is_reading, true) {
            return;
        }
        let own = self.clone();
        let started = thread::Builder::new()
            .name("packages".to_owned())
            .spawn(move || own.read(Path::new("/")));
        if let Err(error) = started {
            self.lock().is_reading = false;
            tracing::warn!(%error, "the packages' lists can't be read beside");
        }
    }

    fn read(&self, root: &Path) {
        let as_of = changed(root);
        let mut files = HashMap::new();
        let read = each(root, |path, sum| {
            if files.len() < FILES_MAX && !WITHOUT_PROGRAMS.iter().any(|other| path.starts_with(other)) {
                files.insert(hash_of(path), sum);
            }
            true
        });
        let is_complete = read.is_ok() && files.len() < FILES_MAX;
        files.shrink_to_fit();
        *self.lock() = Known {
            as_of,
            is_reading: false,
            is_complete,
            files,
        };
    }

    /// `None`: not known without the lists themselves. `Some(None)`: no package owns it.
    pub fn of(&self, root: &Path, path: &[u8]) -> Option<Option<Checksum>> {
        if !is_own(root) {
            return None;
        }
        if changed(root) != self.lock().as_of {
            self.read_beside();
            return None;
        }
        let known = self.lock();
        let found = spellings(path)
            .iter()
            .find_map(|path| known.files.get(&hash_of(path)).copied());
        (found.is_some() || known.is_complete).then_some(found)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_own(root: &Path) -> bool {
    let at = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    at(root).is_some_and(|theirs| at(Path::new("/")) == Some(theirs))
}

fn changed(root: &Path) -> Option<SystemTime> {
    fs::metadata(root.join(LISTS))
        .and_then(|lists| lists.modified())
        .ok()
}

/// Packages older than the merged /usr still list `bin/gzip` for `/usr/bin/gzip`.
fn spellings(path: &[u8]) -> [Vec<u8>; 2] {
    let relative = path.strip_prefix(b"/").unwrap_or(path);
    let unmerged = relative.strip_prefix(b"usr/").unwrap_or(relative);
    [[b"usr/", unmerged].concat(), unmerged.to_vec()]
}

/// From the lists themselves.
pub fn look_up(root: &Path, path: &[u8]) -> io::Result<Option<Checksum>> {
    let wanted = spellings(path);
    let mut found = None;
    each(root, |path, sum| {
        if wanted.iter().any(|wanted| wanted == path) {
            found = Some(sum);
        }
        found.is_none()
    })?;
    Ok(found)
}

/// Every line of every list: 32 hex digits, two spaces and the path without its leading slash. Until `visit` says no.
fn each(root: &Path, mut visit: impl FnMut(&[u8], Checksum) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(root.join(LISTS))? {
        let list = entry?.path();
        if list.extension().is_none_or(|extension| extension != "md5sums") {
            continue;
        }
        let mut lines = BufReader::new(File::open(&list)?.take(LIST_BYTES_MAX));
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            let end = line.len() - usize::from(line.ends_with(b"\n"));
            if let (Some(sum), Some(path)) = (line.get(..32).and_then(parse), line.get(34..end))
                && !visit(path, sum)
            {
                return Ok(());
            }
            line.clear();
        }
    }
    Ok(())
}

fn parse(digits: &[u8]) -> Option<Checksum> {
    let mut sum = [0; 16];
    for (byte, pair) in sum.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_in_memory_is_what_the_lists_say() {
        let host = HostChecksums::default();
        let root = Path::new("/");
        assert_eq!(host.of(root, b"/usr/bin/env"), None, "not read yet");
        host.0.lock().unwrap().is_reading = true;
        host.read(root);
        if changed(root).is_none() {
            // No host of dpkg's.
            return;
        }
        assert_eq!(
            host.of(root, b"/usr/bin/env"),
            Some(look_up(root, b"/usr/bin/env").unwrap())
        );
        assert_eq!(host.of(root, b"/usr/local/bin/norn-nobody"), Some(None));
        assert_eq!(host.of(Path::new("/proc"), b"/usr/bin/env"), None, "another root");
    }
}
