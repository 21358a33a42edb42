//! Cuts a network namespace off from everything but its own loopback and the installation, and gives it back: one table of
//! nftables that drops what it does not name, so that nothing of what was there is touched and taking it away is all it takes.
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use std::{fs, io};

use thiserror::Error;

use crate::frames::{Way, on_ways, ways_out};
use crate::nftables::{Direction, Family, Field, Header, Hook, Rule, Transaction};
use crate::reach::{ICMPV6, LINK_LOCAL, NEIGHBOUR_TYPES, PEERS_MAX, Reach, TCP};

const TABLE: &str = "norn_isolation";
/// Of a container's network; one that an agent inside of it lays is another.
const SEAL: &str = "norn_sealed";
/// Only for the look at whether there could be one.
const TRIAL: &str = "norn_trial";
/// Of every network namespace.
const LOOPBACK: u32 = 1;
/// Docker answers names there from outside of the container: whatever is asked leaves it.
const OUTSIDE_BY_LOOPBACK: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);

/// The set that says that the isolation stands.
const STANDS: &str = "stands";
const CHAINS: [(&str, Hook); 3] = [("in", Hook::In), ("out", Hook::Out), ("forward", Hook::Forward)];

const IPV4: u8 = 2;
const IPV6: u8 = 10;
const FRAME: u8 = 5;

#[derive(Debug, Error)]
pub enum IsolationError {
    #[error(
        "the agent may not change the network here: give the container NET_ADMIN and root, or cut it off from its host"
    )]
    NotPermitted,
    #[error("the kernel takes no rules ({0}): does the host's kernel have nf_tables?")]
    NotSupported(io::Error),
}

impl IsolationError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotPermitted => "isolation_not_permitted",
            Self::NotSupported(_) => "isolation_not_supported",
        }
    }
}

impl From<io::Error> for IsolationError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::NotPermitted,
            _ => Self::NotSupported(error),
        }
    }
}

/// What the kernel holds of an isolation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The interfaces that lead out, at that time: `is_as_held` says whether there are others now.
    ways: Vec<Way>,
    gap: Option<String>,
}

impl Held {
    /// Why frames that a program makes itself (AF_PACKET, AF_XDP) are not held; `None`: they are. AF_XDP's pass nothing that could drop
    /// them, so it is asked anew whether there is a socket of that kind.
    pub fn gap(&self) -> Option<String> {
        let open = || match xdp_sockets() {
            0 => None,
            count => Some(format!("AF_XDP sockets, which no rule holds, are open: {count}")),
        };
        self.gap.clone().or_else(open)
    }
}

/// In this thread's network namespace.
fn xdp_sockets() -> u32 {
    let text = fs::read_to_string("/proc/thread-self/net/protocols").unwrap_or_default();
    let mut fields = text
        .lines()
        .map(str::split_whitespace)
        .find_map(|mut fields| (fields.next() == Some("XDP")).then_some(fields));
    let count = fields.as_mut().and_then(|fields| fields.nth(1));
    count.and_then(|count| count.parse().ok()).unwrap_or_default()
}

/// Whether this process could: tables are made and taken away again. What it says is whether frames would be held.
///
/// # Errors
/// Why it could not.
pub fn try_isolation() -> Result<Option<String>, IsolationError> {
    let trial = || {
        Transaction::of(TRIAL)
            .table()
            .set(STANDS, &[IPV4], Duration::from_secs(1))
            .chain("out", Hook::Out)
    };
    let with_frames = trial()
        .about(Family::Netdev)
        .table()
        .set(STANDS, &[FRAME], Duration::from_secs(1))
        .chain_on("in", Direction::In, &["lo"])
        .chain_on("out", Direction::Out, &["lo"])
        .without_table()
        .about(Family::Inet)
        .without_table();
    match with_frames.commit() {
        Ok(()) => Ok(None),
        Err(error) => {
            trial().without_table().commit()?;
            Ok(Some(without_frames(&error)))
        }
    }
}

