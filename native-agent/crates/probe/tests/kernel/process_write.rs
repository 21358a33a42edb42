//! Memory of another process that is written.
use norn_events::EventKind;

use crate::sensor::Sensor;

#[test]
fn process_write() {
    let mut byte = 0_u8;
    // SAFETY: takes nothing, touches nothing.
    let parent = unsafe { libc::getpid() };
    let from = 7_u8;
    let at = &raw mut byte;
    let seen = Sensor::start().event_of(EventKind::ProcessWrite, || {
        let local = libc::iovec {
            iov_base: (&raw const from).cast_mut().cast(),
            iov_len: 1,
        };
        let remote = libc::iovec {
            iov_base: at.cast(),
            iov_len: 1,
        };
        // SAFETY: a byte of the parent that is there and that nobody reads meanwhile.
        unsafe { libc::process_vm_writev(parent, &raw const local, 1, &raw const remote, 1, 0) };
    });
    // SAFETY: the child has ended; the byte is ours.
    assert_eq!(unsafe { at.read_volatile() }, 7);
    assert_eq!((seen.value, seen.result), (parent as u64, 1));
}
