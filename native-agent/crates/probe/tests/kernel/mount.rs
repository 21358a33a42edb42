//! File systems that are mounted.
use norn_events::EventKind;

use crate::sensor::{Directory, Sensor, c};

#[test]
fn mount() {
    let directory = Directory::new("mount");
    let point = c(directory.path());
    let mut seen = Sensor::start().events_of(|| {
        // SAFETY: plain system calls on strings that outlive them, in a mount namespace of the child's own.
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
                c"norn".as_ptr(),
                point.as_ptr(),
                c"tmpfs".as_ptr(),
                libc::MS_NOEXEC,
                std::ptr::null(),
            );
        }
    });
    seen.retain(|event| event.kind == EventKind::Mount);
    let last = seen.last().expect("the mount is seen");
    assert_eq!(
        (last.path.as_str(), last.target.as_str()),
        (directory.path().to_str().unwrap(), "norn")
    );
    assert_eq!(u64::from(last.flags), libc::MS_NOEXEC);
}
