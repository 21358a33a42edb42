//! What is done through an io_uring: its events are those of the system calls.
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::AsRawFd;

use io_uring::{opcode, types};
use norn_events::EventKind;

use crate::network::listener;
use crate::sensor::{Directory, Sensor, c};
use crate::ways::ring::{Way, at, listen, ring_of, run};
use crate::ways::same::{assert_same, figures_of};

const CWD: types::Fd = types::Fd(libc::AT_FDCWD);

/// Names that a deed is done to; made again before each.
struct Names {
    directory: Directory,
    file: std::ffi::CString,
    other: std::ffi::CString,
}

impl Names {
    fn new() -> Self {
        let directory = Directory::new("ring");
        let (file, other) = (c(directory.join("shadow")), c(directory.join("other")));
        Self {
            directory,
            file,
            other,
        }
    }

    fn put(&self) {
        let _ = std::fs::remove_dir_all(self.directory.path());
        std::fs::create_dir_all(self.directory.path()).unwrap();
        self.directory.file("shadow");
    }
}

/// By a call and by each way through a ring.
fn same(kind: EventKind, by_call: fn(&Names), by_ring: fn(&Names) -> io_uring::squeue::Entry) {
    let names = Names::new();
    let mut sensor = Sensor::start();
    names.put();
    let expected = figures_of(&sensor.events_of(|| by_call(&names)), kind);
    for way in Way::ALL {
        names.put();
        let seen = sensor.events_of(|| run(way, &[by_ring(&names)]));
        let seen = figures_of(&seen, kind);
        if way.tells_attempts() {
            assert_eq!(expected.len(), seen.len(), "{way:?}: {seen:#?}");
            assert_eq!(expected[0].0, seen[0].0, "{way:?}");
            assert_eq!(
                (&expected[0].1, expected[0].2),
                (&seen[0].1, seen[0].2),
                "{way:?}"
            );
        } else {
            assert_same(&expected, &seen);
        }
    }
}

#[test]
fn opens_to_change() {
    same(
        EventKind::FileOpen,
        // SAFETY: a plain system call on what outlives it.
        |names| unsafe {
            libc::open(names.file.as_ptr(), libc::O_WRONLY | libc::O_TRUNC);
        },
        |names| {
            opcode::OpenAt::new(CWD, names.file.as_ptr())
                .flags(libc::O_WRONLY | libc::O_TRUNC)
                .build()
        },
    );
    same(
        EventKind::FileOpen,
        // SAFETY: a plain system call on what outlives it.
        |names| unsafe {
            libc::open(
                names.other.as_ptr(),
                libc::O_RDWR | libc::O_CREAT | libc::O_EXCL,
                0o600,
            );
        },
        |names| {
            opcode::OpenAt::new(CWD, names.other.as_ptr())
                .flags(libc::O_RDWR | libc::O_CREAT | libc::O_EXCL)
                .mode(0o600)
                .build()
        },
    );
}

#[test]
fn names_that_change() {
    same(
        EventKind::FileRename,
        // SAFETY: a plain system call on what outlives it.
        |names| unsafe {
            let (file, other) = (names.file.as_ptr(), names.other.as_ptr());
            libc::renameat2(
                libc::AT_FDCWD,
                file,
                libc::AT_FDCWD,
                other,
                libc::RENAME_NOREPLACE,
            );
        },
        |names| {
            opcode::RenameAt::new(CWD, names.file.as_ptr(), CWD, names.other.as_ptr())
                .flags(libc::RENAME_NOREPLACE)
                .build()
        },
    );
    same(
        EventKind::FileUnlink,
        // SAFETY: a plain system call on what outlives it.
        |names| unsafe {
            libc::unlink(names.file.as_ptr());
        },
        |names| opcode::UnlinkAt::new(CWD, names.file.as_ptr()).build(),
    );
    same(
        EventKind::FileMkdir,
        // SAFETY: a plain system call on what outlives it.
        |names| unsafe {
            libc::mkdir(names.other.as_ptr(), 0o750);
        },
        |names| {
            opcode::MkDirAt::new(CWD, names.other.as_ptr())
                .mode(0o750)
                .build()
        },
    );
    same(
        EventKind::FileLink,
        // SAFETY: a plain system call on what outlives it.
        |names| unsafe {
            libc::link(names.file.as_ptr(), names.other.as_ptr());
        },
        |names| opcode::LinkAt::new(CWD, names.file.as_ptr(), CWD, names.other.as_ptr()).build(),
    );
    same(
        EventKind::FileLink,
        // SAFETY: a plain system call on what outlives it.
        |names| unsafe {
            libc::symlink(c"../etc/shadow".as_ptr(), names.other.as_ptr());
        },
        |names| opcode::SymlinkAt::new(CWD, c"../etc/shadow".as_ptr(), names.other.as_ptr()).build(),
    );
}

#[test]
fn what_fails_is_no_event() {
    let names = Names::new();
    names.put();
    let seen = Sensor::start().events_of(|| {
        let missing = names.other.as_ptr();
        run(
            Way::Plain,
            &[
                opcode::UnlinkAt::new(CWD, missing).build(),
                opcode::OpenAt::new(CWD, missing).flags(libc::O_WRONLY).build(),
                opcode::RenameAt::new(CWD, missing, CWD, missing).build(),
            ],
        );
    });
    let told: Vec<_> = seen.iter().filter(|event| at(event, &names.directory)).collect();
    assert!(told.is_empty(), "{told:#?}");
}

