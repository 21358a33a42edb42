//! What changed in a container's layer while nobody watched: the layer is compared with the image below it, by the time of each
//! file's last change. The image's files are their own pre-images; of others the vault may still have a state from before.
use std::collections::BTreeSet;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::{fs, io};

use norn_events::ProcessUid;
use norn_journal::file::{FileKey, Metadata, PlaceId, nanoseconds};
use norn_journal::index::FileState;
use norn_journal::record::{Content, Missing, PlaceKind, Time, Version};
use norn_os as os;
use norn_os::paths::{join, open_path};
use norn_watch::places::{LowerFile, by_name, is_opaque, is_whiteout};
use norn_watch::watched::Watched;

use crate::plan::{Plan, Target, Want};
use crate::tree::Tree;

/// Files and directories looked at in one layer; with more, the rest is left as it is, and the log says so.
const ENTRIES_MAX: usize = 200_000;

struct Walk<'a> {
    watched: &'a Watched,
    tree: &'a Tree,
    plan: &'a mut Plan,
    place: PlaceId,
    upper: Vec<u8>,
    since: Time,
    seen: usize,
}

/// Adds to the plan what it does not explain.
pub fn add(watched: &Watched, plan: &mut Plan, (container, place, since): (&str, PlaceId, Time)) {
    let kind = watched.store.index().places.get(&place).cloned();
    let (Some(PlaceKind::Overlay { upper, .. }), Ok(tree)) = (kind, Tree::open(watched, place)) else {
        return;
    };
    plan.containers.insert(ProcessUid::UNKNOWN, container.to_owned());
    let mut walk = Walk {
        watched,
        tree: &tree,
        plan,
        place,
        upper,
        since,
        seen: 0,
    };
    if let Err(error) = walk.directory(&[]) {
        tracing::warn!(%error, "a container's layer can't be compared with its image");
    }
}

pub fn path_below(top: &[u8], path: &[u8]) -> PathBuf {
    PathBuf::from(std::ffi::OsString::from_vec(join(top, path)))
}

