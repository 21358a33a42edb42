//! The self-test again and again: what the sensor saw when it started it must see as long as it runs. Who takes a program
//! or a map away from under it is found out by what does not come back.
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use norn_events::{ContainerId, EventKind, ProcessUid};

use super::actor::{Actor, Names, Waiting};
use super::self_test::{directory, proved};
use crate::record::Record;

/// Between two turns.
const EVERY: Duration = Duration::from_secs(5);
/// The events of a turn are awaited this long after its end, ns.
const PATIENCE_NS: u64 = 2_000_000_000;
/// A capability is blind after so many turns in a row: one may fall into a moment of heavy loss that is counted later.
const MISSED_MAX: u32 = 3;
/// Without a new turn for so long nothing is known, ns.
const STALLED_NS: u64 = 30_000_000_000;
const TURNS_MAX: usize = 8;

#[derive(Debug)]
struct Turn {
    actor: Actor,
    seen: Vec<EventKind>,
}

/// Turns that the thread has begun and nobody has judged, oldest first.
type Turns = Arc<Mutex<VecDeque<Turn>>>;

/// What changed about what the sensor sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// Not seen any more.
    Blind(Vec<&'static str>),
    /// Seen again.
    Restored(Vec<&'static str>),
    /// The known action can't be done any more.
    Untested,
    /// Somebody's group of processes has a container's name.
    Impostor {
        by: ProcessUid,
        container: ContainerId,
        cgroup: String,
    },
}

pub struct Canary {
    turns: Turns,
    names: Arc<Names>,
    /// What came back at the start.
    wanted: Vec<&'static str>,
    missed: BTreeMap<&'static str, u32>,
    judged_ns: u64,
    /// Records, by the last judgement.
    lost: u64,
    is_stalled: bool,
    /// Pid of the actor that was announced last; 0 before the first.
    latest: Arc<AtomicU32>,
    _ends_the_thread: Sender<()>,
}

impl Canary {
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(wanted: Vec<&'static str>, now_ns: u64) -> io::Result<Self> {
        let text = format!("norn-canary-{}", std::process::id());
        let names = Names::new(&directory(), &text).ok_or(io::ErrorKind::InvalidInput)?;
        let (names, turns) = (Arc::new(names), Turns::default());
        let latest = Arc::new(AtomicU32::new(0));
        let (stop, stopped) = channel::<()>();
        let (their_names, their_turns, their_latest) =
            (Arc::clone(&names), Arc::clone(&turns), Arc::clone(&latest));
        thread::Builder::new()
            .name("probe-canary".to_owned())
            .spawn(move || {
                while matches!(stopped.recv_timeout(EVERY), Err(RecvTimeoutError::Timeout)) {
                    take_turn(&their_names, &their_turns, &their_latest);
                }
            })?;
        Ok(Self {
            turns,
            names,
            wanted,
            missed: BTreeMap::new(),
            judged_ns: now_ns,
            lost: 0,
            is_stalled: false,
            latest,
            _ends_the_thread: stop,
        })
    }

    /// Did a canary do it? Then nobody else is to be told of that.
    pub fn look(&self, record: &Record<'_>) -> bool {
        // Nobody else's record costs more than this.
        if record.header.tgid != self.latest.load(Ordering::Acquire) {
            return false;
        }
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(turn) = turns.iter_mut().find(|turn| turn.actor.did(&record.header)) else {
            return false;
        };
        if let Some(kind) = self.names.proves(record)
            && !turn.seen.contains(&kind)
        {
            turn.seen.push(kind);
        }
        true
    }

    /// What has changed since the last call. `seen_ns`: of all that happened before, the records have been looked at.
    pub fn judge(&mut self, seen_ns: u64, now_ns: u64, lost: u64) -> Option<Sight> {
        let is_over = |turn: &Turn| turn.actor.ended_ns.saturating_add(PATIENCE_NS) <= seen_ns;
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let over = turns
            .front()
            .is_some_and(is_over)
            .then(|| turns.pop_front())
            .flatten();
        drop(turns);
        let Some(turn) = over else {
            let is_stalled = now_ns.saturating_sub(self.judged_ns) > STALLED_NS;
            let is_new = is_stalled && !std::mem::replace(&mut self.is_stalled, is_stalled);
            return is_new.then_some(Sight::Untested);
        };
        self.judged_ns = now_ns;
        self.is_stalled = false;
        // What was lost on the way is counted and shown elsewhere.
        if std::mem::replace(&mut self.lost, lost) != lost {
            return None;
        }
        self.compare(&proved(&turn.seen))
    }

    fn compare(&mut self, proved: &[&'static str]) -> Option<Sight> {
        let (mut blind, mut restored) = (Vec::new(), Vec::new());
        for &capability in &self.wanted {
            let missed = self.missed.entry(capability).or_default();
            if proved.contains(&capability) {
                if std::mem::take(missed) >= MISSED_MAX {
                    restored.push(capability);
                }
                continue;
            }
            *missed = missed.saturating_add(1);
            if *missed == MISSED_MAX {
                blind.push(capability);
            }
        }
        if !blind.is_empty() {
            return Some(Sight::Blind(blind));
        }
        (!restored.is_empty()).then_some(Sight::Restored(restored))
    }

    /// Not seen at the moment.
    pub fn is_blind(&self, capability: &str) -> bool {
        self.missed
            .get(capability)
            .is_some_and(|&missed| missed >= MISSED_MAX)
    }
}

/// Announced before it acts, so that whoever reads its records knows whose they are.
fn take_turn(names: &Names, turns: &Turns, latest: &AtomicU32) {
    let waiting = match Waiting::start(names) {
        Ok(waiting) => waiting,
        Err(error) => {
            tracing::warn!(%error, "canary_refused: whether the sensor sees is not known");
            return;
        }
    };
    let pid = waiting.pid;
    let lock = || turns.lock().unwrap_or_else(PoisonError::into_inner);
    let mut waits = lock();
    if waits.len() >= TURNS_MAX {
        waits.pop_front();
    }
    waits.push_back(Turn {
        actor: Actor {
            pid,
            ended_ns: u64::MAX,
        },
        seen: Vec::new(),
    });
    drop(waits);
    latest.store(pid, Ordering::Release);
    let actor = waiting.let_act();
    if let Some(turn) = lock().iter_mut().rev().find(|turn| turn.actor.pid == pid) {
        turn.actor = actor;
    }
}
