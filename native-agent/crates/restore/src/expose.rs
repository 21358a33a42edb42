//! A container that does not run: where its layer holds a file as the image has it, the layer's goes and the image shows its own
//! again, with its inode and its other names. A mounted overlay must not be changed this way.
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use norn_aside::Aside;
use norn_journal::file::{FileKey, Metadata, PlaceId};
use norn_journal::record::{Content, PlaceKind, Record, Version};
use norn_os as os;
use norn_os::paths::{open_path, parent};
use norn_os::{self, is_one};
use norn_watch::places::{LowerFile, hides};
use norn_watch::watched::Watched;

use crate::layer_names::Names;
use crate::plan::{Plan, Want};
use crate::tree::Tree;

/// Attributes that overlayfs keeps for itself.
const OVERLAYS_OWN: [&[u8]; 2] = [b"trusted.overlay.", b"user.overlay."];

const NODE: i32 = libc::O_PATH | libc::O_NOFOLLOW;

struct Layers {
    lower: Vec<Vec<u8>>,
    upper: OwnedFd,
    names: Names,
}

/// What a plan put back into containers that are not mounted.
pub fn image(watched: &Watched, plan: &Plan) {
    let mut exposed = Vec::new();
    let mut known: Option<(PlaceId, Option<Layers>)> = None;
    for ((place, path), target) in &plan.targets {
        let (Want::File(key), Some(version), false) = (target.want, &target.version, target.conflict) else {
            continue;
        };
        // One place after the other.
        if known.as_ref().is_none_or(|(at, _)| at != place) {
            known = Some((*place, layers(watched, *place)));
        }
        let Some((_, Some(layers))) = &mut known else {
            continue;
        };
        match expose(layers, path, version) {
            Ok(true) => exposed.push((*place, &path[..], key)),
            Ok(false) => {}
            // It went with another name of it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(%error, path = %String::from_utf8_lossy(path), "the layer keeps its copy of an image's file");
            }
        }
    }
    recognise(watched, &exposed);
}

/// What the image shows goes on the history of the file that was put back.
fn recognise(watched: &Watched, exposed: &[(PlaceId, &[u8], FileKey)]) {
    for some in exposed.chunk_by(|(one, ..), (other, ..)| one == other) {
        let Ok(tree) = Tree::open(watched, some[0].0) else {
            continue;
        };
        for &(_, path, key) in some {
            if let Ok(Some(entry)) = tree.lookup(path)
                && watched.store.index().original(entry.key) != key
            {
                watched.store.record(Record::Alias(entry.key, key));
            }
        }
    }
}

fn layers(watched: &Watched, place: PlaceId) -> Option<Layers> {
    let kind = watched.store.index().places.get(&place).cloned();
    match kind {
        Some(PlaceKind::Overlay { lower, upper, .. }) if watched.places.by_id(place).is_none() => {
            Some(Layers {
                lower,
                upper: open_path(&upper).ok()?,
                names: Names::default(),
            })
        }
        _ => None,
    }
}

/// Nothing but names is lost: the content is the image's own.
fn expose(layers: &mut Layers, path: &[u8], version: &Version) -> io::Result<bool> {
    if !matches!(&version.content, Content::Lower(of) if of == path) {
        return Ok(false);
    }
    let Some(shown) = LowerFile::shown(&layers.lower, path) else {
        return Ok(false);
    };
    let file = os::open_below(layers.upper.as_raw_fd(), path, NODE, os::BELOW)?;
    let stat = os::fstat(file.as_raw_fd())?;
    let image = own(Metadata::read(shown.file.as_raw_fd(), &shown.stat)?);
    let is_regular = stat.st_mode & libc::S_IFMT == libc::S_IFREG;
    if !is_regular || !own(Metadata::read(file.as_raw_fd(), &stat)?).is_like(&image) {
        return Ok(false);
    }
    let names = names_in_layer(layers, path, (&stat, &shown))?;
    let is_all = names.len() as u64 == stat.st_nlink as u64;
    if !is_all || names.iter().any(|name| hides(&layers.upper, parent(name))) {
        return Ok(false);
    }
    for name in names {
        remove(&layers.upper, &name, &stat)?;
    }
    Ok(true)
}

/// Those of the image's names of the file that the layer has for its copy of it.
fn names_in_layer(
    layers: &mut Layers,
    path: &[u8],
    (copy, shown): (&os::Stat, &LowerFile),
) -> io::Result<Vec<Vec<u8>>> {
    let mut names = vec![path.to_vec()];
    if shown.stat.st_nlink == 1 {
        return Ok(names);
    }
    for name in layers.names.of(&shown.layer, shown.stat.st_ino) {
        let is_shown = LowerFile::shown(&layers.lower, &name).is_some_and(|at| is_one(&at.stat, &shown.stat));
        let at = os::open_below(layers.upper.as_raw_fd(), &name, NODE, os::BELOW);
        if let (true, Ok(at)) = (is_shown && name != path, at)
            && is_one(&os::fstat(at.as_raw_fd())?, copy)
        {
            names.push(name);
        }
    }
    Ok(names)
}

/// The name of this file, and of no other that has got it since.
fn remove(layer: &OwnedFd, path: &[u8], meant: &os::Stat) -> io::Result<()> {
    let directory = os::open_below(layer.as_raw_fd(), parent(path), NODE, os::BELOW)?;
    let name = os::c_string(path.rsplit(|&byte| byte == b'/').next().unwrap_or(path))?;
    let aside = Aside::within(&directory)?;
    let taken = aside.take(&name)?;
    if is_one(&os::fstat(taken.file.as_raw_fd())?, meant) {
        return aside.discard(&taken);
    }
    aside.put_back(&taken, &name);
    Err(io::Error::other("the name was given to another file meanwhile"))
}

fn own(mut metadata: Metadata) -> Metadata {
    let is_overlays = |name: &[u8]| OVERLAYS_OWN.iter().any(|prefix| name.starts_with(prefix));
    metadata.attributes.retain(|(name, _)| !is_overlays(name));
    metadata
}
