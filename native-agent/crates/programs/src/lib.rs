//! What a program is, by its name, its place and where it came from, and who stands above a process. Whether it may do what it does is judged by
//! those who ask.
#![forbid(unsafe_code)]

pub mod lineage;
mod provenance;
pub mod script;
pub mod scripts;

pub use provenance::{Packages, Provenance};
