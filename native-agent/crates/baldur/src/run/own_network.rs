//! Whether the network that this agent is in is cut off, for which alerts and how long, and whom it still reaches: a container's, for an
//! agent inside one, or the machine's. Kept over a restart: the rules stay in the network when the agent ends, and are laid again where the
//! network is a new one.
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

use nix::ifaddrs::getifaddrs;
use norn_events::ProcessTable;
use norn_events::wire::event::v1::Capability;
use norn_respond::{
    Held, IsolationError, PEERS_MAX, Reach, is_as_held, isolate, name_of, rejoin, try_isolation,
};
use serde::{Deserialize, Serialize};

use super::state::StateDir;
use norn_os::clock::unix_us;

const FILE: &str = "own_network.json";
/// Alerts that hold an isolation; one more does not change it.
const ALERTS_MAX: usize = 64;
const NAME: &str = "network.isolate";
const SECOND_US: u64 = 1_000_000;
/// A machine is never cut off for longer at a time.
const LASTS_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Whose machine is a cluster's: what it runs would be started elsewhere, and what is attacked with it.
const NODE_AGENTS: [&[u8]; 4] = [b"kubelet", b"k3s", b"k3s-agent", b"rke2"];

/// What is on disk.
#[derive(Debug, Serialize, Deserialize, Default, Clone, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct OwnNetworkFile {
    /// It lasts until each of them is released.
    alerts: Vec<String>,
    peers: Vec<SocketAddr>,
    /// Unix time, us: it ends then, whatever is released; 0: it does not.
    #[serde(default)]
    until_us: u64,
}

impl OwnNetworkFile {
    /// How long the isolation has left; `None`: it stands until it is lifted.
    fn left(&self) -> Option<Duration> {
        let left = || Duration::from_micros(self.until_us.saturating_sub(unix_us()));
        // A clock that was set back makes it no longer than it may be.
        (self.until_us != 0).then(|| left().min(LASTS_MAX))
    }

    /// Where the installation is stays known.
    fn end(&mut self) {
        self.alerts.clear();
        self.until_us = 0;
    }
}

pub struct OwnNetwork {
    reach: Reach,
    /// It is the machine's, or that of the container which the agent is inside of.
    is_whole: bool,
    kept: OwnNetworkFile,
    /// Asked for once: the answer costs the kernel a transaction.
    possible: OnceLock<Result<Option<String>, IsolationError>>,
    /// What this agent has laid, while it stands.
    held: Option<Held>,
    /// There are other interfaces now, and the tables could not be laid for them.
    is_behind: bool,
}

/// Why a command was not carried out.
#[derive(Debug)]
pub struct NotDone {
    pub code: &'static str,
    pub message: String,
}

impl NotDone {
    fn new(code: &'static str, message: &str) -> Self {
        let message = message.to_owned();
        Self { code, message }
    }
}

impl OwnNetwork {
    /// # Errors
    /// When what is on disk can't be read. An isolation that can't be laid again is none: the log and the health say so.
    pub fn open(state: &StateDir, inside: bool) -> anyhow::Result<Self> {
        let (reach, is_whole) = match inside {
            true => (Reach::Container, true),
            false => (Reach::Machine, is_machines_network()),
        };
        Self::of(state, reach, is_whole)
    }

    fn of(state: &StateDir, reach: Reach, is_whole: bool) -> anyhow::Result<Self> {
        let mut network = Self {
            reach,
            is_whole,
            kept: state.load(FILE)?,
            possible: OnceLock::new(),
            held: None,
            is_behind: false,
        };
        network.end_what_is_over(state);
        if network.is_cut_off()
            && let Err(error) = network.lay()
        {
            tracing::error!(%error, "isolation_lost: this network was cut off before, and is no longer");
            network.kept.alerts.clear();
        }
        Ok(network)
    }

    /// This agent protects the container it is in and nobody else.
    pub fn is_inside(&self) -> bool {
        self.reach == Reach::Container
    }

    pub fn is_cut_off(&self) -> bool {
        !self.kept.alerts.is_empty()
    }

    /// `seconds`: of a machine, how long at most. Whom it still reaches.
    pub fn isolate(&mut self, alert: &str, seconds: u32, state: &StateDir) -> Result<String, NotDone> {
        self.check()?;
        let lasts = Duration::from_secs(seconds.into());
        if self.reach == Reach::Machine {
            self.check_machine(lasts)?;
        }
        if self.kept.peers.is_empty() {
            return Err(NotDone::new(
                "isolation_no_peer",
                "the installation's address is not known, so nobody could release it: can Tyr resolve NORN_INGEST_ADDRESS?",
            ));
        }
        let before = self.kept.clone();
        self.kept.until_us = match (self.is_cut_off(), seconds) {
            // What stands until it is lifted is not shortened.
            (true, _) if self.kept.until_us == 0 => 0,
            (_, 0) => 0,
            _ => self.kept.until_us.max(unix_us() + u64::from(seconds) * SECOND_US),
        };
        if !self.kept.alerts.iter().any(|known| known == alert) && self.kept.alerts.len() < ALERTS_MAX {
            self.kept.alerts.push(alert.to_owned());
        }
        if let Err(error) = self.lay() {
            self.kept = before;
            return Err(error.into());
        }
        self.save(state)?;
        let reached = name_of(&self.kept.peers);
        Ok(match self.gap() {
            None => reached,
            Some(gap) => format!("{reached}; frames that a program makes itself are not held: {gap}"),
        })
    }

