//! The trees that are watched, and where in them an open file lies.
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Arc, PoisonError, RwLock};

use norn_journal::file::{FileKey, Metadata, PlaceId, Stamp};
use norn_journal::record::{Location, PlaceKind};
use norn_os as os;
use norn_os::mounts::OverlayMount;
use norn_os::paths::{below, join, open_path, within};
use xxhash_rust::xxh3::xxh3_128;

use crate::root::Root;

/// Deeper than any sane number of layers (the kernel's own limit is 500).
const LAYERS_MAX: usize = 500;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    pub id: PlaceId,
    pub mount: OverlayMount,
}

#[derive(Debug, Default)]
pub struct Places {
    overlays: RwLock<HashMap<u64, Arc<Overlay>>>,
    roots: RwLock<Arc<Vec<Arc<Root>>>>,
    file_systems: RwLock<HashMap<u64, u64>>,
}

/// A file found by a descriptor on it.
#[derive(Debug, Clone)]
pub struct Found {
    pub location: Location,
    pub overlay: Option<Arc<Overlay>>,
}

impl Places {
    pub fn roots(&self) -> Arc<Vec<Arc<Root>>> {
        self.roots.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn root(&self, id: PlaceId) -> Option<Arc<Root>> {
        self.roots().iter().find(|root| root.id == id).cloned()
    }

    /// One more directory that is watched, or one under its new name; the innermost of nested ones comes first.
    pub fn add_root(&self, root: Root) -> Arc<Root> {
        // It may be of a file system that was made on the device of one which is gone.
        self.file_systems
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        let root = Arc::new(root);
        let mut roots = self.roots.write().unwrap_or_else(PoisonError::into_inner);
        let mut all = roots.as_ref().clone();
        all.retain(|known| known.id != root.id);
        let at = all.partition_point(|known| known.path.len() >= root.path.len());
        all.insert(at, root.clone());
        *roots = Arc::new(all);
        root
    }

    pub fn remove_root(&self, id: PlaceId) {
        let mut roots = self.roots.write().unwrap_or_else(PoisonError::into_inner);
        let mut all = roots.as_ref().clone();
        all.retain(|known| known.id != id);
        *roots = Arc::new(all);
    }

    pub fn kind(&self, overlay: &Overlay) -> PlaceKind {
        let mount = &overlay.mount;
        PlaceKind::Overlay {
            lower: mount.lower.clone(),
            upper: mount.upper.clone(),
            work: mount.work.clone(),
        }
    }

    pub fn insert(&self, mount: OverlayMount) -> Arc<Overlay> {
        let overlay = Arc::new(Overlay {
            id: PlaceId::of(&mount.upper),
            mount,
        });
        let mut overlays = self.overlays.write().unwrap_or_else(PoisonError::into_inner);
        overlays.insert(overlay.mount.device, overlay.clone());
        overlay
    }

    pub fn retain(&self, mounted: &[OverlayMount]) {
        let mut overlays = self.overlays.write().unwrap_or_else(PoisonError::into_inner);
        overlays.retain(|_, overlay| mounted.contains(&overlay.mount));
    }

    pub fn overlay(&self, device: u64) -> Option<Arc<Overlay>> {
        self.overlays
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&device)
            .cloned()
    }

    pub fn overlays(&self) -> Vec<Arc<Overlay>> {
        let overlays = self.overlays.read().unwrap_or_else(PoisonError::into_inner);
        overlays.values().cloned().collect()
    }

    pub fn by_id(&self, id: PlaceId) -> Option<Arc<Overlay>> {
        let overlays = self.overlays.read().unwrap_or_else(PoisonError::into_inner);
        overlays.values().find(|overlay| overlay.id == id).cloned()
    }

