//! Stops a subtree of processes without a race: freeze until nobody new appears, then kill by pidfd; or leave frozen and
//! thaw later. Never touches pid 1, kernel threads, the agent itself or a container runtime. Cuts a network namespace off.
mod container_network;
mod frames;
mod guard;
mod isolation;
mod links;
mod netlink;
mod nftables;
mod priority;
mod reach;
mod responder;

pub use container_network::{hold_frames, let_frames_go};
pub use guard::{Refusal, keeper_of};
pub use isolation::{Held, IsolationError, is_as_held, isolate, name_of, rejoin, try_isolation};
pub use priority::{raise_own_thread, raise_threads};
pub use reach::{PEERS_MAX, Reach};
pub use responder::{FrozenMember, Report, Responder};