    /// Why frames that a program makes itself are not held while it is cut off.
    fn gap(&self) -> Option<String> {
        if self.is_behind {
            return Some(
                "a network interface has come since, and the rules could not be laid for it".to_owned(),
            );
        }
        self.held.as_ref().and_then(Held::gap)
    }

    /// An interface that has come since then would lead out past what was laid.
    pub fn follow_interfaces(&mut self) {
        let is_as_laid = |held: &Held| is_as_held(held, &self.kept.peers, self.reach);
        // Tried once: what fails now would fail every second.
        if !self.is_cut_off() || self.is_behind || self.held.as_ref().is_none_or(is_as_laid) {
            return;
        }
        if let Err(error) = self.lay() {
            self.is_behind = true;
            tracing::error!(%error, "isolation_unchanged: frames of a new network interface are not held");
        }
    }

    /// What there is to say of it. Also of an isolation that nothing is known of any more: its rules may still be there.
    pub fn release(&mut self, alert: &str, state: &StateDir) -> Result<&'static str, NotDone> {
        if !self.is_cut_off() && (self.reach == Reach::Machine || self.check().is_err()) {
            return Ok("");
        }
        let was_on = self.is_cut_off();
        let others: Vec<String> = self
            .kept
            .alerts
            .iter()
            .filter(|known| *known != alert)
            .cloned()
            .collect();
        if !others.is_empty() {
            self.kept.alerts = others;
            self.save(state)?;
            return Ok("; it stays cut off from the network, for another alert");
        }
        rejoin()?;
        self.forget(state)?;
        Ok(if was_on {
            "; it is on the network again"
        } else {
            ""
        })
    }

    /// The kernel has let it back by then; what is said of it follows.
    pub fn end_what_is_over(&mut self, state: &StateDir) {
        if !self.is_cut_off() || self.kept.left().is_none_or(|left| !left.is_zero()) {
            return;
        }
        tracing::info!("isolation_over: its time has passed, this network is itself again");
        let ended = rejoin().map_err(NotDone::from);
        if let Err(NotDone { code, message }) = ended.and_then(|()| self.forget(state)) {
            tracing::error!(code, message, "what is left of an isolation that is over");
        }
    }

    /// Where the installation is now. What is no address is left out, and said.
    pub fn learn(&mut self, peers: &[String], state: &StateDir) {
        let mut found: Vec<SocketAddr> = Vec::new();
        for peer in peers.iter().take(PEERS_MAX) {
            match peer.parse() {
                Ok(address) => found.push(address),
                Err(_) => tracing::warn!(peer, "peer_malformed: no address and port"),
            }
        }
        if found.is_empty() || found == self.kept.peers {
            return;
        }
        self.kept.peers = found;
        if self.is_cut_off()
            && let Err(error) = self.lay()
        {
            tracing::error!(%error, "isolation_unchanged: the installation is elsewhere now and may not be reached");
        }
        if let Err(NotDone { message, .. }) = self.save(state) {
            tracing::error!(message, "state_unavailable");
        }
    }

    pub fn capability(&self) -> Capability {
        match self.check_place() {
            Ok(()) => capability(self.reach, self.possible(), self.gap()),
            Err(NotDone { message, .. }) => missing(&message),
        }
    }

    fn lay(&mut self) -> Result<(), IsolationError> {
        let held = isolate(&self.kept.peers, self.reach, self.kept.left())?;
        if let Some(gap) = held.gap() {
            tracing::warn!(
                gap,
                "isolation_of_packets_only: frames that a program makes itself are not held"
            );
        }
        self.held = Some(held);
        self.is_behind = false;
        Ok(())
    }

    fn possible(&self) -> &Result<Option<String>, IsolationError> {
        self.possible.get_or_init(try_isolation)
    }

    fn check(&self) -> Result<(), NotDone> {
        self.check_place()?;
        let possible = self.possible().as_ref();
        possible.map(|_| ()).map_err(NotDone::from)
    }

    fn check_place(&self) -> Result<(), NotDone> {
        if self.is_whole {
            return Ok(());
        }
        Err(NotDone::new(
            "isolation_not_here",
            "this agent has a network of its own beside the machine's: give its container the host's network and processes",
        ))
    }

    fn check_machine(&self, lasts: Duration) -> Result<(), NotDone> {
        if lasts.is_zero() || lasts > LASTS_MAX {
            return Err(NotDone::new(
                "isolation_without_end",
                "a machine is cut off for a time only: 1 second to 7 days",
            ));
        }
        if self.kept.peers.iter().any(is_own_address) {
            return Err(NotDone::new(
                "installation_here",
                "the installation runs on this machine: it and all its other hosts would be cut off from one another",
            ));
        }
        Ok(())
    }

    fn forget(&mut self, state: &StateDir) -> Result<(), NotDone> {
        self.kept.end();
        self.held = None;
        self.is_behind = false;
        self.save(state)
    }

    fn save(&self, state: &StateDir) -> Result<(), NotDone> {
        state.save(FILE, &self.kept).map_err(|error| NotDone {
            code: "state_unavailable",
            message: format!("it is done, but not kept over a restart: {error}"),
        })
    }
}

