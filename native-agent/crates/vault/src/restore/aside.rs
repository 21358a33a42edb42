//! A directory beside the files of a restore that only root can enter. What is to get a name is made complete in it; what loses
//! a name comes here, is looked at, and only then goes. So nobody who may write to the files' own directory can put something
//! else under the restore's hands, or have it destroy what it did not mean.
use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use crate::sys;

/// What names of the vault begin with, in directories of others.
const PREFIX: &str = ".norn-";
/// Keeps the directory from being empty, which others could remove.
const HELD: &CStr = c"held";
/// Whoever removes the directory before there is something in it may do so this often.
const TRIES: usize = 8;

#[derive(Debug)]
pub struct Aside {
    parent: OwnedFd,
    name: CString,
    directory: OwnedFd,
    count: Cell<u32>,
}

/// Something that lies aside. `file` is O_PATH, but of a file that was made here.
#[derive(Debug)]
pub struct Staged {
    name: CString,
    pub file: OwnedFd,
}

fn random_name() -> io::Result<CString> {
    sys::c_string(format!("{PREFIX}{:032x}", sys::random()?).as_bytes())
}

fn open_node(directory: RawFd, name: &CStr) -> io::Result<OwnedFd> {
    let flags = libc::O_PATH | libc::O_NOFOLLOW;
    sys::open_below(
        directory,
        name.to_bytes(),
        flags,
        sys::BELOW | libc::RESOLVE_NO_XDEV,
    )
}

fn is_at(directory: RawFd, name: &CStr, file: &OwnedFd) -> bool {
    let there = sys::stat_at(directory, name.to_bytes());
    let own = sys::fstat(file.as_raw_fd());
    there.is_ok_and(|there| own.is_ok_and(|own| sys::is_one(&there, &own)))
}

impl Aside {
    /// In `parent`, so that it is of the same file system, the same quota and the same labels.
    pub fn within(parent: &OwnedFd) -> io::Result<Self> {
        let mut made = Self::make(parent);
        for _ in 1..TRIES {
            if made.is_ok() {
                break;
            }
            made = Self::make(parent);
        }
        made
    }

    fn make(parent: &OwnedFd) -> io::Result<Self> {
        let name = random_name()?;
        sys::make_directory_at(parent.as_raw_fd(), &name, 0o700)?;
        let directory = open_node(parent.as_raw_fd(), &name)?;
        let stat = sys::fstat(directory.as_raw_fd())?;
        let is_closed = stat.st_mode & (libc::S_IFMT | 0o777) == libc::S_IFDIR | 0o700;
        if !is_closed || stat.st_uid != sys::own_user() {
            return Err(io::Error::other(
                "another directory was put in place of the restore's own",
            ));
        }
        let made = Self {
            parent: parent.try_clone()?,
            name,
            directory,
            count: Cell::new(0),
        };
        sys::create_at(made.fd(), HELD, 0o600)?;
        Ok(made)
    }

    fn fd(&self) -> RawFd {
        self.directory.as_raw_fd()
    }

    pub fn is_within(&self, parent: &OwnedFd) -> bool {
        is_at(self.parent.as_raw_fd(), c"", parent)
            && sys::mount_of(self.parent.as_raw_fd()) == sys::mount_of(parent.as_raw_fd())
            && is_at(self.parent.as_raw_fd(), &self.name, &self.directory)
    }

    fn fresh(&self) -> io::Result<CString> {
        self.count.set(self.count.get() + 1);
        sys::c_string(self.count.get().to_string().as_bytes())
    }

    fn staged(&self, make: impl FnOnce(&CStr) -> io::Result<()>) -> io::Result<Staged> {
        let name = self.fresh()?;
        make(&name)?;
        let file = open_node(self.fd(), &name)?;
        Ok(Staged { name, file })
    }

    /// An empty file that nobody else can open, open to be written and read.
    pub fn file(&self) -> io::Result<Staged> {
        let name = self.fresh()?;
        let file = sys::create_at(self.fd(), &name, 0o600)?;
        Ok(Staged { name, file })
    }

    pub fn symbolic_link(&self, target: &CStr) -> io::Result<Staged> {
        self.staged(|name| sys::symlink_at(target, self.fd(), name))
    }

    pub fn directory(&self, mode: u32) -> io::Result<Staged> {
        self.staged(|name| sys::make_directory_at(self.fd(), name, mode))
    }

    /// One more name of a file.
    pub fn link(&self, file: &OwnedFd) -> io::Result<Staged> {
        self.staged(|name| sys::link_file_at(file.as_raw_fd(), (self.fd(), name)))
    }

    /// `name` leads to what lay aside. With `over`, what had the name lies in its place then; else nothing may have it.
    pub fn give(&self, staged: &Staged, name: &CStr, over: bool) -> io::Result<()> {
        let (from, to) = ((self.fd(), &*staged.name), (self.parent.as_raw_fd(), name));
        if !over {
            return sys::rename_at(from, to, true);
        }
        match sys::exchange_at(from, to) {
            // The file system can't.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                let old = self.take(name)?;
                if let Err(error) = sys::rename_at(from, to, true) {
                    self.put_back(&old, name);
                    return Err(error);
                }
                sys::rename_at((self.fd(), &old.name), from, true)
            }
            done => done,
        }
    }

    /// What came in the place of what was given.
    pub fn came(&self, staged: &Staged) -> io::Result<Staged> {
        let name = staged.name.clone();
        let file = open_node(self.fd(), &name)?;
        Ok(Staged { name, file })
    }

    /// What `name` leads to comes here.
    pub fn take(&self, name: &CStr) -> io::Result<Staged> {
        let from = (self.parent.as_raw_fd(), name);
        self.staged(|new| sys::rename_at(from, (self.fd(), new), true))
    }

    /// It is what was meant: away with it.
    pub fn discard(&self, staged: &Staged) -> io::Result<()> {
        match sys::unlink_at(self.fd(), &staged.name, false) {
            Err(error) if error.raw_os_error() == Some(libc::EISDIR) => {
                sys::unlink_at(self.fd(), &staged.name, true)
            }
            done => done,
        }
    }

    /// It is somebody's, and gets its name again, or, if that was taken meanwhile, one that begins with `.norn-`.
    pub fn put_back(&self, staged: &Staged, name: &CStr) {
        let from = (self.fd(), &*staged.name);
        if sys::rename_at(from, (self.parent.as_raw_fd(), name), true).is_ok() {
            return;
        }
        let beside = random_name();
        let moved = beside.and_then(|beside| {
            sys::rename_at(from, (self.parent.as_raw_fd(), &beside), true)?;
            Ok(beside)
        });
        match moved {
            Ok(beside) => {
                tracing::warn!(
                    ?name,
                    ?beside,
                    "a file lost its name while a restore was disturbed"
                );
            }
            Err(error) => tracing::error!(%error, ?name, "a file can't be given its name again"),
        }
    }

    /// The name that the directory has now, wherever it was moved.
    fn own_name(&self) -> Option<CString> {
        let path = sys::path_of(self.fd()).ok()?;
        let name = path.rsplit(|&byte| byte == b'/').next()?;
        sys::c_string(name).ok()
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        let parent = self.parent.as_raw_fd();
        drop(sys::unlink_at(self.fd(), HELD, false));
        for name in [Some(self.name.clone()), self.own_name()].into_iter().flatten() {
            if is_at(parent, &name, &self.directory) && sys::unlink_at(parent, &name, true).is_ok() {
                return;
            }
        }
        tracing::warn!(name = ?self.name, "a restore's directory stays behind: it was moved, or is not empty");
    }
}
