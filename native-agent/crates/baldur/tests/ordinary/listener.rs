//! Hears the agent out: acks its batches and keeps the findings.
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use norn_events::wire::agent::v1::{AgentPolicy, ReflexMode, baldur_message, tyr_message};
use norn_events::wire::finding::v1::Finding;

use crate::fake_tyr::{FakeTyr, as_batch};

/// Of this protocol's heartbeats, two: what was changed before the first has been judged by the second.
const BEATS: u64 = 2;
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Clone, Default)]
pub struct Listener {
    findings: Arc<Mutex<Vec<Finding>>>,
    beats: Arc<AtomicU64>,
}

impl Listener {
    /// Only the reflex that is tested here may stop anything: others work on this machine.
    pub fn start(mut tyr: FakeTyr) -> Self {
        tyr.say(tyr_message::Message::Policy(AgentPolicy {
            ransomware: ReflexMode::Kill.into(),
            fileless: ReflexMode::Observe.into(),
            miner: ReflexMode::Observe.into(),
            reverse_shell: ReflexMode::Observe.into(),
            ..AgentPolicy::default()
        }));
        let listener = Self::default();
        let own = listener.clone();
        std::thread::spawn(move || {
            while let Ok(heard) = tyr.hear() {
                if let Some(message) = &heard.message {
                    own.note(message);
                }
                if heard.seq > 0 {
                    tyr.say(tyr_message::Message::BatchAck(heard.seq));
                }
            }
        });
        listener
    }

    fn note(&self, message: &baldur_message::Message) {
        if matches!(message, baldur_message::Message::Heartbeat(_)) {
            self.beats.fetch_add(1, Ordering::Release);
        }
        if let Some((batch, _)) = as_batch(message) {
            self.findings.lock().unwrap().extend(batch.findings);
        }
    }

    /// Waits until the agent has had the time to judge everything.
    pub fn quiet(&self) {
        let until = self.beats.load(Ordering::Acquire) + BEATS;
        let begun = Instant::now();
        while self.beats.load(Ordering::Acquire) < until {
            assert!(
                begun.elapsed() < PATIENCE,
                "the agent gives no heartbeat any more"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn take(&self) -> Vec<Finding> {
        std::mem::take(&mut self.findings.lock().unwrap())
    }
}
