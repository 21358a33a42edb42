//! What a waiting call's arguments mean: memory of the caller, and paths as it has them.
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{IoSliceMut, Result};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;

const PAGE: u64 = 4_096;
const PATH_BYTES_MAX: usize = 4_096;
/// Of an argument list.
const ARGUMENTS_BYTES_MAX: usize = 4_096;
const ARGUMENTS_MAX: usize = 1_024;

/// A file as a call names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// As the process has it, absolute.
    pub seen: PathBuf,
    /// As the agent opens it; another one only where the process has a root of its own.
    pub real: PathBuf,
    /// Where the process has a root of its own: its links lead no further.
    root: Option<PathBuf>,
}

impl Place {
    fn of(real: PathBuf) -> Self {
        Self {
            seen: real.clone(),
            real,
            root: None,
        }
    }

    pub fn bytes(&self) -> &[u8] {
        self.seen.as_os_str().as_bytes()
    }

    /// With its last component followed, if there is something to follow.
    pub fn followed(self) -> Self {
        if let Some(root) = &self.root {
            let real = within(root, &self.seen).unwrap_or_else(|| self.real.clone());
            return Self { real, ..self };
        }
        match fs::canonicalize(&self.real) {
            Ok(real) if real != self.real => Self::of(real),
            _ => self,
        }
    }
}

/// The thread that waits.
#[derive(Debug, Clone, Copy)]
pub struct Target(pub u32);

impl Target {
    pub fn read(self, address: u64, buffer: &mut [u8]) -> Option<usize> {
        let remote = [RemoteIoVec {
            base: usize::try_from(address).ok()?,
            len: buffer.len(),
        }];
        let pid = Pid::from_raw(self.0.cast_signed());
        match process_vm_readv(pid, &mut [IoSliceMut::new(buffer)], &remote) {
            Ok(length) => Some(length),
            // Docker's own profile has the call only for containers with SYS_PTRACE; the file asks for no more than the call.
            Err(Errno::EPERM | Errno::ENOSYS) => self.read_file(address, buffer),
            Err(_) => None,
        }
    }

    fn read_file(self, address: u64, buffer: &mut [u8]) -> Option<usize> {
        let memory = File::open(format!("/proc/{}/mem", self.0)).ok()?;
        memory.read_at(buffer, address).ok()
    }

    /// Up to the NUL, page by page: the next page need not be there.
    pub fn text(self, address: u64, bytes_max: usize) -> Option<Vec<u8>> {
        let (mut text, mut at) = (Vec::new(), address);
        while text.len() < bytes_max {
            let to_page_end = (PAGE - at % PAGE) as usize;
            let mut piece = vec![0; to_page_end.min(bytes_max - text.len()).min(256)];
            let length = self.read(at, &mut piece)?;
            let piece = &piece[..length];
            if let Some(end) = piece.iter().position(|&byte| byte == 0) {
                text.extend(&piece[..end]);
                return Some(text);
            }
            text.extend(piece);
            at += length as u64;
        }
        Some(text)
    }

    /// Joined by one space, at most 4 KiB.
    pub fn arguments(self, address: u64) -> Vec<u8> {
        let mut joined = Vec::new();
        for at in 0..ARGUMENTS_MAX as u64 {
            let mut pointer = [0; 8];
            let is_there = self.read(address + at * 8, &mut pointer) == Some(8);
            let pointer = u64::from_le_bytes(pointer);
            if !is_there || pointer == 0 || joined.len() >= ARGUMENTS_BYTES_MAX {
                break;
            }
            if at > 0 {
                joined.push(b' ');
            }
            joined.extend(self.text(pointer, ARGUMENTS_BYTES_MAX).unwrap_or_default());
        }
        joined.truncate(ARGUMENTS_BYTES_MAX);
        joined
    }

    /// What `path(directory, address)` of a call names. Links in its directories are followed, its last component is not.
    pub fn place(self, directory: u64, address: u64) -> Option<Place> {
        let text = self.text(address, PATH_BYTES_MAX)?;
        if text.is_empty() {
            return self.of_descriptor(directory);
        }
        let path = self.own(Path::new(OsStr::from_bytes(&text)));
        let absolute = match path.is_absolute() {
            true => path,
            false => self.directory(directory)?.join(path),
        };
        Some(self.rooted(absolute))
    }

