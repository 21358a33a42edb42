//! The little of nftables' netlink protocol that a table of fixed rules needs (`linux/netfilter/nf_tables.h`): messages of one
//! transaction, sent to the kernel without a program or a library.
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, SockProtocol, recv, setsockopt, sockopt::SndBufForce};

use crate::netlink::{self, HEADER_BYTES, REQUEST, TYPE_ERROR};

const ANSWER_BYTES_MAX: usize = 32 * 1024;

const SUBSYSTEM: u16 = 10;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const NEW_TABLE: u16 = SUBSYSTEM << 8;
const DELETE_TABLE: u16 = SUBSYSTEM << 8 | 2;
const NEW_CHAIN: u16 = SUBSYSTEM << 8 | 3;
const NEW_RULE: u16 = SUBSYSTEM << 8 | 6;
const NEW_SET: u16 = SUBSYSTEM << 8 | 9;
const NEW_SET_ELEMENTS: u16 = SUBSYSTEM << 8 | 12;

const ACK: u16 = 4;
const CREATE: u16 = 0x400;
const APPEND: u16 = 0x800;
const NESTED: u16 = 0x8000;

const REGISTER_VERDICT: u32 = 0;
const REGISTER: u32 = 1;
/// `NFT_SET_TIMEOUT`: its elements may go by themselves.
const SET_OF_PASSING: u32 = 0x10;
const DROP: u32 = 0;
const ACCEPT: u32 = 1;
/// `NFT_CMP_*`.
const EQUAL: u32 = 0;
const AT_MOST: u32 = 3;
const AT_LEAST: u32 = 5;
/// `NFT_NETDEVICE_MAX`: what one chain can be laid on.
pub const DEVICES_MAX: usize = 256;
/// A peer's rule has some 500 bytes, in each chain that it stands in.
const SEND_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Before every other table: whoever accepts or changes a packet comes later.
const PRIORITY: i32 = -400;

/// What a table is about; the same name in two families is two tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4 and IPv6 together.
    Inet = 1,
    /// The frames of interfaces.
    Netdev = 5,
}

/// Where frames are looked at: as they come from the interface, and as the last thing before it sends them. Out (since Linux 5.16) sees
/// AF_PACKET's, also with PACKET_QDISC_BYPASS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    In = 0,
    Out = 1,
}

/// Where packets are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    In = 1,
    Forward = 2,
    Out = 3,
}

/// What of a packet a match looks at.
#[derive(Debug, Clone, Copy)]
pub enum Field {
    /// `NFT_META_IIF`, an index in the host's order of bytes.
    InInterface = 4,
    OutInterface = 5,
    /// `NFT_META_NFPROTO`, one byte: 2 for IPv4, 10 for IPv6, 5 for whatever is a frame.
    Protocol = 15,
    /// `NFT_META_L4PROTO`, one byte.
    Transport = 16,
}

#[derive(Debug, Clone, Copy)]
pub enum Header {
    /// Nothing matches where the interface's frames have none. A VLAN's tag is part of it.
    Link = 0,
    Network = 1,
    Transport = 2,
}

/// The matches of a rule and then its verdict.
#[derive(Default)]
pub struct Rule(Vec<u8>);

impl Rule {
    pub fn field(self, field: Field, value: &[u8]) -> Self {
        let load = [number(1, REGISTER), number(2, field as u32)].concat();
        self.expression("meta", &load).equals(value)
    }

    /// Bytes of a header from `offset` on.
    pub fn bytes(self, header: Header, offset: u32, value: &[u8]) -> Self {
        self.load(header, offset, value.len()).equals(value)
    }

    /// A byte of a header, both ends included.
    pub fn between(self, header: Header, offset: u32, (least, most): (u8, u8)) -> Self {
        self.load(header, offset, 1)
            .compares(AT_LEAST, &[least])
            .compares(AT_MOST, &[most])
    }

    /// One of the elements that the set has now.
    pub fn field_in(self, field: Field, set: &str) -> Self {
        let load = [number(1, REGISTER), number(2, field as u32)].concat();
        let look = [text(1, set), number(2, REGISTER)].concat();
        self.expression("meta", &load).expression("lookup", &look)
    }

    pub fn accept(self) -> Self {
        self.verdict(ACCEPT)
    }

    pub fn drop(self) -> Self {
        self.verdict(DROP)
    }

