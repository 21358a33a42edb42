//! In a network namespace of the test's own thread, with an Ethernet wire (TAP) whose other end the test holds: what a program with
//! NET_RAW writes past IP. Each way that nothing stops is first seen to lead out.
use std::fs::{File, OpenOptions};
use std::io::{Read, Write as _};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::SockaddrLike;

use super::*;
use crate::{is_as_held, isolate, rejoin, try_isolation};

const TUNSETIFF: libc::c_ulong = 0x4004_54ca;
const IFF_TAP_WITHOUT_HEADER: libc::c_short = 0x1002;
const OURS: [u8; 6] = [2, 0, 0, 0, 0, 1];
const THEIRS: [u8; 6] = [2, 0, 0, 0, 0, 2];
const EVERYBODY: [u8; 6] = [0xff; 6];
/// Of who sends: not the interface's own, which a bridge upon it would take for a circle.
const SENDER: [u8; 6] = [2, 0, 0, 0, 0, 3];
const SECOND: Duration = Duration::from_secs(1);
/// What a frame of a test carries: no other does.
const MARK: [u8; 4] = *b"norn";

/// The end of the wire that is not the kernel's.
struct Wire(File);

/// What it says.
fn run(command: &str) -> String {
    let mut words = command.split(' ');
    let done = Command::new(words.next().unwrap()).args(words).output().unwrap();
    assert!(done.status.success(), "{command}: {done:?}");
    String::from_utf8(done.stdout).unwrap()
}

impl Wire {
    fn new() -> Self {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace needs root");
        run("ip link set lo up");
        let wire = Self::add("wire");
        run("ip link set wire address 02:00:00:00:00:01");
        run("ip link set wire up");
        run("ip addr add 10.9.0.1/24 dev wire");
        run("ip addr add fd09::1/64 dev wire nodad");
        for (address, family) in [("10.9.0.2", "-4"), ("fd09::2", "-6")] {
            run(&format!(
                "ip {family} neigh add {address} lladdr 02:00:00:00:00:02 dev wire"
            ));
        }
        wire
    }

    fn add(name: &str) -> Self {
        let tap = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/net/tun")
            .unwrap();
        // SAFETY: all zeros is an empty request.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
            *to = from.cast_signed();
        }
        request.ifr_ifru.ifru_flags = IFF_TAP_WITHOUT_HEADER;
        // SAFETY: an open descriptor and the structure that is asked for.
        let result = unsafe { libc::ioctl(tap.as_raw_fd(), TUNSETIFF, &raw mut request) };
        assert_eq!(result, 0, "{}", io::Error::last_os_error());
        Self(tap)
    }

    /// How many of the test's own frames have gone out.
    fn sent(&mut self) -> usize {
        let (mut frame, mut seen) = ([0; 2_048], 0);
        while let Ok(length) = self.0.read(&mut frame) {
            let is_ours = frame[..length].windows(MARK.len()).any(|part| part == MARK);
            seen += usize::from(is_ours);
        }
        seen
    }

    /// Waits for as many as are expected: between two interfaces a frame waits for its turn.
    fn sent_soon(&mut self, expected: usize) -> usize {
        let (began, mut seen) = (std::time::Instant::now(), self.sent());
        while seen < expected && began.elapsed() < 20 * SECOND {
            std::thread::yield_now();
            seen += self.sent();
        }
        seen
    }

    fn receive(&mut self, frame: &[u8]) {
        self.0.write_all(frame).unwrap();
    }
}

#[derive(Clone, Copy)]
enum How {
    Raw,
    /// Past the queues, too.
    Bypass,
    /// The kernel writes the interface's header.
    Datagram,
    /// A raw frame that is said to be ARP.
    SaidToBeArp,
}

fn packet_socket(kind: libc::c_int, protocol: u16) -> OwnedFd {
    // SAFETY: plain arguments; the descriptor is new.
    unsafe {
        let flags = kind | libc::SOCK_CLOEXEC;
        let fd = libc::socket(libc::AF_PACKET, flags, i32::from(protocol.to_be()));
        assert!(fd >= 0, "{}", io::Error::last_os_error());
        OwnedFd::from_raw_fd(fd)
    }
}

