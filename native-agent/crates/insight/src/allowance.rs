//! What looking at instructions may cost: a share of one core, saved up for a moment and owed when it was exceeded.
//!
//! Maps cost ten times what a look does: they have a part of their own, so that they never keep anybody from looking. What one
//! does not need goes to the other.
//!
//! One costly round must not blind the agent for long: nobody looks while there is a debt, so the debt is bounded. What was
//! spent beyond it is paid back on the side, and only reading maps, which is what costs much, waits for that. A virtual
//! machine that stood still is charged to whoever was running, so that is bounded too: it may not have been spent at all.
use crate::Pace;

/// The part of it that maps have, and what else is looked at has the rest.
const MAPS_ONE_IN: i64 = 3;
/// Saved at most for either, ns: some dozen looks at once, or some maps.
const SAVED_MAX_NS: i64 = 4_000_000;
/// Owed at most by either, ns: 7 s of what a calm pace allows for looking. Nobody looks meanwhile.
const DEBT_MAX_NS: i64 = 3_000_000;
/// Whoever looks and owes more than that has all of it, ns: where rounds alone cost more than their part, nobody would ever look.
const LENT_NS: i64 = 1_000_000;
/// What a round spent beyond a debt is paid back with this part of one core. With the 1 in 700 of a close pace it stays below
/// the 0.2 % that the agent promises.
const EXCESS_ONE_IN: u64 = 2_000;
/// Remembered at most, ns: 48 s.
const EXCESS_MAX_NS: u64 = 24_000_000;
/// No maps are read while it is more, ns: at most 32 s.
const EXCESS_FOR_MAPS_NS: u64 = 8_000_000;

/// CPU time that may still be spent.
#[derive(Debug, Default)]
pub struct Allowance {
    left_ns: i64,
    maps_ns: i64,
    excess_ns: u64,
    at_ns: u64,
}

impl Allowance {
    pub fn grow(&mut self, now_ns: u64, pace: Pace) {
        let elapsed_ns = now_ns.saturating_sub(self.at_ns);
        let grown_ns = i64::try_from(elapsed_ns / pace.one_in()).unwrap_or(i64::MAX);
        let grown_ns = grown_ns.min(2 * (SAVED_MAX_NS + DEBT_MAX_NS));
        let for_maps_ns = if self.left_ns < -LENT_NS {
            0
        } else {
            grown_ns / MAPS_ONE_IN
        };
        let left_ns = self.left_ns + grown_ns - for_maps_ns;
        let maps_ns = self.maps_ns + for_maps_ns;
        let over = |ns: i64| (ns - SAVED_MAX_NS).max(0);
        self.left_ns = (left_ns + over(maps_ns)).min(SAVED_MAX_NS);
        self.maps_ns = (maps_ns + over(left_ns)).min(SAVED_MAX_NS);
        self.excess_ns = self.excess_ns.saturating_sub(elapsed_ns / EXCESS_ONE_IN);
        self.at_ns = now_ns;
    }

    pub fn spend(&mut self, spent_ns: u64) {
        self.left_ns = self.left_ns.saturating_sub_unsigned(spent_ns);
        let excess_ns = excess_of(&mut self.left_ns);
        self.excess_ns = self.excess_ns.saturating_add(excess_ns).min(EXCESS_MAX_NS);
    }

    pub fn spend_on_maps(&mut self, spent_ns: u64) {
        self.maps_ns = self.maps_ns.saturating_sub_unsigned(spent_ns);
        let excess_ns = excess_of(&mut self.maps_ns);
        self.excess_ns = self.excess_ns.saturating_add(excess_ns).min(EXCESS_MAX_NS);
    }

    /// What is left, ns; negative when it is owed.
    pub fn left_ns(&self) -> i64 {
        self.left_ns
    }

    pub fn is_left(&self) -> bool {
        self.left_ns > 0
    }

