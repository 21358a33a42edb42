//! Whether this container is cut off from the network, for which alerts, and whom it still reaches. Kept over a restart: the
//! rules stay in the container's network when the agent ends, and are laid again where the network is a new one.
use std::net::SocketAddr;
use std::sync::OnceLock;

use norn_events::wire::event::v1::Capability;
use norn_respond::{IsolationError, PEERS_MAX, isolate, name_of, rejoin, try_isolation};
use serde::{Deserialize, Serialize};

use super::state::StateDir;

const FILE: &str = "own_network.json";
/// Alerts that hold an isolation; one more does not change it.
const ALERTS_MAX: usize = 64;

/// What is on disk.
#[derive(Debug, Serialize, Deserialize, Default, Clone, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct OwnNetworkFile {
    /// It lasts until each of them is released.
    alerts: Vec<String>,
    peers: Vec<SocketAddr>,
}

pub struct OwnNetwork {
    inside: bool,
    kept: OwnNetworkFile,
    /// Asked for once: the answer costs the kernel a transaction.
    possible: OnceLock<Result<(), IsolationError>>,
}

/// Why a command was not carried out.
pub struct NotDone {
    pub code: &'static str,
    pub message: String,
}

impl OwnNetwork {
    /// # Errors
    /// When what is on disk can't be read. An isolation that can't be laid again is none: the log and the health say so.
    pub fn open(state: &StateDir, inside: bool) -> anyhow::Result<Self> {
        let mut isolation = Self {
            inside,
            kept: if inside {
                state.load(FILE)?
            } else {
                OwnNetworkFile::default()
            },
            possible: OnceLock::new(),
        };
        if isolation.is_cut_off()
            && let Err(error) = isolate(&isolation.kept.peers)
        {
            tracing::error!(%error, "isolation_lost: this container was cut off before, and is no longer");
            isolation.kept.alerts.clear();
        }
        Ok(isolation)
    }

    /// This agent protects the container it is in and nobody else.
    pub fn is_inside(&self) -> bool {
        self.inside
    }

    pub fn is_cut_off(&self) -> bool {
        !self.kept.alerts.is_empty()
    }

    /// Whom it still reaches.
    pub fn isolate(&mut self, alert: &str, state: &StateDir) -> Result<String, NotDone> {
        self.check()?;
        if self.kept.peers.is_empty() {
            return Err(NotDone {
                code: "isolation_no_peer",
                message: "the installation's address is not known, so nobody could release it: can Tyr resolve NORN_INGEST_ADDRESS?".to_owned(),
            });
        }
        isolate(&self.kept.peers)?;
        if !self.kept.alerts.iter().any(|known| known == alert) && self.kept.alerts.len() < ALERTS_MAX {
            self.kept.alerts.push(alert.to_owned());
        }
        self.save(state)?;
        Ok(name_of(&self.kept.peers))
    }

    /// What there is to say of it. Also of an isolation that nothing is known of any more: its rules may still be there.
    pub fn release(&mut self, alert: &str, state: &StateDir) -> Result<&'static str, NotDone> {
        if !self.inside || (!self.is_cut_off() && self.check().is_err()) {
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
        self.kept.alerts.clear();
        self.save(state)?;
        Ok(if was_on {
            "; it is on the network again"
        } else {
            ""
        })
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
        if !self.inside || found.is_empty() || found == self.kept.peers {
            return;
        }
        self.kept.peers = found;
        if self.is_cut_off()
            && let Err(error) = isolate(&self.kept.peers)
        {
            tracing::error!(%error, "isolation_unchanged: the installation is elsewhere now and may not be reached");
        }
        if let Err(NotDone { message, .. }) = self.save(state) {
            tracing::error!(message, "state_unavailable");
        }
    }

    /// Of a container; a machine says nothing.
    pub fn capability(&self) -> Option<Capability> {
        self.inside.then(|| capability(self.possible()))
    }

    fn possible(&self) -> &Result<(), IsolationError> {
        self.possible.get_or_init(try_isolation)
    }

    fn check(&self) -> Result<(), NotDone> {
        if !self.inside {
            return Err(NotDone {
                code: "isolation_not_here",
                message: "this agent protects a machine: only one inside a container cuts its network off"
                    .to_owned(),
            });
        }
        self.possible().as_ref().map_err(NotDone::from).copied()
    }

    fn save(&self, state: &StateDir) -> Result<(), NotDone> {
        state.save(FILE, &self.kept).map_err(|error| NotDone {
            code: "state_unavailable",
            message: format!("it is done, but not kept over a restart: {error}"),
        })
    }
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

/// As `baldur capabilities --inside` says it, too.
pub fn own_capability() -> Capability {
    capability(&try_isolation())
}

fn capability(possible: &Result<(), IsolationError>) -> Capability {
    let (mechanism, detail) = match possible {
        Ok(()) => (
            "nftables",
            "all but loopback and the installation, of everybody in this network (a pod's containers share one); not of packets that a \
             program with NET_RAW makes itself"
                .to_owned(),
        ),
        Err(error) => ("", error.to_string()),
    };
    Capability {
        name: "network.isolate".to_owned(),
        available: possible.is_ok(),
        mechanism: mechanism.to_owned(),
        detail,
        // The rules were taken by the kernel, and taken away again.
        verified: possible.is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::testing::TemporaryDir;

    #[test]
    fn a_machine_is_not_cut_off() {
        let dir = TemporaryDir::new("isolation-machine");
        let state = StateDir::open(&dir.0).unwrap();
        let mut isolation = OwnNetwork::open(&state, false).unwrap();
        isolation.learn(&["10.0.0.7:7401".to_owned()], &state);
        assert_eq!(
            isolation.isolate("a", &state).unwrap_err().code,
            "isolation_not_here"
        );
        assert_eq!(isolation.release("a", &state).ok(), Some(""));
        assert!(isolation.capability().is_none());
    }

    #[test]
    fn where_the_installation_is_survives_a_restart() {
        let dir = TemporaryDir::new("isolation-peers");
        let state = StateDir::open(&dir.0).unwrap();
        let mut isolation = OwnNetwork::open(&state, true).unwrap();
        isolation.learn(
            &[
                "10.0.0.7:7401".to_owned(),
                "nowhere".to_owned(),
                "[fd00::7]:1".to_owned(),
            ],
            &state,
        );
        let again = OwnNetwork::open(&state, true).unwrap();
        assert_eq!(name_of(&again.kept.peers), "10.0.0.7:7401, [fd00::7]:1");
        // Names that can't be resolved while it is cut off change nothing.
        isolation.learn(&[], &state);
        assert_eq!(isolation.kept, again.kept);
    }
}
