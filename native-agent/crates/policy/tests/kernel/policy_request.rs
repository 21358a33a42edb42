//! Connections, datagrams and binds that are refused, and those that are not.
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use norn_events::wire::policy::v1::{HostAction, HostEvent, HostField, HostOperator, HostRule};

use crate::connections::{CONNECT, connect_by, ip, listen, stage};
use crate::support::{Stage, deny, is_refused, like, now_us, rule, test};

#[test]
fn a_connection_is_refused_by_network_and_port_and_others_are_made() {
    let mut stage = stage();
    let port = listen("127.77.1.1");
    let other_port = listen("127.77.1.1");
    let _three = TcpListener::bind(("127.77.2.1", port)).unwrap();
    stage.apply(vec![deny(
        CONNECT,
        &[
            ip("127.77.1.0/24"),
            like(HostField::DestinationPort, &port.to_string()),
            like(HostField::Protocol, "tcp"),
        ],
    )]);
    assert!(is_refused(&TcpStream::connect(("127.77.1.1", port))));
    assert!(
        TcpStream::connect(("127.77.1.1", other_port)).is_ok(),
        "another port"
    );
    assert!(
        TcpStream::connect(("127.77.2.1", port)).is_ok(),
        "another network"
    );
    let datagram = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert!(datagram.connect(("127.77.1.1", port)).is_ok(), "another protocol");
    let denial = stage.denial();
    assert_eq!((denial.event, denial.pid), (CONNECT, std::process::id()));
    assert_eq!(
        (denial.address.as_str(), denial.port, denial.protocol),
        ("127.77.1.1", port, "tcp")
    );
    assert_eq!(denial.image, std::env::current_exe().unwrap().to_str().unwrap());
    assert_ne!(denial.start_time_ns, 0);
    assert_eq!(stage.enforcer.status().denied, 1);
}

#[test]
fn ipv6_is_refused_as_well_and_mapped_ipv4_is_ipv4() {
    let mut stage = stage();
    let listener = TcpListener::bind("[::1]:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let connect = |address: &str| TcpStream::connect(format!("{address}:{port}"));
    stage.apply(vec![
        deny(CONNECT, &[ip("::1/128"), like(HostField::DestinationPort, &port)]),
        deny(CONNECT, &[ip("127.77.3.1/32")]),
    ]);
    assert!(is_refused(&connect("[::1]")));
    assert!(is_refused(&connect("[::ffff:127.77.3.1]")));
    stage.apply(Vec::new());
    assert!(connect("[::1]").is_ok());
}

#[test]
fn a_datagram_without_a_connection_is_refused() {
    let mut stage = stage();
    stage.apply(vec![deny(
        CONNECT,
        &[ip("127.77.4.1"), like(HostField::Protocol, "udp")],
    )]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert!(is_refused(&socket.send_to(b"x", "127.77.4.1:9")));
    assert!(socket.send_to(b"x", "127.77.4.2:9").is_ok());
    let v6 = UdpSocket::bind("[::1]:0").unwrap();
    stage.apply(vec![deny(
        CONNECT,
        &[
            ip("::1"),
            like(HostField::DestinationPort, "9"),
            like(HostField::Protocol, "udp"),
        ],
    )]);
    assert!(is_refused(&v6.send_to(b"x", "[::1]:9")));
}

#[test]
fn a_bind_is_refused_by_its_port() {
    let mut stage = stage();
    stage.apply(vec![deny(
        HostEvent::Bind,
        &[ip("127.77.5.1"), like(HostField::DestinationPort, "4*")],
    )]);
    assert!(is_refused(&TcpListener::bind("127.77.5.1:4444")));
    assert!(is_refused(&UdpSocket::bind("127.77.5.1:4445")));
    assert!(TcpListener::bind("127.77.5.1:5555").is_ok());
    assert_eq!(stage.denial().event, HostEvent::Bind);
}

#[test]
fn a_connection_is_refused_to_a_user_and_not_to_another() {
    let mut stage = stage();
    let port = listen("127.77.9.1");
    stage.apply(vec![deny(
        CONNECT,
        &[like(HostField::UserId, "33"), ip("127.77.9.1")],
    )]);
    let connect_as = |user: u32| {
        let mut command = Command::new("/bin/busybox");
        command
            .args(["nc", "-w", "2", "127.77.9.1", &port.to_string()])
            .uid(user);
        command
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap()
            .success()
    };
    assert!(!connect_as(33) && connect_as(34));
}

#[test]
fn a_container_is_refused_what_the_host_is_not() {
    let mut stage = stage();
    let port = listen("127.77.10.1");
    let container = stage.container();
    let host = stage.program("host");
    stage.apply(vec![deny(
        CONNECT,
        &[
            test(HostField::Container, HostOperator::Exists, &[]),
            ip("127.77.10.1"),
        ],
    )]);
    let arguments = ["nc", "-w", "2", "127.77.10.1", &port.to_string()];
    assert_ne!(container.run("/bin/busybox", &arguments).unwrap(), 0);
    assert_eq!(connect_by(&host, "127.77.10.1", port).unwrap(), 0);
}

#[test]
fn a_rule_that_passes_goes_before_one_that_denies_and_a_staged_one_waits() {
    let mut stage = stage();
    let port = listen("127.77.11.1");
    let from = now_us() + 1_000_000;
    stage.apply(vec![
        rule(
            CONNECT,
            HostAction::Pass,
            &[ip("127.77.11.1"), like(HostField::DestinationPort, "1")],
        ),
        HostRule {
            acts_from_us: from,
            ..deny(CONNECT, &[ip("127.77.11.1")])
        },
    ]);
    let early = TcpStream::connect(("127.77.11.1", port));
    assert!(early.is_ok() || now_us() >= from);
    while now_us() <= from {
        std::thread::sleep(Duration::from_millis(10));
    }
    stage.enforcer.tick();
    assert!(is_refused(&TcpStream::connect(("127.77.11.1", port))));
    assert!(
        !is_refused(&TcpStream::connect("127.77.11.1:1")),
        "nobody listens there, but it may be asked"
    );
}

#[test]
fn the_agent_itself_is_refused_nothing() {
    let mut stage = Stage::new();
    let port = listen("127.77.12.1");
    stage.apply(vec![deny(CONNECT, &[ip("127.77.12.1")])]);
    assert!(TcpStream::connect(("127.77.12.1", port)).is_ok());
    stage.enforcer.guard(Vec::new());
    assert!(is_refused(&TcpStream::connect(("127.77.12.1", port))));
}

#[test]
fn a_loop_of_refused_connections_is_counted_and_bounded() {
    let mut stage = stage();
    stage.apply(vec![deny(CONNECT, &[ip("127.77.13.1")])]);
    for _ in 0..10_000 {
        assert!(is_refused(&TcpStream::connect("127.77.13.1:9")));
    }
    let told = stage.enforcer.take_denials().len() as u64;
    assert!(told > 0 && told <= 1_024, "{told}");
    assert_eq!(stage.enforcer.status().denied, 10_000);
    assert!(stage.enforcer.untold() > 0);
}
