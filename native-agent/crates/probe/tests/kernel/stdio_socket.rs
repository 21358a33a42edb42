//! Sockets that become standard input or output.
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::AsRawFd;

use norn_events::EventKind;

use crate::network::listener;
use crate::sensor::{Sensor, in_child};

#[test]
fn stdio_socket_by_dup2() {
    let (_listener, port) = listener();
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let mut seen = Sensor::start().events_of(|| {
        // SAFETY: plain system calls on our own descriptors.
        unsafe {
            libc::dup2(stream.as_raw_fd(), 0);
            libc::dup2(stream.as_raw_fd(), 1);
            libc::dup2(stream.as_raw_fd(), 40);
        }
    });
    seen.retain(|event| event.kind == EventKind::StdioSocket);
    let replaced: Vec<_> = seen
        .iter()
        .map(|event| (event.flags, event.path.as_str(), event.value >> 16))
        .collect();
    assert_eq!(
        replaced,
        [
            (0, "127.0.0.1", u64::from(port)),
            (1, "127.0.0.1", u64::from(port))
        ]
    );
}

#[test]
fn stdio_socket_by_exec() {
    let (_listener, port) = listener();
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let mut sensor = Sensor::start();
    let child = in_child(|| {
        // SAFETY: plain system calls on our own descriptors and static strings. F_DUPFD takes the lowest free one: 0.
        unsafe {
            libc::close(0);
            libc::fcntl(stream.as_raw_fd(), libc::F_DUPFD, 0);
            libc::execl(
                c"/usr/bin/true".as_ptr(),
                c"true".as_ptr(),
                std::ptr::null::<libc::c_char>(),
            );
        }
    });
    let seen = sensor.events_until_exit(child);
    let kinds: Vec<_> = seen.iter().map(|event| event.kind).collect();
    let exec = kinds
        .iter()
        .position(|kind| *kind == EventKind::Exec)
        .expect("exec is seen");
    assert_eq!(kinds.get(exec + 1), Some(&EventKind::StdioSocket), "{kinds:?}");
    let process = &seen[exec + 1].process;
    assert_eq!(
        (process.image_number, process.image.path.as_slice()),
        (1, b"/usr/bin/true".as_slice())
    );
}
