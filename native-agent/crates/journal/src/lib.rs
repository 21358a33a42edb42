//! What is known of files, and what they held: kept on disk record by record, and folded into an index in memory. Knows nothing
//! of who tells it, nor of who asks.
//!
//! Reading order: `file` (which file, in which state), `record` (what is written down), `pack` (segments on disk), `index` (all
//! records folded), `store` (both together, and their bounds), `copies` and `clones` (how a content gets in).
#![forbid(unsafe_code)]
mod actors;
pub mod clones;
pub mod copies;
pub mod file;
pub mod index;
mod pack;
pub mod record;
pub mod shape;
pub mod standing;
pub mod store;
mod structure;
