//! The sensor: kernel events in order, the processes behind them, and what this host can and cannot observe.
mod capability;
mod clock;
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
mod self_test;
mod sensitive;
mod signals;
mod snapshot;
mod stream;
mod text;
mod tracker;
mod waker;

pub use container::container_of_path;
pub use error::ProbeError;
pub use options::{ExecPolicy, ProbeOptions, ProbeStats};
pub use probe::Probe;
pub use procfs::read_credentials;
