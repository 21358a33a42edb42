//! Whoever tries not to be seen through an io_uring: what he asks for is told nevertheless.
use io_uring::{opcode, squeue, types};
use norn_events::{EventKind, SensitiveFile};

use super::ring::{Way, at, ring_of, run};
use crate::sensor::{Directory, Seen, Sensor, c};

const CWD: types::Fd = types::Fd(libc::AT_FDCWD);

/// A directory with a file that is called as that of the password hashes.
fn secret() -> (Directory, String, std::ffi::CString) {
    let directory = Directory::new("ring-read");
    std::fs::create_dir_all(directory.path().join("etc")).unwrap();
    let path = directory.file("etc/shadow");
    let name = c(&path);
    (directory, path, name)
}

#[track_caller]
fn assert_read(seen: &[Seen], path: &str) {
    let read = seen
        .iter()
        .find(|event| event.kind == EventKind::FileRead && event.path == path);
    let class = read.map(|event| event.value >> 32);
    assert_eq!(class, Some(SensitiveFile::PasswordHash as u64), "{seen:#?}");
}

fn open(name: &std::ffi::CString) -> opcode::OpenAt {
    opcode::OpenAt::new(CWD, name.as_ptr()).flags(libc::O_RDONLY)
}

#[test]
fn a_sensitive_file_by_every_kind_of_ring() {
    let (_directory, path, name) = secret();
    let mut sensor = Sensor::start();
    for way in Way::ALL {
        let seen = sensor.events_of(|| run(way, &[open(&name).build()]));
        assert_read(&seen, &path);
        let reads = seen.iter().filter(|event| event.kind == EventKind::FileRead);
        assert_eq!(reads.count(), 1, "{way:?}: told once");
    }
}

/// Opened into the ring's own table, read, closed and followed by another file before a completion is told. What is not linked has no order: the kernel
/// hands an open to a worker when it would have to wait for the name. It is tried until it came first.
fn read_and_hide(name: &std::ffi::CString, other: &std::ffi::CString, linked: squeue::Flags) {
    let tries = if linked.is_empty() { 100 } else { 1 };
    let told: Vec<Vec<i32>> = (0..tries)
        .map_while(|_| try_to_hide(name, other, linked).err())
        .collect();
    assert!(told.len() < tries, "{told:?}");
}

/// What the ring told, where a request failed.
fn try_to_hide(
    name: &std::ffi::CString,
    other: &std::ffi::CString,
    linked: squeue::Flags,
) -> Result<(), Vec<i32>> {
    let slot = types::DestinationSlot::try_from_slot_target(0).unwrap();
    let mut bytes = [0_u8; 16];
    let mut ring = ring_of(Way::Plain);
    ring.submitter().register_files_sparse(4).unwrap();
    let requests = [
        open(name).file_index(Some(slot)).build().flags(linked),
        opcode::Read::new(types::Fixed(0), bytes.as_mut_ptr(), 16)
            .build()
            .flags(linked),
        opcode::Close::new(types::Fixed(0)).build().flags(linked),
        open(other).file_index(Some(slot)).build(),
    ];
    for request in &requests {
        // SAFETY: what the requests point to outlives the wait.
        unsafe { ring.submission().push(request).unwrap() };
    }
    let skipped = linked.contains(squeue::Flags::SKIP_SUCCESS);
    ring.submit_and_wait(if skipped { 1 } else { 4 }).unwrap();
    let results: Vec<i32> = ring.completion().map(|done| done.result()).collect();
    if results.iter().any(|&result| result < 0) {
        return Err(results);
    }
    assert_eq!(&bytes[..4], b"0123", "it was read");
    Ok(())
}

#[test]
fn a_sensitive_file_in_the_ring_s_own_table_that_is_closed_at_once() {
    let (directory, path, name) = secret();
    let other = c(directory.file("other"));
    let mut sensor = Sensor::start();
    let chains = [
        squeue::Flags::empty(),
        squeue::Flags::IO_LINK,
        squeue::Flags::IO_LINK | squeue::Flags::SKIP_SUCCESS,
        squeue::Flags::IO_HARDLINK | squeue::Flags::SKIP_SUCCESS,
    ];
    for linked in chains {
        let seen = sensor.events_of(|| read_and_hide(&name, &other, linked));
        assert_read(&seen, &path);
    }
}

#[test]
fn a_symbolic_link_to_a_sensitive_file() {
    let (directory, path, name) = secret();
    let link = directory.join("innocent");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let (link, other) = (c(&link), c(directory.file("other")));
    let mut sensor = Sensor::start();
    for way in Way::ALL {
        assert_read(&sensor.events_of(|| run(way, &[open(&link).build()])), &path);
    }
    let seen = sensor.events_of(|| read_and_hide(&link, &other, squeue::Flags::empty()));
    assert_read(&seen, &path);
    drop(name);
}

