use std::collections::HashMap;

use norn_events::wire::agent::v1::HostPolicyForHost;
use norn_events::wire::policy::v1::{HostMatch, HostOperator, HostPolicy, HostRule, HostTest};

use super::*;
use crate::cidr::octets;
use crate::decide::Verdict;

type Known = HashMap<HostField, Option<Vec<String>>>;

struct Fixed(Known);

impl Facts for Fixed {
    fn values(&mut self, field: HostField) -> Option<Vec<String>> {
        self.0.get(&field).cloned().unwrap_or_default()
    }
}

fn test(field: HostField, operator: HostOperator, values: &[&str]) -> HostTest {
    HostTest {
        field: field.into(),
        operator: operator.into(),
        values: values.iter().map(|&value| value.to_owned()).collect(),
        ..HostTest::default()
    }
}

fn like(field: HostField, values: &[&str]) -> HostTest {
    test(field, HostOperator::Like, values)
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
        event: HostEvent::Connect.into(),
        action: action.into(),
        any: any.iter().map(|all| HostMatch { all: all.to_vec() }).collect(),
        ..HostRule::default()
    }
}

fn compile(rules: Vec<HostRule>) -> Policy {
    let policy = HostPolicy {
        rules,
        ..HostPolicy::default()
    };
    Policy::compile(&HostPolicyForHost {
        policy: Some(policy),
        groups: Vec::new(),
    })
    .unwrap()
}

/// What the kernel does, in Rust.
struct Tables<'a> {
    lines: &'a Lines,
    ports: Vec<Mask>,
    networks: Vec<(Cidr, Mask)>,
    users: (BTreeMap<u32, Mask>, Mask),
}

impl<'a> Tables<'a> {
    fn new(lines: &'a Lines) -> Self {
        Self {
            lines,
            ports: lines.ports(),
            networks: lines.networks(),
            users: lines.users(),
        }
    }

    fn lowest(&self, to: (&str, u16, &str), user: u32, rights: Option<Rights>) -> Mask {
        let address = u128::from_be_bytes(octets(to.0.parse().unwrap()));
        let covers = |network: &Cidr| {
            let differs = u128::from_be_bytes(network.address) ^ address;
            differs.leading_zeros() >= u32::from(network.bits)
        };
        let fitting = self.networks.iter().filter(|(network, _)| covers(network));
        let narrowest = fitting.max_by_key(|(network, _)| network.bits).unwrap();
        let mask = self.lines.of(HostEvent::Connect)
            & self.ports[usize::from(to.1)]
            & narrowest.1
            & self.users.0.get(&user).copied().unwrap_or(self.users.1)
            & self.lines.of_protocol(to.2)
            & rights.map_or(Mask::MAX, |rights| rights.may);
        mask & mask.wrapping_neg()
    }
}

/// A small generator: the same sequence each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const ADDRESSES: [&str; 7] = [
    "10.0.0.1",
    "10.1.2.3",
    "10.1.2.4",
    "192.168.0.9",
    "2001:db8::1",
    "fe80::1",
    "::1",
];
const IMAGES: [&str; 3] = ["/bin/a", "/bin/b", "/opt/c"];

fn any_test(random: &mut Random) -> HostTest {
    let networks = [
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.2.3",
        "0.0.0.0/0",
        "2001:db8::/32",
        "::/0",
        "10.1.2.0/24",
    ];
    let chosen = match random.below(7) {
        0 | 1 => test(
            HostField::DestinationIp,
            HostOperator::Cidr,
            &[random.pick(&networks), random.pick(&networks)],
        ),
        2 => like(
            HostField::DestinationIp,
            &[random.pick(&["10.*", "10.1.*", "10.1.2.3", "*", "192.168.0.9"])],
        ),
        3 => like(
            HostField::DestinationPort,
            &[random.pick(&["53", "443", "4*", "?3", "80", "053"]), "8080"],
        ),
        4 => like(HostField::Protocol, &[random.pick(&["tcp", "UDP"])]),
        5 => like(HostField::UserId, &[random.pick(&["0", "33", "1000"])]),
        _ => like(HostField::Image, &[random.pick(&["/bin/*", "/bin/a", "/opt/?"])]),
    };
    if random.below(3) == 0 { not(chosen) } else { chosen }
}

fn any_rules(random: &mut Random) -> Vec<HostRule> {
    let mut rules: Vec<HostRule> = (0..1 + random.below(6))
        .map(|number| {
            let ways: Vec<Vec<HostTest>> = (0..random.below(3))
                .map(|_| (0..1 + random.below(3)).map(|_| any_test(random)).collect())
                .collect();
            let ways: Vec<&[HostTest]> = ways.iter().map(Vec::as_slice).collect();
            let action = [HostAction::Deny, HostAction::Pass, HostAction::Allow][random.below(3)];
            rule(&format!("t.{number}"), action, &ways)
        })
        .collect();
    rules.push(rule(
        "t.last",
        HostAction::Deny,
        &[&[like(HostField::Protocol, &["tcp"])]],
    ));
    rules
}

