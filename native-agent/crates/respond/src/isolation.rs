//! Cuts a network namespace off from everything but its own loopback and the installation, and gives it back: one table of
//! nftables that drops what it does not name, so that nothing of what was there is touched and taking it away is all it takes.
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use thiserror::Error;

use crate::nftables::{Field, Header, Hook, Rule, Transaction};

const TABLE: &str = "norn_isolation";
/// Only for the look at whether there could be one.
const TRIAL: &str = "norn_trial";
/// Of every network namespace.
const LOOPBACK: u32 = 1;
/// Docker answers names there from outside of the container: whatever is asked leaves it.
const OUTSIDE_BY_LOOPBACK: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);
/// Peers that are let through; more are not taken.
pub const PEERS_MAX: usize = 32;

/// The set that says that the isolation stands.
const STANDS: &str = "stands";
const CHAINS: [(&str, Hook); 3] = [("in", Hook::In), ("out", Hook::Out), ("forward", Hook::Forward)];

const TCP: u8 = 6;
const ICMPV6: u8 = 58;
const IPV4: u8 = 2;
const IPV6: u8 = 10;
/// Neighbours and routers, RFC 4861: without them nobody is reached by IPv6.
const NEIGHBOUR_TYPES: [u8; 4] = [133, 134, 135, 136];

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

/// Whether this process could: a table is made and taken away again.
///
/// # Errors
/// Why it could not.
pub fn try_isolation() -> Result<(), IsolationError> {
    let trial = Transaction::of(TRIAL)
        .table()
        .set(STANDS, &[IPV4], Duration::from_secs(1))
        .chain("out", Hook::Out);
    Ok(trial.without_table().commit()?)
}

/// Whose network it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Of a container: what its loopback leads out of it by is closed, and it passes nothing on.
    Container,
    /// Of a machine: what it passes on for its containers goes to the peers alone.
    Machine,
}

/// Of this thread's network namespace; again, with other peers, as often as wanted. `lasting`: the kernel ends it after that time by
/// itself, whether or not the agent runs; `None`: it stands until `rejoin`.
///
/// # Errors
/// Then everything is as it was before.
pub fn isolate(peers: &[SocketAddr], reach: Reach, lasting: Option<Duration>) -> Result<(), IsolationError> {
    Ok(rules(peers, reach, lasting).commit()?)
}

/// Also when it was not isolated.
///
/// # Errors
/// Then it still is.
pub fn rejoin() -> Result<(), IsolationError> {
    Ok(Transaction::of(TABLE).without_table().commit()?)
}

/// "10.0.0.7:7401, [fd00::7]:7401", or that there is none.
pub fn name_of(peers: &[SocketAddr]) -> String {
    if peers.is_empty() {
        return "nobody".to_owned();
    }
    let names: Vec<String> = peers.iter().map(SocketAddr::to_string).collect();
    names.join(", ")
}

fn rules(peers: &[SocketAddr], reach: Reach, lasting: Option<Duration>) -> Transaction {
    let mut transaction = Transaction::of(TABLE).without_table().table();
    if let Some(lasting) = lasting {
        transaction = transaction.set(STANDS, &[IPV4, IPV6], lasting);
    }
    let drop = match lasting {
        Some(_) => Rule::default().field_in(Field::Protocol, STANDS).drop(),
        None => Rule::default().drop(),
    };
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
    if hook != Hook::Forward && peers.iter().any(SocketAddr::is_ipv6) {
        rules.extend(NEIGHBOUR_TYPES.map(neighbour));
    }
    rules
}

fn neighbour(kind: u8) -> Rule {
    Rule::default()
        .field(Field::Protocol, &[IPV6])
        .field(Field::Transport, &[ICMPV6])
        .bytes(Header::Transport, 0, &[kind])
        .accept()
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
