//! Times set back, inode flags, capabilities of files.
use norn_events::EventKind;

use crate::sensor::{Directory, Seen, Sensor, c};

const LONG_AGO: i64 = 1_000_000_000;

fn of_kind(seen: Vec<Seen>, kind: EventKind) -> Vec<(String, u64)> {
    let matching = seen.into_iter().filter(|event| event.kind == kind);
    matching.map(|event| (event.path, event.value)).collect()
}

#[test]
fn times_set_back_by_any_call() {
    let directory = Directory::new("times");
    let path = directory.file("a");
    let (name, parent) = (c(&path), c(directory.path()));
    let seen = Sensor::start().events_of(|| {
        let fine = libc::timespec {
            tv_sec: LONG_AGO,
            tv_nsec: 7_000,
        };
        let coarse = libc::timeval {
            tv_sec: LONG_AGO,
            tv_usec: 8,
        };
        let old = libc::utimbuf {
            actime: 1,
            modtime: LONG_AGO,
        };
        // SAFETY: plain system calls on strings and structures that outlive them.
        unsafe {
            libc::chdir(parent.as_ptr());
            libc::utimensat(libc::AT_FDCWD, c"a".as_ptr(), [fine, fine].as_ptr(), 0);
            let fd = libc::open(name.as_ptr(), libc::O_RDONLY);
            libc::futimens(fd, [fine, fine].as_ptr());
            libc::syscall(libc::SYS_utimes, name.as_ptr(), [coarse, coarse].as_ptr());
            libc::syscall(libc::SYS_utime, name.as_ptr(), &raw const old);
        }
    });
    let us = LONG_AGO as u64 * 1_000_000;
    let due = [us + 7, us + 7, us + 8, us].map(|time| (path.clone(), time));
    assert_eq!(of_kind(seen, EventKind::FileTimes), due);
}

#[test]
fn times_that_are_now_or_left_alone_are_not_told() {
    let directory = Directory::new("times-now");
    let name = c(directory.file("a"));
    let seen = Sensor::start().events_of(|| {
        let time = |tv_sec, tv_nsec| libc::timespec { tv_sec, tv_nsec };
        // SAFETY: plain system calls on a string and structures that outlive them.
        unsafe {
            let now = libc::time(std::ptr::null_mut());
            libc::utimensat(libc::AT_FDCWD, name.as_ptr(), std::ptr::null(), 0);
            let omitted = [time(LONG_AGO, 0), time(LONG_AGO, libc::UTIME_OMIT)];
            libc::utimensat(libc::AT_FDCWD, name.as_ptr(), omitted.as_ptr(), 0);
            let recent = [time(now, 0), time(now - 60, 0)];
            libc::utimensat(libc::AT_FDCWD, name.as_ptr(), recent.as_ptr(), 0);
        }
    });
    assert_eq!(of_kind(seen, EventKind::FileTimes), []);
}

#[test]
fn inode_flags() {
    const NODUMP: u64 = 0x40;
    const GET: libc::c_ulong = 0x8008_6601;
    const SET: libc::c_ulong = 0x4008_6602;
    let directory = Directory::new("inode-flags");
    let path = directory.file("a");
    let name = c(&path);
    let mut before: libc::c_long = 0;
    let seen = Sensor::start().events_of(|| {
        // SAFETY: plain system calls on a string and a number that outlive them.
        unsafe {
            let fd = libc::open(name.as_ptr(), libc::O_RDONLY);
            libc::ioctl(fd, GET, &raw mut before);
            let mut flags = before | NODUMP as libc::c_long;
            libc::ioctl(fd, SET, &raw mut flags);
        }
    });
    let seen = of_kind(seen, EventKind::FileFlags);
    assert_eq!(seen.len(), 1, "{seen:?} (is the temporary directory on ext4?)");
    assert_eq!((&seen[0].0, seen[0].1 & NODUMP), (&path, NODUMP));
}

#[test]
fn capabilities_of_a_file() {
    const SETUID: u32 = 7;
    const BPF: u32 = 39;
    let directory = Directory::new("capabilities");
    let path = directory.file("a");
    let name = c(&path);
    // VFS_CAP_REVISION_2; permitted, inheritable, twice.
    let data: [u32; 5] = [0x0200_0000, 1 << SETUID, 0, 1 << (BPF - 32), 0];
    let seen = Sensor::start().events_of(|| {
        // SAFETY: plain system calls on strings and numbers that outlive them.
        unsafe {
            let set = |attribute: &std::ffi::CStr| {
                libc::setxattr(
                    name.as_ptr(),
                    attribute.as_ptr(),
                    data.as_ptr().cast(),
                    size_of_val(&data),
                    0,
                )
            };
            set(c"user.note");
            set(c"security.capability");
        }
    });
    let due = 1 << SETUID | 1 << BPF;
    assert_eq!(of_kind(seen, EventKind::FileCapabilities), [(path, due)]);
}
