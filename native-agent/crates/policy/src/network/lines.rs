//! Rules about the network as lines, each one way in which a rule matches, and for each side of a line the masks of the lines that
//! fit: of a port, a network, a user, a program. ANDed, the lowest line that is left is the first rule that matches.
use std::collections::{BTreeMap, BTreeSet};

use norn_events::wire::policy::v1::{HostAction, HostEvent, HostField};

use crate::cidr::Cidr;
use crate::decide::Facts;
use crate::like::Pattern;
use crate::rule::{Condition, Policy, Test};

/// As many as a mask has bits.
pub const LINES_MAX: usize = 128;
/// Patterns with `*` or `?` for ports; each is tried on all 65,536.
const PORT_PATTERNS_MAX: usize = 64;
pub const PORTS: usize = 65_536;

/// A set of lines, the first one lowest.
pub type Mask = u128;

/// Of a program: the lines it may fit, and those of them it surely fits; and of what it forks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rights {
    pub may: Mask,
    pub sure: Mask,
    pub child_may: Mask,
    pub child_sure: Mask,
}

impl Rights {
    /// With what was known of the same program before: more is known now, and nothing is known otherwise.
    pub fn refined(self, before: Self) -> Self {
        let (may, child_may) = (self.may & before.may, self.child_may & before.child_may);
        Self {
            may,
            sure: (self.sure | before.sure) & may,
            child_may,
            child_sure: (self.child_sure | before.child_sure) & child_may,
        }
    }
}

#[derive(Debug, Clone, Default)]
pub struct Lines {
    lines: Vec<Line>,
    /// Names of rules that the kernel can't enforce, and why.
    pub left_out: Vec<(String, &'static str)>,
}

#[derive(Debug, Clone, Default)]
struct Line {
    /// Into `Policy::rules`.
    rule: usize,
    event: HostEvent,
    /// When it refuses, Unix µs; `None`: never.
    denies_from_us: Option<u64>,
    program: Vec<Test>,
    networks: Vec<Selection<Cidr>>,
    ports: Vec<Test>,
    protocols: Vec<Test>,
    users: Vec<Selection<u32>>,
}

/// One of these, or none of them.
#[derive(Debug, Clone)]
struct Selection<T> {
    values: Vec<T>,
    negated: bool,
}

impl Lines {
    /// Of a policy's rules about connect and bind, up to the last one that denies.
    pub fn new(policy: &Policy) -> Self {
        let mut lines = Self::default();
        for event in [HostEvent::Connect, HostEvent::Bind] {
            let last = policy
                .of(event)
                .filter(|(_, rule)| rule.action == HostAction::Deny)
                .last();
            let Some((last, _)) = last else { continue };
            for (index, _) in policy.of(event).take_while(|(index, _)| *index <= last) {
                if !lines.add(policy, index) {
                    let rest = policy.of(event).filter(|(later, _)| *later >= index);
                    lines.leave_out(
                        rest.filter(|(_, rule)| rule.action == HostAction::Deny)
                            .map(|(_, rule)| rule.name.clone()),
                    );
                    break;
                }
            }
        }
        lines
    }

    fn leave_out(&mut self, names: impl Iterator<Item = String>) {
        let why = "the kernel takes no more rules about the network: put it further up, or make the rules before it fewer";
        self.left_out.extend(names.map(|name| (name, why)));
    }

    /// False when there is no room for all of it: a rule behind a missing one could refuse what that one lets be.
    fn add(&mut self, policy: &Policy, index: usize) -> bool {
        let rule = &policy.rules[index];
        let whole = [Vec::new()];
        let ways: Vec<&[Test]> = if rule.any.is_empty() {
            whole.iter().map(Vec::as_slice).collect()
        } else {
            rule.any.iter().map(|one| one.all.as_slice()).collect()
        };
        if self.lines.len() + ways.len() > LINES_MAX {
            return false;
        }
        for tests in ways {
            let denies = rule.action == HostAction::Deny;
            let mut line = Line {
                rule: index,
                event: rule.event,
                denies_from_us: denies.then_some(rule.acts_from_us),
                ..Line::default()
            };
            for test in tests {
                if let Err(why) = line.add(test, self.port_patterns()) {
                    // It asks what the kernel can't: it matches rather too much, and then lets be.
                    line.denies_from_us = None;
                    if denies {
                        self.left_out.push((rule.name.clone(), why));
                    }
                }
            }
            self.lines.push(line);
        }
        true
    }