#[test]
fn whoever_ends_at_once_was_seen() {
    let (directory, path, name) = secret();
    let fresh = c(directory.join("job"));
    let seen = Sensor::start().events_of(|| {
        let mut ring = ring_of(Way::Poller);
        let make = opcode::OpenAt::new(CWD, fresh.as_ptr())
            .flags(libc::O_WRONLY | libc::O_CREAT)
            .mode(0o600)
            .build();
        for request in [open(&name).build(), make] {
            // SAFETY: the names outlive the child.
            unsafe { ring.submission().push(&request).unwrap() };
        }
        ring.submit_and_wait(2).unwrap();
        // SAFETY: ends the child with its ring as it is.
        unsafe { libc::_exit(0) };
    });
    assert_read(&seen, &path);
    let made = seen
        .iter()
        .any(|event| event.kind == EventKind::FileOpen && event.path == directory.join("job"));
    assert!(made, "{seen:#?}");
}

/// A ring whose results nobody fetches: its worker has done the deed.
#[test]
fn results_that_nobody_fetches() {
    let (directory, path, name) = secret();
    let doomed = c(directory.file("doomed"));
    let mut seen = Sensor::start().events_of(|| {
        let mut ring = ring_of(Way::DeferredWorker);
        let requests = [
            open(&name).build().flags(squeue::Flags::ASYNC),
            opcode::UnlinkAt::new(CWD, doomed.as_ptr()).build(),
        ];
        for request in &requests {
            // SAFETY: the names outlive the wait.
            unsafe { ring.submission().push(request).unwrap() };
        }
        ring.submit().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(100));
        // SAFETY: ends the child with its ring as it is.
        unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
    });
    assert_read(&seen, &path);
    seen.retain(|event| at(event, &directory));
    assert!(
        seen.iter().any(|event| event.kind == EventKind::FileUnlink),
        "{seen:#?}"
    );
    assert!(!directory.path().join("doomed").exists());
}

/// The parent made it; who asks is the child.
#[test]
fn a_ring_that_was_inherited() {
    let (_directory, path, name) = secret();
    let mut sensor = Sensor::start();
    let mut ring = ring_of(Way::Plain);
    let seen = sensor.events_of(|| {
        // SAFETY: the name outlives the wait.
        unsafe { ring.submission().push(&open(&name).build()).unwrap() };
        ring.submit_and_wait(1).unwrap();
    });
    assert_read(&seen, &path);
}

/// More than can wait for their result: the rest is told at once.
#[test]
fn a_flood_of_requests_hides_nothing() {
    const MANY: u32 = 6_000;
    let directory = Directory::new("ring-flood");
    let victim = c(directory.file("victim"));
    let (listener, _) = crate::network::listener();
    let fd = types::Fd(std::os::fd::AsRawFd::as_raw_fd(&listener));
    let seen = Sensor::start().events_of(|| {
        let mut ring = io_uring::IoUring::new(8_192).unwrap();
        for _ in 0..MANY {
            let wait = opcode::Accept::new(fd, std::ptr::null_mut(), std::ptr::null_mut());
            // SAFETY: nothing is pointed to.
            unsafe { ring.submission().push(&wait.build()).unwrap() };
        }
        let remove = opcode::UnlinkAt::new(CWD, victim.as_ptr()).build();
        // SAFETY: the name outlives the wait.
        unsafe { ring.submission().push(&remove).unwrap() };
        ring.submit_and_wait(1).unwrap();
    });
    let told = seen
        .iter()
        .filter(|event| event.kind == EventKind::FileUnlink && at(event, &directory));
    assert_eq!(told.count(), 1);
}

#[test]
fn who_removes_file_after_file_through_a_ring_is_slowed() {
    const FILES: usize = 40;
    let directory = Directory::new("ring-pace");
    let names: Vec<_> = (0..FILES)
        .map(|number| c(directory.file(&number.to_string())))
        .collect();
    let seen = Sensor::start().events_of(|| {
        for name in &names {
            run(Way::Plain, &[opcode::UnlinkAt::new(CWD, name.as_ptr()).build()]);
        }
    });
    let removed = seen.iter().filter(|event| event.kind == EventKind::FileUnlink);
    let times: Vec<u64> = removed.map(|event| event.time_ns).collect();
    let waits: Vec<bool> = times.windows(2).map(|pair| pair[1] - pair[0] > 900_000).collect();
    assert_eq!(waits.len(), FILES - 1);
    assert!(waits[7..26].iter().all(|&waited| waited), "{waits:?}");
}
