//! Hooks inside processes: whom the agent puts its library into, what that tells of them, and what is kept before a file is
//! destroyed.
//!
//! `choice` (whom) → `injector` (a thread of its own, within a budget) → `answers` (pre-images in line) · `calls` (records become rows).
#![forbid(unsafe_code)]

mod answers;
mod calls;
mod choice;
mod counts;
mod follow;
mod hooks;
mod injector;
mod pace;

pub use choice::HookOptions;
pub use hooks::Hooks;
