//! A host's part of a policy, taken apart once: patterns compiled, what this host is not in left out, sizes checked.
use norn_events::wire::agent::v1::HostPolicyForHost;
use norn_events::wire::finding::v1::Severity;
use norn_events::wire::policy::v1::{
    HostAction, HostEvent, HostField, HostMatch, HostOperator, HostPolicy, HostRule, HostTest,
};

use crate::PolicyError;
use crate::cidr::Cidr;
use crate::like::Pattern;

/// A rule of the policy can be several of a host: by event, and by what a host can judge of it.
pub const RULES_MAX: usize = 2_000;
pub const MATCHES_MAX: usize = 1_024;
pub const TESTS_MAX: usize = 1_024;
pub const VALUES_MAX: usize = 1_000;
pub const TEXT_BYTES_MAX: usize = 4_096;
pub const GROUPS_MAX: usize = 1_000;
/// All texts of a policy together.
pub const POLICY_BYTES_MAX: usize = 4 << 20;

/// What this host enforces.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    pub name: String,
    pub version: u32,
    pub epoch: u64,
    pub rules: Vec<Rule>,
}

/// One rule that is about this host.
#[derive(Debug, Clone)]
pub struct Rule {
    /// "POLICY.RULE".
    pub name: String,
    pub event: HostEvent,
    pub action: HostAction,
    /// Unix µs; before, a rule that denies passes.
    pub acts_from_us: u64,
    /// Any of them; none: always.
    pub any: Vec<Match>,
    pub severity: Severity,
    pub techniques: Vec<String>,
    pub summary: String,
}

/// All of its tests.
#[derive(Debug, Clone, Default)]
pub struct Match {
    pub all: Vec<Test>,
}

#[derive(Debug, Clone)]
pub struct Test {
    pub field: HostField,
    pub condition: Condition,
    pub negated: bool,
}

#[derive(Debug, Clone)]
pub enum Condition {
    Like(Vec<Pattern>),
    Within(Vec<Cidr>),
    Exists,
}

impl Policy {
    /// # Errors
    /// `policy_malformed` when anything in it is unknown, missing or too large: half a policy is never applied.
    pub fn compile(message: &HostPolicyForHost) -> Result<Self, PolicyError> {
        let policy = message
            .policy
            .as_ref()
            .ok_or_else(|| PolicyError::malformed("there is no policy in the message"))?;
        check_sizes(policy, &message.groups)?;
        let rules = policy
            .rules
            .iter()
            .filter(|rule| is_about(rule, &message.groups))
            .map(compile_rule)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            name: policy.policy.clone(),
            version: policy.version,
            epoch: policy.epoch,
            rules,
        })
    }

    pub fn of(&self, event: HostEvent) -> impl Iterator<Item = (usize, &Rule)> {
        self.rules
            .iter()
            .enumerate()
            .filter(move |(_, rule)| rule.event == event)
    }

    /// Some program may be refused: now or once a staged rule acts.
    pub fn denies(&self, event: HostEvent) -> bool {
        self.of(event).any(|(_, rule)| rule.action == HostAction::Deny)
    }

    /// The next moment at which a staged rule begins to act, Unix µs.
    pub fn next_stage_us(&self, now_us: u64) -> Option<u64> {
        let staged = self.rules.iter().filter(|rule| rule.action == HostAction::Deny);
        staged
            .map(|rule| rule.acts_from_us)
            .filter(|&from| from > now_us)
            .min()
    }

    /// The host's reflexes may have to leave a program in memory alone: whoever kills it before its first instruction can't ask.
    pub fn may_allow_memfd(&self) -> bool {
        self.of(HostEvent::Exec)
            .any(|(_, rule)| rule.action == HostAction::Allow && rule.may_be_of("memfd:"))
    }
}

impl Rule {
    pub fn action_at(&self, now_us: u64) -> HostAction {
        if self.action == HostAction::Deny && now_us < self.acts_from_us {
            HostAction::Pass
        } else {
            self.action
        }
    }

    /// Some program whose path begins so may match.
    fn may_be_of(&self, beginning: &str) -> bool {
        let may_be = |test: &Test| match (&test.condition, test.field, test.negated) {
            (Condition::Like(patterns), HostField::Image, false) => {
                patterns.iter().any(|pattern| pattern.may_begin_with(beginning))
            }
            _ => true,
        };
        self.any.is_empty() || self.any.iter().any(|one| one.all.iter().all(may_be))
    }
}

fn check_sizes(policy: &HostPolicy, groups: &[String]) -> Result<(), PolicyError> {
    bound("rules", policy.rules.len(), RULES_MAX)?;
    bound("groups of this host", groups.len(), GROUPS_MAX)?;
    let values = policy
        .rules
        .iter()
        .flat_map(|rule| &rule.any)
        .flat_map(|one| &one.all)
        .flat_map(|test| &test.values);
    bound("bytes of values", values.map(String::len).sum(), POLICY_BYTES_MAX)?;
    groups
        .iter()
        .chain([&policy.policy])
        .try_for_each(|one| text(one))
}

fn bound(what: &str, number: usize, most: usize) -> Result<(), PolicyError> {
    if number <= most {
        return Ok(());
    }
    Err(PolicyError::malformed(format!(
        "{number} {what}, at most {most} are taken"
    )))
}

