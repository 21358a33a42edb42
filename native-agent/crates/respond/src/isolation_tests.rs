//! In a network namespace of the test's own thread, with a wire (TUN) whose other end the test holds.
use std::fs::{File, OpenOptions};
use std::io::{Read, Write as _};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};

use super::*;

const TUNSETIFF: libc::c_ulong = 0x4004_54ca;
const IFF_TUN_WITHOUT_HEADER: libc::c_short = 0x1001;
const OURS: [&str; 2] = ["10.9.0.1", "fd09::1"];
const THEIRS: [&str; 2] = ["10.9.0.2", "fd09::2"];

/// The end of the wire that is not the kernel's.
struct Wire(File);

#[repr(C)]
struct Address6 {
    address: [u8; 16],
    prefix: u32,
    index: libc::c_int,
}

fn ask<T>(family: libc::c_int, request: libc::c_ulong, argument: &mut T) {
    // SAFETY: plain arguments.
    let fd = unsafe { libc::socket(family, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    // SAFETY: the argument is the structure that each request below asks for.
    let result = unsafe { libc::ioctl(fd, request, argument) };
    assert_eq!(result, 0, "{request:#x}: {}", io::Error::last_os_error());
    // SAFETY: it is this function's own.
    unsafe { libc::close(fd) };
}

fn named(name: &str) -> libc::ifreq {
    // SAFETY: all zeros is an empty request.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from.cast_signed();
    }
    request
}

fn socket_address(ip: [u8; 4]) -> libc::sockaddr {
    let mut data = [0; 14];
    for (to, from) in data[2..6].iter_mut().zip(ip) {
        *to = from.cast_signed();
    }
    libc::sockaddr {
        sa_family: libc::AF_INET as u16,
        sa_data: data,
    }
}

fn up(name: &str) {
    let mut request = named(name);
    request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
    ask(libc::AF_INET, libc::SIOCSIFFLAGS, &mut request);
}

impl Wire {
    fn new() -> Self {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace needs root");
        let mut options = OpenOptions::new();
        let tun = options
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/net/tun")
            .unwrap();
        let mut request = named("wire");
        request.ifr_ifru.ifru_flags = IFF_TUN_WITHOUT_HEADER;
        // SAFETY: an open descriptor and the structure that is asked for.
        let result = unsafe { libc::ioctl(tun.as_raw_fd(), TUNSETIFF, &raw mut request) };
        assert_eq!(result, 0, "{}", io::Error::last_os_error());
        for (address, of) in [
            ([10, 9, 0, 1], libc::SIOCSIFADDR),
            ([255, 255, 255, 0], libc::SIOCSIFNETMASK),
        ] {
            request = named("wire");
            request.ifr_ifru.ifru_addr = socket_address(address);
            ask(libc::AF_INET, of, &mut request);
        }
        ["lo", "wire"].iter().for_each(|name| up(name));
        let mut request = named("wire");
        ask(libc::AF_INET, libc::SIOCGIFINDEX, &mut request);
        let IpAddr::V6(address) = OURS[1].parse().unwrap() else {
            unreachable!()
        };
        let mut six = Address6 {
            address: address.octets(),
            prefix: 64,
            // SAFETY: the kernel has just filled it in.
            index: unsafe { request.ifr_ifru.ifru_ifindex },
        };
        ask(libc::AF_INET6, libc::SIOCSIFADDR, &mut six);
        Self(tun)
    }

    /// (transport, port of their end) of what has gone out.
    fn sent(&mut self) -> Vec<(u8, u16)> {
        let (mut packet, mut seen) = ([0; 2_048], Vec::new());
        while let Ok(length) = self.0.read(&mut packet) {
            let (transport, at) = match packet[0] >> 4 {
                4 => (packet[9], 20),
                _ => (packet[6], 40),
            };
            if length >= at + 4 && [TCP, 17].contains(&transport) {
                seen.push((transport, u16::from_be_bytes([packet[at + 2], packet[at + 3]])));
            }
        }
        seen
    }

    /// A datagram of one byte from their end comes in.
    fn receive(&mut self, to: u16, content: u8) {
        let packet = packet((17, to), [10, 9, 0, 2], [10, 9, 0, 1], content);
        self.0.write_all(&packet).unwrap();
    }

    /// Somebody else on the wire sends through this machine to their end.
    fn pass_on(&mut self, transport: u8, port: u16) {
        let packet = packet((transport, port), [10, 9, 0, 3], [10, 9, 0, 2], 1);
        self.0.write_all(&packet).unwrap();
    }
}

/// As much of IPv4 and of UDP as the kernel looks at; of TCP no more than the ports.
fn packet((transport, port): (u8, u16), from: [u8; 4], to: [u8; 4], content: u8) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 29, 0, 0, 0, 0, 64, transport, 0, 0];
    packet.extend([from, to].concat());
    let sum: u32 = packet
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]))
        .sum();
    let check = !((sum & 0xffff) + (sum >> 16)) as u16;
    packet[10..12].copy_from_slice(&check.to_be_bytes());
    let ports = [
        53_u16.to_be_bytes(),
        port.to_be_bytes(),
        9_u16.to_be_bytes(),
        [0, 0],
    ];
    packet.extend(ports.concat());
    packet.push(content);
    packet
}

