//! A container that does not run: where its layer holds a file as the image has it, the layer's goes and the image shows its own
//! again, with its inode and its other names. A mounted overlay must not be changed this way.
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use super::plan::{Plan, Want};
use super::tree::Tree;
use crate::capture::Shared;
use crate::file::{FileKey, Metadata, PlaceId};
use crate::places::{LowerFile, hides, open_path};
use crate::record::{Content, PlaceKind, Record, Version};
use crate::sys;
use crate::watch::parent;

/// Attributes that overlayfs keeps for itself.
const OVERLAYS_OWN: [&[u8]; 2] = [b"trusted.overlay.", b"user.overlay."];

struct Layers {
    lower: Vec<Vec<u8>>,
    upper: OwnedFd,
}

/// What a plan put back into containers that are not mounted.
pub(super) fn image(shared: &Shared, plan: &Plan) {
    let mut exposed = Vec::new();
    let mut known: Option<(PlaceId, Option<Layers>)> = None;
    for ((place, path), target) in &plan.targets {
        let (Want::File(key), Some(version), false) = (target.want, &target.version, target.conflict) else {
            continue;
        };
        // One place after the other.
        if known.as_ref().is_none_or(|(at, _)| at != place) {
            known = Some((*place, layers(shared, *place)));
        }
        let Some((_, Some(layers))) = &known else {
            continue;
        };
        match expose(layers, path, version) {
            Ok(true) => exposed.push((*place, &path[..], key)),
            Ok(false) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(%error, path = %String::from_utf8_lossy(path), "the layer keeps its copy of an image's file");
            }
        }
    }
    recognise(shared, &exposed);
}

/// What the image shows goes on the history of the file that was put back.
fn recognise(shared: &Shared, exposed: &[(PlaceId, &[u8], FileKey)]) {
    for some in exposed.chunk_by(|(one, ..), (other, ..)| one == other) {
        let Ok(tree) = Tree::open(shared, some[0].0) else {
            continue;
        };
        for &(_, path, key) in some {
            if let Ok(Some(entry)) = tree.lookup(path)
                && shared.store.index().original(entry.key) != key
            {
                shared.store.record(Record::Alias(entry.key, key));
            }
        }
    }
}

fn layers(shared: &Shared, place: PlaceId) -> Option<Layers> {
    let kind = shared.store.index().places.get(&place).cloned();
    match kind {
        Some(PlaceKind::Overlay { lower, upper, .. }) if shared.places.by_id(place).is_none() => {
            Some(Layers {
                lower,
                upper: open_path(&upper).ok()?,
            })
        }
        _ => None,
    }
}

/// Nothing but a name is lost: the content is the image's own.
fn expose(layers: &Layers, path: &[u8], version: &Version) -> io::Result<bool> {
    if !matches!(&version.content, Content::Lower(of) if of == path) || hides(&layers.upper, parent(path)) {
        return Ok(false);
    }
    let Some(shown) = LowerFile::shown(&layers.lower, path) else {
        return Ok(false);
    };
    let flags = libc::O_PATH | libc::O_NOFOLLOW;
    let file = sys::open_below(layers.upper.as_raw_fd(), path, flags, sys::BELOW)?;
    let stat = sys::fstat(file.as_raw_fd())?;
    let is_regular = stat.st_mode & libc::S_IFMT == libc::S_IFREG;
    // Names that were joined stay what they are.
    let is_single = stat.st_nlink == 1 && shown.stat.st_nlink == 1;
    let image = Metadata::read(shown.file.as_raw_fd(), &shown.stat)?;
    let is_copy =
        is_regular && is_single && own(Metadata::read(file.as_raw_fd(), &stat)?).is_like(&own(image));
    if is_copy {
        let directory = sys::open_below(layers.upper.as_raw_fd(), parent(path), flags, sys::BELOW)?;
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
        let name = CString::new(name).map_err(io::Error::other)?;
        sys::unlink_at(directory.as_raw_fd(), &name, false)?;
    }
    Ok(is_copy)
}

fn own(mut metadata: Metadata) -> Metadata {
    let is_overlays = |name: &[u8]| OVERLAYS_OWN.iter().any(|prefix| name.starts_with(prefix));
    metadata.attributes.retain(|(name, _)| !is_overlays(name));
    metadata
}
