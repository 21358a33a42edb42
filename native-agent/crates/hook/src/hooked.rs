//! A call that is about to happen, and where.
use core::sync::atomic::Ordering;

use crate::calls::Shape;
use crate::channel::{Channel, OWNER_DIED};
use crate::state::State;

/// The registers of a system call that is about to happen. What is written here is what the kernel gets.
#[repr(C)]
pub struct Frame {
    pub call: u64,
    pub args: [u64; 6],
}

/// Where a call is, and what is to be copied of it.
pub struct Hooked<'a> {
    pub state: &'a State,
    pub channel: &'a Channel,
    pub shape: Shape,
}

impl Hooked<'_> {
    pub fn own_calls(&self) -> bool {
        self.state.own_calls.load(Ordering::Relaxed) != 0
    }
}

/// The kernel itself notes in this word that the agent's thread has ended, however it ended.
pub fn is_alive(channel: &Channel) -> bool {
    let agent = channel.header.agent.load(Ordering::Relaxed);
    agent != 0 && agent & OWNER_DIED == 0
}
