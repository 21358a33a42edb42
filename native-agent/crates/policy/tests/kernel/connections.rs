//! Where connections are made to, and a stage on which this process is not the agent.
use std::io;
use std::net::TcpListener;
use std::path::Path;

use norn_events::wire::policy::v1::{HostEvent, HostField, HostOperator};

use crate::support::{Stage, start, test};

pub const CONNECT: HostEvent = HostEvent::Connect;

/// Somebody listens here; each test has an address of its own.
pub fn listen(address: &str) -> u16 {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    // Closes each at once: whoever came goes home content.
    std::thread::spawn(move || listener.incoming().for_each(drop));
    port
}

pub fn ip(network: &str) -> norn_events::wire::policy::v1::HostTest {
    test(HostField::DestinationIp, HostOperator::Cidr, &[network])
}

/// The agent itself is never refused anything: this process is not the agent here.
pub fn stage() -> Stage {
    let mut stage = Stage::new();
    stage.enforcer.guard(Vec::new());
    stage
}

/// What the copy of busybox says of a connection.
pub fn connect_by(program: &Path, address: &str, port: u16) -> io::Result<i32> {
    start(program, &["nc", "-w", "2", address, &port.to_string()])
}
