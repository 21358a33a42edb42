//! Modules of the kernel.
use norn_events::EventKind;

use crate::sensor::{Directory, Sensor, c};

#[test]
fn a_module_that_is_refused_was_tried() {
    let directory = Directory::new("module");
    let path = directory.file("a.ko");
    let name = c(&path);
    let mut seen = Sensor::start().events_of(|| {
        // SAFETY: plain system calls on strings that outlive them; neither is a module.
        unsafe {
            let fd = libc::open(name.as_ptr(), libc::O_RDONLY);
            libc::syscall(libc::SYS_finit_module, fd, c"".as_ptr(), 0);
            libc::syscall(libc::SYS_init_module, name.as_ptr(), 4, c"".as_ptr());
        }
    });
    seen.retain(|event| event.kind == EventKind::ModuleLoad);
    let paths: Vec<_> = seen.iter().map(|event| event.path.as_str()).collect();
    assert_eq!(paths, [path.as_str(), ""]);
    assert!(seen.iter().all(|event| event.result < 0), "{seen:#?}");
}