    /// The overlay that a host path leads into, and the rest of the path.
    pub fn overlay_of_host_path<'a>(&self, path: &'a [u8]) -> Option<(Arc<Overlay>, &'a [u8])> {
        let overlays = self.overlays.read().unwrap_or_else(PoisonError::into_inner);
        overlays
            .values()
            .find_map(|overlay| Some((overlay.clone(), below(path, &overlay.mount.merged)?)))
    }

    /// What tells handles of this file system from those of others.
    fn domain(&self, device: u64, fd: RawFd) -> io::Result<u64> {
        let known = self
            .file_systems
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&device)
            .copied();
        if let Some(id) = known {
            return Ok(id);
        }
        let id = os::file_system_id(fd)?;
        self.file_systems
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(device, id);
        Ok(id)
    }

    pub fn key(&self, fd: RawFd, stat: &os::Stat) -> io::Result<FileKey> {
        let domain = match self.overlay(stat.st_dev) {
            Some(overlay) => overlay.id.0,
            None => self.domain(stat.st_dev, fd)?,
        };
        Ok(FileKey::new(domain, &os::handle_at(fd, c"")?))
    }

    /// Where the file behind `fd` lies; `None` when it is in no place that is watched.
    pub fn find(&self, fd: RawFd, stat: &os::Stat, key: FileKey) -> Option<Found> {
        if let Some(found) = self.find_in_overlay(fd, stat, key) {
            return Some(found);
        }
        let (root, path) = self.host_path(fd, stat)?;
        Some(Found {
            location: Location {
                key,
                place: root.id,
                // Of a mount in a container, what /proc calls it leads nowhere.
                seen: join(&root.path, &path),
                path,
            },
            overlay: None,
        })
    }

    /// The same for containers' own files alone: nothing is opened for it.
    pub fn find_in_overlay(&self, fd: RawFd, stat: &os::Stat, key: FileKey) -> Option<Found> {
        let overlay = self.overlay(stat.st_dev)?;
        let is_there =
            |seen: &[u8]| leads_to(seen, stat) || leads_to(&[&overlay.mount.merged, seen].concat(), stat);
        let seen = path_when_open(fd, stat, is_there).ok()?;
        let path = overlay_path(&overlay, &seen, stat);
        let seen = [b"/", &path[..]].concat();
        let location = Location {
            key,
            place: overlay.id,
            path,
            seen,
        };
        Some(Found {
            location,
            overlay: Some(overlay),
        })
    }

    /// The innermost watched directory that this name of the host leads into, and the rest of it.
    pub fn named(&self, path: &[u8]) -> Option<(Arc<Root>, Vec<u8>)> {
        named(&self.roots(), path)
    }

    /// Does this name of the host lead into a watched directory? For who can't wait.
    pub fn is_inside(&self, path: &[u8]) -> bool {
        let roots = self.roots();
        roots.iter().any(|root| within(path, &root.path).is_some())
    }

    fn host_path(&self, fd: RawFd, stat: &os::Stat) -> Option<(Arc<Root>, Vec<u8>)> {
        let roots = self.roots();
        let seen = path_when_open(fd, stat, |_| true).ok()?;
        if leads_to(&seen, stat)
            && let Some(found) = named(&roots, &seen)
        {
            return Some(found);
        }
        // Another mount of the same file system (a bind mount in a container, which may call it as the host calls another), or
        // a directory whose name is another's now: the handle leads to it, also when it is deleted.
        let handle = os::handle_at(fd, c"").ok()?;
        if let Some(path) = roots.iter().find_map(|root| root.host_name(&handle))
            && leads_to(&path, stat)
            && let Some(found) = named(&roots, &path)
        {
            return Some(found);
        }
        let mut each = roots.iter();
        let found = each.find_map(|root| Some((root.clone(), root.path_below(&handle, stat)?)));
        found.or_else(|| named(&roots, &seen).filter(|_| stat.st_nlink == 0))
    }
}

/// The innermost directory that this name of the host leads into, and the rest of it.
fn named(roots: &[Arc<Root>], path: &[u8]) -> Option<(Arc<Root>, Vec<u8>)> {
    roots.iter().find_map(|root| {
        let rest = below(path, &root.path)?;
        let is_meant = root.only.as_deref().is_none_or(|only| only == rest);
        // Of two with the same path one is gone, whose number the other may have.
        let has_twin = || roots.iter().filter(|other| other.path == root.path).count() > 1;
        let is_it = || root.may_be_named() && (!has_twin() || root.is_named());
        (is_meant && is_it()).then(|| (root.clone(), rest.to_vec()))
    })
}

/// What /proc calls a file that is open. One that lost this name may have others; one may also be called so: only one that
/// `is_there` under it has the name.
fn path_when_open(fd: RawFd, stat: &os::Stat, is_there: impl FnOnce(&[u8]) -> bool) -> io::Result<Vec<u8>> {
    let mut seen = os::path_of(fd)?;
    if let Some(rest) = seen.strip_suffix(b" (deleted)")
        && (stat.st_nlink == 0 || !is_there(&seen))
    {
        seen.truncate(rest.len());
    }
    Ok(seen)
}

/// The name is one of the file.
pub fn leads_to(path: &[u8], stat: &os::Stat) -> bool {
    os::stat_at(libc::AT_FDCWD, path).is_ok_and(|at| os::is_one(&at, stat))
}

/// The overlay's mount on the host shows the whole host path, a container's mount the path inside it.
fn overlay_path(overlay: &Overlay, seen: &[u8], stat: &os::Stat) -> Vec<u8> {
    let inside = seen.strip_prefix(b"/").unwrap_or(seen);
    match below(seen, &overlay.mount.merged) {
        Some(rest) if stat.st_nlink == 0 => rest.to_vec(),
        // A container can have a directory of the same name: only the file itself tells.
        Some(rest) if leads_to(seen, stat) => rest.to_vec(),
        Some(_) => inside.to_vec(),
        None => inside.to_vec(),
    }
}

