//! How often something may be done.
use std::time::{Duration, Instant};

/// A bucket that fills with time.
pub struct Pace {
    per_second: f64,
    at_once: f64,
    left: f64,
    at: Instant,
}

impl Pace {
    pub fn new(now: Instant, (per_second, at_once): (u32, u32)) -> Self {
        Self {
            per_second: f64::from(per_second),
            at_once: f64::from(at_once),
            left: f64::from(at_once),
            at: now,
        }
    }

    /// Takes one; how long to wait before.
    pub fn wait(&mut self, now: Instant) -> Duration {
        self.fill(now);
        self.left -= 1.0;
        Duration::from_secs_f64((-self.left).max(0.0) / self.per_second)
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, now: Instant) -> bool {
        self.fill(now);
        let is_there = self.left >= 1.0;
        self.left -= if is_there { 1.0 } else { 0.0 };
        is_there
    }

    fn fill(&mut self, now: Instant) {
        let grown = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second;
        self.left = (self.left + grown).min(self.at_once);
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE_MAX: u32 = 10;

    #[test]
    fn a_few_come_at_once_and_then_they_come_at_their_rate() {
        let begin = Instant::now();
        let mut pace = Pace::new(begin, (20, AT_ONCE_MAX));
        let waits: Vec<Duration> = (0..AT_ONCE_MAX).map(|_| pace.wait(begin)).collect();
        assert!(waits.iter().all(Duration::is_zero));
        assert_eq!(pace.wait(begin), Duration::from_millis(50));
        assert_eq!(pace.wait(begin), Duration::from_millis(100));
        let later = begin + Duration::from_secs(60);
        assert!((0..AT_ONCE_MAX).all(|_| pace.wait(later).is_zero()));
        assert!(!pace.wait(later).is_zero(), "what was not used does not add up");
        assert!(
            !pace.take(later),
            "nor is there one for somebody who does not wait"
        );
        assert!(pace.take(later + Duration::from_secs(1)));
    }
}
