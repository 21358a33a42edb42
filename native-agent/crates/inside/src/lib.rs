//! Protection from within a container, without the host: the application runs under a seccomp filter whose calls wait for
//! the agent. The agent writes down what is needed to undo them, judges what was done before, and lets them go on.
//!
//! Reading order: `launch` and `filter` (how calls come to wait), `listener`, `inside` → `calls` (what they mean to the `application`), `deeds` and
//! `preimage` (what is kept), `changes` (what became of files), `restore`.
mod application;
mod calls;
mod capability;
mod changes;
mod deeds;
mod error;
mod family;
mod filter;
mod inside;
mod launch;
mod listener;
mod pack;
mod preimage;
mod privilege;
mod records;
mod restore;
mod said;
mod second_look;
mod spot;
mod target;

pub use application::InsideStats;
pub use capability::capabilities;
pub use error::InsideError;
pub use inside::{Inside, InsideOptions};
pub use launch::Account;
pub use preimage::FILE_BYTES_MAX;
pub use records::InsideVault;