fn without_frames(error: &io::Error) -> String {
    format!(
        "the kernel looks at no frames that leave ({error}): it can since Linux 5.16 with CONFIG_NETFILTER_EGRESS"
    )
}

/// Of this thread's network namespace; again, with other peers, as often as wanted. `lasting`: the kernel ends it after that time by
/// itself, whether or not the agent runs; `None`: it stands until `rejoin`.
///
/// # Errors
/// Then everything is as it was before.
pub fn isolate(
    peers: &[SocketAddr],
    reach: Reach,
    lasting: Option<Duration>,
) -> Result<Held, IsolationError> {
    match with_frames(peers, reach, lasting) {
        Ok(held) => Ok(held),
        Err(error) => {
            rules(peers, reach, lasting).commit()?;
            let gap = Some(without_frames(&error));
            let ways = ways_out(peers, reach).unwrap_or_default();
            Ok(Held { ways, gap })
        }
    }
}

/// Whether the interfaces that lead out are those of `held`. Of a new one nothing is held until `isolate` is called again.
pub fn is_as_held(held: &Held, peers: &[SocketAddr], reach: Reach) -> bool {
    ways_out(peers, reach).is_ok_and(|ways| ways == held.ways)
}

/// Also when it was not isolated.
///
/// # Errors
/// Then it still is.
pub fn rejoin() -> Result<(), IsolationError> {
    let both = Transaction::of(TABLE)
        .without_table()
        .about(Family::Netdev)
        .without_table();
    // A kernel without that family has nothing of it to take away.
    if both.commit().is_err() {
        Transaction::of(TABLE).without_table().commit()?;
    }
    Ok(())
}

/// No frame leaves or comes into this thread's network namespace but over loopback, whoever makes it; until `unseal`.
///
/// # Errors
/// Then it is as it was before.
pub fn seal() -> io::Result<()> {
    let ways = ways_out(&[], Reach::Container)?;
    let transaction = Transaction::of(SEAL).about(Family::Netdev);
    let transaction = transaction.without_table().table();
    on_ways(transaction, &ways, &[], &Rule::default().drop()).commit()
}

/// Also when it was not sealed.
///
/// # Errors
/// Then it still is.
pub fn unseal() -> io::Result<()> {
    let transaction = Transaction::of(SEAL).about(Family::Netdev);
    transaction.without_table().commit()
}

/// "10.0.0.7:7401, [fd00::7]:7401", or that there is none.
pub fn name_of(peers: &[SocketAddr]) -> String {
    if peers.is_empty() {
        return "nobody".to_owned();
    }
    let names: Vec<String> = peers.iter().map(SocketAddr::to_string).collect();
    names.join(", ")
}

/// An interface may go between the look and the laying: then it is looked at again.
fn with_frames(peers: &[SocketAddr], reach: Reach, lasting: Option<Duration>) -> io::Result<Held> {
    let lay = || {
        let ways = ways_out(peers, reach)?;
        let transaction = rules(peers, reach, lasting)
            .about(Family::Netdev)
            .without_table()
            .table();
        let (transaction, drop) = ending(transaction, &[FRAME], lasting);
        on_ways(transaction, &ways, peers, &drop).commit()?;
        Ok(Held {
            gap: unheld(&ways),
            ways,
        })
    };
    lay().or_else(|_: io::Error| lay())
}

fn unheld(ways: &[Way]) -> Option<String> {
    let names: Vec<&str> = ways
        .iter()
        .filter(|way| !way.is_held())
        .map(|way| way.name.as_str())
        .collect();
    (!names.is_empty()).then(|| format!("{} has frames of a kind of its own", names.join(", ")))
}

/// What drops in the end, as long as it lasts: what it looks up there goes by itself.
fn ending(transaction: Transaction, kinds: &[u8], lasting: Option<Duration>) -> (Transaction, Rule) {
    match lasting {
        Some(lasting) => (
            transaction.set(STANDS, kinds, lasting),
            Rule::default().field_in(Field::Protocol, STANDS).drop(),
        ),
        None => (transaction, Rule::default().drop()),
    }
}