#[test]
fn masks_decide_as_the_rules_do_whatever_the_rules_are() {
    let mut random = Random(7);
    let mut decided = 0;
    for _ in 0..60 {
        let policy = compile(any_rules(&mut random));
        let lines = Lines::new(&policy);
        assert_eq!(lines.left_out, []);
        let tables = Tables::new(&lines);
        for _ in 0..12 {
            let (address, image) = (random.pick(&ADDRESSES), random.pick(&IMAGES));
            let (protocol, user) = (random.pick(&["tcp", "udp", ""]), [0, 33, 7][random.below(3)]);
            let port = [53, 443, 80, 8080, 4][random.below(5)];
            let one = |value: &str| Some(vec![value.to_owned()]);
            let mut facts = Fixed(HashMap::from([
                (HostField::DestinationIp, one(address)),
                (HostField::DestinationPort, one(&port.to_string())),
                (HostField::Protocol, one(protocol)),
                (HostField::UserId, one(&user.to_string())),
                (HostField::Image, one(image)),
            ]));
            let rights = lines.rights(&mut facts);
            assert_eq!(rights.may, rights.sure);
            let line = tables.lowest((address, port, protocol), user, Some(rights));
            let expected = match policy.decide(HostEvent::Connect, &mut facts, 0) {
                Verdict::Decided(decision) => Some(decision.rule),
                _ => None,
            };
            decided += usize::from(expected.is_some());
            assert_eq!(
                lines.rule(line),
                expected,
                "{:?}\n{address} {port} {protocol} {user} {image}",
                policy.rules
            );
        }
    }
    assert!(decided > 300, "only {decided} requests matched anything");
}

#[test]
fn of_an_unknown_program_lines_that_ask_for_it_are_possible_and_not_sure() {
    let policy = compile(vec![
        rule("t.a", HostAction::Deny, &[&[like(HostField::Image, &["/bin/a"])]]),
        rule(
            "t.b",
            HostAction::Deny,
            &[&[like(HostField::DestinationPort, &["80"])]],
        ),
    ]);
    let lines = Lines::new(&policy);
    assert!(lines.ask_for_programs());
    assert_eq!(lines.sure_of_all(), 0b10);
    let rights = lines.rights(&mut Fixed(HashMap::from([(HostField::Image, None)])));
    assert_eq!((rights.may, rights.sure), (0b11, 0b10));
}

#[test]
fn what_comes_to_be_known_later_refines_and_forgets_nothing() {
    let rights = |may, sure| Rights {
        may,
        sure,
        child_may: may,
        child_sure: sure,
    };
    // Line 0 was sure by the checksum, line 1 unfit by it, line 2 waited for the container's image, which it does not fit.
    let before = rights(0b101, 0b001);
    assert_eq!(rights(0b011, 0b000).refined(before), rights(0b001, 0b001));
}

#[test]
fn what_a_program_forks_has_it_as_the_one_above() {
    let policy = compile(vec![
        rule(
            "t.parent",
            HostAction::Deny,
            &[&[like(HostField::ParentImage, &["/bin/a"])]],
        ),
        rule(
            "t.above",
            HostAction::Deny,
            &[&[like(HostField::AncestorImages, &["/bin/a"])]],
        ),
        rule(
            "t.self",
            HostAction::Deny,
            &[&[like(HostField::Image, &["/bin/a"])]],
        ),
    ]);
    let one = |value: &str| Some(vec![value.to_owned()]);
    let rights = Lines::new(&policy).rights(&mut Fixed(HashMap::from([
        (HostField::Image, one("/bin/a")),
        (HostField::ParentImage, one("/bin/sh")),
        (HostField::AncestorImages, one("/bin/sh")),
    ])));
    assert_eq!((rights.sure, rights.child_sure), (0b100, 0b111));
}

#[test]
fn a_rule_that_asks_what_the_kernel_cannot_lets_be_and_is_named() {
    let policy = compile(vec![
        rule(
            "t.odd",
            HostAction::Deny,
            &[&[like(HostField::DestinationIp, &["*.1"])]],
        ),
        rule("t.all", HostAction::Deny, &[]),
    ]);
    let lines = Lines::new(&policy);
    assert_eq!(
        lines
            .left_out
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>(),
        ["t.odd"]
    );
    assert_eq!(
        (
            lines.denying(0),
            Tables::new(&lines).lowest(("10.0.0.9", 80, "tcp"), 0, None)
        ),
        (0b10, 0b01)
    );
}

#[test]
fn rules_without_room_are_named_and_so_are_all_behind_them() {
    let ways: Vec<Vec<HostTest>> = (0..100)
        .map(|port: u16| vec![like(HostField::DestinationPort, &[&port.to_string()])])
        .collect();
    let ways: Vec<&[HostTest]> = ways.iter().map(Vec::as_slice).collect();
    let policy = compile(vec![
        rule("t.a", HostAction::Deny, &ways),
        rule("t.b", HostAction::Pass, &ways),
        rule("t.c", HostAction::Deny, &[]),
    ]);
    let lines = Lines::new(&policy);
    assert_eq!(
        lines
            .left_out
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>(),
        ["t.c"]
    );
    assert_eq!(lines.denying(0).count_ones(), 100);
}

#[test]
fn a_staged_line_refuses_from_its_moment_on() {
    let staged = HostRule {
        acts_from_us: 50,
        ..rule("t.a", HostAction::Deny, &[])
    };
    let lines = Lines::new(&compile(vec![staged]));
    assert_eq!((lines.denying(49), lines.denying(50)), (0, 1));
}

#[test]
fn without_a_rule_that_denies_there_are_no_lines() {
    let lines = Lines::new(&compile(vec![
        rule("t.a", HostAction::Pass, &[]),
        rule("t.b", HostAction::Allow, &[]),
    ]));
    assert!(lines.is_empty());
}
