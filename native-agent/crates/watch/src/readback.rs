//! What the kernel watches, compared with what it is to watch: marks that are not there are counted, and set again. Nobody tells of
//! a mark that went.
use std::collections::HashSet;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use norn_journal::file::PlaceId;
use norn_os::paths::below;

use crate::root::{Root, key_of};
use crate::watch::open_directory;
use crate::watched::Watched;

/// For what is made while it is looked at: whoever reads of it marks it.
const SETTLE_MAX: Duration = Duration::from_secs(10);
/// Then whoever waits to mark a container's file system goes first.
const MENDED_AT_ONCE: usize = 64;

/// A directory below a root, or the single file of one, that had no mark when it was looked at.
pub struct Suspect {
    pub root: Arc<Root>,
    pub path: Vec<u8>,
    /// Files in it that could be given back as they are now, but whose next change nobody would see.
    pub kept_files: u64,
}

#[derive(Debug, Default)]
pub struct Found {
    pub unwatched: u64,
    /// Of these, those that are watched now.
    pub rewatched: u64,
    pub kept_files: u64,
}

/// Those that have no mark still, after all that was told of has been done, are without one. Their marks are set again.
pub fn confirm(watched: &Watched, suspects: Vec<Suspect>) -> Found {
    if !suspects.is_empty() {
        watched.settle(SETTLE_MAX);
        // A place that is being marked has all its marks then.
        drop(watched.protected.mark_alone());
    }
    let is_lost =
        |suspect: &Suspect| is_unwatched(watched, suspect).unwrap_or(false) && !is_layer(watched, suspect);
    let lost: Vec<Suspect> = suspects.into_iter().filter(is_lost).collect();
    let mut found = Found {
        unwatched: lost.len() as u64,
        rewatched: 0,
        kept_files: lost.iter().map(|suspect| suspect.kept_files).sum(),
    };
    let mut tops = HashSet::new();
    for some in lost.chunks(MENDED_AT_ONCE) {
        // No container's layer is marked, and no place that was let go.
        let _no_overlay = watched.learned.look_alone();
        let _no_other = watched.protected.mark_alone();
        for suspect in some {
            let is_mended = mend(watched, suspect).is_ok() && !is_unwatched(watched, suspect).unwrap_or(true);
            found.rewatched += u64::from(is_mended);
            if suspect.path.is_empty() && !is_mended {
                tops.insert(suspect.root.id);
            }
        }
    }
    tops.extend(confirm_overlays(watched, &mut found));
    watched.figures.note_unwatched(tops);
    if found.unwatched > 0 {
        let (unwatched, rewatched) = (found.unwatched, found.rewatched);
        let first = lost
            .first()
            .map(|first| String::from_utf8_lossy(&first.root.path).into_owned());
        tracing::warn!(
            unwatched,
            rewatched,
            ?first,
            "what was to be watched had no mark in the kernel"
        );
    }
    found
}

/// Those that could not be mended.
fn confirm_overlays(watched: &Watched, found: &mut Found) -> Vec<PlaceId> {
    let _alone = watched.learned.look_alone();
    let mut lost = Vec::new();
    for overlay in watched.places.overlays() {
        if watched.watch.is_overlay_marked(&overlay) == Some(false) {
            found.unwatched += 1;
            match watched.watch.overlay(&overlay) {
                Ok(_) => found.rewatched += 1,
                Err(_) => lost.push(overlay.id),
            }
        }
    }
    lost
}

/// Layers are watched through their container.
fn is_layer(watched: &Watched, suspect: &Suspect) -> bool {
    let path = match &suspect.path[..] {
        b"" => suspect.root.path.clone(),
        path => [&suspect.root.path[..], b"/", path].concat(),
    };
    watched.places.overlays().iter().any(|overlay| {
        let mount = &overlay.mount;
        let mut layers = mount.lower.iter().chain([&mount.upper, &mount.work]);
        layers.any(|layer| path == *layer || below(&path, layer).is_some())
    })
}

/// An error when it is not there any more.
fn is_unwatched(watched: &Watched, suspect: &Suspect) -> io::Result<bool> {
    let Some(root) = watched.places.root(suspect.root.id) else {
        return Ok(false);
    };
    let directory = open_directory(&root, &suspect.path)?;
    let is_marked = watched.watch.is_marked(directory.as_raw_fd());
    Ok(!is_marked && (root.only.is_none() || !watched.watch.is_file_marked(&root)))
}

/// What is in it may have changed unseen: it is copied as it is now.
fn mend(watched: &Watched, suspect: &Suspect) -> io::Result<()> {
    let root = &suspect.root;
    if is_layer(watched, suspect) || !is_unwatched(watched, suspect)? {
        return Ok(());
    }
    if let Some(name) = &root.only {
        watched.watch.file(root)?;
        watched.put_off(root.id, name.clone());
        return Ok(());
    }
    let key = key_of(&open_directory(root, &suspect.path)?)?;
    if watched.watch.directory(key).is_none() && watched.watch.is_full() {
        return Err(io::Error::from_raw_os_error(libc::ENOSPC));
    }
    for entry in watched.watch.one(root, &suspect.path)? {
        watched.put_off(root.id, entry.path);
    }
    Ok(())
}
