//! Shells whose input and output are an outgoing connection. What a server accepted (sshd, inetd) is no such thing, nor
//! are unix sockets and pipes (docker exec).
use std::collections::HashMap;
use std::net::IpAddr;

use norn_events::{Event, EventKind, Process, ProcessTable, ProcessUid};

use crate::firing::evidence as field;
use crate::{Context, Firing, Rule};
use norn_programs::lineage::{chain, image_name, is_interpreter, is_manager, is_shell};

/// Connections remembered for one process: the newest.
const CONNECTIONS_MAX: usize = 8;
/// Processes with connections remembered.
const TRACKED_MAX: usize = 8_192;
/// Where ephemeral ports begin (`ip_local_port_range`): tells who called whom when the call itself was not seen.
const EPHEMERAL_FROM: u16 = 32_768;
/// Programs that carry a connection to a child by pipes or a pty.
const RELAYS: [&[u8]; 6] = [
    b"nc",
    b"ncat",
    b"netcat",
    b"nc.traditional",
    b"nc.openbsd",
    b"socat",
];

/// One end of a connection as the process sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Peer {
    address: IpAddr,
    port: u16,
    local_port: u16,
}

impl Peer {
    /// Internet sockets only: a unix path is no address.
    fn of(event: &Event<'_>) -> Option<Self> {
        let address = std::str::from_utf8(event.path).ok()?.parse().ok()?;
        Some(Self {
            address,
            port: (event.value >> 16) as u16,
            local_port: event.value as u16,
        })
    }

    fn is(&self, other: &Self) -> bool {
        let local = self.local_port == other.local_port || self.local_port == 0 || other.local_port == 0;
        self.address == other.address && self.port == other.port && local
    }
}

#[derive(Debug, Clone)]
struct Call {
    peer: Peer,
    /// Who made the connection.
    by: ProcessUid,
    out: bool,
    time_ns: u64,
}

/// What a process has at hand; a child inherits it.
#[derive(Debug, Clone, Default)]
struct Holdings {
    calls: Vec<Call>,
    /// The connections behind file descriptors 0 and 1.
    input: Option<Peer>,
    output: Option<Peer>,
    fired: bool,
}

impl Holdings {
    fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.input.is_none() && self.output.is_none()
    }

    /// The connection that is both input and output.
    fn standard(&self) -> Option<Peer> {
        self.input
            .filter(|input| self.output.is_some_and(|output| output.is(input)))
    }

    fn call_for(&self, peer: &Peer) -> Option<&Call> {
        self.calls.iter().rev().find(|call| call.peer.is(peer))
    }
}

#[derive(Debug, Default)]
pub struct ReverseShell {
    holdings: HashMap<ProcessUid, Holdings>,
}

impl ReverseShell {
    pub fn observe(&mut self, event: &Event<'_>, context: &mut Context<'_>) -> Option<Firing> {
        let process = context.processes.get(event.process)?;
        match event.kind {
            EventKind::Fork => self.inherit(process),
            EventKind::Exit => {
                self.holdings.remove(&process.uid);
            }
            EventKind::NetConnect => self.remember(event, process, true),
            EventKind::NetAccept => self.remember(event, process, false),
            EventKind::StdioSocket => self.join(event, process),
            _ => {}
        }
        match event.kind {
            EventKind::StdioSocket if is_shell(process) || is_interpreter(process) => {
                self.judge(event, process, context)
            }
            EventKind::Exec if event.result == 0 && is_shell(process) => self
                .judge(event, process, context)
                .or_else(|| self.judge_relay(event, process, context)),
            _ => None,
        }
    }

    /// Drops processes that the table has forgotten.
    pub fn sweep(&mut self, processes: &ProcessTable) {
        self.holdings.retain(|uid, _| processes.by_uid(*uid).is_some());
    }

    fn inherit(&mut self, child: &Process) {
        let Some(parent) = self
            .holdings
            .get(&child.parent_uid)
            .filter(|parent| !parent.is_empty())
        else {
            return;
        };
        let inherited = Holdings {
            fired: false,
            ..parent.clone()
        };
        if self.holdings.len() < TRACKED_MAX {
            self.holdings.insert(child.uid, inherited);
        }
    }

