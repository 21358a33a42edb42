//! Calls that take an inode and not a name: what was looked at is what is changed.
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use crate::attributes::{CAPABILITY, set_attribute};
use crate::calls::{c_string, check};
use crate::files::{change_mode, fstat};
use crate::names::{link_of, open_below};

/// Nobody reads it, and a process that does not care is not ended by it.
const UNHEARD: libc::c_int = libc::SIGURG;
/// `asm-generic/fcntl.h`.
const F_SETSIG: libc::c_int = 10;

/// The file behind a descriptor (O_PATH will do), opened to be read or written.
pub fn open_again(fd: RawFd, flags: i32) -> io::Result<OwnedFd> {
    let flags = flags | libc::O_NONBLOCK | libc::O_NOCTTY;
    open_below(libc::AT_FDCWD, link_of(fd).as_bytes(), flags, 0)
}

/// One more name for the file behind a descriptor; fails when the name is there.
pub fn link_file_at(fd: RawFd, to: (RawFd, &CStr)) -> io::Result<()> {
    let from = c_string(link_of(fd).as_bytes())?;
    let flags = libc::AT_SYMLINK_FOLLOW;
    // SAFETY: both names outlive the call.
    check(unsafe { libc::linkat(libc::AT_FDCWD, from.as_ptr(), to.0, to.1.as_ptr(), flags) }).map(drop)
}

/// An inode, and the mount that leads to it: 0 where the kernel does not say (before 5.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    device: (u32, u32),
    inode: u64,
    pub mount: u64,
}

