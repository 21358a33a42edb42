//! A directory beside the files of a restore that only root can enter. What is to get a name is made complete in it; what loses
//! a name comes here, is looked at, and only then goes. So nobody who may write to the files' own directory can put something
//! else under the restore's hands, or have it destroy what it did not mean.
use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use norn_os as os;

use crate::views::is_mount_point;

/// What names of the vault begin with, in directories of others.
const PREFIX: &str = ".norn-";
/// Keeps the directory from being empty, which others could remove.
const HELD: &CStr = c"held";
const OF_OTHERS: u32 = 0o077;
/// Whoever removes the directory before there is something in it may do so this often.
const TRIES: usize = 8;

#[derive(Debug)]
pub struct Aside {
    parent: OwnedFd,
    name: CString,
    directory: OwnedFd,
    /// What the parent and the directory are.
    nodes: [os::Node; 2],
    count: Cell<u32>,
}

/// Something that lies aside. `file` is O_PATH, but of a file that was made here.
#[derive(Debug)]
pub struct Staged {
    name: CString,
    pub file: OwnedFd,
}

fn random_name() -> io::Result<CString> {
    os::c_string(format!("{PREFIX}{:032x}", os::random()?).as_bytes())
}

fn open_node(directory: RawFd, name: &CStr) -> io::Result<OwnedFd> {
    let flags = libc::O_PATH | libc::O_NOFOLLOW;
    os::open_below(
        directory,
        name.to_bytes(),
        flags,
        os::BELOW | libc::RESOLVE_NO_XDEV,
    )
}

/// What the file system makes of new files: whose they are, and whether it keeps what others may not do with them.
struct Custom {
    user: u32,
    keeps_modes: bool,
}

impl Custom {
    fn usual() -> Self {
        Self {
            user: os::own_user(),
            keeps_modes: true,
        }
    }

    /// Some have one owner and one mode for all files, some have another name for root. A file tells by its own descriptor,
    /// which nobody can exchange.
    fn of(parent: &OwnedFd) -> io::Result<Self> {
        let name = random_name()?;
        let file = os::create_at(parent.as_raw_fd(), &name, 0o600)?;
        if is_at(parent.as_raw_fd(), &name, &file) {
            os::unlink_at(parent.as_raw_fd(), &name, false)?;
        }
        let stat = os::fstat(file.as_raw_fd())?;
        Ok(Self {
            user: stat.st_uid,
            keeps_modes: stat.st_mode & OF_OTHERS == 0,
        })
    }

    /// The mode is the parent's affair as well: a default ACL, the set-group-ID bit and the umask change it, but give no rights.
    fn is_of(&self, directory: &os::Stat) -> bool {
        directory.st_mode & libc::S_IFMT == libc::S_IFDIR
            && directory.st_uid == self.user
            && (!self.keeps_modes || directory.st_mode & OF_OTHERS == 0)
    }
}

/// The directory that was just made, and no other that was put in its place: closed to others, and what is made in it is too.
fn open_own(parent: &OwnedFd, name: &CStr) -> io::Result<OwnedFd> {
    let directory = open_node(parent.as_raw_fd(), name)?;
    let stat = os::fstat(directory.as_raw_fd())?;
    let mut custom = Custom::usual();
    if !custom.is_of(&stat) {
        custom = Custom::of(parent)?;
    }
    if !custom.is_of(&stat) {
        return Err(io::Error::other(
            "another directory was put in place of the restore's own",
        ));
    }
    if custom.keeps_modes {
        close_to_others(directory.as_raw_fd())?;
    }
    Ok(directory)
}

fn close_to_others(directory: RawFd) -> io::Result<()> {
    for name in [os::ACCESS_ACL, os::DEFAULT_ACL] {
        match os::set_attribute(directory, name, None) {
            Err(error) if !matches!(error.raw_os_error(), Some(libc::ENODATA | libc::EOPNOTSUPP)) => {
                return Err(error);
            }
            _ => {}
        }
    }
    os::change_mode(directory, 0o700)
}

