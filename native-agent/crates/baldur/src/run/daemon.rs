//! All that the agent has in hand while it runs.
mod execution;
mod round;
mod talk;

use std::path::PathBuf;

use norn_commands::Commands;
use norn_events::BatchBuilder;
use norn_hooked::Hooks;
use norn_os::Waiter;
use norn_reflex::{Clock, Reflexes};
use norn_respond::Responder;
use norn_tamper::Tamper;

use super::application::Application;
use super::deferred::Deferred;
use super::enforcement::Enforcement;
use super::first_acts::FirstActs;
use super::isolation::Isolations;
use super::keeper::Keeper;
use super::link::Link;
use super::outbox::Outbox;
use super::own_network::OwnNetwork;
use super::policy::Modes;
use super::reaction::Reactions;
use super::sensor::Sensor;
use super::state::StateDir;
use super::trace::Traces;
use super::withheld::Withheld;
use crate::lifeline::Lifeline;

pub struct Daemon {
    /// Only inside a container.
    pub(super) application: Option<Application>,
    pub(super) sensor: Sensor,
    pub(super) keeper: Keeper,
    pub(super) enforcement: Enforcement,
    pub(super) isolations: Isolations,
    pub(super) first_acts: FirstActs,
    pub(super) hooks: Hooks,
    pub(super) own_network: OwnNetwork,
    pub(super) reflexes: Reflexes,
    pub(super) tamper: Tamper,
    pub(super) responder: Responder,
    pub(super) reactions: Reactions,
    pub(super) state: StateDir,
    pub(super) builder: BatchBuilder,
    pub(super) withheld: Withheld,
    pub(super) outbox: Outbox,
    pub(super) lifeline: Lifeline,
    pub(super) link: Link,
    pub(super) commands: Commands,
    pub(super) waiter: Waiter,
    pub(super) traces: Traces,
    pub(super) stream_id: [u8; 16],
    pub(super) clock: Clock,
    pub(super) modes: Modes,
    /// Not empty: reflexes stop only processes below these pids; elsewhere they tell.
    pub(super) act_below: Vec<u32>,
    /// Host directories whose changes the reflexes do not judge.
    pub(super) kept: Vec<PathBuf>,
    pub(super) deferred: Deferred,
    pub(super) listing: Listing,
    pub(super) timers: Timers,
}

/// When what is due next, CLOCK_BOOTTIME, ns.
#[derive(Default)]
pub(super) struct Timers {
    /// When this agent started.
    pub(super) started_ns: u64,
    heartbeat_ns: u64,
    upkeep_ns: u64,
    hook_report_ns: u64,
    /// Marks of the vault's that were set again, when it was last looked.
    rewatched: u64,
    /// When the oldest row of the batch in the making came.
    rows_since_ns: Option<u64>,
    busy: bool,
}

impl Timers {
    pub fn new(now_ns: u64) -> Self {
        Self {
            started_ns: now_ns,
            ..Self::default()
        }
    }
}

/// Telling of all that runs once more.
#[derive(Default)]
pub struct Listing {
    asked: bool,
    /// Rows that the batches had no room for, when it was last told.
    refused: u64,
    /// No sooner than this, CLOCK_BOOTTIME ns.
    next_ns: u64,
}

impl Daemon {
    /// The kernel side can't tell whose subtree a process is in, nor what a rule allows.
    fn apply_exec_policy(&mut self) {
        let is_anyones = self.act_below.is_empty() && !self.enforcement.may_allow_memfd();
        self.sensor
            .kill_memfd_at_exec(self.modes.kills_fileless() && is_anyones);
    }

    fn save_frozen(&self) {
        if let Err(error) = self.state.save_frozen(&self.responder) {
            tracing::error!(%error, "state_unavailable: who is frozen is not kept over a restart");
        }
    }
}
