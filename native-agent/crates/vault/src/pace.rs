//! How fast copies are made before anybody asks.
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What copying at rest may read and write; opens that wait have no such limit.
pub const REST_BYTES_PER_SECOND: u64 = 64 << 20;
/// A file costs at least as much as this many bytes, whatever its size.
const FILE_COST_BYTES: u64 = 8 << 10;
/// Copies are made this far ahead of what they are paid for.
const AHEAD: Duration = Duration::from_millis(100);

/// How fast copies may be made.
#[derive(Debug, Default)]
pub struct Pace {
    /// By when the copies made so far are paid for.
    paid_until: Mutex<Option<Instant>>,
}

impl Pace {
    fn paid_until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.paid_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a copy; says how long to wait before the next.
    pub fn pay(&self, bytes: u64) -> Duration {
        let mut paid = self.paid_until();
        let now = Instant::now();
        let price = Duration::from_nanos((bytes + FILE_COST_BYTES) * 1_000_000_000 / REST_BYTES_PER_SECOND);
        let until = paid.map_or(now, |until| until.max(now)) + price;
        *paid = Some(until);
        until - now
    }

    /// A whole tenth of a second of copies was made ahead of the limit.
    pub fn is_ahead(&self) -> bool {
        self.paid_until()
            .is_some_and(|until| until > Instant::now() + AHEAD)
    }
}
