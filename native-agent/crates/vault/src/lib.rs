//! Pre-images of files, taken through fanotify before a process can change them, and their byte-for-byte restore.
//!
//! Reading order: `vault` (the public face and its threads), `responder` → `capture` (an open waits while its file is
//! copied), `closer` (what became of the content), `rest` (copies made before anybody asks), `names` and `sensor` (who changed which name; `halves`: moves
//! that are told by halves), `held` (who emptied files and keeps them open), `restore` (plan, then apply).
//! What is known of files is in norn-journal.
mod arrivals;
mod asked;
mod audit;
mod away;
mod capture;
mod closer;
mod closes;
mod error;
mod events;
mod exchanged;
mod halves;
mod health;
mod held;
mod homes;
mod learn;
mod links;
mod lookout;
mod made;
mod mapped;
mod mappers;
mod mount_events;
mod named;
mod names;
mod newborn;
mod places;
mod progress;
mod protect;
mod quarantine;
mod readback;
mod responder;
mod rest;
mod restore;
mod root;
mod self_test;
mod sensor;
mod standing;
mod table;
mod unscanned;
mod vault;
mod watch;
mod writers;

pub use asked::Preimage;
pub use error::VaultError;
pub use health::VaultHealth;
pub use learn::{MOUNT_ENTRIES_MAX, MOUNTS_MAX, RefusedMount};
pub use norn_journal::file::FILE_BYTES_MAX;
pub use quarantine::{Kept, Origin, QUARANTINED_BYTES_MAX, QUARANTINED_FILES_MAX};
pub use responder::OPEN_WAITS;
pub use restore::{Aside, Extent, RestoreReport, RestoreRequest, Staged};
pub use sensor::VaultObserver;
pub use standing::Standing;
pub use vault::{CHANGES_MAX, Vault, VaultOptions};
