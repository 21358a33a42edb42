//! Directories that were renamed: what was known below the old name is known below the new one.
use std::collections::VecDeque;

use crate::file::PlaceId;
use crate::places::below;
use crate::record::{NameOperation, Time};
use crate::watch::join;

/// The oldest give way.
const MOVES_MAX: usize = 4096;

#[derive(Debug)]
struct Move {
    time: Time,
    place: PlaceId,
    from: Vec<u8>,
    to: Vec<u8>,
}

#[derive(Debug, Default)]
pub struct Moves(VecDeque<Move>);

impl Moves {
    pub fn note(&mut self, operation: &NameOperation) {
        self.0.push_back(Move {
            time: operation.time,
            place: operation.place,
            from: operation.path.clone(),
            to: operation.target.clone(),
        });
        if self.0.len() > MOVES_MAX {
            self.0.pop_front();
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The name that a file has now which had this one at `since`.
    pub fn present(&self, (place, path): (PlaceId, &[u8]), since: Time) -> Vec<u8> {
        let mut path = path.to_vec();
        let later = self
            .0
            .iter()
            .filter(|moved| moved.place == place && moved.time >= since);
        for moved in later {
            if let Some(rest) = below(&path, &moved.from) {
                path = join(&moved.to, rest);
            }
        }
        path
    }

    /// The names by which the file went before its directories were moved, and until when; the latest first.
    pub fn former(&self, (place, path): (PlaceId, &[u8]), time: Time) -> Vec<(Vec<u8>, Time)> {
        let mut path = path.to_vec();
        let mut found = Vec::new();
        let earlier = self
            .0
            .iter()
            .rev()
            .filter(|moved| moved.place == place && moved.time <= time);
        for moved in earlier {
            if let Some(rest) = below(&path, &moved.to) {
                path = join(&moved.from, rest);
                found.push((path.clone(), moved.time));
            }
        }
        found
    }
}