#[test]
fn a_size_that_is_set() {
    same(
        EventKind::FileTruncate,
        // SAFETY: a plain system call on what outlives it.
        |names| unsafe {
            // SAFETY: plain system calls on a string that outlives them.
            libc::ftruncate(libc::open(names.file.as_ptr(), libc::O_WRONLY), 3);
        },
        |names| {
            // SAFETY: as above.
            let fd = unsafe { libc::open(names.file.as_ptr(), libc::O_WRONLY) };
            opcode::Ftruncate::new(types::Fd(fd), 3).build()
        },
    );
}

#[test]
fn capabilities_of_a_file() {
    // Revision 2, cap_setuid.
    static VALUE: [u32; 5] = [0x0200_0000, 1 << 7, 0, 0, 0];
    same(
        EventKind::FileCapabilities,
        // SAFETY: a plain system call on what outlives it.
        |names| unsafe {
            // SAFETY: a plain system call on what outlives it.
            let value = VALUE.as_ptr().cast();
            libc::setxattr(names.file.as_ptr(), c"security.capability".as_ptr(), value, 20, 0);
        },
        |names| {
            let (name, value) = (c"security.capability".as_ptr(), VALUE.as_ptr().cast());
            opcode::SetXattr::new(name, value, names.file.as_ptr(), 20).build()
        },
    );
    same(
        EventKind::FileCapabilities,
        // SAFETY: a plain system call on what outlives it.
        |names| unsafe {
            // SAFETY: plain system calls on what outlives them.
            let (fd, value) = (libc::open(names.file.as_ptr(), 0), VALUE.as_ptr().cast());
            libc::fsetxattr(fd, c"security.capability".as_ptr(), value, 20, 0);
        },
        |names| {
            // SAFETY: as above.
            let fd = unsafe { libc::open(names.file.as_ptr(), 0) };
            let (name, value) = (c"security.capability".as_ptr(), VALUE.as_ptr().cast());
            opcode::FSetXattr::new(types::Fd(fd), name, value, 20).build()
        },
    );
}

/// The ports that are not chance, and the rest of a connection.
fn connection(seen: &[crate::sensor::Seen], kind: EventKind) -> Vec<(String, u64, u32)> {
    seen.iter()
        .filter(|event| event.kind == kind)
        .map(|event| {
            let port = match kind {
                EventKind::NetConnect => event.value >> 16,
                EventKind::NetAccept => event.value & 0xffff,
                _ => 0,
            };
            (event.path.clone(), port, event.flags)
        })
        .collect()
}

fn tcp() -> i32 {
    // SAFETY: a plain system call.
    unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0) }
}

#[test]
fn connections() {
    let (_listener, port) = listener();
    let mut sensor = Sensor::start();
    let kind = EventKind::NetConnect;
    let seen = sensor.events_of(|| {
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
    });
    let expected = connection(&seen, kind);
    assert_eq!(expected.len(), 1);
    // SAFETY: plain integers, zero is valid for all.
    let mut address: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    address.sin_family = libc::AF_INET as u16;
    address.sin_port = port.to_be();
    address.sin_addr.s_addr = u32::from(Ipv4Addr::LOCALHOST).to_be();
    for way in Way::ALL {
        let seen = sensor.events_of(|| {
            let to = (&raw const address).cast();
            run(way, &[opcode::Connect::new(types::Fd(tcp()), to, 16).build()]);
        });
        assert_eq!(expected, connection(&seen, kind), "{way:?}");
    }
}

#[test]
fn connections_that_come_in() {
    let (listener, port) = listener();
    let mut sensor = Sensor::start();
    let fd = types::Fd(listener.as_raw_fd());
    let mut accepted = |act: &dyn Fn()| {
        let _client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        connection(&sensor.events_of(act), EventKind::NetAccept)
    };
    let expected = accepted(&|| {
        let _ = listener.accept();
    });
    let (null, none) = (std::ptr::null_mut(), std::ptr::null_mut());
    for way in [Way::Plain, Way::Worker, Way::Poller, Way::Deferred] {
        let seen = accepted(&|| run(way, &[opcode::Accept::new(fd, null, none).build()]));
        assert_eq!(expected, seen, "{way:?}");
    }
    let seen = accepted(&|| {
        let mut ring = ring_of(Way::Plain);
        // SAFETY: nothing is pointed to.
        unsafe {
            ring.submission()
                .push(&opcode::AcceptMulti::new(fd).build())
                .unwrap()
        };
        ring.submit_and_wait(1).unwrap();
    });
    assert_eq!(expected, seen, "multishot");
}

#[test]
fn sockets_that_listen() {
    let mut sensor = Sensor::start();
    for way in Way::ALL {
        let seen = sensor.event_of(EventKind::NetListen, || {
            run(way, &[listen(tcp())]);
        });
        assert_eq!(
            (seen.path.as_str(), seen.flags),
            ("0.0.0.0", (libc::AF_INET as u32) << 16 | 6)
        );
    }
}