    fn port_patterns(&self) -> usize {
        self.lines
            .iter()
            .flat_map(|line| &line.ports)
            .map(wildcards)
            .sum()
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub fn rule(&self, line: Mask) -> Option<usize> {
        self.lines
            .get(line.trailing_zeros() as usize)
            .map(|line| line.rule)
    }

    /// Programs, their parents and containers matter.
    pub fn ask_for_programs(&self) -> bool {
        self.lines.iter().any(|line| !line.program.is_empty())
    }

    /// What containers were started from matters.
    pub fn ask_for_places(&self) -> bool {
        let of_place = |test: &Test| {
            matches!(
                test.field,
                HostField::ContainerImage | HostField::PodNamespace | HostField::PodLabels
            )
        };
        self.lines.iter().any(|line| line.program.iter().any(of_place))
    }

    fn mask(&self, fits: impl Fn(&Line) -> bool) -> Mask {
        let fitting = self.lines.iter().enumerate().filter(|(_, line)| fits(line));
        fitting.fold(0, |mask, (bit, _)| mask | 1 << bit)
    }

    pub fn of(&self, event: HostEvent) -> Mask {
        self.mask(|line| line.event == event)
    }

    pub fn denying(&self, now_us: u64) -> Mask {
        self.mask(|line| line.denies_from_us.is_some_and(|from| from <= now_us))
    }

    /// Of a process of which nothing is known.
    pub fn sure_of_all(&self) -> Mask {
        self.mask(|line| line.program.is_empty())
    }

    /// "tcp", "udp", or no value.
    pub fn of_protocol(&self, protocol: &str) -> Mask {
        self.mask(|line| line.protocols.iter().all(|test| holds(test, protocol)))
    }

    /// By port.
    pub fn ports(&self) -> Vec<Mask> {
        let mut masks = vec![self.mask(|_| true); PORTS];
        for (bit, line) in self.lines.iter().enumerate() {
            for test in &line.ports {
                let fits = ports_of(test);
                for (port, mask) in masks.iter_mut().enumerate() {
                    if !fits[port] {
                        *mask &= !(1 << bit);
                    }
                }
            }
        }
        masks
    }

    /// Of each network that a rule names: the lines that an address fits whose narrowest network this is.
    pub fn networks(&self) -> Vec<(Cidr, Mask)> {
        let named = self.lines.iter().flat_map(|line| &line.networks);
        let mut all: BTreeSet<Cidr> = named
            .flat_map(|selection| selection.values.iter().copied())
            .collect();
        all.extend([Cidr::V4, Cidr::V6]);
        let mask = |network: &Cidr| {
            self.mask(|line| {
                let holds = |selection: &Selection<Cidr>| {
                    selection.values.iter().any(|wide| wide.covers(network)) != selection.negated
                };
                line.networks.iter().all(holds)
            })
        };
        all.iter().map(|network| (*network, mask(network))).collect()
    }

    /// Of the users that rules name, and of any other.
    pub fn users(&self) -> (BTreeMap<u32, Mask>, Mask) {
        let mask = |user: Option<u32>| {
            self.mask(|line| {
                let holds = |selection: &Selection<u32>| {
                    user.is_some_and(|user| selection.values.contains(&user)) != selection.negated
                };
                line.users.iter().all(holds)
            })
        };
        let named = self.lines.iter().flat_map(|line| &line.users);
        let users: BTreeSet<u32> = named
            .flat_map(|selection| selection.values.iter().copied())
            .collect();
        (
            users.into_iter().map(|user| (user, mask(Some(user)))).collect(),
            mask(None),
        )
    }

    /// Of the program these facts are of.
    pub fn rights(&self, facts: &mut dyn Facts) -> Rights {
        let (may, sure) = self.fitting(facts);
        let (child_may, child_sure) = self.fitting(&mut Child(facts));
        Rights {
            may,
            sure,
            child_may,
            child_sure,
        }
    }

    fn fitting(&self, facts: &mut dyn Facts) -> (Mask, Mask) {
        let (mut may, mut sure) = (0, 0);
        for (bit, line) in self.lines.iter().enumerate() {
            let mut known = true;
            let mut fits = true;
            for test in &line.program {
                match test.holds(facts, &mut Vec::new()) {
                    Some(holds) => fits &= holds,
                    None => known = false,
                }
            }
            may |= Mask::from(fits) << bit;
            sure |= Mask::from(fits && known) << bit;
        }
        (may, sure)
    }
}

/// A fork without an exec: the program is its parent's, which is also the one above it.
struct Child<'a>(&'a mut dyn Facts);

impl Facts for Child<'_> {
    fn values(&mut self, field: HostField) -> Option<Vec<String>> {
        match field {
            HostField::ParentImage => self.0.values(HostField::Image),
            HostField::AncestorImages => {
                let mut above = self.0.values(HostField::AncestorImages)?;
                above.extend(self.0.values(HostField::Image)?);
                Some(above)
            }
            field => self.0.values(field),
        }
    }
}

