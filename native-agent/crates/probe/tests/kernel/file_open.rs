//! Files that are opened to be written, made or emptied.
use norn_events::EventKind;

use crate::sensor::{Directory, Sensor, c};

#[test]
fn open_write() {
    let directory = Directory::new("open-write");
    let path = directory.file("a");
    let name = c(&path);
    let seen = Sensor::start().event_of(EventKind::FileOpen, || {
        // SAFETY: plain system calls on a string that outlives them.
        unsafe { libc::close(libc::open(name.as_ptr(), libc::O_RDWR | libc::O_TRUNC)) };
    });
    assert_eq!((seen.path.as_str(), seen.value), (path.as_str(), 0));
    assert_eq!(seen.flags & 0o1003, (libc::O_RDWR | libc::O_TRUNC) as u32);
    assert!(seen.result > 2, "the descriptor");
}

#[test]
fn open_read_that_empties() {
    let directory = Directory::new("open-read-trunc");
    let path = directory.file("a");
    let name = c(&path);
    let seen = Sensor::start().event_of(EventKind::FileOpen, || {
        // SAFETY: plain system calls on a string that outlives them.
        unsafe { libc::close(libc::open(name.as_ptr(), libc::O_RDONLY | libc::O_TRUNC)) };
    });
    assert_eq!((seen.path.as_str(), seen.value), (path.as_str(), 0));
    assert_eq!(seen.flags & 0o1003, libc::O_TRUNC as u32);
}

#[test]
fn open_create_relative_to_a_directory() {
    let directory = Directory::new("open-create");
    let parent = c(directory.path());
    let name = c("../b");
    std::fs::create_dir_all(directory.path().join("sub")).unwrap();
    let sub = c(directory.join("sub"));
    let seen = Sensor::start().event_of(EventKind::FileOpen, || {
        // SAFETY: plain system calls on strings that outlive them.
        unsafe {
            libc::umask(0);
            libc::chdir(parent.as_ptr());
            let at = libc::open(sub.as_ptr(), libc::O_PATH);
            libc::openat(at, name.as_ptr(), libc::O_WRONLY | libc::O_CREAT, 0o640);
        }
    });
    assert_eq!((seen.path, seen.value), (directory.join("b"), 0o640));
}

#[test]
fn open_read_is_no_event_and_neither_is_dev_null() {
    let directory = Directory::new("open-read");
    let name = c(directory.file("a"));
    let missing = c(directory.join("no/such/file"));
    let seen = Sensor::start().events_of(|| {
        // SAFETY: plain system calls on strings that outlive them.
        unsafe {
            libc::open(name.as_ptr(), libc::O_RDONLY);
            libc::open(c"/dev/null".as_ptr(), libc::O_WRONLY);
            libc::open(missing.as_ptr(), libc::O_WRONLY | libc::O_CREAT, 0o600);
        }
    });
    assert!(
        seen.iter().all(|event| event.kind != EventKind::FileOpen),
        "{seen:#?}"
    );
}

#[test]
fn open_through_a_bind_mount() {
    let directory = Directory::new("open-bind");
    std::fs::create_dir_all(directory.path().join("from")).unwrap();
    std::fs::create_dir_all(directory.path().join("to")).unwrap();
    let (from, to) = (c(directory.join("from")), c(directory.join("to")));
    let name = c(directory.join("to/a"));
    let seen = Sensor::start().event_of(EventKind::FileOpen, || {
        // SAFETY: plain system calls on strings that outlive them, in mount namespace of the child's own.
        unsafe {
            libc::unshare(libc::CLONE_NEWNS);
            let private = libc::MS_REC | libc::MS_PRIVATE;
            libc::mount(
                c"none".as_ptr(),
                c"/".as_ptr(),
                std::ptr::null(),
                private,
                std::ptr::null(),
            );
            libc::mount(
                from.as_ptr(),
                to.as_ptr(),
                std::ptr::null(),
                libc::MS_BIND,
                std::ptr::null(),
            );
            libc::open(name.as_ptr(), libc::O_WRONLY | libc::O_CREAT, 0o600);
        }
    });
    assert_eq!(seen.path, directory.join("to/a"));
}
