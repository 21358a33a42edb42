//! What the packages of a root put on its disk, by dpkg's lists: whose a file is, and what it looked like then. Whether it still
//! looks so is for the asker to compare: a list can be read by everyone, and written by whoever is root there.
#![forbid(unsafe_code)]

mod finder;
mod host;
mod lists;
#[cfg(test)]
mod testing;

pub use finder::Finder;
pub use host::HostPackages;
pub use lists::{Checksum, Recorded, look_up};
