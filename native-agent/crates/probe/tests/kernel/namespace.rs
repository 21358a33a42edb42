//! Namespaces that are entered, and those that are made.
use std::os::fd::AsRawFd;

use norn_events::EventKind;

use crate::sensor::Sensor;

#[test]
fn setns() {
    let namespace = std::fs::File::open("/proc/self/ns/uts").expect("the namespace has a file");
    let seen = Sensor::start().event_of(EventKind::Setns, || {
        // SAFETY: a plain system call on our own descriptor.
        unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWUTS) };
    });
    assert_eq!(seen.flags, libc::CLONE_NEWUTS as u32);
}

#[test]
fn unshare() {
    let seen = Sensor::start().event_of(EventKind::Unshare, || {
        // SAFETY: a plain system call.
        unsafe { libc::unshare(libc::CLONE_NEWUTS | libc::CLONE_NEWIPC) };
    });
    assert_eq!(seen.flags, (libc::CLONE_NEWUTS | libc::CLONE_NEWIPC) as u32);
}
