//! The clocks: since boot for what happens, Unix time for what people set and files have; and which boot this is.
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// CLOCK_BOOTTIME, ns: the clock of all events. It runs on through suspend and is never set.
pub fn boot_ns() -> u64 {
    read_ns(libc::CLOCK_BOOTTIME)
}

/// Unix time, ns.
pub fn wall_ns() -> u64 {
    read_ns(libc::CLOCK_REALTIME)
}

pub fn unix_us() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as u64)
}

/// Unix time minus CLOCK_BOOTTIME, ns: the best of a few readings, since one may be interrupted in the middle.
pub fn wall_offset_ns() -> i64 {
    let mut best = (u64::MAX, 0_i64);
    for _ in 0..5 {
        let before = boot_ns();
        let wall = wall_ns();
        let width = boot_ns() - before;
        if width < best.0 {
            best = (width, wall as i64 - (before + width / 2) as i64);
        }
    }
    best.1
}

fn read_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` outlives the call; a fixed, valid clock id can't fail.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// 16 bytes of /proc/sys/kernel/random/boot_id; `None` when it is not readable.
pub fn boot_id() -> Option<[u8; 16]> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)
}
