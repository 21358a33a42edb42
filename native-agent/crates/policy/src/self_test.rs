//! Tries out what a policy needs: is a program of its own refused, and a connection that nobody needs?
use std::fs;
use std::io;
use std::net::UdpSocket;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use norn_events::wire::agent::v1::HostPolicyForHost;
use norn_events::wire::event::v1::Capability;
use norn_events::wire::policy::v1::{
    HostAction, HostEvent, HostField, HostMatch, HostOperator, HostPolicy, HostRule, HostTest,
};
use norn_os::clock::unix_us;

use crate::Policy;
use crate::denial::Outlet;
use crate::engine::{Current, Engine};
use crate::exec::{DEADLINE, ExecGuard, Options, Places};
use crate::facts::Sources;
use crate::files::Files;
use crate::known::Known;
use crate::network::Network;
use crate::network::lines::Lines;

const EXEC: &str = "policy.exec.deny";
const NETWORK: &str = "policy.network.deny";
/// Of the loopback network, and used by nobody.
const REFUSED: &str = "127.255.255.253:9";
const LET_BE: &str = "127.255.255.252:9";

pub fn not_yet() -> Vec<Capability> {
    [EXEC, NETWORK]
        .map(|name| capability(name, "", Err("the self-test has not ended".to_owned())))
        .into()
}

/// A program in this directory is refused for a moment.
pub fn run(dir: &Path) -> Vec<Capability> {
    vec![
        capability(EXEC, "fanotify", try_exec(dir).map(|()| EXEC_LIMITS)),
        capability(NETWORK, "cgroup", try_network().map(|()| NETWORK_LIMITS)),
    ]
}

const EXEC_LIMITS: &str = "programs in memory, on FUSE and on network file systems start unasked, and so do those whose answer takes longer than 20 ms";
const NETWORK_LIMITS: &str =
    "connect, datagrams and bind; what a process had open before the policy came stays open";

fn capability(name: &str, mechanism: &str, tried: Result<&str, String>) -> Capability {
    let works = tried.is_ok();
    Capability {
        name: name.to_owned(),
        available: works,
        mechanism: if works {
            mechanism.to_owned()
        } else {
            String::new()
        },
        detail: tried.map_or_else(|why| why, str::to_owned),
        verified: works,
    }
}

/// One rule that refuses what has this value.
fn policy(event: HostEvent, field: HostField, value: &str) -> Result<Policy, String> {
    let test = HostTest {
        field: field.into(),
        operator: HostOperator::Like.into(),
        values: vec![
            value
                .replace('\\', "\\\\")
                .replace('*', "\\*")
                .replace('?', "\\?"),
        ],
        cased: true,
        negated: false,
    };
    let rule = HostRule {
        name: "self-test.refuse".to_owned(),
        event: event.into(),
        action: HostAction::Deny.into(),
        any: vec![HostMatch { all: vec![test] }],
        ..HostRule::default()
    };
    let policy = HostPolicy {
        rules: vec![rule],
        ..HostPolicy::default()
    };
    Policy::compile(&HostPolicyForHost {
        policy: Some(policy),
        groups: Vec::new(),
    })
    .map_err(|error| error.to_string())
}

fn sources() -> Arc<Sources> {
    Arc::new(Sources {
        known: Known::new(0, 0),
        files: Files::default(),
        container_of: |_| None,
    })
}

fn try_exec(dir: &Path) -> Result<(), String> {
    let said = |error: io::Error| format!("the self-test failed: {error}");
    let path = fs::canonicalize(dir).map_err(said)?.join("self-test-exec");
    let script = b"#!/bin/sh\nexit 0\n";
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o700)
        .open(&path)
        .and_then(|mut file| io::Write::write_all(&mut file, script))
        .map_err(said)?;
    let engine = Engine {
        policy: Arc::new(policy(
            HostEvent::Exec,
            HostField::Image,
            &path.to_string_lossy(),
        )?),
        generation: 0,
        network: None,
    };
    let (outlet, _denials) = Outlet::new(Box::new(|| {}));
    let parts = (Arc::new(Current::new(engine)), sources(), Arc::new(outlet));
    let options = Options {
        places: Places::Only(vec![dir.to_owned()]),
        deadline: DEADLINE,
    };
    let guard =
        ExecGuard::start(parts, vec![std::process::id()], &options).map_err(|error| error.to_string())?;
    let refused = start(&path);
    drop(guard);
    let let_be = start(&path);
    fs::remove_file(&path).map_err(said)?;
    match (refused, let_be) {
        (Err(error), Ok(())) if error.raw_os_error() == Some(nix::libc::EPERM) => Ok(()),
        (Ok(()), _) => Err("the self-test failed: a program that was to be refused was started".to_owned()),
        (Err(error), _) => Err(format!("the self-test failed: {error}")),
    }
}

fn start(path: &Path) -> io::Result<()> {
    Command::new(path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .map(|_| ())
}

fn try_network() -> Result<(), String> {
    let address = REFUSED.split(':').next().unwrap_or_default();
    let lines = Lines::new(&policy(HostEvent::Connect, HostField::DestinationIp, address)?);
    let network = Network::start(lines, &sources(), &[], unix_us()).map_err(|error| error.to_string())?;
    let connect = |to: &str| UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.connect(to));
    let (refused, let_be) = (connect(REFUSED), connect(LET_BE));
    drop(network);
    match (refused, let_be) {
        (Err(error), Ok(())) if error.raw_os_error() == Some(nix::libc::EPERM) => Ok(()),
        (Ok(()), _) => Err("the self-test failed: a connection that was to be refused was made".to_owned()),
        (Err(error), _) => Err(format!("the self-test failed: {error}")),
    }
}
