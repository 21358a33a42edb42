//! What is done at a hooked call: ask when something may be lost, record, and get out of the way.
use core::sync::atomic::Ordering;

use crate::calls::{self, Shape};
use crate::channel::{Channel, FLAG_ASKED, FLAG_UNANSWERED, has};
use crate::hooked::{Frame, Hooked, is_alive};
use crate::state::{State, norn_hook_state};
use crate::{follow, identity, question, record};

const PROT_WRITE: u64 = 2;
const PROT_EXEC: u64 = 4;
const MAP_SHARED: u64 = 1;
const MAP_ANONYMOUS: u64 = 0x20;
const PR_SET_SECCOMP: u64 = 22;
const SECCOMP_FILTER_MAX: u64 = 1;
/// O_WRONLY, O_RDWR, O_TRUNC.
const OPEN_TO_CHANGE: u64 = 0o1 | 0o2 | 0o1000;

/// Called by the entry for every call that is in the mask.
pub extern "C" fn handle(frame: &mut Frame) {
    let state = &norn_hook_state;
    state.inside.fetch_add(1, Ordering::Acquire);
    if let (Some(shape), Some(channel)) = (calls::shape(frame.call), channel(state)) {
        confine(state, frame);
        if state.own_calls.load(Ordering::Relaxed) != 0 {
            identity::forget(state, frame);
        }
        if is_of_interest(shape, frame) && is_alive(channel) {
            observe(
                &Hooked {
                    state,
                    channel,
                    shape,
                },
                frame,
            );
        }
    }
    state.inside.fetch_sub(1, Ordering::Release);
}

fn observe(hooked: &Hooked, frame: &mut Frame) {
    let mut flags = 0;
    if has(&hooked.channel.header.questioned, frame.call) && may_destroy(frame) {
        flags = FLAG_ASKED;
        if !question::ask(hooked, frame) {
            flags |= FLAG_UNANSWERED;
        }
    }
    record::put(hooked, frame, flags);
    if matches!(frame.call, calls::EXECVE | calls::EXECVEAT) {
        follow::follow(hooked, frame);
    }
}

fn channel(state: &State) -> Option<&'static Channel> {
    // SAFETY: the address is 0 or that of a channel which stays mapped as long as the library.
    unsafe { (state.channel.load(Ordering::Acquire) as *const Channel).as_ref() }
}

/// After a filter of the program's own, the library makes no system call any more: it might be the program's end.
fn confine(state: &State, frame: &Frame) {
    let confines = match frame.call {
        calls::SECCOMP => frame.args[0] <= SECCOMP_FILTER_MAX,
        calls::PRCTL => frame.args[0] == PR_SET_SECCOMP,
        _ => false,
    };
    if confines {
        state.own_calls.store(0, Ordering::SeqCst);
    }
}

fn is_of_interest(shape: Shape, frame: &Frame) -> bool {
    match shape {
        Shape::Mapping => {
            let (protection, flags) = (frame.args[2], frame.args[3]);
            let written_through = flags & MAP_SHARED != 0 && protection & PROT_WRITE != 0;
            flags & MAP_ANONYMOUS == 0 && (protection & PROT_EXEC != 0 || written_through)
        }
        Shape::Confinement => frame.call == calls::SECCOMP || frame.args[0] == PR_SET_SECCOMP,
        _ => true,
    }
}

/// Opening is asked about only when it is for writing.
fn may_destroy(frame: &Frame) -> bool {
    match frame.call {
        calls::OPEN => frame.args[1] & OPEN_TO_CHANGE != 0,
        calls::OPENAT => frame.args[2] & OPEN_TO_CHANGE != 0,
        _ => true,
    }
}
