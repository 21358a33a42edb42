//! Puts the hook library into running processes and takes it out again, and is the agent's side of it: channels, answers, the door.
//!
//! Reading order: `maps` and `blind` (can it be hooked), `plan` (which call sites), `stop` → `remote` → `will` (the process holds still, makes
//! calls for us, and comes back by itself should we be killed), `image` (the library as it lies in memory), `inject`, `eject`; `channel` (records), `respond` (answers), `door` (preload).
mod blind;
mod channel;
mod clock;
mod door;
mod eject;
mod error;
mod exec;
mod image;
mod inject;
mod maps;
mod plan;
mod remote;
mod respond;
mod schedule;
mod seccomp;
mod stop;
mod will;

pub use blind::{Target, examine};
pub use channel::{Call, Channel, Losses, Wanted};
pub use door::{Door, Following, Visitor};
pub use eject::{Hooked, ImageFile, Left};
pub use error::{Blind, InjectError};
pub use exec::hook_next;
pub use image::{Layout, Patch};
pub use inject::{Options, Step, inject};
pub use plan::{Plan, Plans};
pub use respond::{Answerer, Nothing, Responder};
