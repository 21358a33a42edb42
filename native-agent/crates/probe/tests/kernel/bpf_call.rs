//! BPF that is loaded.
use norn_events::EventKind;

use crate::sensor::Sensor;

#[test]
fn bpf() {
    const BPF_MAP_CREATE: u32 = 0;
    let attributes: [u32; 4] = [2, 4, 4, 1];
    let seen = Sensor::start().event_of(EventKind::Bpf, || {
        // SAFETY: the kernel reads 16 bytes of attributes, which are there.
        unsafe { libc::syscall(libc::SYS_bpf, BPF_MAP_CREATE, attributes.as_ptr(), 16) };
    });
    assert_eq!(seen.flags, BPF_MAP_CREATE);
    assert!(seen.result > 2, "the descriptor");
}

#[test]
fn bpf_program() {
    const BPF_PROG_LOAD: u32 = 5;
    const SOCKET_FILTER: u64 = 1;
    // r0 = 0; exit
    let instructions: [u64; 2] = [0xb7, 0x95];
    let mut attributes = [0_u64; 16];
    attributes[0] = SOCKET_FILTER | (instructions.len() as u64) << 32;
    attributes[1] = instructions.as_ptr() as u64;
    attributes[2] = c"GPL".as_ptr() as u64;
    // The name stands at byte 48.
    attributes[6] = u64::from_ne_bytes(*b"norn_tst");
    let seen = Sensor::start().event_of(EventKind::Bpf, || {
        // SAFETY: the kernel reads 128 bytes of attributes and two instructions, which are there.
        unsafe {
            libc::syscall(
                libc::SYS_bpf,
                BPF_PROG_LOAD,
                attributes.as_ptr(),
                size_of_val(&attributes),
            )
        };
    });
    assert_eq!(
        (seen.flags, seen.value, seen.path.as_str()),
        (BPF_PROG_LOAD, SOCKET_FILTER, "norn_tst")
    );
}
