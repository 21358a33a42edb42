//! The host's part of a tenant's policy: decided while the event waits. Programs are refused by fanotify, connections by
//! programs of the root cgroup. And a container or pod taken off the network, which a command asks for.
mod cidr;
mod decide;
mod denial;
mod enforcer;
mod engine;
mod error;
mod exec;
mod facts;
mod files;
mod finding;
pub mod isolation;
mod known;
mod like;
mod network;
mod proc;
mod rule;
mod self_test;
mod table_facts;

pub use decide::{Decision, Facts, Verdict};
pub use denial::Denial;
pub use enforcer::{Enforcer, EnforcerOptions};
pub use error::{EnforceError, PolicyError};
pub use exec::{DEADLINE, Places, THREADS};
pub use finding::{Findings, complete, exact_uid, process_of};
pub use proc::ContainerOf;
pub use rule::{Condition, Match, Policy, Rule, Test};
