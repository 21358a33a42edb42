//! From what was noticed to a finding; the same is told once in a while.
use std::collections::HashMap;

use norn_events::wire::finding::v1::{Evidence, Finding, FindingSource, Response, ResponseRung, Severity};
use norn_events::{Process, ProcessTable, ProcessUid};
use sha2::{Digest, Sha256};

use crate::watch::Change;

/// The same of the same process is told again after this time, ns.
const AGAIN_NS: u64 = 600_000_000_000;
const REMEMBERED_MAX: usize = 1_024;

/// A kind of finding. Its id is stable: alerts and exceptions refer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Something that the agent saw it sees no more.
    Blinded,
    /// Somebody acts on the agent's processes, files or objects of the kernel.
    Attacked,
    /// Somebody gets at the key by which the host is known to the installation.
    KeyRead,
    /// Something that the agent needs is other than it was.
    Weakened,
    /// Somebody passes off what he runs as a container's.
    Impostor,
}

impl Rule {
    fn id(self) -> &'static str {
        match self {
            Self::Blinded => "norn.agent_blinded",
            Self::Attacked => "norn.agent_attacked",
            Self::KeyRead => "norn.agent_key_read",
            Self::Weakened => "norn.agent_weakened",
            Self::Impostor => "norn.container_impostor",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Blinded => "Agent was blinded",
            Self::Attacked => "Agent was attacked",
            Self::KeyRead => "Key of the agent was read",
            Self::Weakened => "Agent was weakened",
            Self::Impostor => "Container was impersonated",
        }
    }

    fn severity(self) -> Severity {
        match self {
            Self::Blinded => Severity::Critical,
            Self::Attacked | Self::Weakened | Self::Impostor => Severity::High,
            // Backups do so too.
            Self::KeyRead => Severity::Medium,
        }
    }

    /// ATT&CK: Impair Defenses, Disable or Modify Tools; Unsecured Credentials, Private Keys; Masquerading, Match Legitimate
    /// Resource Name or Location.
    fn technique(self) -> &'static str {
        match self {
            Self::Blinded | Self::Attacked | Self::Weakened => "T1562.001",
            Self::KeyRead => "T1552.004",
            Self::Impostor => "T1036.005",
        }
    }
}

/// Something that is told, whoever did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attack {
    pub rule: Rule,
    /// The same key by the same process is the same attack.
    pub key: String,
    /// One sentence without a full stop.
    pub summary: String,
    pub evidence: Vec<(&'static str, String)>,
}

impl Attack {
    pub fn blind(capabilities: &[&str]) -> Self {
        let names = capabilities.join(", ");
        Self {
            rule: Rule::Blinded,
            key: names.clone(),
            summary: format!("The sensor does not see any more what the agent does to test it: {names}"),
            evidence: vec![("capabilities", names)],
        }
    }

    pub fn untested() -> Self {
        Self {
            rule: Rule::Blinded,
            key: "untested".to_owned(),
            summary: "The agent can not test its sensor any more: it gets no process, or what it starts does not run".to_owned(),
            evidence: Vec::new(),
        }
    }

    pub fn impostor(container: &str, group: &str) -> Self {
        Self {
            rule: Rule::Impostor,
            key: format!("impostor {container}"),
            summary: format!(
                "A control group is called like container {}, and is not its: what runs in it counts as the host's, or its outer container's: {group}",
                container.get(..12).unwrap_or(container)
            ),
            evidence: vec![("container", container.to_owned()), ("cgroup", group.to_owned())],
        }
    }

    pub fn unmarked(marks: u64) -> Self {
        Self {
            rule: Rule::Blinded,
            key: "unmarked".to_owned(),
            summary: format!(
                "{marks} of the agent's marks on directories and mounts were gone from the kernel, and were set again: what was changed there meanwhile was not seen"
            ),
            evidence: vec![("marks", marks.to_string())],
        }
    }