impl Node {
    /// Whatever mount leads to it.
    pub fn is_inode_of(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// What a name in a directory leads to, be it a link; the empty name is the descriptor's own file.
pub fn node_at(directory: RawFd, name: &CStr) -> io::Result<Node> {
    let mut found = std::mem::MaybeUninit::<libc::statx>::zeroed();
    let flags = libc::AT_EMPTY_PATH | libc::AT_SYMLINK_NOFOLLOW;
    let wanted = libc::STATX_INO | libc::STATX_MNT_ID;
    // SAFETY: the name outlives the call, and the kernel fills `found`, which was zeroed.
    let found = unsafe {
        check(libc::statx(
            directory,
            name.as_ptr(),
            flags,
            wanted,
            found.as_mut_ptr(),
        ))?;
        found.assume_init()
    };
    Ok(Node {
        device: (found.stx_dev_major, found.stx_dev_minor),
        inode: found.stx_ino,
        mount: found.stx_mnt_id,
    })
}

/// Of the mount that a descriptor was opened through; 0 where the kernel does not say.
pub fn mount_of(fd: RawFd) -> u64 {
    node_at(fd, c"").map_or(0, |node| node.mount)
}

/// Who this process is to file systems, as long as it does not change that.
pub fn own_user() -> u32 {
    // SAFETY: takes nothing, and can't fail.
    unsafe { libc::geteuid() }
}

/// Nobody can guess it.
pub fn random() -> io::Result<u128> {
    let mut bytes = [0_u8; 16];
    // SAFETY: the kernel writes at most `bytes.len()` bytes; so few come at once.
    let count = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    match usize::try_from(count) {
        Ok(count) if count == bytes.len() => Ok(u128::from_ne_bytes(bytes)),
        Ok(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// As long as it lives nobody begins to write to the file: who wants to waits.
pub struct Lease(OwnedFd);

impl Lease {
    /// `None` when a descriptor or a mapping of somebody can write to it already. The descriptor is to be one for reading.
    pub fn take(file: OwnedFd) -> io::Result<Option<Self>> {
        let fd = file.as_raw_fd();
        // SAFETY: takes integers only. Without the first call the signal of a lease that is broken would end this process.
        let taken = unsafe {
            check(libc::fcntl(fd, F_SETSIG, UNHEARD))?;
            check(libc::fcntl(fd, libc::F_SETLEASE, libc::F_RDLCK))
        };
        match taken {
            Ok(_) => Ok(Some(Self(file))),
            Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Nobody waits to write to the file.
    pub fn is_whole(&self) -> bool {
        // SAFETY: takes integers only.
        unsafe { libc::fcntl(self.0.as_raw_fd(), libc::F_GETLEASE) == libc::F_RDLCK }
    }
}

/// A descriptor or a mapping of somebody can write to the file. `fd` is one for reading, and holds no lease.
pub fn is_open_to_write(fd: RawFd) -> io::Result<bool> {
    // SAFETY: takes integers only. Without the first call the signal of a lease that is broken would end this process.
    let set = |kind: libc::c_int| unsafe {
        check(libc::fcntl(fd, F_SETSIG, UNHEARD))?;
        check(libc::fcntl(fd, libc::F_SETLEASE, kind))
    };
    match set(libc::F_RDLCK) {
        Ok(_) => set(libc::F_UNLCK).map(|_| false),
        Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Takes away what makes a program more than who starts it.
pub fn strip_privileges(fd: RawFd) -> io::Result<()> {
    let mode = fstat(fd)?.st_mode;
    if mode & libc::S_IFMT != libc::S_IFREG {
        return Ok(());
    }
    if mode & (libc::S_ISUID | libc::S_ISGID) != 0 {
        change_mode(fd, mode & 0o1777)?;
    }
    match set_attribute(fd, CAPABILITY, None) {
        Err(error) if !matches!(error.raw_os_error(), Some(libc::ENODATA | libc::EOPNOTSUPP)) => Err(error),
        _ => Ok(()),
    }
}

/// `linux/fs.h`: nobody may change the file; nobody may do more than add to it.
const HOLDING: libc::c_int = 0x10 | 0x20;

/// The flags that a file or directory had before `loosen`.
pub struct Loosened {
    file: OwnedFd,
    flags: libc::c_int,
}

impl Loosened {
    pub fn put_back(&self) -> io::Result<()> {
        set_flags(&self.file, self.flags)
    }
}

/// Takes away what keeps everybody from changing a file or what is in a directory; `None` when there is nothing like it.
/// O_PATH will do.
pub fn loosen(fd: RawFd) -> io::Result<Option<Loosened>> {
    let kind = fstat(fd)?.st_mode & libc::S_IFMT;
    if !matches!(kind, libc::S_IFREG | libc::S_IFDIR) {
        return Ok(None);
    }
    let file = open_again(fd, libc::O_RDONLY)?;
    let mut flags: libc::c_int = 0;
    // SAFETY: the kernel writes one int, and `flags` outlives the call.
    match check(unsafe { libc::ioctl(file.as_raw_fd(), libc::FS_IOC_GETFLAGS, &raw mut flags) }) {
        Ok(_) if flags & HOLDING == 0 => return Ok(None),
        Ok(_) => {}
        // The file system has no such flags.
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOTTY | libc::EOPNOTSUPP)) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    }
    set_flags(&file, flags & !HOLDING)?;
    Ok(Some(Loosened { file, flags }))
}

fn set_flags(file: &OwnedFd, flags: libc::c_int) -> io::Result<()> {
    // SAFETY: the kernel reads one int, and `flags` outlives the call.
    check(unsafe { libc::ioctl(file.as_raw_fd(), libc::FS_IOC_SETFLAGS, &raw const flags) }).map(drop)
}

/// Is anything in the directory? It is to be open for reading.
pub fn has_entries(fd: RawFd) -> io::Result<bool> {
    Ok(std::fs::read_dir(link_of(fd))?.next().transpose()?.is_some())
}

/// A directory without a way through symbolic links.
pub fn open_directory_itself(path: &[u8]) -> io::Result<OwnedFd> {
    let flags = libc::O_PATH | libc::O_DIRECTORY;
    open_below(libc::AT_FDCWD, path, flags, libc::RESOLVE_NO_SYMLINKS)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, OpenOptions};
    use std::os::fd::OwnedFd;
    use std::path::PathBuf;

    use super::*;

    fn file(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("norn-inode-{}-{name}", std::process::id()));
        fs::write(&path, "text").unwrap();
        path
    }

    #[test]
    fn a_lease_is_refused_while_somebody_can_write_and_tells_of_who_waits() {
        let path = file("lease");
        let read = || OwnedFd::from(File::open(&path).unwrap());
        let writer = OpenOptions::new().write(true).open(&path).unwrap();
        assert!(Lease::take(read()).unwrap().is_none());
        assert!(is_open_to_write(read().as_raw_fd()).unwrap());
        drop(writer);
        let again = read();
        assert!(!is_open_to_write(again.as_raw_fd()).unwrap());
        assert!(
            !is_open_to_write(again.as_raw_fd()).unwrap(),
            "the lease was given back"
        );
        let lease = Lease::take(read()).unwrap().unwrap();
        assert!(lease.is_whole());
        let late = OpenOptions::new();
        let refused =
            std::os::unix::fs::OpenOptionsExt::custom_flags(late.clone().write(true), libc::O_NONBLOCK)
                .open(&path);
        assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::EWOULDBLOCK));
        assert!(!lease.is_whole());
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn privileges_go_and_the_rest_of_the_mode_stays() {
        let path = file("strip");
        let open = File::open(&path).unwrap();
        change_mode(open.as_raw_fd(), 0o6751).unwrap();
        strip_privileges(open.as_raw_fd()).unwrap();
        assert_eq!(fstat(open.as_raw_fd()).unwrap().st_mode & 0o7777, 0o751);
        fs::remove_file(path).unwrap();
    }
}