    /// The same where the directory is the root of the path and of every link in it (openat2's RESOLVE_IN_ROOT).
    pub fn place_within(self, directory: u64, address: u64) -> Option<Place> {
        let text = self.text(address, PATH_BYTES_MAX)?;
        let root = match directory as u32 == libc::AT_FDCWD as u32 {
            true => format!("/proc/{}/cwd", self.0),
            false => format!("/proc/{}/fd/{}", self.0, directory as u32),
        };
        let real = within(Path::new(&root), Path::new(OsStr::from_bytes(&text)))?;
        Some(Place::of(real))
    }

    pub fn of_descriptor(self, fd: u64) -> Option<Place> {
        let link = PathBuf::from(format!("/proc/{}/fd/{}", self.0, fd as u32));
        let path = fs::read_link(&link).ok().filter(|path| path.is_absolute())?;
        let place = self.rooted(path);
        // Memory, or a file without a name: there only by its descriptor.
        match fs::symlink_metadata(&place.real) {
            Ok(_) => Some(place),
            Err(_) => Some(Place { real: link, ..place }),
        }
    }

    /// What a descriptor is a link to, `socket:[…]` for one.
    pub fn descriptor(self, fd: u64) -> Option<Vec<u8>> {
        let link = fs::read_link(format!("/proc/{}/fd/{}", self.0, fd as u32)).ok()?;
        Some(link.into_os_string().into_vec())
    }

    pub fn working_directory(self) -> Option<PathBuf> {
        fs::read_link(format!("/proc/{}/cwd", self.0)).ok()
    }

    fn directory(self, fd: u64) -> Option<PathBuf> {
        if fd as u32 == libc::AT_FDCWD as u32 {
            return self.working_directory();
        }
        fs::read_link(format!("/proc/{}/fd/{}", self.0, fd as u32)).ok()
    }

    /// `/proc/self` and `/dev/fd` are the caller's.
    fn own(self, path: &Path) -> PathBuf {
        let own = format!("/proc/{}", self.0);
        for (prefix, meant) in [
            ("/proc/self", own.clone()),
            ("/proc/thread-self", own.clone()),
            ("/dev/fd", own + "/fd"),
        ] {
            if let Ok(rest) = path.strip_prefix(prefix) {
                return Path::new(&meant).join(rest);
            }
        }
        path.to_owned()
    }

    fn rooted(self, absolute: PathBuf) -> Place {
        let root = fs::read_link(format!("/proc/{}/root", self.0)).unwrap_or_default();
        if root == Path::new("/") || root.as_os_str().is_empty() {
            return Place::of(parent_followed(&absolute));
        }
        let root = PathBuf::from(format!("/proc/{}/root", self.0));
        // Named as the agent has it: the process's own way there ends with it.
        let parent = absolute.parent().and_then(|parent| within(&root, parent));
        let real = match (parent, absolute.file_name()) {
            (Some(parent), Some(name)) => parent.join(name),
            _ => root.join(absolute.strip_prefix("/").unwrap_or(&absolute)),
        };
        Place {
            seen: absolute,
            real,
            root: Some(root),
        }
    }
}

/// What `path` names below `root`, every link followed; where it names nothing, a name in a directory that is there.
fn within(root: &Path, path: &Path) -> Option<PathBuf> {
    let root = File::options()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_DIRECTORY)
        .open(root)
        .ok()?;
    let how = || {
        OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT)
    };
    let name = |found: OwnedFd| fs::read_link(norn_os::link_of(found.as_raw_fd())).ok();
    if let Ok(found) = openat2(&root, path, how()) {
        return name(found);
    }
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    Some(name(openat2(&root, parent, how()).ok()?)?.join(path.file_name()?))
}

/// The directory with every link followed; where it does not exist, by its text.
fn parent_followed(path: &Path) -> PathBuf {
    let (Some(parent), Some(Component::Normal(name))) = (path.parent(), path.components().next_back()) else {
        return fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    };
    match fs::canonicalize(parent) {
        Ok(parent) => parent.join(name),
        Err(_) => path.to_owned(),
    }
}