    fn load(self, header: Header, offset: u32, length: usize) -> Self {
        let place = [
            number(2, header as u32),
            number(3, offset),
            number(4, length as u32),
        ];
        let load = [number(1, REGISTER), place.concat()].concat();
        self.expression("payload", &load)
    }

    fn equals(self, value: &[u8]) -> Self {
        self.compares(EQUAL, value)
    }

    fn compares(self, how: u32, value: &[u8]) -> Self {
        let compare = [
            number(1, REGISTER),
            number(2, how),
            nested(3, &attribute(1, value)),
        ];
        self.expression("cmp", &compare.concat())
    }

    fn verdict(self, verdict: u32) -> Self {
        let data = nested(2, &nested(2, &number(1, verdict)));
        self.expression("immediate", &[number(1, REGISTER_VERDICT), data].concat())
    }

    fn expression(mut self, name: &str, data: &[u8]) -> Self {
        self.0
            .extend(nested(1, &[text(1, name), nested(2, data)].concat()));
        self
    }
}

/// Messages that take effect all at once, or not at all.
pub struct Transaction {
    table: &'static str,
    family: Family,
    bytes: Vec<u8>,
    sequence: u32,
}

impl Transaction {
    pub fn of(table: &'static str) -> Self {
        let mut transaction = Self {
            table,
            family: Family::Inet,
            bytes: Vec::new(),
            sequence: 0,
        };
        transaction.push((BATCH_BEGIN, 0), (0, SUBSYSTEM), &[]);
        transaction
    }

    /// What follows is about the table of that family; of none other than `Inet` at first.
    pub fn about(mut self, family: Family) -> Self {
        self.family = family;
        self
    }

    /// Whatever was in the table goes; it need not have been there.
    pub fn without_table(self) -> Self {
        let name = text(1, self.table);
        self.message(NEW_TABLE, CREATE, &name)
            .message(DELETE_TABLE, 0, &name)
    }

    pub fn table(self) -> Self {
        let name = text(1, self.table);
        self.message(NEW_TABLE, CREATE, &name)
    }

    /// What none of its rules drops goes on.
    pub fn chain(self, name: &str, hook: Hook) -> Self {
        let place = [number(1, hook as u32), number(2, PRIORITY.cast_unsigned())].concat();
        let chain = [
            text(1, self.table),
            text(3, name),
            nested(4, &place),
            number(5, ACCEPT),
            text(7, "filter"),
        ];
        self.message(NEW_CHAIN, CREATE, &chain.concat())
    }

    /// On the frames of these interfaces, at most `DEVICES_MAX`; it goes with the last of them.
    pub fn chain_on(self, name: &str, direction: Direction, devices: &[&str]) -> Self {
        let names: Vec<u8> = devices.iter().flat_map(|device| text(1, device)).collect();
        let place = [
            number(1, direction as u32),
            number(2, PRIORITY.cast_unsigned()),
            nested(4, &names),
        ];
        let chain = [
            text(1, self.table),
            text(3, name),
            nested(4, &place.concat()),
            number(5, ACCEPT),
            text(7, "filter"),
        ];
        self.message(NEW_CHAIN, CREATE, &chain.concat())
    }

    /// Elements of one byte each, which the kernel takes out itself after `lasting`, whether or not anybody runs who could.
    pub fn set(self, name: &str, elements: &[u8], lasting: Duration) -> Self {
        // 0 would be for ever.
        let milliseconds = u64::try_from(lasting.as_millis()).unwrap_or(u64::MAX).max(1);
        let timeout = attribute(4, &milliseconds.to_be_bytes());
        let listed: Vec<u8> = elements
            .iter()
            .flat_map(|element| {
                nested(
                    1,
                    &[nested(1, &attribute(1, &[*element])), timeout.clone()].concat(),
                )
            })
            .collect();
        let set = [
            text(1, self.table),
            text(2, name),
            number(3, SET_OF_PASSING),
            number(4, 0),
            number(5, 1),
            // Within the transaction; the name is what counts.
            number(10, self.family as u32),
        ];
        let content = [text(1, self.table), text(2, name), nested(3, &listed)];
        self.message(NEW_SET, CREATE, &set.concat())
            .message(NEW_SET_ELEMENTS, CREATE, &content.concat())
    }

