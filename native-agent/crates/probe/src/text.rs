//! Texts of rows that are no paths: addresses and arguments.
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use norn_events::EventKind;

use crate::record::SocketFacts;

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// Arguments come with a zero byte behind each; they are joined by one space.
pub fn join_arguments(line: &mut Vec<u8>, arguments: &[u8]) {
    line.clear();
    let arguments = arguments.strip_suffix(&[0]).unwrap_or(arguments);
    line.extend(arguments.iter().map(|&byte| if byte == 0 { b' ' } else { byte }));
}

/// The remote address, or the local one of a listener; a unix path.
pub fn socket_text(text: &mut Vec<u8>, socket: &SocketFacts, unix_path: &[u8], local: bool) {
    let bytes = if local { socket.local } else { socket.remote };
    let address = match socket.family {
        AF_INET => IpAddr::V4(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3])),
        // An IPv4 peer of an IPv6 socket is known by its IPv4 address.
        AF_INET6 => IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical(),
        _ => {
            text.extend_from_slice(unix_path);
            return;
        }
    };
    // Writing to a Vec cannot fail.
    let _ = write!(text, "{address}");
}

/// Ports as `EventKind` wants them.
pub fn socket_value(socket: &SocketFacts, kind: EventKind) -> u64 {
    if !matches!(socket.family, AF_INET | AF_INET6) {
        return 0;
    }
    let local = u64::from(socket.local_port);
    if kind == EventKind::NetListen {
        local
    } else {
        u64::from(socket.remote_port) << 16 | local
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_joined_by_one_space() {
        let mut line = Vec::new();
        join_arguments(&mut line, b"sh\0-c\0echo hi\0");
        assert_eq!(line, b"sh -c echo hi");
        join_arguments(&mut line, b"");
        assert_eq!(line, b"");
    }

    #[test]
    fn an_ipv4_peer_of_an_ipv6_socket_is_an_ipv4_address() {
        let mut remote = [0; 16];
        remote[10..].copy_from_slice(&[0xff, 0xff, 127, 0, 0, 1]);
        let socket = SocketFacts {
            remote,
            family: AF_INET6,
            remote_port: 443,
            local_port: 5,
            ..Default::default()
        };
        let mut text = Vec::new();
        socket_text(&mut text, &socket, b"", false);
        assert_eq!(text, b"127.0.0.1");
        assert_eq!(socket_value(&socket, EventKind::NetConnect), 443 << 16 | 5);
        assert_eq!(socket_value(&socket, EventKind::NetListen), 5);
    }
}
