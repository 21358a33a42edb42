//! What another process does; each call that changes names is told as the sensor would tell it.
use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use norn_events::EventKind;

use super::{boot_ns, c_path};

#[derive(Default)]
pub struct Actor {
    pub told: Vec<u8>,
}

pub struct Told {
    pub kind: EventKind,
    pub time: u64,
    pub flags: u32,
    pub path: Vec<u8>,
    pub target: Vec<u8>,
}

impl Told {
    pub fn parse(mut bytes: &[u8]) -> Vec<Self> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let mut number = [0; 8];
            let mut next = |bytes: &mut &[u8]| {
                bytes.read_exact(&mut number).unwrap();
                u64::from_le_bytes(number)
            };
            let kind = EventKind::try_from(next(&mut bytes) as i32).unwrap();
            let (time, flags) = (next(&mut bytes), next(&mut bytes) as u32);
            let mut string = |bytes: &mut &[u8]| {
                let mut string = vec![0; next(bytes) as usize];
                bytes.read_exact(&mut string).unwrap();
                string
            };
            let (path, target) = (string(&mut bytes), string(&mut bytes));
            found.push(Self {
                kind,
                time,
                flags,
                path,
                target,
            });
        }
        found
    }
}

impl Actor {
    fn tell(&mut self, (kind, flags): (EventKind, u32), path: &Path, target: &Path) {
        for number in [kind as u64, boot_ns(), flags.into()] {
            self.told.extend(number.to_le_bytes());
        }
        for path in [path, target] {
            self.told.extend((path.as_os_str().len() as u64).to_le_bytes());
            self.told.extend(path.as_os_str().as_bytes());
        }
    }

    pub fn rename(&mut self, from: &Path, to: &Path) {
        fs::rename(from, to).unwrap();
        self.tell((EventKind::FileRename, 0), from, to);
    }

    pub fn exchange(&mut self, from: &Path, to: &Path) {
        exchange(from, to);
        self.tell((EventKind::FileRename, libc::RENAME_EXCHANGE), from, to);
    }

    pub fn unlink(&mut self, path: &Path) {
        fs::remove_file(path).unwrap();
        self.tell((EventKind::FileUnlink, 0), path, Path::new(""));
    }

    pub fn rmdir(&mut self, path: &Path) {
        fs::remove_dir(path).unwrap();
        self.tell((EventKind::FileUnlink, 1), path, Path::new(""));
    }

    pub fn mkdir(&mut self, path: &Path) {
        fs::create_dir(path).unwrap();
        self.tell((EventKind::FileMkdir, 0), path, Path::new(""));
    }

    pub fn link(&mut self, from: &Path, to: &Path) {
        fs::hard_link(from, to).unwrap();
        self.tell((EventKind::FileLink, 0), to, from);
    }

    /// A name for a file that may have none; the kernel is asked by a descriptor.
    pub fn name(&mut self, file: &fs::File, to: &Path) {
        let from = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let (link, path) = (c_path(&from), c_path(to));
        let (here, flags) = (libc::AT_FDCWD, libc::AT_SYMLINK_FOLLOW);
        // SAFETY: both strings outlive the call.
        let done = unsafe { libc::linkat(here, link.as_ptr(), here, path.as_ptr(), flags) };
        assert_eq!(done, 0, "linkat: {}", std::io::Error::last_os_error());
        self.tell((EventKind::FileLink, 0), to, &from);
    }

    pub fn symlink(&mut self, target: &Path, path: &Path) {
        std::os::unix::fs::symlink(target, path).unwrap();
        self.tell((EventKind::FileLink, 1), path, target);
    }

    pub fn chmod(&mut self, path: &Path, mode: u32) {
        // SAFETY: the string outlives the call.
        assert_eq!(unsafe { libc::chmod(c_path(path).as_ptr(), mode) }, 0);
        self.tell((EventKind::FileChmod, 0), path, Path::new(""));
    }

    pub fn chown(&mut self, path: &Path, uid: u32, gid: u32) {
        // SAFETY: the string outlives the call.
        assert_eq!(unsafe { libc::chown(c_path(path).as_ptr(), uid, gid) }, 0);
        self.tell((EventKind::FileChown, 0), path, Path::new(""));
    }

    /// For what set modes, owners and attributes below this directory and told nobody, as the sensor would have.
    pub fn tell_modes_below(&mut self, dir: &Path) {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                self.tell_modes_below(&entry.path());
            } else if kind.is_file() {
                self.tell((EventKind::FileChmod, 0), &entry.path(), Path::new(""));
            }
        }
    }

    pub fn truncate(&mut self, path: &Path, size: i64) {
        // SAFETY: the string outlives the call.
        assert_eq!(unsafe { libc::truncate(c_path(path).as_ptr(), size) }, 0);
        self.tell((EventKind::FileTruncate, 0), path, Path::new(""));
    }

    /// Opens it with O_TRUNC.
    pub fn empty(&mut self, path: &Path) -> fs::File {
        let file = fs::File::options().write(true).truncate(true).open(path).unwrap();
        let flags = (libc::O_WRONLY | libc::O_TRUNC) as u32;
        self.tell((EventKind::FileOpen, flags), path, Path::new(""));
        file
    }

    /// One is overwritten, the next removed, the third renamed.
    pub fn by_turns(&mut self, targets: &[PathBuf], suffix: &str) {
        for (number, path) in targets.iter().enumerate() {
            match number % 3 {
                0 => self.encrypt(path),
                1 => self.unlink(path),
                _ => self.rename(path, &with_suffix(path, suffix)),
            }
        }
    }

    /// One is encrypted, the next removed, the third encrypted and renamed.
    pub fn ransom(&mut self, targets: &[PathBuf]) {
        for (number, path) in targets.iter().enumerate() {
            match number % 3 {
                0 => self.encrypt(path),
                1 => self.unlink(path),
                _ => {
                    self.encrypt(path);
                    self.rename(path, &with_suffix(path, ".locked"));
                }
            }
        }
    }

    /// Overwrites from the start, keeping the size.
    pub fn encrypt(&mut self, path: &Path) {
        let mut file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.write_all(&cipher(&content)).unwrap();
    }
}

/// Not a cipher, but as random.
pub fn cipher(content: &[u8]) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64 ^ content.len() as u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    content.iter().map(|byte| byte ^ next()).collect()
}

pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// The two names change files.
pub fn exchange(from: &Path, to: &Path) {
    let (a, b) = (c_path(from), c_path(to));
    let (here, flags) = (libc::AT_FDCWD, libc::RENAME_EXCHANGE);
    // SAFETY: both strings outlive the call.
    let result = unsafe { libc::renameat2(here, a.as_ptr(), here, b.as_ptr(), flags) };
    assert_eq!(result, 0, "exchange: {}", std::io::Error::last_os_error());
}
