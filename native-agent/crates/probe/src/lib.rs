//! The sensor: kernel events in order, the processes behind them, and what this host can and cannot observe.
mod capability;
mod container;
mod environment;
mod error;
mod figures;
mod hash;
mod kernel;
mod options;
mod probe;
mod procfs;
mod record;
mod ring;
mod runtimes;
mod sensitive;
mod sight;
mod signals;
mod snapshot;
mod stream;
mod text;
mod tracker;
mod waker;

pub use error::ProbeError;
pub use options::{ExecPolicy, ProbeOptions, ProbeStats};
pub use probe::Probe;
pub use procfs::read_credentials;
pub use sight::canary::Sight;
pub use sight::holdings::Holdings;
