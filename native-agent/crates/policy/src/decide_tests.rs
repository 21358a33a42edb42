use std::collections::HashMap;

use norn_events::wire::agent::v1::HostPolicyForHost;
use norn_events::wire::policy::v1::{HostMatch, HostOperator, HostPolicy, HostRule, HostTest, RuleText};

use super::*;
use crate::PolicyError;
use crate::rule::{RULES_MAX, VALUES_MAX};

/// What is not in the map is not known.
struct Known(HashMap<HostField, Vec<&'static str>>, Vec<HostField>);

impl Facts for Known {
    fn values(&mut self, field: HostField) -> Option<Vec<String>> {
        self.1.push(field);
        let values = self.0.get(&field)?;
        Some(values.iter().map(|&value| value.to_owned()).collect())
    }
}

fn known(facts: &[(HostField, &'static str)]) -> Known {
    let mut map: HashMap<HostField, Vec<&'static str>> = HashMap::new();
    for &(field, value) in facts {
        map.entry(field).or_default().push(value);
    }
    Known(map, Vec::new())
}

fn test(field: HostField, operator: HostOperator, values: &[&str]) -> HostTest {
    HostTest {
        field: field.into(),
        operator: operator.into(),
        values: values.iter().map(|&value| value.to_owned()).collect(),
        ..HostTest::default()
    }
}

fn like(field: HostField, value: &str) -> HostTest {
    test(field, HostOperator::Like, &[value])
}

fn not(test: HostTest) -> HostTest {
    HostTest {
        negated: true,
        ..test
    }
}

fn rule(name: &str, action: HostAction, any: &[&[HostTest]]) -> HostRule {
    HostRule {
        name: name.to_owned(),
        event: HostEvent::Exec.into(),
        action: action.into(),
        any: any.iter().map(|all| HostMatch { all: all.to_vec() }).collect(),
        text: Some(RuleText {
            level: "high".to_owned(),
            ..RuleText::default()
        }),
        ..HostRule::default()
    }
}

fn message(rules: Vec<HostRule>) -> HostPolicyForHost {
    HostPolicyForHost {
        policy: Some(HostPolicy {
            policy: "trial".to_owned(),
            rules,
            ..HostPolicy::default()
        }),
        groups: vec!["web-1".to_owned(), "web".to_owned()],
    }
}

fn compile(rules: Vec<HostRule>) -> Policy {
    Policy::compile(&message(rules)).unwrap()
}

fn decide(policy: &Policy, facts: &[(HostField, &'static str)], now_us: u64) -> (Option<usize>, HostAction) {
    match policy.decide(HostEvent::Exec, &mut known(facts), now_us) {
        Verdict::Decided(decision) => (Some(decision.rule), decision.action),
        Verdict::None => (None, HostAction::Pass),
        Verdict::Unknown { .. } => (None, HostAction::Unspecified),
    }
}

const IMAGE: HostField = HostField::Image;
const PARENT: HostField = HostField::ParentImage;

#[test]
fn the_first_rule_that_matches_decides_and_others_are_not_asked() {
    let policy = compile(vec![
        rule("t.cron", HostAction::Allow, &[&[like(PARENT, "/usr/sbin/cron")]]),
        rule("t.shells", HostAction::Deny, &[&[like(IMAGE, "*/sh")]]),
        rule("t.all", HostAction::Pass, &[]),
    ]);
    let shell = |parent| [(IMAGE, "/bin/sh"), (PARENT, parent)];
    assert_eq!(
        decide(&policy, &shell("/usr/sbin/cron"), 0),
        (Some(0), HostAction::Allow)
    );
    assert_eq!(
        decide(&policy, &shell("/bin/bash"), 0),
        (Some(1), HostAction::Deny)
    );
    assert_eq!(
        decide(&policy, &[(IMAGE, "/bin/ls"), (PARENT, "/bin/bash")], 0),
        (Some(2), HostAction::Pass)
    );
}

#[test]
fn all_tests_of_any_match_are_asked_and_negation_turns_one_round() {
    let policy = compile(vec![rule(
        "t.a",
        HostAction::Deny,
        &[
            &[like(IMAGE, "/a/*"), not(like(PARENT, "/p"))],
            &[
                test(HostField::Container, HostOperator::Exists, &[]),
                like(IMAGE, "/b"),
            ],
        ],
    )]);
    let container = |value| (HostField::Container, value);
    let is_denied = |facts: &[(HostField, &'static str)]| decide(&policy, facts, 0).1 == HostAction::Deny;
    assert!(is_denied(&[(IMAGE, "/a/x"), (PARENT, "/q"), container("")]));
    assert!(!is_denied(&[(IMAGE, "/a/x"), (PARENT, "/p"), container("")]));
    assert!(is_denied(&[(IMAGE, "/b"), (PARENT, "/p"), container("c")]));
    assert!(!is_denied(&[(IMAGE, "/b"), (PARENT, "/p"), container("")]));
}

#[test]
fn of_several_values_any_may_match_and_what_matched_is_told() {
    let policy = compile(vec![rule(
        "t.a",
        HostAction::Deny,
        &[&[
            like(HostField::AncestorImages, "*/nginx"),
            not(like(IMAGE, "/ok")),
        ]],
    )]);
    let mut facts = known(&[
        (IMAGE, "/bin/sh"),
        (HostField::AncestorImages, "/bin/sh"),
        (HostField::AncestorImages, "/usr/sbin/nginx"),
    ]);
    let Verdict::Decided(decision) = policy.decide(HostEvent::Exec, &mut facts, 0) else {
        panic!("it matches");
    };
    assert_eq!(
        decision.matched,
        [(HostField::AncestorImages, "/usr/sbin/nginx".to_owned())]
    );
}

#[test]
fn drift_asks_for_two_flags_at_once() {
    let flag = |name| like(HostField::ImageFlags, name);
    let policy = compile(vec![rule(
        "t.drift",
        HostAction::Deny,
        &[&[flag("upper-layer"), flag("new")]],
    )]);
    let both = [
        (HostField::ImageFlags, "upper-layer"),
        (HostField::ImageFlags, "new"),
    ];
    assert_eq!(decide(&policy, &both, 0).1, HostAction::Deny);
    assert_eq!(decide(&policy, &both[..1], 0).1, HostAction::Pass);
}

#[test]
fn a_staged_rule_passes_until_its_moment_and_goes_before_later_rules() {
    let staged = HostRule {
        acts_from_us: 100,
        ..rule("t.a", HostAction::Deny, &[&[like(IMAGE, "/a")]])
    };
    let policy = compile(vec![staged, rule("t.b", HostAction::Deny, &[])]);
    assert_eq!(decide(&policy, &[(IMAGE, "/a")], 99), (Some(0), HostAction::Pass));
    assert_eq!(
        decide(&policy, &[(IMAGE, "/a")], 100),
        (Some(0), HostAction::Deny)
    );
    assert_eq!(
        (policy.next_stage_us(99), policy.next_stage_us(100)),
        (Some(100), None)
    );
}

#[test]
fn what_is_not_known_lets_be_unless_the_rest_settles_it() {
    let hash = like(HostField::Sha256, &"a".repeat(64));
    let policy = compile(vec![
        rule("t.a", HostAction::Allow, &[&[hash, like(IMAGE, "/a")]]),
        rule("t.b", HostAction::Deny, &[]),
    ]);
    let verdict = |image| policy.decide(HostEvent::Exec, &mut known(&[(IMAGE, image)]), 0);
    assert_eq!(verdict("/a"), Verdict::Unknown { rule: 0 });
    assert_eq!(verdict("/a").action(), HostAction::Pass);
    assert_eq!(verdict("/b").action(), HostAction::Deny);
    assert!(policy.may_deny_from(0, HostEvent::Exec, 0) && !policy.may_deny_from(2, HostEvent::Exec, 0));
}

#[test]
fn dear_facts_are_asked_for_last_and_only_when_they_decide() {
    let hash = like(HostField::Sha256, &"a".repeat(64));
    let policy = compile(vec![rule("t.a", HostAction::Deny, &[&[hash, like(IMAGE, "/a")]])]);
    let mut facts = known(&[(IMAGE, "/b")]);
    assert_eq!(policy.decide(HostEvent::Exec, &mut facts, 0), Verdict::None);
    assert_eq!(facts.1, [IMAGE]);
}

#[test]
fn rules_of_other_hosts_and_other_events_are_left_out() {
    let of = |groups: &[&str]| HostRule {
        host_groups: groups.iter().map(|&group| group.to_owned()).collect(),
        ..rule("t.a", HostAction::Deny, &[])
    };
    for (groups, is_in) in [
        (&["we?"][..], true),
        (&["db"], false),
        (&["db", "web-*"], true),
        (&["WEB"], false),
    ] {
        assert_eq!(
            compile(vec![of(groups)]).rules.len(),
            usize::from(is_in),
            "{groups:?}"
        );
    }
    let bind = HostRule {
        event: HostEvent::Bind.into(),
        ..rule("t.a", HostAction::Deny, &[])
    };
    assert_eq!(
        decide(&compile(vec![bind]), &[(IMAGE, "/a")], 0),
        (None, HostAction::Pass)
    );
}

fn malformed(rules: Vec<HostRule>) -> String {
    let PolicyError::Malformed { what } = Policy::compile(&message(rules)).expect_err("it is malformed");
    what
}

#[test]
fn a_policy_with_anything_unknown_or_too_large_is_refused_whole() {
    let good = || rule("t.a", HostAction::Deny, &[&[like(IMAGE, "/a")]]);
    let with = |test: HostTest| vec![good(), rule("t.b", HostAction::Deny, &[&[test]])];
    let many: Vec<&str> = vec!["/a"; VALUES_MAX + 1];
    let long = "x".repeat(crate::rule::TEXT_BYTES_MAX + 1);
    for (rules, what) in [
        (
            with(HostTest {
                field: 99,
                ..like(IMAGE, "/a")
            }),
            "field 99",
        ),
        (
            with(HostTest {
                operator: 99,
                ..like(IMAGE, "/a")
            }),
            "operator 99",
        ),
        (
            with(test(
                HostField::DestinationIp,
                HostOperator::Cidr,
                &["10.0.0.0/8"],
            )),
            "is not known of an event",
        ),
        (
            with(test(IMAGE, HostOperator::Cidr, &["10.0.0.0/64"])),
            "is no network",
        ),
        (with(test(IMAGE, HostOperator::Like, &[])), "no values"),
        (with(test(IMAGE, HostOperator::Like, &many)), "1001 values"),
        (with(like(IMAGE, &long)), "bytes in one text"),
        (vec![HostRule { event: 9, ..good() }], "event 9"),
        (vec![HostRule { action: 0, ..good() }], "action 0"),
        (
            vec![HostRule {
                name: String::new(),
                ..good()
            }],
            "no name",
        ),
        (vec![good(); RULES_MAX + 1], "2001 rules"),
    ] {
        let said = malformed(rules);
        assert!(said.contains(what), "{said} should say {what}");
    }
    let error = Policy::compile(&HostPolicyForHost::default()).unwrap_err();
    assert_eq!(error.code(), "policy_malformed");
}

#[test]
fn a_policy_says_whether_it_may_allow_what_runs_from_memory() {
    let allow = |test| compile(vec![rule("t.a", HostAction::Allow, &[&[test]])]).may_allow_memfd();
    assert!(allow(like(IMAGE, "memfd:*")) && allow(like(IMAGE, "*")) && allow(like(PARENT, "/bin/sh")));
    assert!(!allow(like(IMAGE, "/usr/bin/*")));
    assert!(!compile(vec![rule("t.a", HostAction::Deny, &[])]).may_allow_memfd());
}
