//! The figures of an event, as its record and the process table have them.
use norn_events::{Credentials, EventKind, ExecFlag};

/// What a row holds beside its path and target.
pub struct Figures {
    pub kind: EventKind,
    pub flags: u32,
    pub value: u64,
    pub result: i32,
}

impl Figures {
    /// Of an exec.
    pub fn tell_change(&mut self, before: &Credentials, now: &Credentials) {
        self.value = now.capabilities.permitted & !before.capabilities.permitted;
        if before.login_user_id != Credentials::NOBODY && before.login_user_id != now.login_user_id {
            self.flags |= ExecFlag::LoginChanged as u32;
        }
    }
}
