//! The sensor: kernel events in order, the processes behind them, and what this host can and cannot observe.
mod error;
mod options;
mod probe;

pub use error::ProbeError;
pub use options::{ExecPolicy, ProbeOptions, ProbeStats};
pub use probe::Probe;