impl Walk<'_> {
    fn directory(&mut self, path: &[u8]) -> io::Result<()> {
        let mut waiting = vec![path.to_vec()];
        while let Some(directory) = waiting.pop() {
            for entry in listed(&self.upper, &directory)? {
                let path = join(&directory, entry?.file_name().as_bytes());
                self.seen += 1;
                if self.seen > ENTRIES_MAX {
                    return Err(io::Error::other(format!(
                        "it has more than {ENTRIES_MAX} entries"
                    )));
                }
                let whole = path_below(&self.upper, &path);
                let stat = os::stat_at(libc::AT_FDCWD, whole.as_os_str().as_bytes())?;
                match stat.st_mode & libc::S_IFMT {
                    libc::S_IFDIR => {
                        if self.is_young(&whole)
                            && open_node(&whole).is_ok_and(|node| is_opaque(node.as_raw_fd()))
                        {
                            self.missing_below(&path);
                        }
                        waiting.push(path);
                    }
                    _ if self.is_late(&stat) => self.file(path, (&stat, self.is_young(&whole)))?,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// On the clock of files.
    fn since_wall_ns(&self) -> i128 {
        i128::from(self.since) + os::wall_ns() as i128 - os::boot_ns() as i128
    }

    /// Changed since; nobody can set this time.
    fn is_late(&self, stat: &os::Stat) -> bool {
        nanoseconds(stat.st_ctime, stat.st_ctime_nsec) >= self.since_wall_ns()
    }

    /// Came into the layer since: what it has of the image is untouched by anything before.
    fn is_young(&self, whole: &Path) -> bool {
        open_node(whole).is_ok_and(|file| i128::from(os::birth_ns(file.as_raw_fd())) >= self.since_wall_ns())
    }

    fn file(&mut self, path: Vec<u8>, (stat, young): (&os::Stat, bool)) -> io::Result<()> {
        if self.plan.targets.contains_key(&(self.place, path.clone())) {
            return Ok(());
        }
        let lower = LowerFile::shown(&self.tree.lower, &path);
        if is_whiteout(stat) {
            // Layers share one whiteout for all names, so its time tells nothing: the journal knows what was removed under watch.
            if self.watched.store.index().name_at(self.place, &path, Time::MAX) == Some(None) {
                return Ok(());
            }
            let is_directory = lower
                .as_ref()
                .is_some_and(|lower| lower.stat.st_mode & libc::S_IFMT == libc::S_IFDIR);
            if let Some(lower) = lower {
                self.absent(path.clone(), &lower)?;
            }
            if is_directory {
                self.missing_below(&path);
            }
            return Ok(());
        }
        let Some(entry) = self
            .tree
            .lookup_known(&self.watched.store, (self.place, &path), None)?
        else {
            return Ok(());
        };
        let index = self.watched.store.index();
        let (key, since) = (index.original(entry.key), self.since);
        let state = index.state(key);
        let later = |state: &FileState| state.changes.iter().any(|change| change.time >= since);
        let watched = state.as_deref().is_some_and(later)
            || index.operations.iter().any(|operation| {
                operation.time >= since && [operation.key(), operation.replaced()].contains(&Some(key))
            });
        let before = state.as_deref().and_then(|state| state.before(since)).cloned();
        drop(state);
        drop(index);
        if watched {
            return Ok(());
        }
        let version = match (before, lower) {
            (Some(before), _) => before,
            (None, Some(lower)) if young => lower_version(&path, &lower, self.since)?,
            (None, _) => unknown_version(self.since),
        };
        self.target(path, (key, version), "in-place");
        Ok(())
    }

    /// A name of the image that the layer hides.
    fn absent(&mut self, path: Vec<u8>, lower: &LowerFile) -> io::Result<()> {
        if self.plan.targets.contains_key(&(self.place, path.clone())) || self.tree.lookup(&path)?.is_some() {
            return Ok(());
        }
        let key = by_name(&self.upper, &path);
        let version = lower_version(&path, lower, self.since)?;
        self.target(path, (key, version), "unlinked");
        Ok(())
    }

    /// A directory of the image was removed as a whole, and maybe made again.
    fn missing_below(&mut self, path: &[u8]) {
        let mut waiting = vec![path.to_vec()];
        while let Some(directory) = waiting.pop() {
            for name in names_in(&self.tree.lower, &directory) {
                let path = join(&directory, &name);
                let Some(lower) = LowerFile::shown(&self.tree.lower, &path) else {
                    continue;
                };
                if lower.stat.st_mode & libc::S_IFMT == libc::S_IFDIR {
                    waiting.push(path.clone());
                }
                if let Err(error) = self.absent(path, &lower) {
                    tracing::debug!(%error, "a file of the image can't be read");
                }
            }
        }
    }

    fn target(&mut self, path: Vec<u8>, (key, version): (FileKey, Version), change: &'static str) {
        let directory = version.metadata.mode & libc::S_IFMT == libc::S_IFDIR;
        let target = Target {
            version: Some(version),
            put: Some(key),
            directory,
            seen: [b"/", &path[..]].concat(),
            ..Target::new(Want::File(key), change, (self.since, ProcessUid::UNKNOWN))
        };
        self.plan.targets.insert((self.place, path), target);
    }
}

/// The entries of a directory of a layer, no link of the container's followed.
pub fn listed(top: &[u8], path: &[u8]) -> io::Result<fs::ReadDir> {
    let top = open_path(top)?;
    let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_NOFOLLOW;
    let directory = os::open_below(top.as_raw_fd(), path, flags, os::BELOW)?;
    fs::read_dir(os::link_of(directory.as_raw_fd()))
}

/// Opened to be looked at: whatever a container puts there, nobody waits for it.
fn open_node(whole: &Path) -> io::Result<OwnedFd> {
    let flags = libc::O_PATH | libc::O_NOFOLLOW;
    os::open_below(libc::AT_FDCWD, whole.as_os_str().as_bytes(), flags, 0)
}

/// In all layers together.
fn names_in(lower: &[Vec<u8>], directory: &[u8]) -> BTreeSet<Vec<u8>> {
    let layers = lower.iter().filter_map(|layer| listed(layer, directory).ok());
    let entries = layers.flatten().filter_map(Result::ok);
    entries.map(|entry| entry.file_name().into_vec()).collect()
}

fn lower_version(path: &[u8], lower: &LowerFile, since: Time) -> io::Result<Version> {
    Ok(Version {
        time: since,
        pid: 0,
        content: Content::Lower(path.to_vec()),
        metadata: Metadata::read(lower.file.as_raw_fd(), &lower.stat)?,
        shape: None,
    })
}

/// It was made or replaced, or had been changed before already; what was there, if anything, nobody knows: it is left as it is.
fn unknown_version(since: Time) -> Version {
    Version {
        time: since,
        pid: 0,
        content: Content::Missing(Missing::Unwatched),
        metadata: Metadata {
            mode: libc::S_IFREG,
            ..Metadata::default()
        },
        shape: None,
    }
}