    pub fn rule(self, chain: &str, rule: &Rule) -> Self {
        let rule = [text(1, self.table), text(2, chain), nested(4, &rule.0)];
        self.message(NEW_RULE, CREATE | APPEND, &rule.concat())
    }

    /// In the network namespace of this thread.
    ///
    /// # Errors
    /// EPERM without CAP_NET_ADMIN there, EOPNOTSUPP or EINVAL where the kernel has no nftables.
    pub fn commit(mut self) -> io::Result<()> {
        let asked = self.sequence;
        self.push((BATCH_END, 0), (0, SUBSYSTEM), &[]);
        let kernel = netlink::open(SockProtocol::NetlinkNetFilter)?;
        // Refused in a user namespace, whoever may change the network there: then what is short is sent, and the rest is an error.
        let _refused = setsockopt(&kernel, SndBufForce, &SEND_BYTES_MAX);
        netlink::send(&kernel, &self.bytes)?;
        answer_to(asked, &kernel)
    }

    fn message(mut self, kind: u16, flags: u16, body: &[u8]) -> Self {
        let family = self.family as u8;
        self.push((kind, flags | ACK), (family, 0), body);
        self
    }

    fn push(&mut self, (kind, flags): (u16, u16), (family, resource): (u8, u16), body: &[u8]) {
        self.sequence += 1;
        let length = (HEADER_BYTES + 4 + body.len()) as u32;
        self.bytes.extend(length.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend((flags | REQUEST).to_ne_bytes());
        self.bytes.extend(self.sequence.to_ne_bytes());
        self.bytes.extend(0_u32.to_ne_bytes());
        self.bytes.extend([family, 0]);
        self.bytes.extend(resource.to_be_bytes());
        self.bytes.extend(body);
    }
}

/// Until the kernel has answered the last message that asked for it, or refused one.
fn answer_to(asked: u32, kernel: &OwnedFd) -> io::Result<()> {
    let mut buffer = vec![0; ANSWER_BYTES_MAX];
    loop {
        let length = recv(kernel.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        for (sequence, error) in answers(&buffer[..length]) {
            if error != 0 {
                return Err(Errno::from_raw(-error).into());
            }
            if sequence == asked {
                return Ok(());
            }
        }
    }
}

/// (sequence, error) of every answer in a datagram.
fn answers(mut bytes: &[u8]) -> Vec<(u32, i32)> {
    let word = |bytes: &[u8], at: usize| {
        u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    };
    let mut found = Vec::new();
    while bytes.len() >= HEADER_BYTES + 4 {
        let length = (word(bytes, 0) as usize).next_multiple_of(4);
        let kind = u16::from_ne_bytes([bytes[4], bytes[5]]);
        if kind == TYPE_ERROR {
            found.push((word(bytes, 8), word(bytes, HEADER_BYTES).cast_signed()));
        }
        if length == 0 || length > bytes.len() {
            break;
        }
        bytes = &bytes[length..];
    }
    found
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 + value.len().next_multiple_of(4));
    bytes.extend((4 + value.len() as u16).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn nested(kind: u16, value: &[u8]) -> Vec<u8> {
    attribute(kind | NESTED, value)
}

fn number(kind: u16, value: u32) -> Vec<u8> {
    attribute(kind, &value.to_be_bytes())
}

fn text(kind: u16, value: &str) -> Vec<u8> {
    attribute(kind, &[value.as_bytes(), b"\0"].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_says_its_length_and_is_filled_up_to_four_bytes() {
        assert_eq!(attribute(3, b"abcde"), *b"\x09\0\x03\0abcde\0\0\0");
        assert_eq!(number(2, 1), *b"\x08\0\x02\0\0\0\0\x01");
    }

    #[test]
    fn answers_are_told_apart_by_their_sequence() {
        let answer = |sequence: u32, error: i32| {
            let length = 36_u32;
            let mut bytes = [length.to_ne_bytes(), [2, 0, 0, 0], sequence.to_ne_bytes(), [0; 4]].concat();
            bytes.extend(error.to_ne_bytes());
            bytes.resize(length as usize, 0);
            bytes
        };
        let both = [answer(3, 0), answer(4, -1)].concat();
        assert_eq!(answers(&both), [(3, 0), (4, -1)]);
        // A length that leads nowhere ends the look at it.
        assert_eq!(answers(&[0; 20]), []);
    }
}