    pub fn is_left_for_maps(&self) -> bool {
        self.maps_ns > 0 && self.excess_ns <= EXCESS_FOR_MAPS_NS
    }

    pub fn is_plenty_for_maps(&self) -> bool {
        self.maps_ns > SAVED_MAX_NS / 2 && self.excess_ns == 0
    }
}

/// What is owed beyond the bound; it is not owed any more.
fn excess_of(left_ns: &mut i64) -> u64 {
    let excess_ns = left_ns.saturating_add(DEBT_MAX_NS).min(0).unsigned_abs();
    *left_ns = (*left_ns).max(-DEBT_MAX_NS);
    excess_ns
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
        allowance.spend(2 * SECOND_NS / Pace::Calm.one_in());
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

    /// Steps of a tenth of a second, as the rounds are.
    fn wait(allowance: &mut Allowance, from_ns: &mut u64, until: impl Fn(&Allowance) -> bool) -> u64 {
        let begun_ns = *from_ns;
        while !until(allowance) {
            *from_ns += SECOND_NS / 10;
            allowance.grow(*from_ns, Pace::Calm);
        }
        (*from_ns - begun_ns) / SECOND_NS
    }

    #[test]
    fn one_costly_round_blinds_for_seconds_and_not_for_minutes() {
        let (mut allowance, mut now_ns) = (Allowance::default(), SECOND_NS);
        allowance.grow(now_ns, Pace::Calm);
        allowance.spend(SECOND_NS);
        assert!(!allowance.is_left());
        allowance.spend_on_maps(SECOND_NS);
        let blind_s = wait(&mut allowance, &mut now_ns, Allowance::is_left);
        assert!(blind_s <= 7, "{blind_s} s");
        let without_maps_s = blind_s + wait(&mut allowance, &mut now_ns, Allowance::is_left_for_maps);
        assert!(without_maps_s <= 33, "{without_maps_s} s");
    }

    #[test]
    fn maps_never_keep_anybody_from_looking() {
        let mut allowance = Allowance::default();
        allowance.grow(60 * SECOND_NS, Pace::Calm);
        allowance.spend_on_maps(SECOND_NS);
        assert!(allowance.is_left() && !allowance.is_left_for_maps());
    }

    #[test]
    fn what_is_not_needed_for_maps_is_there_for_looking_and_the_other_way_round() {
        let of = |spend: fn(&mut Allowance, u64)| {
            let (mut allowance, mut spent_ns) = (Allowance::default(), 0);
            for now_ns in (SECOND_NS..600 * SECOND_NS).step_by(100_000_000) {
                allowance.grow(now_ns, Pace::Calm);
                if allowance.is_left() && allowance.is_left_for_maps() {
                    spend(&mut allowance, 100_000);
                    spent_ns += 100_000;
                }
            }
            spent_ns * Pace::Calm.one_in() / SECOND_NS
        };
        for spent_s in [of(Allowance::spend), of(Allowance::spend_on_maps)] {
            assert!((550..=620).contains(&spent_s), "{spent_s} s of 600");
        }
    }

    #[test]
    fn costly_maps_one_after_the_other_stay_below_what_is_promised() {
        const MAP_NS: u64 = 20_000_000;
        const HOUR_NS: u64 = 3_600 * SECOND_NS;
        let (mut allowance, mut spent_ns) = (Allowance::default(), 0);
        for now_ns in (SECOND_NS..HOUR_NS).step_by(100_000_000) {
            allowance.grow(now_ns, Pace::Close);
            if allowance.is_left_for_maps() {
                allowance.spend_on_maps(MAP_NS);
                spent_ns += MAP_NS;
            }
        }
        assert!(spent_ns * 1_000 <= HOUR_NS * 2, "{spent_ns} ns");
        assert!(
            spent_ns * 1_000 >= HOUR_NS / 2,
            "{spent_ns} ns: next to nothing is read"
        );
    }
}
