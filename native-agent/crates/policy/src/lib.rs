//! The host's part of a tenant's policy: decided while the event waits. Programs are refused by fanotify, connections by
//! programs of the root cgroup.
pub mod cidr;
mod decide;
mod error;
pub mod like;
mod rule;

pub use decide::{Decision, Facts, Verdict};
pub use error::{EnforceError, PolicyError};
pub use rule::{Condition, Match, Policy, Rule, Test};
