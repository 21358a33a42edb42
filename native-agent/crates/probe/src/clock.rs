//! The kernel's boot-time clock, which all events are stamped with, and the boot's identity.
use std::fs;

use nix::time::{ClockId, clock_gettime};

/// CLOCK_BOOTTIME, ns.
pub fn boot_ns() -> u64 {
    read_ns(ClockId::CLOCK_BOOTTIME)
}

/// Unix time minus CLOCK_BOOTTIME, ns: the best of a few readings, since one may be interrupted in the middle.
pub fn wall_offset_ns() -> i64 {
    let mut best = (u64::MAX, 0_i64);
    for _ in 0..5 {
        let before = boot_ns();
        let wall = read_ns(ClockId::CLOCK_REALTIME);
        let width = boot_ns() - before;
        if width < best.0 {
            best = (width, wall as i64 - (before + width / 2) as i64);
        }
    }
    best.1
}

fn read_ns(clock: ClockId) -> u64 {
    // Neither clock can fail on a kernel that has BPF.
    clock_gettime(clock).map_or(0, |time| {
        time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
    })
}

/// 16 bytes of /proc/sys/kernel/random/boot_id; `None` when it is not readable.
pub fn boot_id() -> Option<[u8; 16]> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)
}
