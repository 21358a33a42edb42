//! The calls that are hooked, by their x86-64 numbers, and what is copied of each one's arguments.

/// What a record holds beyond the six arguments; the numbers are positions of arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    Numbers,
    Path(u8),
    Paths(u8, u8),
    /// A socket address and its length.
    Address(u8, u8),
    /// mmap: recorded when it maps a file to run it, or a shared file to write it; the text is the file's name.
    Mapping,
    /// The process may be about to confine itself.
    Confinement,
}

pub const OPEN: u64 = 2;
pub const MMAP: u64 = 9;
pub const CONNECT: u64 = 42;
pub const ACCEPT: u64 = 43;
pub const BIND: u64 = 49;
pub const LISTEN: u64 = 50;
pub const CLONE: u64 = 56;
pub const FORK: u64 = 57;
pub const VFORK: u64 = 58;
pub const EXECVE: u64 = 59;
pub const TRUNCATE: u64 = 76;
pub const FTRUNCATE: u64 = 77;
pub const RENAME: u64 = 82;
pub const CREAT: u64 = 85;
pub const LINK: u64 = 86;
pub const UNLINK: u64 = 87;
pub const SYMLINK: u64 = 88;
pub const CHMOD: u64 = 90;
pub const FCHMOD: u64 = 91;
pub const PTRACE: u64 = 101;
pub const PRCTL: u64 = 157;
pub const OPENAT: u64 = 257;
pub const UNLINKAT: u64 = 263;
pub const RENAMEAT: u64 = 264;
pub const LINKAT: u64 = 265;
pub const SYMLINKAT: u64 = 266;
pub const FCHMODAT: u64 = 268;
pub const ACCEPT4: u64 = 288;
pub const RENAMEAT2: u64 = 316;
pub const SECCOMP: u64 = 317;
pub const MEMFD_CREATE: u64 = 319;
pub const EXECVEAT: u64 = 322;
pub const CLONE3: u64 = 435;
pub const OPENAT2: u64 = 437;
pub const FCHMODAT2: u64 = 452;

/// Every hooked call.
pub const ALL: [u64; 35] = [
    OPEN,
    MMAP,
    CONNECT,
    ACCEPT,
    BIND,
    LISTEN,
    CLONE,
    FORK,
    VFORK,
    EXECVE,
    TRUNCATE,
    FTRUNCATE,
    RENAME,
    CREAT,
    LINK,
    UNLINK,
    SYMLINK,
    CHMOD,
    FCHMOD,
    PTRACE,
    PRCTL,
    OPENAT,
    UNLINKAT,
    RENAMEAT,
    LINKAT,
    SYMLINKAT,
    FCHMODAT,
    ACCEPT4,
    RENAMEAT2,
    SECCOMP,
    MEMFD_CREATE,
    EXECVEAT,
    CLONE3,
    OPENAT2,
    FCHMODAT2,
];
/// Always hooked, recorded or not: before them the library notes that its own calls may not be allowed any more, or that threads come.
pub const ALWAYS: [u64; 5] = [PRCTL, SECCOMP, CLONE, CLONE3, VFORK];
/// Calls that destroy what a file held, by its name or descriptor.
pub const DESTRUCTIVE: [u64; 7] = [TRUNCATE, FTRUNCATE, RENAME, UNLINK, UNLINKAT, RENAMEAT, RENAMEAT2];

pub fn shape(call: u64) -> Option<Shape> {
    Some(match call {
        OPEN | CREAT | UNLINK | TRUNCATE | CHMOD | EXECVE | MEMFD_CREATE => Shape::Path(0),
        OPENAT | OPENAT2 | UNLINKAT | FCHMODAT | FCHMODAT2 | EXECVEAT => Shape::Path(1),
        RENAME | LINK | SYMLINK => Shape::Paths(0, 1),
        SYMLINKAT => Shape::Paths(0, 2),
        RENAMEAT | RENAMEAT2 | LINKAT => Shape::Paths(1, 3),
        CONNECT | BIND => Shape::Address(1, 2),
        ACCEPT | ACCEPT4 | LISTEN | CLONE | CLONE3 | FORK | VFORK | FTRUNCATE | FCHMOD | PTRACE => {
            Shape::Numbers
        }
        MMAP => Shape::Mapping,
        PRCTL | SECCOMP => Shape::Confinement,
        _ => return None,
    })
}