fn rules(peers: &[SocketAddr], reach: Reach, lasting: Option<Duration>) -> Transaction {
    let transaction = Transaction::of(TABLE).without_table().table();
    let (mut transaction, drop) = ending(transaction, &[IPV4, IPV6], lasting);
    for (chain, hook) in CHAINS {
        transaction = transaction.chain(chain, hook);
        for rule in passed(hook, peers, reach) {
            transaction = transaction.rule(chain, &rule);
        }
        transaction = transaction.rule(chain, &drop);
    }
    transaction
}

/// What is decided before all else is dropped.
fn passed(hook: Hook, peers: &[SocketAddr], reach: Reach) -> Vec<Rule> {
    let peers = &peers[..peers.len().min(PEERS_MAX)];
    let loopback = LOOPBACK.to_ne_bytes();
    let mut rules = match hook {
        Hook::In => vec![Rule::default().field(Field::InInterface, &loopback).accept()],
        Hook::Out => {
            let outside = address(IPV4, 16, &OUTSIDE_BY_LOOPBACK.octets()).drop();
            let within = Rule::default().field(Field::OutInterface, &loopback).accept();
            match reach {
                Reach::Container => vec![outside, within],
                Reach::Machine => vec![within],
            }
        }
        // Of a container nothing is passed on, the way to the installation neither.
        Hook::Forward if reach == Reach::Container => return Vec::new(),
        Hook::Forward => Vec::new(),
    };
    if hook != Hook::Out {
        rules.extend(peers.iter().map(from));
    }
    if hook != Hook::In {
        rules.extend(peers.iter().map(to));
    }
    rules.extend(neighbours(hook, peers));
    rules
}

/// Out only to where no router passes it on, or to a peer: anybody with NET_RAW can send one to the other end of the world.
fn neighbours(hook: Hook, peers: &[SocketAddr]) -> Vec<Rule> {
    let mut to: Vec<Vec<u8>> = Vec::new();
    for peer in peers {
        if let IpAddr::V6(ip) = peer.ip() {
            to.push(ip.octets().to_vec());
        }
    }
    if to.is_empty() || hook == Hook::Forward {
        return Vec::new();
    }
    let kinds = NEIGHBOUR_TYPES.iter();
    if hook == Hook::In {
        return kinds.map(|&kind| neighbour(&[], kind)).collect();
    }
    to.extend(LINK_LOCAL.map(Vec::from));
    kinds
        .flat_map(|&kind| to.iter().map(move |to| neighbour(to, kind)))
        .collect()
}

/// `to`: how the address of whom it is sent to begins.
fn neighbour(to: &[u8], kind: u8) -> Rule {
    let rule = Rule::default()
        .field(Field::Protocol, &[IPV6])
        .field(Field::Transport, &[ICMPV6]);
    let rule = match to {
        [] => rule,
        to => rule.bytes(Header::Network, 24, to),
    };
    rule.bytes(Header::Transport, 0, &[kind]).accept()
}

fn from(peer: &SocketAddr) -> Rule {
    let rule = match peer.ip() {
        IpAddr::V4(ip) => address(IPV4, 12, &ip.octets()),
        IpAddr::V6(ip) => address(IPV6, 8, &ip.octets()),
    };
    by_port(rule, 0, peer.port())
}

fn to(peer: &SocketAddr) -> Rule {
    let rule = match peer.ip() {
        IpAddr::V4(ip) => address(IPV4, 16, &ip.octets()),
        IpAddr::V6(ip) => address(IPV6, 24, &ip.octets()),
    };
    by_port(rule, 2, peer.port())
}

fn address(protocol: u8, offset: u32, octets: &[u8]) -> Rule {
    Rule::default()
        .field(Field::Protocol, &[protocol])
        .bytes(Header::Network, offset, octets)
}

fn by_port(rule: Rule, offset: u32, port: u16) -> Rule {
    rule.field(Field::Transport, &[TCP])
        .bytes(Header::Transport, offset, &port.to_be_bytes())
        .accept()
}

#[cfg(test)]
#[path = "isolation_tests.rs"]
mod tests;
