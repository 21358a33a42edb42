//! The policy in effect, and what is decided with it when a program is about to start.
use std::sync::{Arc, PoisonError, RwLock};

use norn_events::wire::policy::v1::{HostAction, HostEvent, HostField};
use norn_os::clock::{boot_ns, unix_us};

use crate::decide::Verdict;
use crate::denial::Denial;
use crate::facts::ProgramFacts;
use crate::network::Network;
use crate::network::lines::Rights;
use crate::{Policy, proc};

/// One policy that was applied.
pub struct Engine {
    pub policy: Arc<Policy>,
    /// Grows with each policy.
    pub generation: u64,
    /// What its rules about the network are in the kernel; `None` without such rules, or where the kernel takes none.
    pub network: Option<Arc<Network>>,
}

/// The engine that decides now; replaced as a whole.
pub struct Current(RwLock<Arc<Engine>>);

impl Current {
    pub fn new(engine: Engine) -> Self {
        Self(RwLock::new(Arc::new(engine)))
    }

    pub fn get(&self) -> Arc<Engine> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn set(&self, engine: Engine) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(engine);
    }
}

/// What becomes of an exec.
#[derive(Debug)]
pub enum Answer {
    Allow,
    /// It may have been denied if more were known.
    AllowUnknown,
    Deny(Box<Denial>),
}

impl Engine {
    /// What the process will fit of the network's rules once it runs this program.
    pub fn rights(&self, facts: &mut ProgramFacts<'_>) -> Option<Rights> {
        let network = self
            .network
            .as_ref()
            .filter(|network| network.asks_for_programs())?;
        Some(network.rights_of_starting(facts))
    }

    /// Before the exec is answered.
    pub fn expect(&self, pid: u32, inode: u64, rights: Option<Rights>) {
        if let (Some(network), Some(rights)) = (&self.network, rights) {
            network.expect(pid, inode, rights);
        }
    }

    pub fn judge_exec(&self, pid: u32, facts: &mut ProgramFacts<'_>) -> Answer {
        let now_us = unix_us();
        match self.policy.decide(HostEvent::Exec, facts, now_us) {
            Verdict::Unknown { rule } if self.policy.may_deny_from(rule, HostEvent::Exec, now_us) => {
                Answer::AllowUnknown
            }
            Verdict::Decided(decision) if decision.action == HostAction::Deny => {
                let denial = Denial {
                    event: HostEvent::Exec,
                    rule: decision.rule,
                    generation: self.generation,
                    matched: decision.matched,
                    ..denial_of(pid, facts)
                };
                Answer::Deny(Box::new(denial))
            }
            _ => Answer::Allow,
        }
    }
}

/// What is said of an exec that was refused.
fn denial_of(pid: u32, facts: &mut ProgramFacts<'_>) -> Denial {
    let parent = proc::status(pid).and_then(|status| proc::image(status.parent));
    Denial {
        time_ns: boot_ns(),
        pid,
        start_ticks: proc::start_ticks(pid).unwrap_or(0),
        process: facts.first(HostField::ParentImage),
        parent: parent.unwrap_or_default(),
        image: facts.first(HostField::Image),
        container: facts.first(HostField::Container),
        user: facts.first(HostField::UserId),
        ..Denial::default()
    }
}
