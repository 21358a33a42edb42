//! What was refused, as it goes from who refused it to who tells of it.
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use norn_events::wire::policy::v1::{HostEvent, HostField};

/// Refusals that wait to be told of; more are counted.
pub const DENIALS_MAX: usize = 1_024;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Denial {
    pub event: HostEvent,
    /// Into the rules of the policy of this generation.
    pub rule: usize,
    pub generation: u64,
    /// CLOCK_BOOTTIME, ns.
    pub time_ns: u64,
    pub pid: u32,
    /// Of the group leader: exact where the kernel told, else in clock ticks; 0: not known.
    pub start_time_ns: u64,
    pub start_ticks: u64,
    /// Program of the process that was refused: at an exec the one it had.
    pub process: String,
    pub parent: String,
    /// The program that was to be started; of the network the process's own.
    pub image: String,
    pub container: String,
    pub user: String,
    pub address: String,
    pub port: u16,
    pub protocol: &'static str,
    pub matched: Vec<(HostField, String)>,
}

/// The way from the threads that refuse to the one that tells.
pub struct Outlet {
    sender: SyncSender<Denial>,
    wake: Box<dyn Fn() + Send + Sync>,
    pub denied: AtomicU64,
    pub untold: AtomicU64,
    pub unanswered: AtomicU64,
}

impl Outlet {
    pub fn new(wake: Box<dyn Fn() + Send + Sync>) -> (Self, Receiver<Denial>) {
        let (sender, receiver) = sync_channel(DENIALS_MAX);
        let outlet = Self {
            sender,
            wake,
            denied: AtomicU64::new(0),
            untold: AtomicU64::new(0),
            unanswered: AtomicU64::new(0),
        };
        (outlet, receiver)
    }

    pub fn tell(&self, denial: Denial) {
        self.denied.fetch_add(1, Ordering::Relaxed);
        if self.sender.try_send(denial).is_err() {
            self.untold.fetch_add(1, Ordering::Relaxed);
        }
        (self.wake)();
    }

    pub fn let_through(&self) {
        self.unanswered.fetch_add(1, Ordering::Relaxed);
    }
}
