//! Networks. An IPv4 address within IPv6 (`::ffff:10.0.0.1`) is the IPv4 address.
use std::net::{IpAddr, Ipv6Addr};

/// A network: all addresses whose first `bits` bits are the same. IPv4 lies in `::ffff:0:0/96`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cidr {
    /// Of IPv6, the bits behind the prefix zero.
    pub address: [u8; 16],
    /// 0 to 128.
    pub bits: u8,
}

const V4_BITS: u8 = 96;

impl Cidr {
    /// All of IPv6.
    pub const V6: Self = Self {
        address: [0; 16],
        bits: 0,
    };
    /// All of IPv4.
    pub const V4: Self = Self {
        address: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0],
        bits: V4_BITS,
    };

    /// "10.0.0.0/8", "fe80::/10", or one address. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => bits.parse::<u8>().ok()?,
            Some(_) => return None,
            None => longest,
        };
        (bits <= longest).then(|| Self::new(address, bits))
    }

    fn new(address: IpAddr, bits: u8) -> Self {
        let skipped = if address.is_ipv4() { V4_BITS } else { 0 };
        let (octets, bits) = (octets(address), bits + skipped);
        let mask = u128::MAX.checked_shl(u32::from(128 - bits)).unwrap_or(0);
        Self {
            address: (u128::from_be_bytes(octets) & mask).to_be_bytes(),
            bits,
        }
    }

    pub fn holds(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.covers(&Self::new(address, if address.is_ipv4() { 32 } else { 128 }))
    }

    fn is_v4(&self) -> bool {
        self.bits >= V4_BITS && self.address[..12] == Self::V4.address[..12]
    }

    /// All of the other lies within this. IPv4 is in no network of IPv6, however large.
    pub fn covers(&self, other: &Self) -> bool {
        if self.bits < V4_BITS && other.is_v4() {
            return false;
        }
        let differs = u128::from_be_bytes(self.address) ^ u128::from_be_bytes(other.address);
        self.bits <= other.bits && differs.leading_zeros() >= u32::from(self.bits)
    }
}

/// As IPv6.
pub fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// As people write it.
pub fn address(octets: [u8; 16]) -> IpAddr {
    Ipv6Addr::from(octets).to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(network: &str, address: &str) -> bool {
        Cidr::parse(network).unwrap().holds(address.parse().unwrap())
    }

    #[test]
    fn addresses_are_in_their_networks_and_in_no_other() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.4"),
            ("192.168.1.128/25", "192.168.1.255", "192.168.1.127"),
            ("fe80::/10", "febf::1", "fec0::1"),
            ("2001:db8::1", "2001:db8::1", "2001:db8::2"),
            ("0.0.0.0/0", "255.255.255.255", "2001:db8::1"),
            ("10.0.0.7/8", "10.9.9.9", "9.0.0.7"),
        ] {
            assert!(holds(network, inside) && !holds(network, outside), "{network}");
        }
        assert!(holds("::/0", "2001:db8::1") && !holds("::/0", "10.0.0.1"));
        assert!(holds("::ffff:10.0.0.0/104", "10.2.3.4"));
        assert!(holds("10.0.0.0/8", "::ffff:10.0.0.1"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "fe80::/129",
            "x",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
        ] {
            assert_eq!(Cidr::parse(text), None, "{text}");
        }
    }
}