fn at(interface: &str, protocol: u16) -> libc::sockaddr_ll {
    let index = nix::net::if_::if_nametoindex(interface).unwrap();
    // SAFETY: all zeros is an empty address.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_ifindex = index.cast_signed();
    address.sll_protocol = protocol.to_be();
    address.sll_halen = 6;
    address.sll_addr[..6].copy_from_slice(&THEIRS);
    address
}

fn write(how: How, interface: &str, frame: &[u8]) {
    let ethertype = u16::from_be_bytes([frame[12], frame[13]]);
    let (kind, said, bytes) = match how {
        How::Raw | How::Bypass => (libc::SOCK_RAW, ethertype, frame),
        How::SaidToBeArp => (libc::SOCK_RAW, 0x0806, frame),
        How::Datagram => (libc::SOCK_DGRAM, ethertype, &frame[14..]),
    };
    let socket = packet_socket(kind, 0);
    let one: libc::c_int = 1;
    let address = at(interface, said);
    // SAFETY: the values are as long as it is said of them, and the descriptor is open.
    unsafe {
        if matches!(how, How::Bypass) {
            let length = size_of_val(&one) as u32;
            let result = libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_QDISC_BYPASS,
                (&raw const one).cast(),
                length,
            );
            assert_eq!(result, 0, "{}", io::Error::last_os_error());
        }
        // A frame that is dropped is an error or none, depending on the kernel.
        libc::sendto(
            socket.as_raw_fd(),
            bytes.as_ptr().cast(),
            bytes.len(),
            0,
            (&raw const address).cast(),
            size_of_val(&address) as u32,
        );
    }
}

fn frame(to: [u8; 6], ethertype: u16, content: &[u8]) -> Vec<u8> {
    let head = [&to[..], &SENDER, &ethertype.to_be_bytes()].concat();
    [&head[..], content, &MARK, &[0; 46]].concat()
}

fn ipv4(transport: u8, to: [u8; 4], ports: [u8; 4]) -> Vec<u8> {
    let head = [0x45, 0, 0, 60, 0, 0, 0, 0, 64, transport, 0, 0, 10, 9, 0, 1];
    [&head[..], &to, &ports, &[0; 16]].concat()
}