/// # Errors
/// When the machine is a cluster's node.
pub fn check_no_node(processes: &ProcessTable) -> Result<(), NotDone> {
    let is_node_agent = |path: &[u8]| {
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        NODE_AGENTS.contains(&name)
    };
    let found = processes
        .iter()
        .map(|(_, process)| process)
        .find(|process| process.end_time_ns.is_none() && is_node_agent(&process.image.path));
    let Some(process) = found else { return Ok(()) };
    let message = format!(
        "this host is a node of a cluster ({} runs, process {}): drain it, or isolate the pod",
        String::from_utf8_lossy(&process.image.path),
        process.pid
    );
    Err(NotDone {
        code: "cluster_node",
        message,
    })
}

/// The network that the machine began with. The kernel's own threads stay in it; where they are not seen (a machine that is itself a
/// container of another) it is the first process's.
fn is_machines_network() -> bool {
    const KERNELS_THREADS: &str = "2";
    let named = fs::read("/proc/2/comm").unwrap_or_default();
    let first = match named.as_slice() {
        b"kthreadd\n" => KERNELS_THREADS,
        _ => "1",
    };
    let of = |process: &str| fs::read_link(format!("/proc/{process}/ns/net")).ok();
    of(first).is_some_and(|first| of("self") == Some(first))
}

fn is_own_address(peer: &SocketAddr) -> bool {
    let mut own = getifaddrs().into_iter().flatten().filter_map(|each| {
        let address = each.address?;
        let v4 = address.as_sockaddr_in().map(|found| found.ip().into());
        v4.or_else(|| address.as_sockaddr_in6().map(|found| found.ip().into()))
    });
    peer.ip().is_loopback() || own.any(|ip: IpAddr| ip == peer.ip())
}

impl From<&IsolationError> for NotDone {
    fn from(error: &IsolationError) -> Self {
        Self {
            code: error.code(),
            message: error.to_string(),
        }
    }
}

impl From<IsolationError> for NotDone {
    fn from(error: IsolationError) -> Self {
        Self::from(&error)
    }
}

/// What an agent that has ended cut off is on the network again.
///
/// # Errors
/// When it still is cut off, or that is not kept.
pub fn lift(state: &StateDir) -> anyhow::Result<()> {
    let mut kept: OwnNetworkFile = state.load(FILE)?;
    if kept.alerts.is_empty() {
        return Ok(());
    }
    rejoin()?;
    kept.end();
    state.save(FILE, &kept)
}

/// As `baldur capabilities --inside` says it, too.
pub fn own_capability() -> Capability {
    capability(Reach::Container, &try_isolation(), None)
}

/// `gap`: what is not held of an isolation that stands.
fn capability(
    reach: Reach,
    possible: &Result<Option<String>, IsolationError>,
    gap: Option<String>,
) -> Capability {
    let unheld = match possible {
        Err(error) => return missing(&error.to_string()),
        Ok(unheld) => gap.or_else(|| unheld.clone()),
    };
    let whose = match reach {
        Reach::Container => {
            "all but loopback and the installation, of everybody in this network (a pod's containers share one)"
        }
        Reach::Machine => {
            "all but loopback and the installation, of this machine and of what it passes on for its containers; not of containers with a \
             device of their own (SR-IOV)"
        }
    };
    let frames = match unheld {
        None => "frames that a program with NET_RAW makes itself too, but for AF_XDP's".to_owned(),
        Some(gap) => format!("not of frames that a program with NET_RAW makes itself: {gap}"),
    };
    Capability {
        name: NAME.to_owned(),
        available: true,
        mechanism: "nftables".to_owned(),
        detail: format!("{whose}; {frames}"),
        // The rules were taken by the kernel, and taken away again.
        verified: true,
    }
}

fn missing(detail: &str) -> Capability {
    Capability {
        name: NAME.to_owned(),
        detail: detail.to_owned(),
        ..Capability::default()
    }
}

#[cfg(test)]
#[path = "own_network_tests.rs"]
mod tests;