fn is_at(directory: RawFd, name: &CStr, file: &OwnedFd) -> bool {
    let there = os::stat_at(directory, name.to_bytes());
    let own = os::fstat(file.as_raw_fd());
    there.is_ok_and(|there| own.is_ok_and(|own| os::is_one(&there, &own)))
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
        let parent = parent.try_clone()?;
        os::make_directory_at(parent.as_raw_fd(), &name, 0o700)?;
        let directory = match open_own(&parent, &name) {
            Ok(directory) => directory,
            Err(error) => {
                // Nobody else gives such a name, and what is not empty stays.
                drop(os::unlink_at(parent.as_raw_fd(), &name, true));
                return Err(error);
            }
        };
        let nodes = [
            os::node_at(parent.as_raw_fd(), c"")?,
            os::node_at(directory.as_raw_fd(), c"")?,
        ];
        let made = Self {
            nodes,
            parent,
            name,
            directory,
            count: Cell::new(0),
        };
        os::create_at(made.fd(), HELD, 0o600)?;
        Ok(made)
    }

    fn fd(&self) -> RawFd {
        self.directory.as_raw_fd()
    }

    pub fn is_within(&self, parent: &OwnedFd) -> bool {
        let there = [
            os::node_at(parent.as_raw_fd(), c""),
            os::node_at(parent.as_raw_fd(), &self.name),
        ];
        there
            .into_iter()
            .zip(self.nodes)
            .all(|(there, own)| there.is_ok_and(|there| there == own))
    }

    pub fn lies_in(&self, directory: &OwnedFd) -> bool {
        os::node_at(directory.as_raw_fd(), c"").is_ok_and(|there| there.is_inode_of(&self.nodes[0]))
    }

    fn fresh(&self) -> io::Result<CString> {
        self.count.set(self.count.get() + 1);
        os::c_string(self.count.get().to_string().as_bytes())
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
        let file = os::create_at(self.fd(), &name, 0o600)?;
        Ok(Staged { name, file })
    }

    pub fn symbolic_link(&self, target: &CStr) -> io::Result<Staged> {
        self.staged(|name| os::symlink_at(target, self.fd(), name))
    }

    pub fn directory(&self, mode: u32) -> io::Result<Staged> {
        self.staged(|name| os::make_directory_at(self.fd(), name, mode))
    }

    /// One more name of a file.
    pub fn link(&self, file: &OwnedFd) -> io::Result<Staged> {
        self.staged(|name| os::link_file_at(file.as_raw_fd(), (self.fd(), name)))
    }

    /// `name` leads to what lay aside. With `over`, what had the name lies in its place then; else nothing may have it.
    pub fn give(&self, staged: &Staged, name: &CStr, over: bool) -> io::Result<()> {
        let (from, to) = ((self.fd(), &*staged.name), (self.parent.as_raw_fd(), name));
        if !over {
            return os::rename_at(from, to, true);
        }
        match os::exchange_at(from, to) {
            // The file system can't.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                let old = self.take(name)?;
                if let Err(error) = os::rename_at(from, to, true) {
                    self.put_back(&old, name);
                    return Err(error);
                }
                os::rename_at((self.fd(), &old.name), from, true)
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
        let (from, new) = ((self.parent.as_raw_fd(), name), self.fresh()?);
        os::rename_at(from, (self.fd(), &new), true)?;
        // What can't be looked at is not ours to keep.
        open_node(self.fd(), &new).map_or_else(
            |error| {
                self.give_name((self.fd(), &new), name);
                Err(error)
            },
            |file| {
                Ok(Staged {
                    name: new.clone(),
                    file,
                })
            },
        )
    }

    /// Something is mounted on it, for whomever: to remove it would take the mount away, where that is another's.
    pub fn is_mount_point(&self, staged: &Staged) -> bool {
        is_mount_point(&[self.name.as_bytes(), b"/", staged.name.as_bytes()].concat())
    }

    /// It is what was meant: away with it.
    pub fn discard(&self, staged: &Staged) -> io::Result<()> {
        match os::unlink_at(self.fd(), &staged.name, false) {
            Err(error) if error.raw_os_error() == Some(libc::EISDIR) => {
                os::unlink_at(self.fd(), &staged.name, true)
            }
            done => done,
        }
    }

    /// It is somebody's, and gets its name again, or, if that was taken meanwhile, one that begins with `.norn-`.
    pub fn put_back(&self, staged: &Staged, name: &CStr) {
        self.give_name((self.fd(), &staged.name), name);
    }

    fn give_name(&self, from: (RawFd, &CStr), name: &CStr) {
        if os::rename_at(from, (self.parent.as_raw_fd(), name), true).is_ok() {
            return;
        }
        let beside = random_name();
        let moved = beside.and_then(|beside| {
            os::rename_at(from, (self.parent.as_raw_fd(), &beside), true)?;
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
        let path = os::path_of(self.fd()).ok()?;
        let name = path.rsplit(|&byte| byte == b'/').next()?;
        os::c_string(name).ok()
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        let parent = self.parent.as_raw_fd();
        drop(os::unlink_at(self.fd(), HELD, false));
        for name in [Some(self.name.clone()), self.own_name()].into_iter().flatten() {
            if is_at(parent, &name, &self.directory) && os::unlink_at(parent, &name, true).is_ok() {
                return;
            }
        }
        tracing::warn!(name = ?self.name, "a restore's directory stays behind: it was moved, or is not empty");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;

    fn home(name: &str) -> (PathBuf, OwnedFd) {
        let home = std::env::temp_dir().join(format!("norn-aside-{}-{name}", std::process::id()));
        fs::create_dir_all(&home).unwrap();
        let open = OwnedFd::from(fs::File::open(&home).unwrap());
        (home, open)
    }

    fn with(stat: &os::Stat, mode: u32, user: u32) -> os::Stat {
        let mut stat = *stat;
        (stat.st_mode, stat.st_uid) = (mode, user);
        stat
    }

    #[test]
    fn the_file_system_is_asked_whose_its_files_are_and_nothing_stays_of_the_question() {
        let (home, open) = home("custom");
        let custom = Custom::of(&open).unwrap();
        assert_eq!((custom.user, custom.keeps_modes), (os::own_user(), true));
        assert_eq!(fs::read_dir(&home).unwrap().count(), 0);
        fs::remove_dir_all(&home).unwrap();
    }

    #[test]
    fn what_others_may_enter_is_the_restores_own_only_where_modes_mean_nothing() {
        let (home, open) = home("modes");
        let stat = os::fstat(open.as_raw_fd()).unwrap();
        let squashed = Custom {
            user: 65_534,
            keeps_modes: true,
        };
        let without_modes = Custom {
            user: 0,
            keeps_modes: false,
        };
        let (closed, open) = (libc::S_IFDIR | 0o500, libc::S_IFDIR | 0o755);
        assert!(squashed.is_of(&with(&stat, closed, 65_534)) && !squashed.is_of(&with(&stat, closed, 0)));
        assert!(!squashed.is_of(&with(&stat, open, 65_534)));
        assert!(without_modes.is_of(&with(&stat, open, 0)) && !without_modes.is_of(&with(&stat, open, 1000)));
        assert!(!without_modes.is_of(&with(&stat, libc::S_IFREG | 0o700, 0)));
        fs::remove_dir_all(&home).unwrap();
    }

    #[test]
    fn another_directory_in_its_place_is_not_worked_in_and_keeps_its_mode() {
        let (home, open) = home("other");
        fs::create_dir(home.join("other")).unwrap();
        fs::set_permissions(home.join("other"), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(open_own(&open, c"other").is_err());
        let mode = fs::metadata(home.join("other")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o755);
        fs::remove_dir_all(&home).unwrap();
    }
}
