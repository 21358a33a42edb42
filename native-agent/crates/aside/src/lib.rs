//! A directory in which names change hands unseen, and what is mounted as every process sees it.
#![forbid(unsafe_code)]
mod aside;
mod views;

pub use aside::{Aside, Staged};
pub use views::{View, views};
