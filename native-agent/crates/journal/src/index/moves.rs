//! Directories that were renamed, or exchanged: what was known below the old name is known below the new one.
use std::collections::VecDeque;
use std::ops::Range;

use norn_os::paths::{below, join};

use super::state::FileState;
use crate::file::PlaceId;
use crate::record::{NameKind, NameOperation, Time};

/// The oldest give way.
const MOVES_MAX: usize = 4096;

#[derive(Debug)]
struct Move {
    time: Time,
    place: PlaceId,
    from: Vec<u8>,
    to: Vec<u8>,
    /// What was at `to` is at `from` now.
    is_exchange: bool,
}

impl Move {
    fn forth(&self, path: &[u8]) -> Option<Vec<u8>> {
        let there = || self.is_exchange.then(|| inside(path, &self.to, &self.from));
        inside(path, &self.from, &self.to).or_else(|| there()?)
    }

    fn back(&self, path: &[u8]) -> Option<Vec<u8>> {
        let there = || self.is_exchange.then(|| inside(path, &self.from, &self.to));
        inside(path, &self.to, &self.from).or_else(|| there()?)
    }
}

fn inside(path: &[u8], from: &[u8], to: &[u8]) -> Option<Vec<u8>> {
    below(path, from).map(|rest| join(to, rest))
}

/// A name that a file had until its directory got another.
pub struct Former {
    pub path: Vec<u8>,
    pub until: Time,
    /// Something else has been there since.
    pub is_exchange: bool,
}

#[derive(Debug, Default)]
pub struct Moves {
    all: VecDeque<Move>,
    exchanges: usize,
}

impl Moves {
    pub fn note(&mut self, operation: &NameOperation) {
        let is_exchange = operation.kind == NameKind::Exchange;
        self.exchanges += usize::from(is_exchange);
        let earlier = |moved: &Move| moved.time <= operation.time;
        let at = self.all.iter().rposition(earlier).map_or(0, |at| at + 1);
        let moved = Move {
            time: operation.time,
            place: operation.place,
            from: operation.path.clone(),
            to: operation.target.clone(),
            is_exchange,
        };
        self.all.insert(at, moved);
        if self.all.len() > MOVES_MAX
            && let Some(oldest) = self.all.pop_front()
        {
            self.exchanges -= usize::from(oldest.is_exchange);
        }
    }

    /// It was the first half of an exchange.
    pub fn forget(&mut self, time: Time, (from, to): (&[u8], &[u8])) {
        let is_it = |moved: &Move| moved.time == time && moved.from == from && moved.to == to;
        if let Some(at) = self.all.iter().rposition(is_it) {
            self.all.remove(at);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn has_exchanges(&self) -> bool {
        self.exchanges > 0
    }

    /// The name that a file has now which had this one at `since`.
    pub fn present(&self, (place, path): (PlaceId, &[u8]), since: Time) -> Vec<u8> {
        let mut path = path.to_vec();
        let later = self
            .all
            .iter()
            .filter(|moved| moved.place == place && moved.time >= since);
        for moved in later {
            path = moved.forth(&path).unwrap_or(path);
        }
        path
    }

    /// What had this name at the begin has left it with its directory, which got another name.
    pub fn has_left(&self, (place, path): (PlaceId, &[u8]), between: Range<Time>) -> bool {
        let is_it = |moved: &Move| {
            let is_here = moved.place == place && !moved.is_exchange && moved.time < between.end;
            is_here && below(path, &moved.from).is_some()
        };
        let later = self.all.iter().rev();
        later.take_while(|moved| moved.time >= between.start).any(is_it)
    }

    /// The names by which the file went before its directories were moved, and until when; the latest first.
    pub fn former(&self, (place, path): (PlaceId, &[u8]), time: Time) -> Vec<Former> {
        let mut path = path.to_vec();
        let mut found = Vec::new();
        let earlier = self
            .all
            .iter()
            .rev()
            .filter(|moved| moved.place == place && moved.time <= time);
        for moved in earlier {
            if let Some(former) = moved.back(&path) {
                path.clone_from(&former);
                found.push(Former {
                    path: former,
                    until: moved.time,
                    is_exchange: moved.is_exchange,
                });
            }
        }
        found
    }
}

/// The last name known of the file, below directories as they are called now.
pub fn last_name(state: &FileState, moves: &Moves) -> (PlaceId, Vec<u8>) {
    let since = state.last_touch();
    (state.place, moves.present((state.place, &state.path), since))
}

/// Where the file lies, when opens of it do not ask: who wrote to it since has them ask again.
pub fn present_name(state: &FileState, moves: &Moves) -> Option<(PlaceId, Vec<u8>)> {
    state.is_saved.then(|| last_name(state, moves))
}
