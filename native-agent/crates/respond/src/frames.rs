//! What isolation lets an interface send and take, frame by frame: a program with NET_RAW writes its frames past everything that looks at
//! IP's packets only. Every header is looked at where the wire has it, because who writes a frame also says of what protocol it is.
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::links::{Link, links, way_to};
use crate::nftables::{DEVICES_MAX, Direction, Header, Rule, Transaction};
use crate::reach::{ICMPV6, LINK_LOCAL, NEIGHBOUR_TYPES, PEERS_MAX, Reach, TCP};

const UDP: u8 = 17;
/// A neighbour's packet that was passed on has less (RFC 4861).
const UNTOUCHED_HOPS: u8 = 255;
/// IPv4 without options, as TCP sends it.
const IPV4_FIRST_BYTE: u8 = 0x45;
const IPV6_FIRST_BYTES: (u8, u8) = (0x60, 0x6f);
/// A client's port and a server's.
const DHCP_TO_SERVER: [u8; 4] = [0, 68, 0, 67];
const DHCP_TO_CLIENT: [u8; 4] = [0, 67, 0, 68];

const ETHERTYPE_AT: u32 = 12;
const ARP: [u8; 2] = [0x08, 0x06];
/// Without them a switch closes its port, or a bundle of interfaces breaks up: 802.1X and LACP.
const OF_THE_WIRE: [[u8; 2]; 2] = [[0x88, 0x8e], [0x88, 0x09]];
/// Without it bridges make a circle: the spanning tree's address, which no bridge passes on.
const BRIDGES: [u8; 6] = [0x01, 0x80, 0xc2, 0, 0, 0];
/// The line of a PPPoE session is kept up by it (LCP).
const PPPOE: [u8; 2] = [0x88, 0x64];
const PPPOE_TYPE_AT: u32 = 20;
const PPP_LINE: [u8; 2] = [0xc0, 0x21];

/// Of `linux/if_arp.h`, which libc lacks.
const ARPHRD_RAWIP: u16 = 519;
const ARPHRD_IP6GRE: u16 = 823;
/// Interfaces without a header before IP's.
const BARE: [u16; 8] = [
    libc::ARPHRD_NONE,
    libc::ARPHRD_PPP,
    ARPHRD_RAWIP,
    libc::ARPHRD_TUNNEL,
    libc::ARPHRD_TUNNEL6,
    libc::ARPHRD_SIT,
    libc::ARPHRD_IPGRE,
    ARPHRD_IP6GRE,
];

/// An interface that leads out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    pub index: u32,
    pub name: String,
    header: u16,
}

impl Way {
    /// Of any other kind nothing is known to be let through, so nothing is dropped: the installation might be behind it.
    pub fn is_held(&self) -> bool {
        self.header == libc::ARPHRD_ETHER || BARE.contains(&self.header)
    }
}

/// The interfaces that frames leave by, in the order of their numbers.
///
/// # Errors
/// When the kernel does not tell.
pub fn ways_out(peers: &[SocketAddr], reach: Reach) -> io::Result<Vec<Way>> {
    let to_peers: Vec<u32> = peers.iter().filter_map(|peer| way_to(peer.ip()).ok()).collect();
    let mut ways: Vec<Way> = links()?
        .into_iter()
        .filter(|link| link.header != libc::ARPHRD_LOOPBACK && leads_out(link, &to_peers, reach))
        .map(|link| Way {
            index: link.index,
            name: link.name,
            header: link.header,
        })
        .collect();
    ways.sort_by_key(|way| way.index);
    Ok(ways)
}

/// A machine's bridges, and the ends in it of containers and programs, do not: what comes from there leaves by another interface.
fn leads_out(link: &Link, to_peers: &[u32], reach: Reach) -> bool {
    if reach == Reach::Container || to_peers.contains(&link.index) {
        return true;
    }
    match link.kind.as_str() {
        "bridge" | "tun" => false,
        "veth" | "netkit" => link.master == 0,
        _ => true,
    }
}

