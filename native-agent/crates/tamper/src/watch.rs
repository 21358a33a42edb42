//! Reads the facts in a thread of its own, so that a slow disk holds nobody up, and says what changed.
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use norn_os::clock::wall_offset_ns;

use crate::facts::{self, Facts, Own, SENSOR};

const EVERY: Duration = Duration::from_secs(5);
/// By more than this the clock is set, not corrected, ns.
const CLOCK_STEP_NS: u64 = 120_000_000_000;
/// Changes that nobody has taken.
const CHANGES_MAX: usize = 64;

/// A fact that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub what: String,
    pub before: String,
    pub after: String,
}

/// What of the sensor is gone from the kernel since the last call, given the agent's pids.
pub type Missing = Box<dyn FnMut(&[u32]) -> Vec<String> + Send>;

pub struct Watch {
    changes: Arc<Mutex<Vec<Change>>>,
    guarded: Sender<Vec<u32>>,
}

impl Watch {
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(own: Own, missing: Missing) -> io::Result<Self> {
        let changes = Arc::new(Mutex::new(Vec::new()));
        let (guarded, said) = channel();
        let theirs = Arc::clone(&changes);
        let looking = Looking {
            own,
            missing,
            pids: vec![std::process::id()],
            known: Facts::new(),
            fresh: Facts::new(),
            clock_ns: wall_offset_ns(),
            descriptors: 0,
        };
        thread::Builder::new()
            .name("tamper-watch".to_owned())
            .spawn(move || looking.run(&said, &theirs))?;
        Ok(Self { changes, guarded })
    }

    pub fn guard(&self, pids: &[u32]) {
        // Without the thread there is nobody to tell, which was said at the start.
        let _ = self.guarded.send(pids.to_vec());
    }

