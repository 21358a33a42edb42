//! Time as the agent counts it: nanoseconds since boot, and what Unix time that is.
use std::time::{SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

/// CLOCK_BOOTTIME, ns: the clock of kernel events; runs on through suspend, never steps.
pub fn boot_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(0, |time| {
        time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
    })
}

pub fn unix_us() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as u64)
}

/// Unix time at boot, ns, by the clocks of this moment.
pub fn boot_unix_ns() -> u64 {
    (unix_us() * 1_000).saturating_sub(boot_ns())
}
