//! Who wrote what the kernel closes. A process that ends while its io_uring still holds a file leaves the last close to a thread
//! of the kernel, a tick or two later.
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use norn_journal::file::{FileKey, PlaceId};
use norn_journal::record::Time;
use norn_os::process::Stat;

use crate::shared::Shared;

/// After this, nobody closes any more for a process that has ended.
pub const LAST_CLOSE: Duration = Duration::from_millis(250);
/// A process that closed nothing in a place for this long, ns, has nothing open there.
const RECENT_NS: Time = 10_000_000_000;
const PLACES_MAX: usize = 4096;
const WRITERS_MAX: usize = 8;
/// The parent of all threads of the kernel.
const KTHREADD: u32 = 2;

/// Of each place, the processes that closed files last, the last one at the end.
#[derive(Debug, Default)]
pub struct Writers(HashMap<PlaceId, VecDeque<(u32, Time)>>);

impl Writers {
    /// Whose work the close of this file is: of the process that closed it, or of the one that the kernel closed it for, when
    /// that can be told.
    pub fn of(&mut self, shared: &Shared, (key, place): (FileKey, PlaceId), (pid, time): (u32, Time)) -> u32 {
        let is_known = shared.store.index().actors.at(pid, time).is_some();
        if is_known || !is_of_kernel(pid) {
            self.note(place, (pid, time));
            return pid;
        }
        // Nobody is asked about the opens of a file that has its pre-image: the last one asked about may have been a reader's,
        // who ended before the writer did.
        let opener = shared.store.index().opener(key);
        let opener = opener.filter(|pid| has_ended(*pid));
        let ended = self.last_ended(place, time).into_iter().chain(opener);
        ended
            .max_by_key(|pid| shared.store.index().actors.end_of(*pid, time))
            .unwrap_or(pid)
    }

    fn note(&mut self, place: PlaceId, (pid, time): (u32, Time)) {
        if self.0.len() >= PLACES_MAX {
            self.0.clear();
        }
        let writers = self.0.entry(place).or_default();
        if let Some(last) = writers.back_mut().filter(|(last, _)| *last == pid) {
            last.1 = time;
            return;
        }
        writers.retain(|(other, _)| *other != pid);
        writers.push_back((pid, time));
        if writers.len() > WRITERS_MAX {
            writers.pop_front();
        }
    }

    fn last_ended(&self, place: PlaceId, time: Time) -> Option<u32> {
        let writers = self.0.get(&place)?.iter().rev();
        let mut recent = writers.filter(|(_, closed)| closed + RECENT_NS > time);
        recent.find(|(pid, _)| has_ended(*pid)).map(|(pid, _)| *pid)
    }
}

fn is_of_kernel(pid: u32) -> bool {
    Stat::of(pid).is_some_and(|stat| stat.parent == KTHREADD)
}

/// Or is about to: the kernel closes for it before it is a zombie.
fn has_ended(pid: u32) -> bool {
    Stat::of(pid).is_none_or(|stat| stat.is_ending())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: PlaceId = PlaceId(1);

    /// Ended, and its pid is not given out again while it is not waited for.
    fn zombie() -> std::process::Child {
        let child = std::process::Command::new("true").spawn().unwrap();
        while !has_ended(child.id()) {
            std::thread::yield_now();
        }
        child
    }

    #[test]
    fn the_kernel_closes_for_the_one_that_has_ended_not_for_those_that_work_on() {
        let (mut first, mut second) = (zombie(), zombie());
        let own = std::process::id();
        let mut writers = Writers::default();
        let ended = |writers: &Writers, time| writers.last_ended(PLACE, time);
        writers.note(PLACE, (own, 1));
        assert_eq!(ended(&writers, 2), None);
        writers.note(PLACE, (first.id(), 2));
        writers.note(PLACE, (second.id(), 3));
        writers.note(PLACE, (own, 4));
        assert_eq!(ended(&writers, 5), Some(second.id()));
        assert_eq!(writers.last_ended(PlaceId(2), 5), None, "elsewhere");
        assert_eq!(ended(&writers, RECENT_NS + 5), None, "long ago");
        writers.note(PLACE, (first.id(), 6));
        assert_eq!(ended(&writers, 7), Some(first.id()));
        first.wait().unwrap();
        second.wait().unwrap();
    }

    #[test]
    fn threads_of_the_kernel_are_told_from_processes() {
        assert!(is_of_kernel(3), "the first that kthreadd starts");
        assert!(!is_of_kernel(std::process::id()) && !is_of_kernel(1));
        let mut ended = zombie();
        assert!(!is_of_kernel(ended.id()));
        ended.wait().unwrap();
    }
}
