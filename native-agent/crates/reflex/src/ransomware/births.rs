//! Who made which file: what a program makes itself, or has made by what it started, it may delete.
use std::collections::{HashMap, VecDeque};

use norn_events::{ContentChange, ProcessTable, ProcessUid};

use super::blame::Actor;
use super::names::hash_of;

/// The maker and those above it that may clear away after it.
const MAKERS: usize = 3;

type Makers = [ProcessUid; MAKERS];

/// Files that came to be while the agent watched, the latest.
#[derive(Debug, Default)]
pub struct Births {
    makers: HashMap<u64, Makers>,
    order: VecDeque<u64>,
}

impl Births {
    const MAX: usize = 16_384;

    pub fn note(&mut self, change: &ContentChange, processes: &ProcessTable) {
        let made_by = change.process.and_then(|uid| processes.by_uid(uid));
        let maker = made_by.or_else(|| processes.by_pid(change.pid));
        let mut makers = Makers::default();
        let above = std::iter::successors(maker, |&index| processes.parent(index));
        for (place, index) in makers.iter_mut().zip(above) {
            *place = processes
                .get(index)
                .map_or(ProcessUid::UNKNOWN, |process| process.uid);
        }
        self.add(&change.path, makers);
    }

    pub fn rename(&mut self, from: &[u8], to: &[u8]) {
        if let Some(&makers) = self.makers.get(&hash_of(from)) {
            self.add(to, makers);
        }
    }

    /// It was made by this process, by what it started, or by who started it.
    pub fn are_of(&self, path: &[u8], actor: &Actor) -> bool {
        self.makers
            .get(&hash_of(path))
            .is_some_and(|makers| makers.contains(&actor.uid) || actor.chain.contains(&makers[0]))
    }

    /// It was made by this process or by what it started.
    pub fn are_had_by(&self, path: &[u8], uid: ProcessUid) -> bool {
        let makers = self.makers.get(&hash_of(path));
        makers.is_some_and(|makers| makers.contains(&uid))
    }

    fn add(&mut self, path: &[u8], makers: Makers) {
        let key = hash_of(path);
        if self.makers.insert(key, makers).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > Self::MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.makers.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_birth_is_given_up_and_a_new_name_keeps_the_maker() {
        let maker = ProcessUid([1; 16]);
        let actor = Actor {
            uid: maker,
            chain: vec![maker],
            foreign: true,
        };
        let mut births = Births::default();
        let makers = [maker, ProcessUid::UNKNOWN, ProcessUid::UNKNOWN];
        (0..=Births::MAX).for_each(|number| births.add(number.to_string().as_bytes(), makers));
        assert!(!births.are_of(b"0", &actor) && births.are_of(b"1", &actor));
        births.rename(b"1", b"other");
        assert!(births.are_of(b"other", &actor));
    }
}
