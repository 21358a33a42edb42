//! Connections, from the socket itself.
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};

use norn_events::EventKind;

use crate::sensor::Sensor;

const TCP: u32 = 6;

pub fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[test]
fn connect() {
    let (_listener, port) = listener();
    let seen = Sensor::start().event_of(EventKind::NetConnect, || {
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
    });
    assert_eq!(
        (seen.path.as_str(), seen.value >> 16),
        ("127.0.0.1", u64::from(port))
    );
    assert_ne!(seen.value & 0xffff, 0, "the local port");
    assert_eq!(seen.flags, (libc::AF_INET as u32) << 16 | TCP);
}

#[test]
fn connect_to_an_ipv6_address() {
    let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        panic!("this machine has no IPv6 loopback");
    };
    let port = listener.local_addr().unwrap().port();
    let seen = Sensor::start().event_of(EventKind::NetConnect, || {
        let _ = TcpStream::connect((Ipv6Addr::LOCALHOST, port));
    });
    assert_eq!((seen.path.as_str(), seen.value >> 16), ("::1", u64::from(port)));
    assert_eq!(seen.flags, (libc::AF_INET6 as u32) << 16 | TCP);
}

#[test]
fn connect_that_is_refused_is_no_event() {
    let port = listener().1;
    let seen = Sensor::start().events_of(|| {
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
    });
    assert!(
        seen.iter().all(|event| event.kind != EventKind::NetConnect),
        "{seen:#?}"
    );
}

#[test]
fn accept() {
    let (listener, port) = listener();
    let client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let client_port = client.local_addr().unwrap().port();
    let seen = Sensor::start().event_of(EventKind::NetAccept, || {
        let _ = listener.accept();
    });
    assert_eq!(seen.path, "127.0.0.1");
    assert_eq!(seen.value, u64::from(client_port) << 16 | u64::from(port));
}

#[test]
fn listen() {
    let mut sensor = Sensor::start();
    let seen = sensor.event_of(EventKind::NetListen, || {
        let _ = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    });
    assert_eq!(seen.path, "127.0.0.1");
    assert!((1..=0xffff).contains(&seen.value), "{}", seen.value);
}
