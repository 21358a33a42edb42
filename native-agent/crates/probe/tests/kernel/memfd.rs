//! Files without a name in memory.
use norn_events::EventKind;

use crate::sensor::Sensor;

#[test]
fn memfd() {
    let seen = Sensor::start().event_of(EventKind::MemfdCreate, || {
        // SAFETY: a plain system call on a static string.
        unsafe { libc::memfd_create(c"payload".as_ptr(), libc::MFD_CLOEXEC) };
    });
    assert_eq!((seen.path.as_str(), seen.flags), ("payload", libc::MFD_CLOEXEC));
}
