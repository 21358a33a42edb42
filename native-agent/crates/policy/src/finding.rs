//! How a refusal becomes a finding: which process it was, what is said, and how often.
use std::collections::HashMap;

use norn_events::wire::finding::v1::{Evidence, Finding, FindingSource, Response, ResponseRung};
use norn_events::wire::policy::v1::{HostEvent, HostField};
use norn_events::{ProcessTable, ProcessUid, process_uid};
use norn_os::process::CLOCK_TICK_NS;
use sha2::{Digest, Sha256};

use crate::denial::Denial;
use crate::{Policy, Rule};

/// The same rule and process are told of again after this time, ns; in between they are counted.
const AGAIN_NS: u64 = 60_000_000_000;
/// Findings of one rule within that time, whoever it is: a shell that tries in a loop is a new process each time.
const OF_RULE_MAX: u32 = 20;
/// Pairs of rule and process, and rules, remembered at once.
const REMEMBERED_MAX: usize = 4_096;

/// Who was refused. `None` while the sensor has not told of the process yet.
pub fn process_of(denial: &Denial, processes: &ProcessTable, boot_id: &[u8; 16]) -> Option<ProcessUid> {
    if denial.start_time_ns != 0 {
        let uid = exact_uid(denial, boot_id);
        return processes.by_uid(uid).map(|_| uid);
    }
    let is_it = |start_time_ns: u64| start_time_ns / CLOCK_TICK_NS == denial.start_ticks;
    let running = processes
        .by_pid(denial.pid)
        .and_then(|index| processes.get(index));
    if let Some(process) = running.filter(|process| is_it(process.start_time_ns)) {
        return Some(process.uid);
    }
    // It has ended: what was refused was all it wanted.
    let mut all = processes.iter().map(|(_, process)| process);
    all.find(|process| process.pid == denial.pid && is_it(process.start_time_ns))
        .map(|process| process.uid)
}

/// Of a process that the sensor never told of: what the kernel said, else not known.
pub fn exact_uid(denial: &Denial, boot_id: &[u8; 16]) -> ProcessUid {
    match denial.start_time_ns {
        0 => ProcessUid::UNKNOWN,
        start_time_ns => process_uid(boot_id, denial.pid, start_time_ns),
    }
}

/// A process that ended right after its refusal is not in /proc any more, but in the table.
pub fn complete(denial: &mut Denial, by: ProcessUid, processes: &ProcessTable) {
    let Some(index) = processes.by_uid(by) else { return };
    let image = |index| {
        let process = processes.get(index);
        process
            .map(|process| String::from_utf8_lossy(&process.image.path).into_owned())
            .unwrap_or_default()
    };
    let own = image(index);
    let parent = processes.parent(index).map(image).unwrap_or_default();
    let container = processes
        .get(index)
        .and_then(|process| process.container.as_deref())
        .unwrap_or_default();
    if denial.container.is_empty() {
        denial.container = container.to_owned();
    }
    for (place, value) in [
        (&mut denial.process, &own),
        (&mut denial.image, &own),
        (&mut denial.parent, &parent),
    ] {
        if place.is_empty() {
            place.clone_from(value);
        }
    }
}

#[derive(Debug, Default)]
struct Tally {
    told_ns: u64,
    ordinal: u32,
    /// Not told of since.
    untold: u64,
}

#[derive(Debug, Default)]
struct RuleTally {
    since_ns: u64,
    told: u32,
}

/// Remembers what was told: the first refusal is told of at once, more of the same are counted.
#[derive(Debug, Default)]
pub struct Findings {
    tallies: HashMap<(String, ProcessUid), Tally>,
    rules: HashMap<String, RuleTally>,
    /// Refusals that were only counted.
    pub counted: u64,
}