    fn remember(&mut self, event: &Event<'_>, process: &Process, out: bool) {
        let Some(peer) = Peer::of(event) else { return };
        let Some(holdings) = self.entry(process.uid) else {
            return;
        };
        if holdings.calls.len() >= CONNECTIONS_MAX {
            holdings.calls.remove(0);
        }
        holdings.calls.push(Call {
            peer,
            by: process.uid,
            out,
            time_ns: event.time_ns,
        });
    }

    fn join(&mut self, event: &Event<'_>, process: &Process) {
        let peer = Peer::of(event);
        if peer.is_none() && !self.holdings.contains_key(&process.uid) {
            return;
        }
        let Some(holdings) = self.entry(process.uid) else {
            return;
        };
        match event.flags {
            0 => holdings.input = peer,
            1 => holdings.output = peer,
            _ => {}
        }
    }

    fn entry(&mut self, uid: ProcessUid) -> Option<&mut Holdings> {
        if self.holdings.len() >= TRACKED_MAX && !self.holdings.contains_key(&uid) {
            return None;
        }
        Some(self.holdings.entry(uid).or_default())
    }

    fn judge(&mut self, event: &Event<'_>, process: &Process, context: &Context<'_>) -> Option<Firing> {
        let holdings = self.holdings.get_mut(&process.uid)?;
        let peer = holdings.standard()?;
        let call = holdings.call_for(&peer).cloned();
        let outgoing = call.as_ref().map_or(looks_outgoing(&peer), |call| call.out);
        if holdings.fired || !outgoing {
            return None;
        }
        holdings.fired = true;
        let by = call.as_ref().map_or(process.uid, |call| call.by);
        let first = call.map_or(event.time_ns, |call| call.time_ns);
        Some(firing(
            (event, process),
            (peer, first),
            scope(event, by, context),
            "standard input and output",
        ))
    }

    /// `nc host port -e sh`, `socat TCP:… EXEC:sh`: the relay keeps the socket, the shell gets pipes or a pty.
    fn judge_relay(&mut self, event: &Event<'_>, process: &Process, context: &Context<'_>) -> Option<Firing> {
        let parent = context
            .processes
            .get(context.processes.by_uid(process.parent_uid)?)?;
        if !RELAYS.contains(&image_name(parent)) {
            return None;
        }
        let call = self
            .holdings
            .get(&parent.uid)?
            .calls
            .iter()
            .rev()
            .find(|call| call.out)?
            .clone();
        let scope = scope(event, call.by, context);
        Some(firing(
            (event, process),
            (call.peer, call.time_ns),
            scope,
            "a relay between shell and socket",
        ))
    }
}

/// Nobody saw the connection being made: a low port there and an ephemeral one here is an outgoing one.
fn looks_outgoing(peer: &Peer) -> bool {
    peer.local_port >= EPHEMERAL_FROM && peer.port < EPHEMERAL_FROM && peer.port != 0
}

/// Who made the connection, if that may be blamed; else the process itself.
fn scope(event: &Event<'_>, by: ProcessUid, context: &Context<'_>) -> ProcessUid {
    let blamable = chain(context.processes, event.process, context.guarded);
    blamable
        .iter()
        .filter_map(|&index| context.processes.get(index))
        .find(|process| process.uid == by && !is_manager(process))
        .or_else(|| context.processes.get(event.process))
        .map_or(by, |process| process.uid)
}

fn firing(
    (event, process): (&Event<'_>, &Process),
    (peer, first_act_ns): (Peer, u64),
    scope: ProcessUid,
    how: &str,
) -> Firing {
    let name = String::from_utf8_lossy(image_name(process)).into_owned();
    let remote = std::net::SocketAddr::new(peer.address, peer.port);
    Firing {
        rule: Rule::ReverseShell,
        process: process.uid,
        scope,
        container: process.container.clone(),
        time_ns: event.time_ns,
        first_act_ns,
        files_changed: 0,
        killed_at_exec: false,
        observe_only: None,
        first_evidence: remote.to_string().into_bytes(),
        evidence: vec![
            field("process.executable", &process.image.path),
            field("process.command_line", &process.image.command_line),
            field("remote", remote.to_string()),
            field("local.port", peer.local_port.to_string()),
            field("joined", how),
        ],
        summary: format!("{name} is driven from {remote} over a connection made from here"),
    }
}

#[cfg(test)]
#[path = "reverse_shell_tests.rs"]
mod tests;