/// Chains on `ways` that pass what the installation's connection needs and end with `drop`.
pub fn on_ways(mut transaction: Transaction, ways: &[Way], peers: &[SocketAddr], drop: &Rule) -> Transaction {
    for (kind, is_ethernet) in [("ethernet", true), ("bare", false)] {
        let of_kind = |way: &&Way| way.is_held() && (way.header == libc::ARPHRD_ETHER) == is_ethernet;
        let names: Vec<&str> = ways.iter().filter(of_kind).map(|way| way.name.as_str()).collect();
        for (part, devices) in names.chunks(DEVICES_MAX).enumerate() {
            for (toward, direction) in [("in", Direction::In), ("out", Direction::Out)] {
                let chain = format!("{kind}_{toward}_{part}");
                transaction = transaction.chain_on(&chain, direction, devices);
                for rule in passed(is_ethernet, direction, peers) {
                    transaction = transaction.rule(&chain, &rule);
                }
                transaction = transaction.rule(&chain, drop);
            }
        }
    }
    transaction
}

fn passed(is_ethernet: bool, direction: Direction, peers: &[SocketAddr]) -> Vec<Rule> {
    let peers = &peers[..peers.len().min(PEERS_MAX)];
    if peers.is_empty() {
        return Vec::new();
    }
    let wrappings = match is_ethernet {
        true => Wrapping::ETHERNET,
        false => Wrapping::BARE,
    };
    let mut rules: Vec<Rule> = wrappings
        .iter()
        .flat_map(|wrapping| within(wrapping, direction, peers))
        .collect();
    if is_ethernet {
        rules.extend(OF_THE_WIRE.map(|kind| link(ETHERTYPE_AT, &kind).accept()));
        rules.push(link(0, &BRIDGES).accept());
        rules.push(
            link(ETHERTYPE_AT, &PPPOE)
                .bytes(Header::Link, PPPOE_TYPE_AT, &PPP_LINE)
                .accept(),
        );
    }
    rules
}

fn within(wrapping: &Wrapping, direction: Direction, peers: &[SocketAddr]) -> Vec<Rule> {
    // What goes to a peer may also come in: a machine passes it on for its containers.
    let mut rules: Vec<Rule> = peers.iter().map(|peer| wrapping.to(peer)).collect();
    if direction == Direction::In {
        rules.extend(peers.iter().map(|peer| wrapping.from(peer)));
    }
    rules.extend(wrapping.neighbours(direction, peers));
    if let Some(type_at) = wrapping.ethertype_at {
        rules.push(wrapping.begun().bytes(wrapping.header, type_at, &ARP).accept());
        rules.push(wrapping.dhcp(direction));
    }
    rules
}

fn link(offset: u32, value: &[u8]) -> Rule {
    Rule::default().bytes(Header::Link, offset, value)
}

/// What stands before IP's header in a frame.
struct Wrapping {
    header: Header,
    before: &'static [(u32, [u8; 2])],
    /// Where IPv4 and IPv6 are told apart, and how.
    type_at: Option<u32>,
    types: [[u8; 2]; 2],
    ip_at: u32,
    /// Where that says ARP, too.
    ethertype_at: Option<u32>,
}

const ETHERTYPES: [[u8; 2]; 2] = [[0x08, 0x00], [0x86, 0xdd]];
const PPP_TYPES: [[u8; 2]; 2] = [[0x00, 0x21], [0x00, 0x57]];