impl Line {
    fn add(&mut self, test: &Test, port_patterns: usize) -> Result<(), &'static str> {
        let negated = test.negated;
        match (test.field, &test.condition) {
            // Each request has an address and a port.
            (HostField::DestinationIp, Condition::Exists) => self.networks.push(Selection {
                values: vec![Cidr::V4, Cidr::V6],
                negated,
            }),
            (HostField::DestinationIp, Condition::Within(networks)) => self.networks.push(Selection {
                values: networks.clone(),
                negated,
            }),
            (HostField::DestinationIp, Condition::Like(patterns)) => {
                let values = patterns.iter().map(network_of).collect::<Option<Vec<_>>>();
                let values =
                    values.ok_or("an address with `*` is asked for: write the network, 10.0.0.0/8")?;
                self.networks.push(Selection {
                    values: values.into_iter().flatten().collect(),
                    negated,
                });
            }
            (HostField::DestinationPort, _) => {
                if port_patterns + wildcards(test) > PORT_PATTERNS_MAX {
                    return Err("there are too many patterns of ports: write the ports");
                }
                self.ports.push(test.clone());
            }
            (HostField::Protocol, _) => self.protocols.push(test.clone()),
            (HostField::UserId, Condition::Like(patterns)) => {
                let user = |pattern: &Pattern| pattern.literal()?.parse().ok();
                let values = patterns.iter().map(user).collect::<Option<Vec<_>>>();
                let values = values.ok_or("a user with `*` is asked for: write the numbers")?;
                self.users.push(Selection { values, negated });
            }
            (HostField::UserId, Condition::Exists) if !negated => {}
            _ => self.program.push(test.clone()),
        }
        Ok(())
    }
}

/// Addresses that are all the pattern means, or beginnings that are whole bytes of IPv4.
fn network_of(pattern: &Pattern) -> Option<Vec<Cidr>> {
    if let Some(text) = pattern.literal() {
        // What is no address is like none.
        let address = text.parse::<std::net::IpAddr>().ok();
        return Some(address.and_then(|_| Cidr::parse(&text)).into_iter().collect());
    }
    let beginning = pattern.prefix()?;
    if beginning.is_empty() {
        return Some(vec![Cidr::V4, Cidr::V6]);
    }
    let bytes = beginning.strip_suffix('.')?.split('.').count();
    let rest = ".0".repeat(4_usize.checked_sub(bytes)?);
    let network = format!("{}{rest}/{}", beginning.strip_suffix('.')?, 8 * bytes);
    Some(vec![Cidr::parse(&network)?])
}

fn holds(test: &Test, value: &str) -> bool {
    test.condition.holds(value) != test.negated
}

fn wildcards(test: &Test) -> usize {
    match &test.condition {
        Condition::Like(patterns) => patterns
            .iter()
            .filter(|pattern| pattern.literal().is_none())
            .count(),
        _ => 0,
    }
}

fn ports_of(test: &Test) -> Vec<bool> {
    let mut fits = vec![matches!(test.condition, Condition::Exists); PORTS];
    if let Condition::Like(patterns) = &test.condition {
        for pattern in patterns {
            match pattern.literal() {
                Some(text) => {
                    let port = text.parse::<u16>().ok().filter(|port| port.to_string() == text);
                    port.into_iter().for_each(|port| fits[usize::from(port)] = true);
                }
                None => (0..PORTS).for_each(|port| fits[port] |= pattern.matches(&port.to_string())),
            }
        }
    }
    fits.into_iter().map(|fits| fits != test.negated).collect()
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
