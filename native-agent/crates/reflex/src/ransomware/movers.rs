//! Who gave directories another name just before their files were harmed: `mv docs docs.locked` and then a program over all that
//! lies there is one attack, and a restore that knows the program alone would leave the directory where it was moved to.
use std::collections::{HashMap, VecDeque};

use norn_events::{Event, ProcessUid};

use super::blame::{Actor, common_ancestor};
use super::names::hash_of;
use crate::Context;

/// Who renamed what to a path or away from it, the latest of them: a file that was moved out of what is protected is told of by its old name.
#[derive(Debug, Default)]
pub struct Movers {
    by_path: HashMap<u64, (u64, ProcessUid)>,
    order: VecDeque<u64>,
}

impl Movers {
    const MAX: usize = 16_384;
    /// What was moved longer ago is somebody's own order, ns.
    const RECENT_NS: u64 = 60_000_000_000;

    pub fn rename(&mut self, event: &Event<'_>, context: &Context<'_>) {
        let Some(process) = context.processes.get(event.process) else {
            return;
        };
        let mover = (event.time_ns, process.uid);
        self.note(hash_of(event.target), mover);
        self.note(hash_of(event.path), mover);
    }

    fn note(&mut self, path: u64, mover: (u64, ProcessUid)) {
        if self.by_path.insert(path, mover).is_some() {
            return;
        }
        self.order.push_back(path);
        if self.order.len() > Self::MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_path.remove(&oldest);
        }
    }

    /// Where in the actor's chain it meets whoever moved a directory above `path`; 0 when nobody did just now, or nothing ties them.
    pub fn blamed_from(&self, path: &[u8], (actor, time_ns): (&Actor, u64), context: &Context<'_>) -> usize {
        if self.by_path.is_empty() {
            return 0;
        }
        directories_above(path)
            .filter_map(|directory| self.by_path.get(&hash_of(directory)))
            .filter(|(moved_ns, _)| moved_ns.saturating_add(Self::RECENT_NS) > time_ns)
            .map(|(_, mover)| common_ancestor(actor, *mover, context))
            .max()
            .unwrap_or(0)
    }
}

fn directories_above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = (1..path.len()).filter(|&at| path[at] == b'/');
    ends.map(|end| &path[..end])
}
