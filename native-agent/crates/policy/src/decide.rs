//! Which rule decides. A fact may be unknown; then the answer is, too, unless the rest settles it, and the host lets be.
use std::net::IpAddr;

use norn_events::wire::policy::v1::{HostAction, HostEvent, HostField};

use crate::cidr::Cidr;
use crate::rule::{Condition, Match, Policy, Rule, Test};

/// What is known of an event that waits. Asked only for what a rule needs.
pub trait Facts {
    /// The field's values, none for "it has none"; `None`: not known at this moment.
    fn values(&mut self, field: HostField) -> Option<Vec<String>>;
}

/// A rule that decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Into `Policy::rules`.
    pub rule: usize,
    /// Of that moment: a staged rule that denies has `Pass`.
    pub action: HostAction,
    /// What the positive tests found.
    pub matched: Vec<(HostField, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// No rule matches.
    None,
    Decided(Decision),
    /// This rule would decide if the host knew more.
    Unknown {
        rule: usize,
    },
}

impl Verdict {
    pub fn action(&self) -> HostAction {
        match self {
            Self::Decided(decision) => decision.action,
            Self::None | Self::Unknown { .. } => HostAction::Pass,
        }
    }
}

impl Policy {
    /// The first rule that matches. Where one can't be told, the host goes no further.
    pub fn decide(&self, event: HostEvent, facts: &mut dyn Facts, now_us: u64) -> Verdict {
        for (index, rule) in self.of(event) {
            let mut matched = Vec::new();
            match rule.holds(facts, &mut matched) {
                Some(false) => {}
                None => return Verdict::Unknown { rule: index },
                Some(true) => {
                    return Verdict::Decided(Decision {
                        rule: index,
                        action: rule.action_at(now_us),
                        matched,
                    });
                }
            }
        }
        Verdict::None
    }

    /// From this rule on, some rule denies at that moment: not to know may have let something through.
    pub fn may_deny_from(&self, rule: usize, event: HostEvent, now_us: u64) -> bool {
        self.of(event)
            .any(|(index, other)| index >= rule && other.action_at(now_us) == HostAction::Deny)
    }
}

impl Rule {
    fn holds(&self, facts: &mut dyn Facts, matched: &mut Vec<(HostField, String)>) -> Option<bool> {
        if self.any.is_empty() {
            return Some(true);
        }
        let mut known = true;
        for one in &self.any {
            matched.clear();
            match one.holds(facts, matched) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => known = false,
            }
        }
        known.then_some(false)
    }
}

impl Match {
    pub fn holds(&self, facts: &mut dyn Facts, matched: &mut Vec<(HostField, String)>) -> Option<bool> {
        let mut known = true;
        for test in &self.all {
            match test.holds(facts, matched) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => known = false,
            }
        }
        known.then_some(true)
    }
}

impl Test {
    pub fn holds(&self, facts: &mut dyn Facts, matched: &mut Vec<(HostField, String)>) -> Option<bool> {
        let values = facts.values(self.field)?;
        let found = values.into_iter().find(|value| self.condition.holds(value));
        let holds = found.is_some() != self.negated;
        if let (Some(value), false) = (found, self.negated) {
            matched.push((self.field, value));
        }
        Some(holds)
    }
}

impl Condition {
    /// Of one value. A field without a value is like nothing.
    pub fn holds(&self, value: &str) -> bool {
        if value.is_empty() {
            return false;
        }
        match self {
            Self::Exists => true,
            Self::Like(patterns) => patterns.iter().any(|pattern| pattern.matches(value)),
            Self::Within(networks) => value
                .parse::<IpAddr>()
                .is_ok_and(|address| networks.iter().any(|network: &Cidr| network.holds(address))),
        }
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
