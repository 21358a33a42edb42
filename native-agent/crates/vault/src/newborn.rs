//! Files that a process has just made: what it does then to their mode and owner belongs to their creation, which is undone by
//! removal. An untar or an installation does so for each of its files.
use std::collections::HashMap;

use norn_events::{Event, EventKind};
use norn_journal::record::Time;
use xxhash_rust::xxh3::xxh3_64;

/// Half of what passes between a close and the second look at the new file, which finds the mode it got meanwhile.
const FOR_NS: Time = 50_000_000;
const PROCESSES_MAX: usize = 4096;
/// Of each process, the file it made last.
#[derive(Debug, Default)]
pub struct Newborns(HashMap<u32, (u64, Time)>);

impl Newborns {
    /// The event, of a call that succeeded, made a file or belongs to its making.
    pub fn take_in(&mut self, event: &Event<'_>, pid: u32) -> bool {
        let time = event.time_ns as Time;
        match event.kind {
            // The mode it was made with.
            EventKind::FileOpen if event.value != 0 => {
                if self.0.len() >= PROCESSES_MAX {
                    self.0.clear();
                }
                self.0.insert(pid, (xxh3_64(event.path), time));
                true
            }
            EventKind::FileChmod | EventKind::FileChown => self.0.get(&pid).is_some_and(|&(path, made)| {
                (0..FOR_NS).contains(&(time - made)) && path == xxh3_64(event.path)
            }),
            // Another file may have the name now.
            EventKind::FileRename => {
                self.0.clear();
                false
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use norn_events::ProcessIndex;

    use super::*;

    fn event(kind: EventKind, path: &[u8], time: u64) -> Event<'_> {
        Event {
            kind,
            time_ns: time,
            process: ProcessIndex(0),
            flags: 0,
            value: 0o644,
            result: 3,
            path,
            target: b"",
        }
    }

    #[test]
    fn what_is_done_at_once_to_a_file_one_has_just_made_is_its_making() {
        let mut newborns = Newborns::default();
        let mut take = |kind, path, time, pid| newborns.take_in(&event(kind, path, time), pid);
        assert!(!take(EventKind::FileChmod, b"/a", 1, 7));
        assert!(take(EventKind::FileOpen, b"/a", 2, 7));
        assert!(take(EventKind::FileChmod, b"/a", 3, 7));
        assert!(take(EventKind::FileChown, b"/a", 4, 7));
        assert!(!take(EventKind::FileChmod, b"/b", 4, 7), "another file");
        assert!(!take(EventKind::FileChmod, b"/a", 4, 8), "another process");
        assert!(!take(EventKind::FileChmod, b"/a", 3 + FOR_NS as u64, 7), "later");
        assert!(!take(EventKind::FileRename, b"/c", 5, 8));
        assert!(!take(EventKind::FileChmod, b"/a", 6, 7), "who has the name?");
    }
}