/// The address and port of a connected socket's other end, from what connect(2) was given.
pub fn peer(address: &[u8]) -> Option<(u16, String, u16)> {
    let family = u16::from_ne_bytes([*address.first()?, *address.get(1)?]);
    let port = || Some(u16::from_be_bytes([*address.get(2)?, *address.get(3)?]));
    match i32::from(family) {
        libc::AF_INET => {
            let octets: [u8; 4] = address.get(4..8)?.try_into().ok()?;
            Some((family, std::net::Ipv4Addr::from(octets).to_string(), port()?))
        }
        libc::AF_INET6 => {
            let octets: [u8; 16] = address.get(8..24)?.try_into().ok()?;
            Some((family, std::net::Ipv6Addr::from(octets).to_string(), port()?))
        }
        libc::AF_UNIX => {
            let path = address.get(2..)?;
            let end = path.iter().position(|&byte| byte == 0).unwrap_or(path.len());
            Some((family, String::from_utf8_lossy(&path[..end]).into_owned(), 0))
        }
        _ => None,
    }
}

/// Reads a whole small file of /proc.
pub fn read_proc(pid: u32, name: &str) -> Result<String> {
    fs::read(format!("/proc/{pid}/{name}")).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Target {
        Target(std::process::id())
    }

    #[test]
    fn memory_is_read_up_to_the_nul() {
        let text = std::ffi::CString::new("a".repeat(700)).unwrap();
        assert_eq!(own().text(text.as_ptr() as u64, 4_096).unwrap(), text.as_bytes());
        assert_eq!(own().text(8, 4_096), None);
        let mut buffer = [0; 4];
        assert_eq!(own().read_file(text.as_ptr() as u64, &mut buffer), Some(4));
        assert_eq!(&buffer, b"aaaa");
    }

    #[test]
    fn a_relative_path_is_of_the_callers_directory_and_links_above_it_are_followed() {
        let dir = std::env::temp_dir().join(format!("norn-inside-place-{}", std::process::id()));
        fs::create_dir_all(dir.join("real")).unwrap();
        let _fresh = fs::remove_file(dir.join("link"));
        std::os::unix::fs::symlink("real", dir.join("link")).unwrap();
        let path = std::ffi::CString::new(dir.join("link/new").as_os_str().as_bytes()).unwrap();
        let place = own().place(libc::AT_FDCWD as u64, path.as_ptr() as u64).unwrap();
        assert_eq!(place.real, fs::canonicalize(&dir).unwrap().join("real/new"));
        let relative = std::ffi::CString::new("some-file").unwrap();
        let place = own()
            .place(libc::AT_FDCWD as u64, relative.as_ptr() as u64)
            .unwrap();
        assert_eq!(place.seen, std::env::current_dir().unwrap().join("some-file"));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_path_in_a_root_of_its_own_stays_below_it() {
        let dir = std::env::temp_dir().join(format!("norn-inside-within-{}", std::process::id()));
        fs::create_dir_all(dir.join("etc")).unwrap();
        fs::write(dir.join("etc/file"), "x").unwrap();
        let _fresh = fs::remove_file(dir.join("link"));
        std::os::unix::fs::symlink("/etc/file", dir.join("link")).unwrap();
        let real = fs::canonicalize(&dir).unwrap();
        for path in ["/etc/file", "etc/file", "../../etc/file", "link"] {
            assert_eq!(
                within(&dir, Path::new(path)),
                Some(real.join("etc/file")),
                "{path}"
            );
        }
        assert_eq!(within(&dir, Path::new("/etc/new")), Some(real.join("etc/new")));
        assert_eq!(within(&dir, Path::new("/nowhere/new")), None);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn addresses_of_every_family_are_read() {
        let v4 = [2, 0, 0x1f, 0x90, 10, 0, 0, 1, 0, 0];
        assert_eq!(peer(&v4), Some((2, "10.0.0.1".to_owned(), 8_080)));
        let mut v6 = vec![10, 0, 0, 80, 0, 0, 0, 0];
        v6.extend([0; 15]);
        v6.push(1);
        assert_eq!(peer(&v6), Some((10, "::1".to_owned(), 80)));
        assert_eq!(peer(b"\x01\x00/run/x\0junk"), Some((1, "/run/x".to_owned(), 0)));
        assert_eq!(peer(&[2]), None);
    }
}
