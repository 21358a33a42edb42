//! Whether the sensor sees what it should: tried at the start, again as long as it runs, and what it holds in the kernel for it.
mod actor;
pub mod canary;
pub mod holdings;
pub mod self_test;
