//! What a person called harmless: a reflex never fires again on it.
use std::collections::HashSet;

use norn_events::ProcessUid;

/// Findings and scopes released. Bounded; the daemon keeps it on disk.
#[derive(Debug, Default, Clone)]
pub struct Released {
    scopes: HashSet<ProcessUid>,
    findings: HashSet<String>,
}

impl Released {
    /// Entries of each kind. Beyond it new releases are refused, and the caller says so.
    pub const MAX: usize = 10_000;

    /// False when there is no room.
    pub fn add(&mut self, scopes: &[ProcessUid], findings: &[String]) -> bool {
        if self.scopes.len() + scopes.len() > Self::MAX || self.findings.len() + findings.len() > Self::MAX {
            return false;
        }
        self.scopes.extend(scopes);
        self.findings.extend(findings.iter().cloned());
        true
    }

    /// A scope is released for all reflexes: a person looked at the process, not at a rule.
    pub fn holds(&self, scope: ProcessUid) -> bool {
        self.scopes.contains(&scope)
    }

    pub fn holds_finding(&self, id: &str) -> bool {
        self.findings.contains(id)
    }

    pub fn scopes(&self) -> impl Iterator<Item = ProcessUid> + '_ {
        self.scopes.iter().copied()
    }

    pub fn findings(&self) -> impl Iterator<Item = &str> {
        self.findings.iter().map(String::as_str)
    }
}
