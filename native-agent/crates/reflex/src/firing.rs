//! What a reflex says when it fires, and how that becomes a `Finding`.
use std::borrow::Cow;

use norn_events::wire::finding::v1::{Evidence, Finding, FindingSource, Response, Severity};
use norn_events::{ContainerId, ProcessUid};
use sha2::{Digest, Sha256};

use crate::Rule;

/// A reflex has seen enough.
#[derive(Debug, Clone)]
pub struct Firing {
    pub rule: Rule,
    /// The process whose act completed the evidence.
    pub process: ProcessUid,
    /// Root of the blamed subtree: the lowest process whose subtree holds the evidence.
    pub scope: ProcessUid,
    pub container: Option<ContainerId>,
    /// CLOCK_BOOTTIME, ns: when the evidence was complete.
    pub time_ns: u64,
    /// CLOCK_BOOTTIME, ns: the first act that counts as evidence.
    pub first_act_ns: u64,
    /// Distinct files harmed by the scope so far.
    pub files_changed: u32,
    /// The kernel side has killed the process before its first instruction.
    pub killed_at_exec: bool,
    /// Why this is only told of, whatever the policy says; `None` lets the policy decide.
    pub observe_only: Option<Cow<'static, str>>,
    /// What the finding's id is made of, beside rule and scope.
    pub first_evidence: Vec<u8>,
    pub evidence: Vec<Evidence>,
    /// One sentence without a full stop.
    pub summary: String,
}

/// Turns CLOCK_BOOTTIME into Unix time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    /// Unix time at boot, ns.
    pub boot_unix_ns: u64,
}

impl Clock {
    pub fn unix_us(self, boot_ns: u64) -> u64 {
        (self.boot_unix_ns + boot_ns) / 1_000
    }
}

impl Firing {
    /// First 16 bytes of SHA-256 over rule id, scope uid and first evidence, as 32 hex digits. The scope's uid holds the
    /// boot id, so no two hosts share an id.
    pub fn finding_id(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.rule.id().as_bytes());
        hash.update([0]);
        hash.update(self.scope.0);
        hash.update(&self.first_evidence);
        hash.finalize()[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// What is only told of is no alarm.
    fn severity(&self) -> Severity {
        match &self.observe_only {
            Some(_) => Severity::Medium,
            None => self.rule.severity(),
        }
    }

    pub fn finding(&self, clock: Clock, response: Response) -> Finding {
        Finding {
            id: self.finding_id(),
            rule_id: self.rule.id().to_owned(),
            title: self.rule.title().to_owned(),
            rule_version: self.rule.version(),
            source: FindingSource::Reflex.into(),
            severity: self.severity().into(),
            techniques: self.rule.techniques().iter().map(|&id| id.to_owned()).collect(),
            time_us: clock.unix_us(self.time_ns),
            process_uid: self.process.0.to_vec(),
            scope_uid: self.scope.0.to_vec(),
            container_id: self.container.as_deref().unwrap_or_default().to_owned(),
            evidence: self.evidence.clone(),
            summary: self.summary.clone(),
            response: Some(response),
            // The rest is set by detection.
            ..Finding::default()
        }
    }
}

/// One field of evidence; the value need not be UTF-8.
pub(crate) fn evidence(field: &str, value: impl AsRef<[u8]>) -> Evidence {
    Evidence {
        field: field.to_owned(),
        value: String::from_utf8_lossy(value.as_ref()).into_owned(),
    }
}
