//! Batches on the wire: events in, `EventBatch` out, and back again for tests and tools.
mod builder;
mod reader;
mod strings;

pub use builder::{BatchBuilder, BatchIdentity};
pub use reader::{BatchError, ReadBatch, ReadImage, ReadProcess, ReadRow, read_batch};
