//! What becomes of files: names, sizes, modes, owners.
use norn_events::EventKind;

use crate::sensor::{Directory, Sensor, c};

#[test]
fn rename() {
    let directory = Directory::new("rename");
    let (old, new) = (directory.file("a"), directory.join("b"));
    let (old_name, parent) = (c(&old), c(directory.path()));
    let seen = Sensor::start().event_of(EventKind::FileRename, || {
        // SAFETY: plain system calls on strings that outlive them.
        unsafe {
            libc::chdir(parent.as_ptr());
            libc::renameat2(
                libc::AT_FDCWD,
                old_name.as_ptr(),
                libc::AT_FDCWD,
                c"b".as_ptr(),
                libc::RENAME_NOREPLACE,
            );
        }
    });
    assert_eq!(
        (seen.path, seen.target, seen.flags),
        (old, new, libc::RENAME_NOREPLACE)
    );
}

#[test]
fn link() {
    let directory = Directory::new("link");
    let (old, new) = (directory.file("a"), directory.join("b"));
    let (old_name, new_name) = (c(&old), c(&new));
    let seen = Sensor::start().event_of(EventKind::FileLink, || {
        // SAFETY: a plain system call on strings that outlive it.
        unsafe { libc::link(old_name.as_ptr(), new_name.as_ptr()) };
    });
    assert_eq!((seen.path, seen.target, seen.flags), (new, old, 0));
}

#[test]
fn symbolic_link() {
    let directory = Directory::new("symlink");
    let new = directory.join("b");
    let new_name = c(&new);
    let seen = Sensor::start().event_of(EventKind::FileLink, || {
        // SAFETY: a plain system call on strings that outlive it.
        unsafe { libc::symlink(c"../etc/shadow".as_ptr(), new_name.as_ptr()) };
    });
    assert_eq!(
        (seen.path.as_str(), seen.target.as_str(), seen.flags),
        (new.as_str(), "../etc/shadow", 1)
    );
}

#[test]
fn who_removes_file_after_file_is_slowed_for_a_while() {
    const FILES: usize = 80;
    let directory = Directory::new("pace");
    let names: Vec<_> = (0..FILES)
        .map(|number| c(directory.file(&number.to_string())))
        .collect();
    let seen = Sensor::start().events_of(|| {
        for name in &names {
            // SAFETY: a plain system call on a string that outlives it.
            unsafe { libc::unlink(name.as_ptr()) };
        }
    });
    let removed = seen.iter().filter(|event| event.kind == EventKind::FileUnlink);
    let times: Vec<u64> = removed.map(|event| event.time_ns).collect();
    let waits: Vec<bool> = times.windows(2).map(|pair| pair[1] - pair[0] > 900_000).collect();
    assert_eq!(waits.len(), FILES - 1);
    assert!(waits[7..26].iter().all(|&waited| waited), "{waits:?}");
    assert!(waits[27..].iter().any(|&waited| !waited), "{waits:?}");
}

#[test]
fn unlink() {
    let directory = Directory::new("unlink");
    let path = directory.file("a");
    let name = c(&path);
    let seen = Sensor::start().event_of(EventKind::FileUnlink, || {
        // SAFETY: plain system calls on a string that outlives them; the second fails and is no event.
        unsafe {
            libc::unlink(name.as_ptr());
            libc::unlink(name.as_ptr());
        }
    });
    assert_eq!((seen.path, seen.flags), (path, 0));
}

#[test]
fn mkdir_and_rmdir() {
    let directory = Directory::new("mkdir");
    let path = directory.join("d");
    let name = c(&path);
    let seen = Sensor::start().events_of(|| {
        // SAFETY: plain system calls on a string that outlives them.
        unsafe {
            libc::mkdir(name.as_ptr(), 0o750);
            libc::unlinkat(libc::AT_FDCWD, name.as_ptr(), libc::AT_REMOVEDIR);
        }
    });
    let made = seen
        .iter()
        .find(|event| event.kind == EventKind::FileMkdir)
        .expect("mkdir is seen");
    let removed = seen
        .iter()
        .find(|event| event.kind == EventKind::FileUnlink)
        .expect("rmdir is seen");
    assert_eq!((&made.path, made.value), (&path, 0o750));
    assert_eq!((&removed.path, removed.flags), (&path, 1));
}

#[test]
fn truncate() {
    let directory = Directory::new("truncate");
    let path = directory.file("a");
    let name = c(&path);
    let mut seen = Sensor::start().events_of(|| {
        // SAFETY: plain system calls on a string that outlives them.
        unsafe {
            libc::truncate(name.as_ptr(), 7);
            let fd = libc::open(name.as_ptr(), libc::O_WRONLY);
            libc::ftruncate(fd, 3);
        }
    });
    seen.retain(|event| event.kind == EventKind::FileTruncate);
    let sizes: Vec<_> = seen
        .iter()
        .map(|event| (event.path.as_str(), event.value))
        .collect();
    assert_eq!(sizes, [(path.as_str(), 7), (path.as_str(), 3)]);
}

#[test]
fn chmod() {
    let directory = Directory::new("chmod");
    let path = directory.file("a");
    let name = c(&path);
    let mut seen = Sensor::start().events_of(|| {
        // SAFETY: plain system calls on a string that outlives them.
        unsafe {
            libc::chmod(name.as_ptr(), 0o4755);
            let fd = libc::open(name.as_ptr(), libc::O_RDONLY);
            libc::fchmod(fd, 0o600);
        }
    });
    seen.retain(|event| event.kind == EventKind::FileChmod);
    let modes: Vec<_> = seen
        .iter()
        .map(|event| (event.path.as_str(), event.value))
        .collect();
    assert_eq!(modes, [(path.as_str(), 0o4755), (path.as_str(), 0o600)]);
}

#[test]
fn chown() {
    let directory = Directory::new("chown");
    let path = directory.file("a");
    let name = c(&path);
    let seen = Sensor::start().event_of(EventKind::FileChown, || {
        // SAFETY: a plain system call on a string that outlives it.
        unsafe { libc::chown(name.as_ptr(), 33, 44) };
    });
    assert_eq!((seen.path, seen.value), (path, 33 << 32 | 44));
}