impl Findings {
    /// The finding of this refusal, unless the same was told a moment ago. `unix_us` is the refusal's time.
    pub fn tell(
        &mut self,
        denial: &Denial,
        (policy, by): (&Policy, ProcessUid),
        unix_us: u64,
    ) -> Option<Finding> {
        let rule = policy.rules.get(denial.rule)?;
        self.bound();
        let of_rule = self.rules.entry(rule.name.clone()).or_default();
        if denial.time_ns.saturating_sub(of_rule.since_ns) >= AGAIN_NS || of_rule.told == 0 {
            *of_rule = RuleTally {
                since_ns: denial.time_ns,
                told: 0,
            };
        }
        let tally = self.tallies.entry((rule.name.clone(), by)).or_default();
        let is_again = tally.ordinal > 0 && denial.time_ns.saturating_sub(tally.told_ns) < AGAIN_NS;
        if is_again || of_rule.told >= OF_RULE_MAX {
            tally.untold += 1;
            self.counted += 1;
            return None;
        }
        of_rule.told += 1;
        tally.ordinal += 1;
        tally.told_ns = denial.time_ns;
        let since = std::mem::take(&mut tally.untold);
        let id = finding_id(rule, by, tally.ordinal);
        Some(finding(denial, (policy, rule), by, (id, unix_us, since)))
    }

    fn bound(&mut self) {
        if self.tallies.len() >= REMEMBERED_MAX {
            let newest = self
                .tallies
                .values()
                .map(|tally| tally.told_ns)
                .max()
                .unwrap_or(0);
            self.tallies.retain(|_, tally| tally.told_ns + AGAIN_NS > newest);
            if self.tallies.len() >= REMEMBERED_MAX {
                self.tallies.clear();
            }
        }
        if self.rules.len() >= REMEMBERED_MAX {
            self.rules.clear();
        }
    }
}

