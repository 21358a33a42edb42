//! A protected directory of the host, known by its inode: its name may be given to another while a container still has it
//! mounted, and another directory may be made under its name.
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use norn_journal::file::{FileKey, PlaceId};
use norn_os as os;
use norn_os::paths::below;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    pub id: PlaceId,
    /// The host's name of it, or the last that it had.
    pub path: Vec<u8>,
    /// Of its inode.
    pub key: FileKey,
    /// A name on the same file system: the handle is opened through it when `path` leads elsewhere.
    pub mount: Vec<u8>,
    /// Only this file of the directory is protected: a container has it mounted alone.
    pub only: Option<Vec<u8>>,
    device: u64,
    owner: (u32, u32),
    inode: u64,
    handle: os::Handle,
}

/// Of a directory.
pub fn key_of(directory: &OwnedFd) -> io::Result<FileKey> {
    let fd = directory.as_raw_fd();
    Ok(FileKey::new(os::file_system_id(fd)?, &os::handle_at(fd, c"")?))
}

impl Root {
    /// For people: of the directory, or of the single file.
    pub fn name(&self) -> Vec<u8> {
        let file = self.only.as_ref().map(|only| [b"/", &only[..]].concat());
        [&self.path[..], file.as_deref().unwrap_or_default()].concat()
    }

    pub fn new(
        path: Vec<u8>,
        directory: &OwnedFd,
        mount: Vec<u8>,
        only: Option<Vec<u8>>,
    ) -> io::Result<Self> {
        let fd = directory.as_raw_fd();
        let stat = os::fstat(fd)?;
        let handle = os::handle_at(fd, c"")?;
        let key = key_of(directory)?;
        let mut name = key.0.to_le_bytes().to_vec();
        name.extend(only.iter().flatten());
        Ok(Self {
            id: PlaceId::of(&name),
            path,
            key,
            mount,
            only,
            device: stat.st_dev,
            owner: (stat.st_uid, stat.st_gid),
            inode: stat.st_ino,
            handle,
        })
    }

    /// The same under another name.
    pub fn renamed(&self, path: Vec<u8>) -> Self {
        Self { path, ..self.clone() }
    }

    /// One that was removed and made again is still the same person's.
    pub fn is_of_its_owner(&self, stat: &os::Stat) -> bool {
        self.owner == (stat.st_uid, stat.st_gid)
    }

    /// By its handle: the number of an inode that is gone is given to the next directory that is made; and by its file system:
    /// another one that is made on the same device gives out the same handles.
    fn is(&self, file: &OwnedFd) -> bool {
        let is_there = |stat: os::Stat| stat.st_dev == self.device && stat.st_nlink > 0;
        os::fstat(file.as_raw_fd()).is_ok_and(is_there) && key_of(file).is_ok_and(|key| key == self.key)
    }

    /// Its name leads to a directory with its number: to it, unless it is gone. For who can't wait.
    pub fn may_be_named(&self) -> bool {
        os::stat_at(libc::AT_FDCWD, &self.path)
            .is_ok_and(|stat| (stat.st_dev, stat.st_ino) == (self.device, self.inode))
    }

    /// Its name leads to it.
    pub fn is_named(&self) -> bool {
        os::open_below(libc::AT_FDCWD, &self.path, libc::O_PATH, 0).is_ok_and(|file| self.is(&file))
    }

    /// The directory itself, whatever its name leads to now; an error when it was removed.
    pub fn open(&self, flags: i32) -> io::Result<OwnedFd> {
        let flags = flags | libc::O_DIRECTORY;
        let named = os::open_below(libc::AT_FDCWD, &self.path, flags, 0);
        match named.ok().filter(|file| self.is(file)) {
            Some(file) => Ok(file),
            None => self.open_unnamed(flags),
        }
    }

    fn open_unnamed(&self, flags: i32) -> io::Result<OwnedFd> {
        let mount = os::open_below(libc::AT_FDCWD, &self.mount, libc::O_RDONLY, 0)?;
        let file = os::open_by_handle(mount.as_raw_fd(), &self.handle, flags)?;
        match self.is(&file) {
            true => Ok(file),
            false => Err(io::Error::from_raw_os_error(libc::ESTALE)),
        }
    }

    /// What the host calls the file with this handle, when it is on the same file system.
    pub fn host_name(&self, handle: &os::Handle) -> Option<Vec<u8>> {
        let top = os::open_below(libc::AT_FDCWD, &self.mount, libc::O_RDONLY, 0).ok()?;
        let file = os::open_by_handle(top.as_raw_fd(), handle, libc::O_PATH).ok()?;
        os::path_of(file.as_raw_fd()).ok()
    }

    /// Of a file with this handle, the name below the directory, when it lies there.
    pub fn path_below(&self, handle: &os::Handle, stat: &os::Stat) -> Option<Vec<u8>> {
        let top = self.open(libc::O_RDONLY).ok()?;
        let file = os::open_by_handle(top.as_raw_fd(), handle, libc::O_PATH).ok()?;
        if !os::is_one(&os::fstat(file.as_raw_fd()).ok()?, stat) {
            return None;
        }
        let (above, mut seen) = (
            os::path_of(top.as_raw_fd()).ok()?,
            os::path_of(file.as_raw_fd()).ok()?,
        );
        let flags = libc::O_PATH | libc::O_NOFOLLOW;
        let is_there = |path: &[u8]| {
            let found = os::open_below(top.as_raw_fd(), path, flags, os::BELOW);
            found.is_ok_and(|found| os::fstat(found.as_raw_fd()).is_ok_and(|found| os::is_one(&found, stat)))
        };
        if below(&seen, &above).is_some_and(|path| !path.is_empty() && is_there(path)) {
            return self.own(below(&seen, &above)?);
        }
        // One that lost this name may have others; one that has none had this.
        if let Some(rest) = seen.strip_suffix(b" (deleted)") {
            seen.truncate(rest.len());
        }
        self.own(below(&seen, &above).filter(|_| stat.st_nlink == 0)?)
    }

    /// Beside a file that is protected alone, others lie that nobody asked for; it may have got another name there.
    fn own(&self, path: &[u8]) -> Option<Vec<u8>> {
        (self.only.is_none() || !path.contains(&b'/')).then(|| path.to_vec())
    }
}
