//! Whose network is cut off, and the numbers of what is let through.

/// Peers that are let through; more are not taken.
pub const PEERS_MAX: usize = 32;

pub const TCP: u8 = 6;
pub const ICMPV6: u8 = 58;
/// Neighbours and routers, RFC 4861: without them nobody is reached by IPv6.
pub const NEIGHBOUR_TYPES: [u8; 4] = [133, 134, 135, 136];
/// fe80::/16 and ff02::/16: no router passes on what is sent there.
pub const LINK_LOCAL: [[u8; 2]; 2] = [[0xfe, 0x80], [0xff, 0x02]];

/// Whose network it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Of a container: what its loopback leads out of it by is closed, and it passes nothing on.
    Container,
    /// Of a machine: what it passes on for its containers goes to the peers alone.
    Machine,
}