/// As far as a first packet: nobody answers.
fn knock(at: &str, port: u16) {
    let ip: IpAddr = at.parse().unwrap();
    let _nobody = std::net::TcpStream::connect_timeout(&SocketAddr::new(ip, port), Duration::from_millis(1));
}

#[test]
#[ignore = "needs root: a network namespace"]
fn nothing_leaves_or_comes_in_but_to_the_peer_and_over_loopback() {
    let mut wire = Wire::new();
    let peers: Vec<SocketAddr> = vec![
        "10.9.0.2:7401".parse().unwrap(),
        "[fd09::2]:7401".parse().unwrap(),
    ];
    for at in 0..2 {
        let socket = UdpSocket::bind((OURS[at], 0)).unwrap();
        let say = || socket.send_to(b"x", (THEIRS[at], 53));
        let local = UdpSocket::bind((["127.0.0.1", "::1"][at], 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        assert!(say().is_ok());
        assert_eq!(wire.sent(), [(17, 53)]);

        isolate(&peers, Reach::Container, None).unwrap();
        assert_eq!(say().unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        [80, 7401].iter().for_each(|&port| knock(THEIRS[at], port));
        assert_eq!(wire.sent(), [(TCP, 7401)]);
        local.send_to(b"y", local.local_addr().unwrap()).unwrap();
        assert_eq!(local.recv(&mut [0; 8]).unwrap(), 1);
        wire.receive(port, 1);

        rejoin().unwrap();
        assert!(say().is_ok());
        assert_eq!(wire.sent(), [(17, 53)]);
        if at == 0 {
            wire.receive(port, 2);
            let mut content = [0; 8];
            assert_eq!((socket.recv(&mut content).unwrap(), content[0]), (1, 2));
        }
    }
}

#[test]
#[ignore = "needs root: a network namespace"]
fn what_docker_answers_from_outside_is_cut_off_too() {
    let _wire = Wire::new();
    let resolver = UdpSocket::bind("127.0.0.11:0").unwrap();
    let ask = || {
        UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .send_to(b"x", resolver.local_addr().unwrap())
    };
    assert!(ask().is_ok());
    isolate(&[], Reach::Container, None).unwrap();
    assert!(ask().is_err());
}

#[test]
#[ignore = "needs root: a network namespace"]
fn without_the_capability_it_is_refused_with_a_cure() {
    let _wire = Wire::new();
    try_isolation().unwrap();
    // SAFETY: of this thread alone, as libc's own function is not.
    unsafe { libc::syscall(libc::SYS_setresuid, 1_000, 1_000, 1_000) };
    let error = try_isolation().unwrap_err();
    assert_eq!(error.code(), "isolation_not_permitted");
    assert!(error.to_string().contains("NET_ADMIN"), "{error}");
    assert!(isolate(&[], Reach::Machine, None).is_err() && rejoin().is_err());
}

#[test]
#[ignore = "needs root: a network namespace"]
fn the_kernel_ends_by_itself_what_has_lasted_long_enough() {
    let mut wire = Wire::new();
    let peers = ["10.9.0.2:7401".parse().unwrap()];
    let socket = UdpSocket::bind((OURS[0], 0)).unwrap();
    let say = || socket.send_to(b"x", (THEIRS[0], 53));
    isolate(&peers, Reach::Machine, Some(Duration::from_secs(2))).unwrap();
    assert_eq!(say().unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    knock(THEIRS[0], 7401);
    assert_eq!(wire.sent(), [(TCP, 7401)]);
    // Asked for again it lasts anew.
    isolate(&peers, Reach::Machine, Some(Duration::from_secs(4))).unwrap();
    let began = std::time::Instant::now();
    while say().is_err() {
        assert!(began.elapsed() < Duration::from_secs(60), "it stands for ever");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(
        began.elapsed() > Duration::from_secs(3),
        "it ended as the first would have"
    );
    assert_eq!(wire.sent(), [(17, 53)]);
    // What has no time left does not stand for ever.
    isolate(&peers, Reach::Machine, Some(Duration::ZERO)).unwrap();
    let began = std::time::Instant::now();
    while say().is_err() {
        assert!(began.elapsed() < Duration::from_secs(60), "it stands for ever");
        std::thread::sleep(Duration::from_millis(50));
    }
    rejoin().unwrap();
}

#[test]
#[ignore = "needs root: a network namespace"]
fn what_a_machine_passes_on_goes_to_the_peer_alone() {
    let mut wire = Wire::new();
    std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
    let peers = ["10.9.0.2:7401".parse().unwrap()];
    wire.pass_on(17, 53);
    assert_eq!(wire.sent(), [(17, 53)]);
    isolate(&peers, Reach::Machine, Some(Duration::from_secs(60))).unwrap();
    for (transport, port) in [(17, 53), (17, 7401), (TCP, 80), (TCP, 7401)] {
        wire.pass_on(transport, port);
    }
    assert_eq!(wire.sent(), [(TCP, 7401)]);
    isolate(&peers, Reach::Container, None).unwrap();
    wire.pass_on(TCP, 7401);
    assert_eq!(wire.sent(), [], "nobody is behind a container");
    rejoin().unwrap();
    wire.pass_on(17, 53);
    assert_eq!(wire.sent(), [(17, 53)]);
}
