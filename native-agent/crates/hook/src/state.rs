//! What the library keeps for itself in each process. The injector fills it from outside, a preloaded library itself.
use core::sync::atomic::{AtomicI64, AtomicPtr, AtomicU64};

use crate::channel::{CALLS, Mask};

/// Name of the exported symbol that is the `State`.
pub const SYMBOL: &str = "norn_hook_state";
/// Name of the exported symbol that stubs call.
pub const ENTRY_SYMBOL: &str = "norn_hook_entry";

#[repr(C)]
pub struct State {
    /// The mask that the entry looks at first; `NOTHING` until the channel is there. At offset 0: the entry's assembly knows it.
    pub mask: AtomicPtr<Mask>,
    /// The channel's address, 0 before.
    pub channel: AtomicU64,
    /// The vDSO's clock_gettime, or 0.
    pub clock: AtomicU64,
    /// A page that the kernel empties in every child, where the process id is remembered; 0 when there is none.
    pub pid_page: AtomicU64,
    /// 1 as long as system calls of the library's own are allowed.
    pub own_calls: AtomicU64,
    /// Threads that are in the library now. The injector unmaps nothing until it is 0.
    pub inside: AtomicI64,
}

static NOTHING: Mask = [const { AtomicU64::new(0) }; CALLS / 64];

/// Exported, so that the injector finds it.
#[unsafe(no_mangle)]
pub static norn_hook_state: State = State {
    mask: AtomicPtr::new((&raw const NOTHING).cast_mut()),
    channel: AtomicU64::new(0),
    clock: AtomicU64::new(0),
    pid_page: AtomicU64::new(0),
    own_calls: AtomicU64::new(0),
    inside: AtomicI64::new(0),
};
