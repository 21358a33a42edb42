//! What the kernel is asked to tell of files, and how it is found out what to ask for: fanotify groups and marks, mounts of containers
//! and of the host, closes, names. Knows the journal, for what a place is; what is kept of a file is none of its business.
//!
//! Reading order: `watch` (groups and marks), `events` (what they tell), `places` and `root` (trees that are watched), `lookout` (who looks
//! out for new ones) → `protect` (what was asked for), `learn` → `table` → `mounted` (what containers have mounted), `closing` and
//! `mapped` (who has written), `readback` (marks that went), `watched` (what they share).
pub mod audit;
pub mod away;
pub mod closes;
pub mod closing;
pub mod events;
pub mod figures;
pub mod homes;
pub mod kinds;
pub mod learn;
pub mod learned;
pub mod linked;
pub mod lookout;
pub mod mapped;
pub mod mappers;
pub mod mount_events;
pub mod mounted;
pub mod overdue;
pub mod places;
pub mod progress;
pub mod protect;
pub mod protected;
pub mod readback;
pub mod root;
pub mod spot;
pub mod table;
pub mod unscanned;
pub mod watch;
pub mod watched;
