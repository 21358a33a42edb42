//! What somebody does to the agent itself: told, whoever does it. Root can end or blind whatever runs beside it; then that is seen.
//!
//! Three senses: events of the kernel name who does it (`touches`), facts about the agent are read again and again and compared
//! (`facts`, `watch`), and what the sensor saw at its start it must go on to see, which it says itself. And who gets hold of the agent
//! has little of root's: `give_up`.
#![forbid(unsafe_code)]

mod facts;
mod rights;
mod told;
mod touches;
mod watch;

use norn_events::wire::finding::v1::Finding;
use norn_events::{Event, Observer, ProcessTable, ProcessUid};

use told::{Attack, Told};
use touches::Touches;
use watch::Watch;

pub use facts::Own;
pub use rights::give_up;
pub use told::Act;
pub use watch::Missing;

/// Who touched the agent so long ago, ns, may be who changed what is found changed now.
const CULPRIT_NS: u64 = 20_000_000_000;
const READY_MAX: usize = 64;

/// The agent's sense of itself. Feed it events in order; collect with `take`.
pub struct Tamper {
    touches: Touches,
    told: Told,
    watch: Option<Watch>,
    ready: Vec<Finding>,
}

impl Tamper {
    /// `missing` is asked every few seconds, by another thread.
    pub fn new(own: Own, missing: Missing, boot_unix_ns: u64) -> Self {
        Self {
            touches: Touches::new(own.clone()),
            told: Told::new(boot_unix_ns),
            watch: Watch::start(own, missing)
                .inspect_err(|error| tracing::error!(%error, "tamper_watch_refused: changes of the agent itself are not noticed"))
                .ok(),
            ready: Vec::new(),
        }
    }

    /// Where the agent is no process of a host's: inside a container.
    pub fn off() -> Self {
        Self {
            touches: Touches::new(Own::default()),
            told: Told::new(0),
            watch: None,
            ready: Vec::new(),
        }
    }

    /// The agent's own pids: Baldur, Tyr, and who keeps it.
    pub fn guard(&mut self, pids: &[u32]) {
        self.touches.guard(pids);
        if let Some(watch) = &self.watch {
            watch.guard(pids);
        }
    }

    /// What the sensor saw at its start and does not see any more.
    pub fn blind(&mut self, capabilities: &[&str], now_ns: u64, processes: &ProcessTable) {
        self.tell_of(&Attack::blind(capabilities), now_ns, processes);
    }

    /// The sensor can't be tried any more.
    pub fn untested(&mut self, now_ns: u64, processes: &ProcessTable) {
        self.tell_of(&Attack::untested(), now_ns, processes);
    }

    /// So many of the vault's marks were gone and had to be set again.
    pub fn unmarked(&mut self, marks: u64, now_ns: u64, processes: &ProcessTable) {
        self.tell_of(&Attack::unmarked(marks), now_ns, processes);
    }

    /// Somebody's control group has a container's name: (container, group).
    pub fn impostor(&mut self, (container, group): (&str, &str), act: Act, processes: &ProcessTable) {
        self.tell(&Attack::impostor(container, group), act, processes);
    }

    /// What was found changed since the last call, and what events showed; ready to be sent.
    pub fn take(&mut self, now_ns: u64, processes: &ProcessTable) -> Vec<Finding> {
        let changes = self.watch.as_ref().map(Watch::take).unwrap_or_default();
        for change in changes {
            self.tell_of(&Attack::change(&change), now_ns, processes);
        }
        std::mem::take(&mut self.ready)
    }

    /// By whoever touched the agent last, if somebody did.
    fn tell_of(&mut self, attack: &Attack, time_ns: u64, processes: &ProcessTable) {
        let culprit = self.touches.latest(time_ns.saturating_sub(CULPRIT_NS));
        let by = culprit.unwrap_or(ProcessUid::UNKNOWN);
        self.tell(attack, Act { by, time_ns }, processes);
    }

    fn tell(&mut self, attack: &Attack, act: Act, processes: &ProcessTable) {
        if self.ready.len() < READY_MAX {
            self.ready.extend(self.told.tell(attack, act, processes));
        }
    }
}

impl Observer for Tamper {
    fn observe(&mut self, event: &Event<'_>, processes: &ProcessTable) {
        let Some(attack) = self.touches.judge(event, processes) else {
            return;
        };
        if let Some(process) = processes.get(event.process) {
            let act = Act {
                by: process.uid,
                time_ns: event.time_ns,
            };
            self.tell(&attack, act, processes);
        }
    }
}
