//! Stops a subtree of processes without a race: freeze until nobody new appears, then kill by pidfd; or leave frozen and
//! thaw later. Never touches pid 1, kernel threads, the agent itself or a container runtime. Cuts a network namespace off.
mod guard;
mod isolation;
mod nftables;
mod priority;
mod responder;

pub use guard::{Refusal, keeper_of};
pub use isolation::{IsolationError, PEERS_MAX, Reach, isolate, name_of, rejoin, try_isolation};
pub use priority::{raise_own_thread, raise_threads};
pub use responder::{FrozenMember, Report, Responder};