/// First 16 bytes of SHA-256 over rule id, process uid and the how-manieth of them, as 32 hex. The uid holds the boot id.
fn finding_id(rule: &Rule, by: ProcessUid, ordinal: u32) -> String {
    let mut hash = Sha256::new();
    hash.update(rule_id(rule).as_bytes());
    hash.update([0]);
    hash.update(by.0);
    hash.update(ordinal.to_le_bytes());
    hash.finalize()[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn rule_id(rule: &Rule) -> String {
    format!("policy.{}", rule.name)
}

fn finding(
    denial: &Denial,
    (policy, rule): (&Policy, &Rule),
    by: ProcessUid,
    (id, unix_us, since): (String, u64, u64),
) -> Finding {
    let name = rule
        .name
        .strip_prefix(&format!("{}.", policy.name))
        .unwrap_or(&rule.name);
    Finding {
        id,
        rule_id: rule_id(rule),
        title: format!("Policy {}: {name}", policy.name),
        rule_version: 1,
        source: FindingSource::Reflex.into(),
        severity: rule.severity.into(),
        techniques: rule.techniques.clone(),
        time_us: unix_us,
        process_uid: by.0.to_vec(),
        scope_uid: by.0.to_vec(),
        container_id: denial.container.clone(),
        evidence: evidence(denial, since),
        summary: summary(denial, rule),
        response: Some(Response {
            rung: ResponseRung::Denied.into(),
            first_act_us: unix_us,
            stopped_us: unix_us,
            ..Response::default()
        }),
        // The rest is set by detection.
        ..Finding::default()
    }
}

fn evidence(denial: &Denial, since: u64) -> Vec<Evidence> {
    let said = |field: &str, value: String| Evidence {
        field: field.to_owned(),
        value,
    };
    let mut found: Vec<Evidence> = denial
        .matched
        .iter()
        .map(|(field, value)| said(name_of(*field, denial.event), value.clone()))
        .collect();
    let general: &[HostField] = match denial.event {
        HostEvent::Exec => &[HostField::Image, HostField::ParentImage, HostField::UserId],
        _ => &[
            HostField::Image,
            HostField::DestinationIp,
            HostField::DestinationPort,
            HostField::Protocol,
            HostField::UserId,
        ],
    };
    for &field in general {
        let (name, value) = (name_of(field, denial.event), value_of(denial, field));
        if !value.is_empty() && found.iter().all(|evidence| evidence.field != name) {
            found.push(said(name, value));
        }
    }
    found.push(said("policy.action", "deny".to_owned()));
    found.push(said("policy.response", "denied".to_owned()));
    if since > 0 {
        found.push(said("policy.refused_since_last_told", since.to_string()));
    }
    found
}

/// As rules call them.
fn name_of(field: HostField, event: HostEvent) -> &'static str {
    match (field, event) {
        (HostField::DestinationIp, HostEvent::Bind) => "SourceIp",
        (HostField::DestinationPort, HostEvent::Bind) => "SourcePort",
        (HostField::Image, _) => "Image",
        (HostField::ParentImage, _) => "ParentImage",
        (HostField::AncestorImages, _) => "AncestorImages",
        (HostField::Sha256, _) => "sha256",
        (HostField::Container, _) => "Container",
        (HostField::ContainerImage, _) => "ContainerImage",
        (HostField::PodNamespace, _) => "PodNamespace",
        (HostField::PodLabels, _) => "PodLabels",
        (HostField::UserId, _) => "UserId",
        (HostField::ImageFlags, _) => "ImageFlags",
        (HostField::DestinationIp, _) => "DestinationIp",
        (HostField::DestinationPort, _) => "DestinationPort",
        (HostField::Protocol, _) => "Protocol",
        (HostField::Unspecified, _) => "",
    }
}

fn value_of(denial: &Denial, field: HostField) -> String {
    match field {
        HostField::Image => denial.image.clone(),
        HostField::ParentImage if denial.event == HostEvent::Exec => denial.process.clone(),
        HostField::ParentImage => denial.parent.clone(),
        HostField::UserId => denial.user.clone(),
        HostField::Container => denial.container.clone(),
        HostField::DestinationIp => denial.address.clone(),
        HostField::DestinationPort if denial.event != HostEvent::Exec => denial.port.to_string(),
        HostField::Protocol => denial.protocol.to_owned(),
        _ => String::new(),
    }
}

fn summary(denial: &Denial, rule: &Rule) -> String {
    let done = match denial.event {
        HostEvent::Bind => "{process} was kept from taking port {DestinationPort} of {DestinationIp}",
        HostEvent::Connect => "{process} was kept from connecting to {DestinationIp}, port {DestinationPort}",
        _ => "{process} was kept from starting {Image}",
    };
    let said = if rule.summary.is_empty() {
        done.to_owned()
    } else {
        format!("{done}: {}", rule.summary)
    };
    replace(&said, denial)
}

/// In one go: what a value holds is not looked at again. A name in braces that is not known stays.
fn replace(text: &str, denial: &Denial) -> String {
    let mut said = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        said.push_str(before);
        let known = after
            .split_once('}')
            .and_then(|(name, behind)| Some((placeholder(name, denial)?, behind)));
        match known {
            Some((value, behind)) => {
                said.push_str(&value);
                rest = behind;
            }
            None => {
                said.push('{');
                rest = after;
            }
        }
    }
    said + rest
}

fn placeholder(name: &str, denial: &Denial) -> Option<String> {
    let value = match name {
        "process" => base_name(&denial.process),
        "parent" => base_name(&denial.parent),
        _ => {
            let fields =
                (1..=HostField::Protocol as i32).filter_map(|number| HostField::try_from(number).ok());
            let mut named = fields.filter(|&field| {
                [denial.event, HostEvent::Connect]
                    .iter()
                    .any(|&event| name_of(field, event) == name)
            });
            value_of(denial, named.next()?)
        }
    };
    Some(if value.is_empty() {
        "an unknown one".to_owned()
    } else {
        value
    })
}

fn base_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

#[cfg(test)]
#[path = "finding_tests.rs"]
mod tests;
