//! Pre-images of files, taken through fanotify before a process can change them, and their byte-for-byte restore.
//!
//! Reading order: `vault` (the public face and its threads), `responder` → `capture` (an open waits while its file is
//! copied), `closer` (what became of the content), `rest` (copies made before anybody asks), `names` and `sensor` (who changed which name; `names/halves`: moves
//! that are told by halves), `held` (who emptied files and keeps them open), `restore` (plan, then apply), `shared` (what the
//! threads share). What is known of files is in norn-journal, what the kernel tells of them in norn-watch.
mod arrivals;
mod asked;
mod capture;
mod closer;
mod error;
mod exchanged;
mod health;
mod held;
mod homes;
mod links;
mod named;
mod names;
mod newborn;
mod note;
mod opens;
mod pace;
mod responder;
mod rest;
mod self_test;
mod sensor;
mod shared;
mod told;
mod vault;
mod waiting;
mod writers;

pub use asked::Preimage;
pub use error::VaultError;
pub use health::VaultHealth;
pub use norn_journal::file::FILE_BYTES_MAX;
pub use norn_journal::standing::Standing;
pub use norn_restore::quarantine::{Kept, Origin, QUARANTINED_BYTES_MAX, QUARANTINED_FILES_MAX};
pub use norn_restore::{Extent, RestoreReport, RestoreRequest};
pub use norn_watch::learned::RefusedMount;
pub use norn_watch::mounted::{MOUNT_ENTRIES_MAX, MOUNTS_MAX};
pub use responder::OPEN_WAITS;
pub use sensor::VaultObserver;
pub use vault::{CHANGES_MAX, Vault, VaultOptions};