    pub fn take(&self) -> Vec<Change> {
        std::mem::take(&mut self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Looking {
    own: Own,
    missing: Missing,
    pids: Vec<u32>,
    /// As the agent left them.
    known: Facts,
    /// Seen once: the agent itself may still be setting them.
    fresh: Facts,
    clock_ns: i64,
    /// The most that the agent was seen to have.
    descriptors: u64,
}

impl Looking {
    fn run(mut self, said: &Receiver<Vec<u32>>, changes: &Mutex<Vec<Change>>) {
        loop {
            match said.recv_timeout(EVERY) {
                Ok(pids) => self.pids = pids,
                Err(RecvTimeoutError::Timeout) => {
                    let found = self.look();
                    let mut changes = changes.lock().unwrap_or_else(PoisonError::into_inner);
                    let room = CHANGES_MAX.saturating_sub(changes.len());
                    changes.extend(found.into_iter().take(room));
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn look(&mut self) -> Vec<Change> {
        // First: without descriptors nothing else can be read.
        let mut changes: Vec<Change> = self.look_at_descriptors().into_iter().collect();
        changes.extend(self.look_at_sensor());
        changes.extend(self.look_at_clock());
        let now = facts::read(&self.own, &self.pids);
        changes.extend(self.compare(now));
        changes
    }

    /// Fewer than the agent had are too few, and put back.
    fn look_at_descriptors(&mut self) -> Option<Change> {
        let (now, most) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
        let before = self.descriptors.max(now);
        self.descriptors = before;
        if now == before {
            return None;
        }
        if let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, before, before.max(most)) {
            tracing::error!(%error, "descriptors_refused: the agent can open no more files than somebody left it");
        }
        Some(Change {
            what: "the number of files that the agent may open".to_owned(),
            before: before.to_string(),
            after: now.to_string(),
        })
    }

    fn look_at_sensor(&mut self) -> Vec<Change> {
        (self.missing)(&self.pids)
            .into_iter()
            .map(|what| Change {
                what: format!("{SENSOR}{what}"),
                before: "there".to_owned(),
                after: "gone".to_owned(),
            })
            .collect()
    }

    fn look_at_clock(&mut self) -> Option<Change> {
        let before = std::mem::replace(&mut self.clock_ns, wall_offset_ns());
        let step = self.clock_ns.abs_diff(before);
        (step > CLOCK_STEP_NS).then(|| Change {
            what: "the clock of the host".to_owned(),
            before: "right".to_owned(),
            after: format!(
                "set {} by {} s",
                if self.clock_ns > before { "forward" } else { "back" },
                step.saturating_add(500_000_000) / 1_000_000_000
            ),
        })
    }

    /// A fact counts when it was the same twice; of a process that ended nothing is said here.
    fn compare(&mut self, now: Facts) -> Vec<Change> {
        let mut changes = Vec::new();
        for (what, before) in &self.known {
            let after = now.get(what);
            if after == Some(before) || (after.is_none() && self.is_of_one_who_ended(what)) {
                continue;
            }
            changes.push(Change {
                what: what.clone(),
                before: before.clone(),
                after: after.cloned().unwrap_or_else(|| "gone".to_owned()),
            });
        }
        self.known = now
            .iter()
            .filter(|(what, value)| self.known.contains_key(*what) || self.fresh.get(*what) == Some(*value))
            .map(|(what, value)| (what.clone(), value.clone()))
            .collect();
        self.fresh = now;
        changes
    }

    fn is_of_one_who_ended(&self, what: &str) -> bool {
        what.contains(" process ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts<const N: usize>(pairs: [(&str, &str); N]) -> Facts {
        pairs
            .map(|(what, value)| (what.to_owned(), value.to_owned()))
            .into()
    }

    fn looking() -> Looking {
        Looking {
            own: Own::new(std::path::PathBuf::new()),
            missing: Box::new(|_| Vec::new()),
            pids: Vec::new(),
            known: Facts::new(),
            fresh: Facts::new(),
            clock_ns: wall_offset_ns(),
            descriptors: 0,
        }
    }

    #[test]
    fn what_was_the_same_twice_and_changes_is_told_once() {
        let mut looking = looking();
        let (low, high) = (facts([("a", "1")]), facts([("a", "2")]));
        assert_eq!(looking.compare(low.clone()), []);
        assert_eq!(looking.compare(low.clone()), []);
        let change = Change {
            what: "a".to_owned(),
            before: "1".to_owned(),
            after: "2".to_owned(),
        };
        assert_eq!(looking.compare(high.clone()), [change]);
        assert_eq!(looking.compare(high), []);
    }

    #[test]
    fn what_the_agent_still_sets_at_its_start_is_not() {
        let mut looking = looking();
        for value in ["1", "2", "2", "2"] {
            assert_eq!(looking.compare(facts([("a", value)])), []);
        }
    }

    #[test]
    fn what_is_gone_is_told_but_not_of_a_process_that_ended() {
        let mut looking = looking();
        let all = facts([
            ("the agent's file /a", "there"),
            ("the priority of process 7", "nice 0"),
        ]);
        looking.compare(all.clone());
        looking.compare(all);
        let gone: Vec<String> = looking
            .compare(Facts::new())
            .into_iter()
            .map(|change| change.what)
            .collect();
        assert_eq!(gone, ["the agent's file /a"]);
    }

    #[test]
    fn descriptors_that_were_taken_are_told_and_put_back() {
        let mut looking = looking();
        assert_eq!(looking.look_at_descriptors(), None);
        let (before, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("it is there");
        setrlimit(Resource::RLIMIT_NOFILE, before / 2, most).expect("less is allowed");
        let change = looking.look_at_descriptors().expect("they are fewer");
        assert_eq!(
            (change.before, change.after),
            (before.to_string(), (before / 2).to_string())
        );
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE), Ok((before, most)));
        assert_eq!(looking.look_at_descriptors(), None);
    }

    #[test]
    fn a_clock_that_is_set_is_told_with_how_far() {
        let mut looking = looking();
        assert_eq!(looking.look_at_clock(), None);
        looking.clock_ns -= 3_600_000_000_000;
        assert_eq!(
            looking.look_at_clock().map(|change| change.after),
            Some("set forward by 3600 s".to_owned())
        );
        assert_eq!(looking.look_at_clock(), None);
    }
}
