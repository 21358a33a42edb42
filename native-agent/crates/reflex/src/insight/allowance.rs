//! What looking at instructions may cost: a share of one core, saved up for a moment and owed when it was exceeded.
use norn_insight::Pace;

/// Saved at most, ns: some dozen looks at once.
const SAVED_MAX_NS: i64 = 4_000_000;

/// CPU time that may still be spent.
#[derive(Debug, Default)]
pub struct Allowance {
    left_ns: i64,
    at_ns: u64,
}

impl Allowance {
    pub fn grow(&mut self, now_ns: u64, pace: Pace) {
        let elapsed_ns = now_ns.saturating_sub(self.at_ns);
        let grown_ns = i64::try_from(elapsed_ns / pace.one_in()).unwrap_or(i64::MAX);
        self.left_ns = self.left_ns.saturating_add(grown_ns).min(SAVED_MAX_NS);
        self.at_ns = now_ns;
    }

    pub fn spend(&mut self, spent_ns: u64) {
        self.left_ns = self.left_ns.saturating_sub_unsigned(spent_ns);
    }

    pub fn is_left(&self) -> bool {
        self.left_ns > 0
    }

    /// More may be done with it than was done lately.
    pub fn is_plenty(&self) -> bool {
        self.left_ns > SAVED_MAX_NS / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    #[test]
    fn what_was_spent_too_much_is_saved_before_more_is_spent() {
        let mut allowance = Allowance::default();
        allowance.grow(SECOND_NS, Pace::Calm);
        assert!(allowance.is_left());
        allowance.spend(3 * SECOND_NS / Pace::Calm.one_in());
        for second in 2..=3 {
            assert!(!allowance.is_left(), "after {second} s");
            allowance.grow(second * SECOND_NS, Pace::Calm);
        }
        allowance.grow(4 * SECOND_NS, Pace::Calm);
        assert!(allowance.is_left());
    }

    #[test]
    fn a_quiet_hour_saves_no_more_than_a_moment_s_worth() {
        let mut allowance = Allowance::default();
        allowance.grow(3_600 * SECOND_NS, Pace::Close);
        allowance.spend(SAVED_MAX_NS as u64);
        assert!(!allowance.is_left());
    }
}
