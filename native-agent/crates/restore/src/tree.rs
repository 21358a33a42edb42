//! A place as a tree that can be written to: no path leads out of it, whatever the container put there.
use std::borrow::Cow;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use norn_journal::file::{FileKey, PlaceId, Stamp};
use norn_journal::index::{FileState, Index};
use norn_journal::record::{Content, PlaceKind, Record, Time};
use norn_journal::store::Store;
use norn_os as os;
use norn_os::paths::open_path;
use norn_watch::places::{LowerFile, Overlay};
use norn_watch::watched::Watched;

#[derive(Debug)]
pub struct Tree {
    root: OwnedFd,
    /// `None` on the host: each file says which file system it is on.
    domain: Option<u64>,
    pub lower: Vec<Vec<u8>>,
    /// Of an overlay.
    pub upper: Vec<u8>,
}

#[derive(Debug)]
pub struct Entry {
    pub key: FileKey,
    pub stat: os::Stat,
    /// O_PATH.
    pub file: OwnedFd,
}

impl Tree {
    /// A mounted overlay through its merged view; one that is not, mounted for this alone and seen by nobody.
    pub fn open(watched: &Watched, place: PlaceId) -> Result<Self, String> {
        let kind = watched.store.index().places.get(&place).cloned();
        match kind {
            Some(PlaceKind::Directory(path)) => {
                let root = open_root(watched, (place, &path)).map_err(|error| {
                    format!("{} can't be opened: {error}", String::from_utf8_lossy(&path))
                })?;
                Ok(Self {
                    root,
                    domain: None,
                    lower: Vec::new(),
                    upper: Vec::new(),
                })
            }
            Some(PlaceKind::Overlay { lower, upper, work }) => {
                let root = match watched.places.by_id(place) {
                    Some(overlay) => open_merged(&overlay),
                    None => mount(&lower, &upper, &work),
                };
                let root = root.map_err(|error| format!("the container's file system is gone ({error})"))?;
                Ok(Self {
                    root,
                    domain: Some(place.0),
                    lower,
                    upper,
                })
            }
            None => Err("the place of this file is not in the journal".to_owned()),
        }
    }

    /// The container was removed, and all that was in its layer.
    pub fn is_gone(watched: &Watched, place: PlaceId) -> bool {
        let kind = watched.store.index().places.get(&place).cloned();
        let Some(PlaceKind::Overlay { upper, .. }) = kind else {
            return false;
        };
        open_path(&upper).is_err_and(|error| error.raw_os_error() == Some(libc::ENOENT))
    }

    /// For a file that has no name in any.
    pub fn of_file(file: &OwnedFd) -> io::Result<Self> {
        Ok(Self {
            root: file.try_clone()?,
            domain: None,
            lower: Vec::new(),
            upper: Vec::new(),
        })
    }

