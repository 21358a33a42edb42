//! What the packages of a root put on its disk, by dpkg's, rpm's and apk's databases: whose a file is, and what it looked like then. A list can be
//! read by everyone, and written by whoever is root there.
#![forbid(unsafe_code)]

mod apk;
mod checksum;
mod database;
mod dpkg;
mod finder;
mod host;
mod lists;
mod ownership;
mod rpm;
mod sqlite;
#[cfg(test)]
mod testing;

pub use checksum::{Algorithm, Checksum, Comparison};
pub use finder::Finder;
pub use host::HostPackages;
pub use lists::{Recorded, look_up};
pub use ownership::Ownership;