impl Wrapping {
    /// By itself, in a VLAN, in a PPPoE session: the interfaces of the latter two lie upon the first's.
    const ETHERNET: &'static [Self] = &[
        Self {
            header: Header::Link,
            before: &[],
            type_at: Some(ETHERTYPE_AT),
            types: ETHERTYPES,
            ip_at: 14,
            ethertype_at: Some(ETHERTYPE_AT),
        },
        Self {
            header: Header::Link,
            before: &[(ETHERTYPE_AT, [0x81, 0x00])],
            type_at: Some(16),
            types: ETHERTYPES,
            ip_at: 18,
            ethertype_at: Some(16),
        },
        Self {
            header: Header::Link,
            before: &[(ETHERTYPE_AT, PPPOE)],
            type_at: Some(PPPOE_TYPE_AT),
            types: PPP_TYPES,
            ip_at: 22,
            ethertype_at: None,
        },
    ];
    const BARE: &'static [Self] = &[Self {
        header: Header::Network,
        before: &[],
        type_at: None,
        types: ETHERTYPES,
        ip_at: 0,
        ethertype_at: None,
    }];

    fn to(&self, peer: &SocketAddr) -> Rule {
        self.tcp(peer, (16, 24), 2)
    }

    fn from(&self, peer: &SocketAddr) -> Rule {
        self.tcp(peer, (12, 8), 0)
    }

    /// `address_at`: of IPv4 and of IPv6; `port_at`: in TCP's header.
    fn tcp(&self, peer: &SocketAddr, address_at: (u32, u32), port_at: u32) -> Rule {
        let port = peer.port().to_be_bytes();
        match peer.ip() {
            IpAddr::V4(ip) => self
                .ipv4(TCP)
                .bytes(self.header, self.ip_at + address_at.0, &ip.octets())
                .bytes(self.header, self.ip_at + 20 + port_at, &port),
            IpAddr::V6(ip) => self
                .ipv6(TCP)
                .bytes(self.header, self.ip_at + address_at.1, &ip.octets())
                .bytes(self.header, self.ip_at + 40 + port_at, &port),
        }
        .accept()
    }

    /// By broadcast, which no router passes on: clients send it past IP.
    fn dhcp(&self, direction: Direction) -> Rule {
        let rule = self.ipv4(UDP);
        let ports_at = self.ip_at + 20;
        match direction {
            Direction::In => rule.bytes(self.header, ports_at, &DHCP_TO_CLIENT),
            Direction::Out => rule
                .bytes(self.header, self.ip_at + 16, &Ipv4Addr::BROADCAST.octets())
                .bytes(self.header, ports_at, &DHCP_TO_SERVER),
        }
        .accept()
    }

    /// To addresses that no router passes on, or to a peer.
    fn neighbours(&self, direction: Direction, peers: &[SocketAddr]) -> Vec<Rule> {
        let peers: Vec<[u8; 16]> = peers
            .iter()
            .filter_map(|peer| match peer.ip() {
                IpAddr::V4(_) => None,
                IpAddr::V6(ip) => Some(ip.octets()),
            })
            .collect();
        if peers.is_empty() {
            return Vec::new();
        }
        let kinds = (NEIGHBOUR_TYPES[0], NEIGHBOUR_TYPES[NEIGHBOUR_TYPES.len() - 1]);
        let rule = || {
            self.ipv6(ICMPV6)
                .bytes(self.header, self.ip_at + 7, &[UNTOUCHED_HOPS])
                .between(self.header, self.ip_at + 40, kinds)
        };
        let to = |address: &[u8]| rule().bytes(self.header, self.ip_at + 24, address).accept();
        match direction {
            Direction::In => vec![rule().accept()],
            Direction::Out => {
                let near = LINK_LOCAL.iter().map(|prefix| to(prefix));
                near.chain(peers.iter().map(|peer| to(peer))).collect()
            }
        }
    }

    fn ipv4(&self, transport: u8) -> Rule {
        self.typed(0)
            .bytes(self.header, self.ip_at, &[IPV4_FIRST_BYTE])
            .bytes(self.header, self.ip_at + 9, &[transport])
    }

    fn ipv6(&self, transport: u8) -> Rule {
        self.typed(1)
            .between(self.header, self.ip_at, IPV6_FIRST_BYTES)
            .bytes(self.header, self.ip_at + 6, &[transport])
    }

    fn typed(&self, version: usize) -> Rule {
        match self.type_at {
            Some(at) => self.begun().bytes(self.header, at, &self.types[version]),
            None => self.begun(),
        }
    }

    fn begun(&self) -> Rule {
        let before = self.before.iter();
        before.fold(Rule::default(), |rule, (at, value)| {
            rule.bytes(self.header, *at, value)
        })
    }
}

#[cfg(test)]
#[path = "frames_tests.rs"]
mod tests;
