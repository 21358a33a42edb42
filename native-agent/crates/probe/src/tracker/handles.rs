//! Handles of the agent's processes that others took: who used one and is gone can't be asked for whom it stood.
use std::collections::VecDeque;

/// Newest; one that is older is forgotten.
const REMEMBERED_MAX: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Handle {
    tgid: u32,
    descriptor: i32,
    pid: u32,
}

#[derive(Debug, Default)]
pub struct Handles {
    taken: VecDeque<Handle>,
}

impl Handles {
    /// `tgid` has this descriptor of the process `pid`, both as the host counts them.
    pub fn took(&mut self, tgid: u32, descriptor: i32, pid: u32) {
        if self.taken.len() >= REMEMBERED_MAX {
            self.taken.pop_front();
        }
        self.taken.push_back(Handle {
            tgid,
            descriptor,
            pid,
        });
    }

    /// The process that the descriptor stood for when it was taken.
    pub fn of(&self, tgid: u32, descriptor: i32) -> Option<u32> {
        let is_it = |handle: &&Handle| handle.tgid == tgid && handle.descriptor == descriptor;
        self.taken.iter().rev().find(is_it).map(|handle| handle.pid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_remembered_and_not_more_than_there_is_room_for() {
        let mut handles = Handles::default();
        handles.took(7, 3, 100);
        handles.took(7, 3, 200);
        handles.took(8, 3, 300);
        assert_eq!(
            (handles.of(7, 3), handles.of(8, 3), handles.of(8, 4)),
            (Some(200), Some(300), None)
        );
        for _ in 0..REMEMBERED_MAX {
            handles.took(9, 1, 1);
        }
        assert_eq!((handles.of(7, 3), handles.taken.len()), (None, REMEMBERED_MAX));
    }
}