    pub fn change(change: &Change) -> Self {
        let Change { what, before, after } = change;
        let rule = if what.starts_with(crate::facts::SENSOR) {
            Rule::Blinded
        } else {
            Rule::Weakened
        };
        Self {
            rule,
            key: what.clone(),
            summary: format!("{what} was {before} and is {after} now, and the agent did not do it"),
            evidence: vec![
                ("what", what.clone()),
                ("before", before.clone()),
                ("after", after.clone()),
            ],
        }
    }
}

/// Who did it, and when.
#[derive(Debug, Clone, Copy)]
pub struct Act {
    /// `ProcessUid::UNKNOWN` when nobody was seen to do it.
    pub by: ProcessUid,
    /// CLOCK_BOOTTIME, ns.
    pub time_ns: u64,
}

/// Remembers what was told.
pub struct Told {
    /// When each was told last, CLOCK_BOOTTIME ns.
    told_ns: HashMap<(String, ProcessUid), u64>,
    boot_unix_ns: u64,
}

impl Told {
    pub fn new(boot_unix_ns: u64) -> Self {
        Self {
            told_ns: HashMap::new(),
            boot_unix_ns,
        }
    }

    /// `None` when it was told a moment ago.
    pub fn tell(&mut self, attack: &Attack, act: Act, processes: &ProcessTable) -> Option<Finding> {
        let is_fresh = |told_ns: u64| told_ns + AGAIN_NS > act.time_ns;
        if self.told_ns.len() >= REMEMBERED_MAX {
            self.told_ns.retain(|_, told_ns| is_fresh(*told_ns));
        }
        if self.told_ns.len() >= REMEMBERED_MAX {
            self.told_ns.clear();
        }
        let before = self.told_ns.get(&(attack.key.clone(), act.by));
        if before.is_some_and(|told_ns| is_fresh(*told_ns)) {
            return None;
        }
        self.told_ns.insert((attack.key.clone(), act.by), act.time_ns);
        tracing::warn!(
            rule = attack.rule.id(),
            by = %act.by,
            summary = attack.summary,
            "somebody interferes with the agent"
        );
        Some(self.finding(attack, act, processes))
    }

    fn finding(&self, attack: &Attack, act: Act, processes: &ProcessTable) -> Finding {
        let Act { by, time_ns } = act;
        let process = processes.by_uid(by).and_then(|index| processes.get(index));
        let time_us = (self.boot_unix_ns + time_ns) / 1_000;
        let container = process.and_then(|process| process.container.as_deref());
        Finding {
            id: id_of(attack, act),
            rule_id: attack.rule.id().to_owned(),
            title: attack.rule.title().to_owned(),
            rule_version: 1,
            source: FindingSource::Reflex.into(),
            severity: attack.rule.severity().into(),
            techniques: vec![attack.rule.technique().to_owned()],
            time_us,
            process_uid: by.0.to_vec(),
            scope_uid: by.0.to_vec(),
            container_id: container.unwrap_or_default().to_owned(),
            evidence: attack
                .evidence
                .iter()
                .map(|(field, value)| Evidence {
                    field: (*field).to_owned(),
                    value: value.clone(),
                })
                .collect(),
            summary: said(&attack.summary, process),
            response: Some(Response {
                rung: ResponseRung::Observed.into(),
                first_act_us: time_us,
                ..Response::default()
            }),
            // The rest is set by detection.
            ..Finding::default()
        }
    }
}

/// With the name and number of who did it, where he is known.
fn said(summary: &str, by: Option<&Process>) -> String {
    let named = summary.strip_prefix("A process ").zip(by);
    named.map_or_else(
        || summary.to_owned(),
        |(deed, process)| {
            let program = String::from_utf8_lossy(&process.image.path);
            format!("{program} (process {}) {deed}", process.pid)
        },
    )
}

/// First 16 bytes of SHA-256, as 32 hex.
fn id_of(attack: &Attack, act: Act) -> String {
    let mut hash = Sha256::new();
    hash.update(attack.rule.id().as_bytes());
    hash.update([0]);
    hash.update(attack.key.as_bytes());
    hash.update(act.by.0);
    // The next agent of this host may have the same to say.
    hash.update(act.time_ns.to_le_bytes());
    hash.finalize()[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
