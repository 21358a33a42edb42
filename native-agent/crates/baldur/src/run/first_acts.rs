//! When each blamed subtree began its attack. What it had made long before is none of that: a restore leaves it.
use norn_events::ProcessUid;
use norn_reflex::{Clock, Firing};
use serde::{Deserialize, Serialize};

use super::state::StateDir;

/// An attack begins this long before the first act that counts as evidence, ns: it brings its tools first.
const PREPARED_NS: u64 = 600_000_000_000;
/// Subtrees that are remembered; the longest known go first.
const KEPT_MAX: usize = 4_096;
const FILE: &str = "first_acts.json";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    scope: String,
    /// Unix time, as the agent may be another, after a boot.
    first_act_us: u64,
}

/// By subtree, those that were blamed last at the end.
#[derive(Debug, Default)]
pub struct FirstActs {
    entries: Vec<Entry>,
    is_saved: bool,
}

impl FirstActs {
    /// # Errors
    /// When what was kept can't be read.
    pub fn open(state: &StateDir) -> anyhow::Result<Self> {
        Ok(Self {
            entries: state.load(FILE)?,
            is_saved: true,
        })
    }

    /// Of several findings about one subtree the earliest act holds.
    pub fn note(&mut self, firing: &Firing, clock: Clock) {
        let (scope, mut first_act_us) = (firing.scope.to_string(), clock.unix_us(firing.first_act_ns));
        if let Some(at) = self.entries.iter().position(|entry| entry.scope == scope) {
            first_act_us = first_act_us.min(self.entries.remove(at).first_act_us);
        }
        if self.entries.len() >= KEPT_MAX {
            self.entries.remove(0);
        }
        self.entries.push(Entry { scope, first_act_us });
        self.is_saved = false;
    }

    /// From when on what the subtrees made goes with their attack, CLOCK_BOOTTIME, ns. `None`, for all that they made, when one of
    /// them was never blamed, and when that was before this boot.
    pub fn made_since_ns(&self, scopes: &[ProcessUid], clock: Clock) -> Option<u64> {
        let first_act_us = |scope: &ProcessUid| {
            let scope = scope.to_string();
            let entry = self.entries.iter().find(|entry| entry.scope == scope);
            entry.map(|entry| entry.first_act_us)
        };
        let all: Option<Vec<u64>> = scopes.iter().map(first_act_us).collect();
        let first_ns = all?.into_iter().min()? * 1_000;
        first_ns.checked_sub(clock.boot_unix_ns + PREPARED_NS)
    }

    /// Not at each firing: a write takes milliseconds. An agent that is killed before knows of no moment, and restores as if there were
    /// none.
    pub fn save(&mut self, state: &StateDir) {
        if self.is_saved {
            return;
        }
        self.is_saved = true;
        if let Err(error) = state.save(FILE, &self.entries) {
            tracing::error!(%error, "state_unavailable: when attacks began is not kept over a restart");
        }
    }
}

#[cfg(test)]
mod tests {
    use norn_reflex::Rule;
    use tempfile::tempdir;

    use super::*;

    const MINUTE_NS: u64 = 60_000_000_000;
    const CLOCK: Clock = Clock {
        boot_unix_ns: 1_700_000_000_000_000_000,
    };

    fn scope(number: u8) -> ProcessUid {
        ProcessUid([number; 16])
    }

    fn fired(scope: ProcessUid, first_act_ns: u64) -> Firing {
        Firing {
            rule: Rule::Ransomware,
            process: scope,
            scope,
            container: None,
            time_ns: first_act_ns + 1,
            first_act_ns,
            files_changed: 1,
            killed_at_exec: false,
            observe_only: None,
            first_evidence: Vec::new(),
            evidence: Vec::new(),
            summary: String::new(),
        }
    }

    fn known(fired_at: &[(u8, u64)]) -> FirstActs {
        let mut acts = FirstActs::default();
        for &(number, minute) in fired_at {
            acts.note(&fired(scope(number), minute * MINUTE_NS), CLOCK);
        }
        acts
    }

    fn minute(acts: &FirstActs, scopes: &[u8]) -> Option<u64> {
        let scopes: Vec<ProcessUid> = scopes.iter().copied().map(scope).collect();
        acts.made_since_ns(&scopes, CLOCK).map(|ns| ns / MINUTE_NS)
    }

    #[test]
    fn what_is_made_from_ten_minutes_before_the_earliest_first_act_on_goes() {
        let acts = known(&[(1, 90), (2, 50), (1, 70), (1, 80)]);
        assert_eq!(minute(&acts, &[1]), Some(60));
        assert_eq!(minute(&acts, &[1, 2]), Some(40));
    }

    #[test]
    fn all_goes_where_the_moment_is_not_known_or_not_of_this_boot() {
        let acts = known(&[(1, 90), (2, 9)]);
        assert_eq!(minute(&acts, &[1, 3]), None, "nobody blamed the other");
        assert_eq!(minute(&acts, &[2]), None, "it began with the boot");
        assert_eq!(minute(&acts, &[]), None);
    }

    #[test]
    fn the_next_agent_knows_the_moment() {
        let dir = tempdir().unwrap();
        {
            let state = StateDir::open(dir.path()).unwrap();
            let mut acts = FirstActs::open(&state).unwrap();
            acts.note(&fired(scope(1), 90 * MINUTE_NS), CLOCK);
            acts.save(&state);
        }
        let acts = FirstActs::open(&StateDir::open(dir.path()).unwrap()).unwrap();
        assert_eq!(minute(&acts, &[1]), Some(80));
    }

    #[test]
    fn the_longest_known_give_way() {
        let mut acts = FirstActs::default();
        for number in 0..=KEPT_MAX as u32 {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&number.to_le_bytes());
            acts.note(&fired(ProcessUid(bytes), 90 * MINUTE_NS), CLOCK);
        }
        assert_eq!(acts.entries.len(), KEPT_MAX);
        assert_eq!(acts.made_since_ns(&[ProcessUid([0; 16])], CLOCK), None);
    }
}
