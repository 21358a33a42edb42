//! Other ways to ask the kernel for the same.
mod compat;
mod evasion;
pub mod ring;
pub mod same;
