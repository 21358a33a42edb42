//! The interfaces of this thread's network namespace and the way to an address, by rtnetlink: what is needed to say which of them lead
//! out of the machine.
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, SockProtocol, recv};

use crate::netlink::{self, HEADER_BYTES, REQUEST, TYPE_ERROR};

const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// `linux/netlink.h`, `linux/rtnetlink.h`, `linux/if_link.h`.
const DUMP: u16 = 0x300;
const TYPE_DONE: u16 = 3;
const NEW_LINK: u16 = 16;
const GET_LINK: u16 = 18;
const NEW_ROUTE: u16 = 24;
const GET_ROUTE: u16 = 26;
const LINK_BYTES: usize = 16;
const ROUTE_BYTES: usize = 12;
const LINK_NAME: u16 = 3;
const LINK_MASTER: u16 = 10;
const LINK_INFO: u16 = 18;
const INFO_KIND: u16 = 1;
const ROUTE_TO: u16 = 1;
const ROUTE_INTERFACE: u16 = 4;
/// The flag of an attribute that holds others is no part of its type.
const TYPE_BITS: u16 = 0x3fff;

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Link {
    pub index: u32,
    pub name: String,
    /// `ARPHRD_*`: what its frames begin with.
    pub header: u16,
    /// "bridge", "veth", "vlan" …; a device of the hardware has none.
    pub kind: String,
    /// The index of the bridge or bond that it is a port of, or 0.
    pub master: u32,
}

/// # Errors
/// When the kernel does not answer.
pub fn links() -> io::Result<Vec<Link>> {
    let answers = ask((GET_LINK, DUMP), &[0; LINK_BYTES])?;
    let found = answers.iter().filter(|(kind, _)| *kind == NEW_LINK);
    Ok(found.filter_map(|(_, body)| link(body)).collect())
}

/// The interface that a packet to `address` leaves by.
///
/// # Errors
/// When there is no way to it.
pub fn way_to(address: IpAddr) -> io::Result<u32> {
    let (family, octets) = match address {
        IpAddr::V4(ip) => (libc::AF_INET, ip.octets().to_vec()),
        IpAddr::V6(ip) => (libc::AF_INET6, ip.octets().to_vec()),
    };
    let mut request = vec![0; ROUTE_BYTES];
    request[0] = family as u8;
    request[1] = octets.len() as u8 * 8;
    request.extend((4 + octets.len() as u16).to_ne_bytes());
    request.extend(ROUTE_TO.to_ne_bytes());
    request.extend(octets);
    let answers = ask((GET_ROUTE, 0), &request)?;
    let route = answers.iter().find(|(kind, _)| *kind == NEW_ROUTE);
    route
        .and_then(|(_, body)| number(&attributes(body.get(ROUTE_BYTES..)?), ROUTE_INTERFACE))
        .ok_or_else(|| Errno::ENETUNREACH.into())
}

fn link(body: &[u8]) -> Option<Link> {
    let parts = attributes(body.get(LINK_BYTES..)?);
    let about = parts.iter().find(|(kind, _)| *kind == LINK_INFO);
    let about = about.map(|(_, about)| attributes(about)).unwrap_or_default();
    Some(Link {
        index: u32::from_ne_bytes(*body[4..].first_chunk()?),
        name: text(&parts, LINK_NAME),
        header: u16::from_ne_bytes([body[2], body[3]]),
        kind: text(&about, INFO_KIND),
        master: number(&parts, LINK_MASTER).unwrap_or_default(),
    })
}

/// (type, body) of each message of the answer.
fn ask((kind, flags): (u16, u16), body: &[u8]) -> io::Result<Vec<(u16, Vec<u8>)>> {
    let kernel = netlink::open(SockProtocol::NetlinkRoute)?;
    let mut request = ((HEADER_BYTES + body.len()) as u32).to_ne_bytes().to_vec();
    request.extend(kind.to_ne_bytes());
    request.extend((flags | REQUEST).to_ne_bytes());
    request.extend([0; 8]);
    request.extend(body);
    netlink::send(&kernel, &request)?;
    let (mut buffer, mut answers) = (vec![0; ANSWER_BYTES_MAX], Vec::new());
    loop {
        let length = recv(kernel.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        for (kind, body) in messages(&buffer[..length]) {
            match kind {
                TYPE_DONE => return Ok(answers),
                TYPE_ERROR => return Err(refused(body)),
                _ => answers.push((kind, body.to_vec())),
            }
        }
        if flags & DUMP == 0 {
            return Ok(answers);
        }
    }
}

fn refused(body: &[u8]) -> io::Error {
    let code = body
        .first_chunk()
        .map_or(libc::EIO, |code| -i32::from_ne_bytes(*code));
    io::Error::from_raw_os_error(code)
}

fn messages(mut bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut found = Vec::new();
    while let Some(length) = bytes.first_chunk() {
        let length = u32::from_ne_bytes(*length) as usize;
        if length < HEADER_BYTES || length > bytes.len() {
            break;
        }
        let kind = u16::from_ne_bytes([bytes[4], bytes[5]]);
        found.push((kind, &bytes[HEADER_BYTES..length]));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

fn attributes(mut bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut found = Vec::new();
    while let Some(&[low, high, kind_low, kind_high]) = bytes.first_chunk() {
        let length = usize::from(u16::from_ne_bytes([low, high]));
        if length < 4 || length > bytes.len() {
            break;
        }
        let kind = u16::from_ne_bytes([kind_low, kind_high]) & TYPE_BITS;
        found.push((kind, &bytes[4..length]));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

fn number(parts: &[(u16, &[u8])], wanted: u16) -> Option<u32> {
    let (_, value) = parts.iter().find(|(kind, _)| *kind == wanted)?;
    Some(u32::from_ne_bytes(*value.first_chunk()?))
}

fn text(parts: &[(u16, &[u8])], wanted: u16) -> String {
    let found = parts.iter().find(|(kind, _)| *kind == wanted);
    let value = found.map_or(&[][..], |(_, value)| value);
    let end = value.iter().position(|&byte| byte == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_the_first_link_and_the_way_to_itself() {
        let found = links().unwrap();
        let loopback = found.iter().find(|link| link.index == 1).unwrap();
        assert_eq!(
            (loopback.name.as_str(), loopback.kind.as_str(), loopback.header),
            ("lo", "", libc::ARPHRD_LOOPBACK)
        );
        assert_eq!(way_to("127.0.0.1".parse().unwrap()).unwrap(), 1);
    }

    #[test]
    fn a_length_that_leads_nowhere_ends_the_look_at_it() {
        assert_eq!(attributes(&[0; 12]), []);
        assert_eq!(attributes(&[9, 0, 1, 0, 5]), []);
        assert_eq!(
            attributes(&[5, 0, 1, 0x80, 7, 0, 0, 0, 4, 0, 2, 0]),
            [(1, &[7][..]), (2, &[][..])]
        );
        assert_eq!(messages(&[1; 40]), []);
    }
}