/// Stands for a file of the image that nobody opened, or that has its handle in common with another.
pub fn by_name(upper: &[u8], path: &[u8]) -> FileKey {
    FileKey(xxh3_128(&[upper, b"\0", path].concat()))
}

pub fn is_whiteout(stat: &os::Stat) -> bool {
    stat.st_mode & libc::S_IFMT == libc::S_IFCHR && stat.st_rdev == 0
}

const OPAQUE: [&[u8]; 2] = [b"trusted.overlay.opaque", b"user.overlay.opaque"];

/// A directory of a layer that shows nothing of the layers below.
pub fn is_opaque(fd: RawFd) -> bool {
    let found = os::attributes(fd).unwrap_or_default();
    found
        .iter()
        .any(|(name, value)| OPAQUE.contains(&&name[..]) && value == b"y")
}

/// Does the layer hide what lower ones have under this name?
pub fn hides(layer: &OwnedFd, path: &[u8]) -> bool {
    let ends = path
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'/')
        .map(|(at, _)| at);
    for end in ends.chain([path.len()]) {
        let flags = libc::O_PATH | libc::O_NOFOLLOW;
        let Ok(file) = os::open_below(layer.as_raw_fd(), &path[..end], flags, os::BELOW) else {
            return false;
        };
        match os::fstat(file.as_raw_fd()) {
            Ok(stat) if stat.st_mode & libc::S_IFMT == libc::S_IFDIR => {
                if is_opaque(file.as_raw_fd()) {
                    return true;
                }
            }
            _ => return true,
        }
    }
    false
}

/// A file of an image's layer.
#[derive(Debug)]
pub struct LowerFile {
    /// The layer's directory.
    pub layer: Vec<u8>,
    pub file: OwnedFd,
    pub stat: os::Stat,
}

impl LowerFile {
    /// The first that `wanted` accepts, topmost layer first; a whiteout ends the search.
    pub fn open(lower: &[Vec<u8>], path: &[u8], wanted: impl Fn(&os::Stat) -> bool) -> Option<Self> {
        for layer in lower.iter().take(LAYERS_MAX) {
            let Ok(root) = open_path(layer) else {
                continue;
            };
            let flags = libc::O_PATH | libc::O_NOFOLLOW;
            let Ok(file) = os::open_below(root.as_raw_fd(), path, flags, os::BELOW) else {
                continue;
            };
            let stat = os::fstat(file.as_raw_fd()).ok()?;
            if is_whiteout(&stat) {
                return None;
            }
            if wanted(&stat) {
                let layer = layer.clone();
                return Some(Self { layer, file, stat });
            }
        }
        None
    }

    /// The one that the image shows under this name: a directory made anew in an upper layer hides what lower ones have in it.
    pub fn shown(lower: &[Vec<u8>], path: &[u8]) -> Option<Self> {
        for layer in lower.iter().take(LAYERS_MAX) {
            let one = std::slice::from_ref(layer);
            let Ok(root) = open_path(layer) else {
                continue;
            };
            if let Some(found) = Self::open(one, path, |_| true) {
                return Some(found);
            }
            if hides(&root, path) {
                return None;
            }
        }
        None
    }

    /// The lower file that the overlay's file is, when it was not copied up: no later inode has its change time.
    pub fn behind(overlay: &Overlay, path: &[u8], stat: &os::Stat) -> Option<Self> {
        let same = |lower: &os::Stat| lower.st_ino == stat.st_ino && Stamp::from(lower) == Stamp::from(stat);
        Self::open(&overlay.mount.lower, path, same)
    }

    /// The one with this size, time and type.
    pub fn like(lower: &[Vec<u8>], path: &[u8], metadata: &Metadata) -> Option<Self> {
        Self::open(lower, path, |stat| {
            stat.st_size as u64 == metadata.size
                && Stamp::from(stat).modified_ns == metadata.modified_ns
                && stat.st_mode & libc::S_IFMT == metadata.mode & libc::S_IFMT
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn a_directory_made_anew_hides_what_lower_layers_have_in_it() {
        let home = std::env::temp_dir().join(format!("norn-layers-{}", std::process::id()));
        for layer in ["upper", "lower"] {
            fs::create_dir_all(home.join(layer).join("etc/app")).unwrap();
        }
        for name in ["etc/app/hidden", "etc/shown"] {
            fs::write(home.join("lower").join(name), "").unwrap();
        }
        let made_anew = fs::File::open(home.join("upper/etc/app")).unwrap();
        os::set_attribute(made_anew.as_raw_fd(), OPAQUE[1], Some(b"y")).unwrap();
        let layers = ["upper", "lower"].map(|layer| home.join(layer).into_os_string().into_vec());
        assert!(LowerFile::shown(&layers, b"etc/app/hidden").is_none());
        assert!(LowerFile::shown(&layers, b"etc/shown").is_some());
        fs::remove_dir_all(&home).unwrap();
    }
}
