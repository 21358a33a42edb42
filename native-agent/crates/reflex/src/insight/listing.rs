//! The code that a finding shows, kept for processes that end before they are blamed.
use std::collections::HashMap;

use crate::sight::Listing;

/// Programs whose loop is kept; it begins anew beyond.
const LISTINGS_MAX: usize = 16;

/// By device and inode of the program.
#[derive(Debug, Default)]
pub(super) struct Listings(HashMap<(u64, u64), Listing>);

impl Listings {
    pub fn of(&self, program: (u64, u64)) -> Option<&Listing> {
        self.0.get(&program)
    }

    /// The first of a program is kept.
    pub fn keep(&mut self, program: (u64, u64), make: impl FnOnce() -> Listing) {
        if self.0.contains_key(&program) {
            return;
        }
        if self.0.len() >= LISTINGS_MAX {
            self.0.clear();
        }
        self.0.insert(program, make());
    }
}
