//! Cuts a network namespace off from everything but its own loopback and the installation, and gives it back: one table of
//! nftables that drops what it does not name, so that nothing of what was there is touched and taking it away is all it takes.
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

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
    let trial = Transaction::of(TRIAL).table().chain("out", Hook::Out);
    Ok(trial.without_table().commit()?)
}

/// Of this thread's network namespace; again, with other peers, as often as wanted.
///
/// # Errors
/// Then everything is as it was before.
pub fn isolate(peers: &[SocketAddr]) -> Result<(), IsolationError> {
    Ok(rules(peers).commit()?)
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

fn rules(peers: &[SocketAddr]) -> Transaction {
    let loopback = LOOPBACK.to_ne_bytes();
    let resolver = OUTSIDE_BY_LOOPBACK.octets();
    let mut transaction = Transaction::of(TABLE)
        .without_table()
        .table()
        .chain("in", Hook::In)
        .chain("out", Hook::Out)
        // Whoever passes packets on for others.
        .chain("forward", Hook::Forward)
        .rule("out", &address(IPV4, 16, &resolver).drop())
        .rule(
            "in",
            &Rule::default().field(Field::InInterface, &loopback).accept(),
        )
        .rule(
            "out",
            &Rule::default().field(Field::OutInterface, &loopback).accept(),
        );
    for peer in &peers[..peers.len().min(PEERS_MAX)] {
        transaction = transaction.rule("in", &from(peer)).rule("out", &to(peer));
    }
    if peers.iter().any(SocketAddr::is_ipv6) {
        for kind in NEIGHBOUR_TYPES {
            let neighbour = || {
                Rule::default()
                    .field(Field::Protocol, &[IPV6])
                    .field(Field::Transport, &[ICMPV6])
                    .bytes(Header::Transport, 0, &[kind])
                    .accept()
            };
            transaction = transaction.rule("in", &neighbour()).rule("out", &neighbour());
        }
    }
    transaction
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
