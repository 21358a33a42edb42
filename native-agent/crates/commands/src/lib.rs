//! What Tyr asks of this agent: whether it may, at most once, and the outcome until Tyr has it. Runs nothing itself.
#![forbid(unsafe_code)]

mod commands;
mod held;
mod journal;
mod outcomes;

pub use commands::{Commands, Decision, answer, failed, succeeded};
