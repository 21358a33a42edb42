//! How long copies of large files may hold the application up.
use std::time::{Duration, Instant};

/// Of copies.
#[derive(Debug)]
pub struct Allowance {
    each: Duration,
    /// All together, a window long.
    together: Duration,
    window: Duration,
    since: Instant,
    pub spent: Duration,
}

impl Default for Allowance {
    fn default() -> Self {
        Self::of(Duration::from_secs(2), Duration::from_secs(10))
    }
}

impl Allowance {
    pub fn of(each: Duration, together: Duration) -> Self {
        Self {
            each,
            together,
            window: Duration::from_secs(60),
            since: Instant::now(),
            spent: Duration::ZERO,
        }
    }

    /// Of one copy that begins now.
    pub fn left(&mut self) -> Duration {
        if self.since.elapsed() > self.window {
            self.since = Instant::now();
            self.spent = Duration::ZERO;
        }
        self.each.min(self.together.saturating_sub(self.spent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_is_spent_is_back_after_the_window() {
        let mut allowance = Allowance::of(Duration::from_secs(2), Duration::from_secs(10));
        allowance.spent = Duration::from_secs(9);
        assert_eq!(allowance.left(), Duration::from_secs(1));
        allowance.window = Duration::ZERO;
        assert_eq!(allowance.left(), Duration::from_secs(2));
    }
}