fn text(text: &str) -> Result<(), PolicyError> {
    bound("bytes in one text", text.len(), TEXT_BYTES_MAX)
}

/// Its groups are names with `*`; a host's own name and id are among its groups.
fn is_about(rule: &HostRule, groups: &[String]) -> bool {
    let holds = |wanted: &String| {
        let pattern = Pattern::new(wanted, true);
        groups.iter().any(|group| pattern.matches(group))
    };
    rule.host_groups.is_empty() || rule.host_groups.iter().any(holds)
}

fn compile_rule(rule: &HostRule) -> Result<Rule, PolicyError> {
    let refuse = |what: String| PolicyError::malformed(format!("rule {:?}: {what}", rule.name));
    let within = |error: PolicyError| match error {
        PolicyError::Malformed { what } => refuse(what),
    };
    if rule.name.is_empty() {
        return Err(refuse("it has no name".to_owned()));
    }
    if rule.event() == HostEvent::Unspecified || rule.action() == HostAction::Unspecified {
        return Err(refuse(format!(
            "event {} or action {} is not known",
            rule.event, rule.action
        )));
    }
    let said = rule.text.clone().unwrap_or_default();
    bound("matches", rule.any.len(), MATCHES_MAX).map_err(within)?;
    bound("groups", rule.host_groups.len(), GROUPS_MAX).map_err(within)?;
    bound("techniques", said.techniques.len(), TESTS_MAX).map_err(within)?;
    let texts = said.techniques.iter().chain([&rule.name, &said.summary]);
    texts
        .chain(&rule.host_groups)
        .try_for_each(|one| text(one))
        .map_err(within)?;
    let any = rule.any.iter().map(|one| compile_match(one, rule.event()));
    Ok(Rule {
        name: rule.name.clone(),
        event: rule.event(),
        action: rule.action(),
        acts_from_us: rule.acts_from_us,
        any: any.collect::<Result<_, _>>().map_err(within)?,
        severity: severity(&said.level)
            .ok_or_else(|| refuse(format!("level {:?} is not known", said.level)))?,
        techniques: said.techniques,
        summary: said.summary,
    })
}

fn severity(level: &str) -> Option<Severity> {
    Some(match level {
        "info" | "informational" => Severity::Informational,
        "low" => Severity::Low,
        // As the pipeline takes a rule that says nothing.
        "medium" | "" => Severity::Medium,
        "high" => Severity::High,
        "critical" => Severity::Critical,
        _ => return None,
    })
}

fn compile_match(one: &HostMatch, event: HostEvent) -> Result<Match, PolicyError> {
    bound("tests", one.all.len(), TESTS_MAX)?;
    let mut all = one
        .all
        .iter()
        .map(|test| compile_test(test, event))
        .collect::<Result<Vec<_>, _>>()?;
    // What is cheap to know is asked first: a test that fails spares the rest.
    all.sort_by_key(|test| cost(test.field));
    Ok(Match { all })
}

fn cost(field: HostField) -> u8 {
    match field {
        HostField::Image | HostField::DestinationIp | HostField::DestinationPort | HostField::Protocol => 0,
        HostField::UserId | HostField::ParentImage => 1,
        HostField::Container | HostField::ContainerImage | HostField::PodNamespace | HostField::PodLabels => {
            2
        }
        HostField::AncestorImages | HostField::ImageFlags | HostField::Unspecified => 3,
        HostField::Sha256 => 4,
    }
}

fn compile_test(test: &HostTest, event: HostEvent) -> Result<Test, PolicyError> {
    let field = test.field();
    if field == HostField::Unspecified || (event == HostEvent::Exec && is_of_network(field)) {
        return Err(PolicyError::malformed(format!(
            "field {} is not known of an event {}",
            test.field,
            event.as_str_name()
        )));
    }
    bound("values", test.values.len(), VALUES_MAX)?;
    test.values.iter().try_for_each(|value| text(value))?;
    let condition = match test.operator() {
        HostOperator::Exists => Condition::Exists,
        HostOperator::Like => {
            let pattern = |value: &String| Pattern::new(value, test.cased);
            Condition::Like(test.values.iter().map(pattern).collect())
        }
        HostOperator::Cidr => {
            let network = |value: &String| {
                Cidr::parse(value).ok_or_else(|| PolicyError::malformed(format!("{value:?} is no network")))
            };
            Condition::Within(test.values.iter().map(network).collect::<Result<_, _>>()?)
        }
        HostOperator::Unspecified => {
            return Err(PolicyError::malformed(format!(
                "operator {} is not known",
                test.operator
            )));
        }
    };
    if test.values.is_empty() && !matches!(condition, Condition::Exists) {
        return Err(PolicyError::malformed(format!(
            "a test of {} has no values",
            field.as_str_name()
        )));
    }
    Ok(Test {
        field,
        condition,
        negated: test.negated,
    })
}

pub fn is_of_network(field: HostField) -> bool {
    matches!(
        field,
        HostField::DestinationIp | HostField::DestinationPort | HostField::Protocol
    )
}

/// Names of `ImageFlag` bits, as rules write them.
pub const FLAG_NAMES: [(u32, &str); 7] = [
    (1, "upper-layer"),
    (2, "memfd"),
    (4, "deleted"),
    (8, "tmpfs"),
    (16, "writable"),
    (32, "setuid"),
    (64, "new"),
];