fn ipv6(transport: u8, to: [u8; 16], content: &[u8]) -> Vec<u8> {
    let from = [0xfd, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let head = [0x60, 0, 0, 0, 0, 44, transport, 255];
    [&head[..], &from, &to, content, &[0; 16]].concat()
}

fn tagged(ethertype: u16, content: &[u8]) -> Vec<u8> {
    [&[0, 5][..], &ethertype.to_be_bytes(), content].concat()
}

const FAR: [u8; 4] = [192, 0, 2, 9];
const FAR6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
const PEER6: [u8; 16] = [0xfd, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
const NEAR6: [u8; 16] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 2];
/// 7401.
const TO_PORT: [u8; 4] = [0x80, 0, 0x1c, 0xe9];
const SOLICITATION: [u8; 8] = [135, 0, 0, 0, 0, 0, 0, 0];

fn peers() -> Vec<SocketAddr> {
    ["10.9.0.2:7401", "[fd09::2]:7401"]
        .map(|peer| peer.parse().unwrap())
        .to_vec()
}

fn stopped() -> Vec<(&'static str, Vec<u8>)> {
    let with_options = {
        let mut packet = ipv4(TCP, [10, 9, 0, 2], TO_PORT);
        packet[0] = 0x46;
        packet
    };
    // What looks like IPv6 to the peer is a piece of IPv4 to somebody else.
    let two_faced = {
        let mut packet = ipv6(TCP, PEER6, &TO_PORT);
        packet[0] = 0x45;
        packet
    };
    vec![
        ("IPv4", frame(THEIRS, 0x0800, &ipv4(UDP, FAR, [0, 1, 0, 53]))),
        ("TCP to others", frame(THEIRS, 0x0800, &ipv4(TCP, FAR, TO_PORT))),
        (
            "another port",
            frame(THEIRS, 0x0800, &ipv4(TCP, [10, 9, 0, 2], [0x1c, 0xe9, 0, 80])),
        ),
        ("options", frame(THEIRS, 0x0800, &with_options)),
        ("ICMP", frame(THEIRS, 0x0800, &ipv4(1, FAR, [8, 0, 0, 0]))),
        (
            "DHCP to others",
            frame(THEIRS, 0x0800, &ipv4(UDP, FAR, DHCP_TO_SERVER)),
        ),
        ("IPv6", frame(THEIRS, 0x86dd, &ipv6(UDP, FAR6, &[0, 1, 0, 53]))),
        ("two faces", frame(THEIRS, 0x86dd, &two_faced)),
        (
            "neighbours far away",
            frame(THEIRS, 0x86dd, &ipv6(ICMPV6, FAR6, &SOLICITATION)),
        ),
        (
            "ping",
            frame(THEIRS, 0x86dd, &ipv6(ICMPV6, NEAR6, &[128, 0, 0, 0])),
        ),
        (
            "VLAN",
            frame(THEIRS, 0x8100, &tagged(0x0800, &ipv4(UDP, FAR, [0, 1, 0, 53]))),
        ),
        (
            "a PPPoE session",
            frame(THEIRS, 0x8864, &[0x11, 0, 0, 1, 0, 40, 0, 0x21, 0x45]),
        ),
        ("a protocol of its own", frame(THEIRS, 0x88b5, &[1])),
        ("a length, no protocol", frame(THEIRS, 40, &[0x42, 0x42, 3])),
    ]
}

fn let_through() -> Vec<(&'static str, Vec<u8>)> {
    let to_peer = ipv4(TCP, [10, 9, 0, 2], TO_PORT);
    vec![
        ("the peer", frame(THEIRS, 0x0800, &to_peer)),
        (
            "the peer in a VLAN",
            frame(THEIRS, 0x8100, &tagged(0x0800, &to_peer)),
        ),
        (
            "the peer by IPv6",
            frame(THEIRS, 0x86dd, &ipv6(TCP, PEER6, &TO_PORT)),
        ),
        (
            "who is the neighbour",
            frame(THEIRS, 0x86dd, &ipv6(ICMPV6, NEAR6, &SOLICITATION)),
        ),
        ("ARP", frame(EVERYBODY, 0x0806, &[0, 1, 8, 0, 6, 4, 0, 1])),
        (
            "DHCP",
            frame(EVERYBODY, 0x0800, &ipv4(UDP, [255; 4], DHCP_TO_SERVER)),
        ),
        ("LACP", frame(THEIRS, 0x8809, &[1])),
        ("802.1X", frame(THEIRS, 0x888e, &[1])),
        ("spanning tree", frame(BRIDGES, 40, &[0x42, 0x42, 3])),
    ]
}

#[test]
#[ignore = "needs root: a network namespace"]
fn frames_that_a_program_makes_leave_only_for_the_peer() {
    let mut wire = Wire::new();
    let ways = [How::Raw, How::Bypass, How::Datagram, How::SaidToBeArp];
    let mut leave = |frames: &[(&str, Vec<u8>)], hows: &[How], expected: usize| {
        for (name, frame) in frames {
            for (number, &how) in hows.iter().enumerate() {
                write(how, "wire", frame);
                assert_eq!(wire.sent(), expected, "{name}, way {number}");
            }
        }
    };
    leave(&stopped(), &ways, 1);
    for (reach, lasting) in [(Reach::Machine, Some(60 * SECOND)), (Reach::Container, None)] {
        let held = isolate(&peers(), reach, lasting).unwrap();
        assert_eq!(held.gap(), None);
        leave(&stopped(), &ways, 0);
        leave(&let_through(), &[How::Raw], 1);
        rejoin().unwrap();
        leave(&stopped(), &ways, 1);
    }
}

/// The error's number, or 0.
fn send_raw(kind: libc::c_int, protocol: libc::c_int, to: &SocketAddr, content: &[u8]) -> i32 {
    let to = nix::sys::socket::SockaddrStorage::from(*to);
    // SAFETY: the values are as long as it is said of them; the descriptor is this function's own.
    unsafe {
        let flags = kind | libc::SOCK_CLOEXEC;
        let family = i32::from((*to.as_ptr()).sa_family);
        let socket = OwnedFd::from_raw_fd(libc::socket(family, flags, protocol));
        let sent = libc::sendto(
            socket.as_raw_fd(),
            content.as_ptr().cast(),
            content.len(),
            0,
            to.as_ptr(),
            to.len(),
        );
        match sent {
            -1 => io::Error::last_os_error().raw_os_error().unwrap(),
            _ => 0,
        }
    }
}

#[test]
#[ignore = "needs root: a network namespace"]
fn raw_sockets_and_pings_reach_nobody_else() {
    let mut wire = Wire::new();
    run("ip route add default via 10.9.0.2");
    run("ip route add default via fd09::2");
    std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 0").unwrap();
    let far: SocketAddr = "192.0.2.9:0".parse().unwrap();
    let far6: SocketAddr = "[2001:db8::9]:0".parse().unwrap();
    let echo = [&[8, 0, 0, 0, 0, 0, 0, 0], &MARK[..]].concat();
    let solicitation = [&SOLICITATION, &MARK[..]].concat();
    let whole = [&ipv4(UDP, FAR, [0, 1, 0, 53]), &MARK[..]].concat();
    let ways = [
        (libc::SOCK_RAW, libc::IPPROTO_RAW, far, &whole),
        (libc::SOCK_RAW, libc::IPPROTO_ICMP, far, &echo),
        (libc::SOCK_DGRAM, libc::IPPROTO_ICMP, far, &echo),
        (libc::SOCK_RAW, 253, far, &echo),
        (libc::SOCK_RAW, libc::IPPROTO_ICMPV6, far6, &solicitation),
        (libc::SOCK_RAW, 253, far6, &solicitation),
    ];
    for (kind, protocol, to, content) in ways {
        let mut send = || (send_raw(kind, protocol, &to, content), wire.sent());
        assert_eq!(send(), (0, 1), "{to} {protocol}");
        isolate(&peers(), Reach::Machine, None).unwrap();
        assert_eq!(send(), (libc::EPERM, 0), "{to} {protocol}");
        rejoin().unwrap();
        assert_eq!(send(), (0, 1), "{to} {protocol}");
    }
}

#[test]
#[ignore = "needs root: a network namespace"]
fn frames_leave_again_when_the_time_is_over() {
    let mut wire = Wire::new();
    let (_, frame) = &stopped()[0];
    isolate(&peers(), Reach::Machine, Some(2 * SECOND)).unwrap();
    write(How::Raw, "wire", frame);
    assert_eq!(wire.sent(), 0);
    let began = std::time::Instant::now();
    while wire.sent() == 0 {
        assert!(began.elapsed() < 60 * SECOND, "it stands for ever");
        std::thread::sleep(SECOND / 20);
        write(How::Raw, "wire", frame);
    }
}

#[test]
#[ignore = "needs root: a network namespace"]
fn a_socket_that_was_open_before_is_held_too_and_hears_no_protocol_of_its_own() {
    let mut wire = Wire::new();
    let own = 0x88b5;
    let listener = packet_socket(libc::SOCK_RAW | libc::SOCK_NONBLOCK, own);
    let frame = frame(OURS, own, &[1]);
    let hears = |wire: &mut Wire| {
        wire.receive(&frame);
        let mut content = [0_u8; 128];
        // SAFETY: the buffer is as long as it is said to be.
        let length = unsafe { libc::recv(listener.as_raw_fd(), content.as_mut_ptr().cast(), 128, 0) };
        length > 0
    };
    assert!(hears(&mut wire));
    isolate(&peers(), Reach::Machine, None).unwrap();
    assert!(!hears(&mut wire));
    rejoin().unwrap();
    assert!(hears(&mut wire));
}

#[test]
#[ignore = "needs root: a network namespace"]
fn what_is_laid_upon_the_interface_afterwards_leads_through_it() {
    let mut wire = Wire::new();
    let mut leaves = |interface: &str, expected: usize| {
        for (name, frame) in stopped() {
            write(How::Raw, interface, &frame);
            assert_eq!(wire.sent_soon(expected), expected, "{name} by {interface}");
        }
    };
    isolate(&peers(), Reach::Machine, None).unwrap();
    run("ip link add over link wire type macvlan mode bridge");
    run("ip link set over up");
    leaves("over", 0);
    rejoin().unwrap();
    leaves("over", 1);
    run("ip link del over");

    isolate(&peers(), Reach::Machine, None).unwrap();
    run("ip link add across type bridge forward_delay 0");
    run("ip link add inner type veth peer name outer");
    run("ip link set outer master across");
    run("ip link set wire master across");
    ["inner", "outer", "across"].iter().for_each(|name| {
        run(&format!("ip link set {name} up"));
    });
    // Where the kernel has it: what is asked is what the interface lets through, and not whether IP takes the frame.
    for kind in ["iptables", "ip6tables", "arptables"] {
        let _not_there = std::fs::write(format!("/proc/sys/net/bridge/bridge-nf-call-{kind}"), "0");
    }
    for port in ["wire", "outer"] {
        while !run(&format!("ip -d link show {port}")).contains("state forwarding") {
            std::thread::yield_now();
        }
    }
    leaves("inner", 0);
    leaves("across", 0);
    rejoin().unwrap();
    leaves("inner", 1);
    leaves("across", 1);
}

#[test]
#[ignore = "needs root: a network namespace"]
fn an_interface_that_comes_later_is_held_from_then_on() {
    let _wire = Wire::new();
    let held = isolate(&peers(), Reach::Container, None).unwrap();
    let mut later = Wire::add("later");
    run("ip link set later up");
    let (_, frame) = &stopped()[0];
    write(How::Raw, "later", frame);
    assert_eq!(later.sent(), 1, "until it is asked for again");
    assert!(!is_as_held(&held, &peers(), Reach::Container));
    isolate(&peers(), Reach::Container, None).unwrap();
    write(How::Raw, "later", frame);
    assert_eq!(later.sent(), 0);
}

#[test]
#[ignore = "needs root: a network namespace"]
fn a_machines_own_bridges_and_ends_are_not_its_ways_out() {
    let _wire = Wire::new();
    run("ip link add docker0 type bridge");
    run("ip link add inner type veth peer name outer");
    run("ip link set outer master docker0");
    run("ip link add plain link wire type macvlan");
    let _tap = Wire::add("guest");
    let names = |reach| {
        let ways = ways_out(&peers(), reach).unwrap();
        ways.into_iter().map(|way| way.name).collect::<Vec<_>>()
    };
    assert_eq!(names(Reach::Machine), ["wire", "inner", "plain"]);
    let all = ["wire", "docker0", "outer", "inner", "plain", "guest"];
    assert_eq!(names(Reach::Container), all);
}

#[test]
#[ignore = "needs root: a network namespace"]
fn what_is_not_held_is_said() {
    let _wire = Wire::new();
    assert_eq!(try_isolation().unwrap(), None);
    let held = isolate(&peers(), Reach::Machine, None).unwrap();
    assert_eq!(held.gap(), None);
    // SAFETY: plain arguments; the descriptor is new.
    let socket = unsafe {
        let fd = libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0);
        assert!(fd >= 0, "{}", io::Error::last_os_error());
        OwnedFd::from_raw_fd(fd)
    };
    assert!(held.gap().unwrap().ends_with("are open: 1"));
    drop(socket);
    assert_eq!(held.gap(), None);
    let strange = Way {
        index: 9,
        name: "ib0".to_owned(),
        header: libc::ARPHRD_INFINIBAND,
    };
    assert!(!strange.is_held());
}