    /// O_PATH; `None` when nothing has the name.
    fn open_node(&self, path: &[u8]) -> io::Result<Option<OwnedFd>> {
        let flags = libc::O_PATH | libc::O_NOFOLLOW;
        match os::open_below(self.root.as_raw_fd(), path, flags, os::BELOW) {
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// The name leads to this very file now, and no mount is in between.
    pub fn leads_to(&self, path: &[u8], file: &OwnedFd) -> io::Result<bool> {
        let Some(found) = self.open_node(path)? else {
            return Ok(false);
        };
        let there = os::node_at(found.as_raw_fd(), c"")?;
        let own = os::node_at(file.as_raw_fd(), c"")?;
        // Copied up just now, a file of the image with several names has another inode number, but its handle.
        Ok(there == own || there.mount == own.mount && self.key(&found)? == self.key(file)?)
    }

    pub fn lookup(&self, path: &[u8]) -> io::Result<Option<Entry>> {
        let Some(file) = self.open_node(path)? else {
            return Ok(None);
        };
        let stat = os::fstat(file.as_raw_fd())?;
        let key = self.key(&file)?;
        Ok(Some(Entry { key, stat, file }))
    }

    pub fn key(&self, file: &OwnedFd) -> io::Result<FileKey> {
        let domain = match self.domain {
            Some(domain) => domain,
            None => os::file_system_id(file.as_raw_fd())?,
        };
        Ok(FileKey::new(domain, &os::handle_at(file.as_raw_fd(), c"")?))
    }

    /// What has the name. A file of the image with several names gets another handle once it was copied up and the overlay is
    /// mounted again: it is joined with what the journal knows of the one that has its name, or was `left` there.
    pub fn lookup_known(
        &self,
        store: &Store,
        (place, path): (PlaceId, &[u8]),
        left: Option<FileKey>,
    ) -> io::Result<Option<Entry>> {
        let entry = self.lookup(path)?;
        if let Some(entry) = entry.as_ref().filter(|_| self.domain.is_some()) {
            let index = store.index();
            let named = index.name_before((place, path), Time::MAX, entry.key);
            let own = index.original(entry.key);
            let known = [named, left].into_iter().flatten().map(|key| index.original(key));
            let others: Vec<(FileKey, FileState)> = known
                .filter(|&key| key != own)
                .filter_map(|key| Some((key, index.state(key)?.into_owned())))
                .collect();
            // The image is looked at without holding the index.
            drop(index);
            if let Some((key, _)) = others.iter().find(|(_, state)| self.has_twins(state))
                && is_new(&store.index(), entry.key)
            {
                store.record(Record::Alias(entry.key, *key));
            }
        }
        Ok(entry)
    }

    /// Did the image give the file several names?
    fn has_twins(&self, state: &FileState) -> bool {
        state.versions.iter().any(|version| match &version.content {
            Content::Lower(path) => LowerFile::like(&self.lower, path, &version.metadata)
                .is_some_and(|lower| lower.stat.st_nlink > 1),
            _ => false,
        })
    }

    /// Of an overlay: the file of its upper layer that shows as this one, which was just changed; `None` on the host.
    pub fn in_layer(&self, path: &[u8], file: &OwnedFd) -> io::Result<Option<OwnedFd>> {
        if self.domain.is_none() {
            return Ok(None);
        }
        let upper = open_path(&self.upper)?;
        let found = os::open_below(
            upper.as_raw_fd(),
            path,
            libc::O_PATH | libc::O_NOFOLLOW,
            os::BELOW,
        )?;
        let [is, wanted] = [&found, file].map(|file| os::fstat(file.as_raw_fd()));
        let (is, wanted) = (is?, wanted?);
        let of = |stat: &os::Stat| {
            (
                Stamp::from(stat),
                stat.st_mode,
                stat.st_uid,
                stat.st_gid,
                stat.st_nlink,
            )
        };
        match of(&is) == of(&wanted) {
            true => Ok(Some(found)),
            false => Err(io::Error::other("its layer holds another file under this name")),
        }
    }

    /// The directory that holds `path`, and the name in it.
    pub fn parent(&self, path: &[u8]) -> io::Result<(OwnedFd, CString)> {
        let (parent, name) = name_in_parent(path);
        let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_NOFOLLOW;
        let directory = os::open_below(self.root.as_raw_fd(), parent, flags, os::BELOW)?;
        Ok((directory, os::c_string(name)?))
    }

    /// Opens the file itself, for reading or writing, whatever has its name by now.
    pub fn open_file(&self, entry: &Entry, flags: i32) -> io::Result<OwnedFd> {
        if entry.stat.st_mode & libc::S_IFMT != libc::S_IFREG {
            return Err(io::Error::other("it is not a regular file"));
        }
        os::open_again(entry.file.as_raw_fd(), flags)
    }
}

/// The path of the directory that holds `path`, and the name in it.
pub fn name_in_parent(path: &[u8]) -> (&[u8], &[u8]) {
    let at = path.iter().rposition(|&byte| byte == b'/');
    at.map_or((&b""[..], path), |at| (&path[..at], &path[at + 1..]))
}

/// Where the directory lies now. By its last name when it was removed: whoever may write to a directory above could have put a link, or a
/// directory of somebody else, in its place.
fn open_root(watched: &Watched, (place, path): (PlaceId, &[u8])) -> io::Result<OwnedFd> {
    let known = watched.places.root(place);
    if let Some(Ok(root)) = known.as_ref().map(|known| known.open(libc::O_PATH)) {
        return Ok(root);
    }
    let root = os::open_directory_itself(path)?;
    let stat = os::fstat(root.as_raw_fd())?;
    if known.is_some_and(|known| !known.is_of_its_owner(&stat)) {
        return Err(io::Error::other(
            "it is another directory than the one that was watched",
        ));
    }
    Ok(root)
}

/// A name of a mount that has gone leads into the host's own file system.
fn open_merged(overlay: &Overlay) -> io::Result<OwnedFd> {
    let root = open_path(&overlay.mount.merged)?;
    match os::fstat(root.as_raw_fd())?.st_dev == overlay.mount.device {
        true => Ok(root),
        false => Err(io::ErrorKind::NotFound.into()),
    }
}

/// Nobody made it, moved it or changed it, as far as is known.
fn is_new(index: &Index, key: FileKey) -> bool {
    let is_changed = |state: Cow<'_, FileState>| !state.changes.is_empty();
    index.original(key) == key
        && !index.state(key).is_some_and(is_changed)
        && !index.operations.iter().any(|known| known.key() == Some(key))
}

fn mount(lower: &[Vec<u8>], upper: &[u8], work: &[u8]) -> io::Result<OwnedFd> {
    open_path(upper)?;
    let layers = lower
        .iter()
        .map(|layer| escaped(layer))
        .collect::<Vec<_>>()
        .join(&b':');
    let options = [
        (c"lowerdir", os::c_string(&layers)?),
        (c"upperdir", os::c_string(upper)?),
        (c"workdir", os::c_string(work)?),
    ];
    os::detached_mount(c"overlay", &options)
}

fn escaped(path: &[u8]) -> Vec<u8> {
    path.iter()
        .flat_map(|&byte| {
            if matches!(byte, b':' | b'\\') {
                vec![b'\\', byte]
            } else {
                vec![byte]
            }
        })
        .collect()
}
