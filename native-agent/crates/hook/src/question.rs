//! Asks the agent before something is lost, and waits: for the answer, for the deadline, or until the agent is gone.
use core::sync::atomic::Ordering;

use crate::calls::{EXECVE, EXECVEAT};
use crate::channel::{Channel, SLOT_ABANDONED, SLOT_ANSWERED, SLOT_ASKED, SLOT_FREE, SLOT_WRITING, Slot};
use crate::hooked::{Frame, Hooked, is_alive};
use crate::{record, system};

/// Whether the agent is still there is looked at this often while waiting.
const LOOK_NS: u64 = 1_000_000;

/// Before a program is started a question waits no longer: nothing is lost by then, the program is only seen later.
const START_NS: u64 = 50_000_000;

/// Whether the agent answered in time.
pub fn ask(hooked: &Hooked, frame: &Frame) -> bool {
    let header = &hooked.channel.header;
    let began_ns = now_ns(hooked);
    let Some(slot) = free_slot(hooked, began_ns) else {
        header.counters.unasked.fetch_add(1, Ordering::Relaxed);
        return false;
    };
    record::fill(hooked, frame, (&raw const slot.record).cast_mut(), 0);
    slot.state.store(SLOT_ASKED, Ordering::Release);
    header.asked.fetch_add(1, Ordering::Release);
    system::wake(&header.asked);
    let starts = matches!(frame.call, EXECVE | EXECVEAT);
    let patience_ns = if starts {
        header.deadline_ns.min(START_NS)
    } else {
        header.deadline_ns
    };
    let answered = wait(hooked, slot, began_ns + patience_ns);
    if !answered {
        header.counters.unanswered.fetch_add(1, Ordering::Relaxed);
    }
    if !answered && !starts {
        header
            .hold_off_until_ns
            .store(now_ns(hooked) + header.hold_off_ns, Ordering::Relaxed);
    }
    answered
}

fn free_slot<'a>(hooked: &Hooked<'a>, now_ns: u64) -> Option<&'a Slot> {
    let channel: &'a Channel = hooked.channel;
    if !hooked.own_calls() || now_ns < channel.header.hold_off_until_ns.load(Ordering::Relaxed) {
        return None;
    }
    let take = |slot: &&Slot| {
        slot.state
            .compare_exchange(SLOT_FREE, SLOT_WRITING, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    };
    channel.slots.iter().find(take)
}

fn wait(hooked: &Hooked, slot: &Slot, deadline_ns: u64) -> bool {
    while slot.state.load(Ordering::Acquire) == SLOT_ASKED {
        let now_ns = now_ns(hooked);
        if now_ns >= deadline_ns || !is_alive(hooked.channel) {
            break;
        }
        system::sleep_while(&slot.state, SLOT_ASKED, LOOK_NS.min(deadline_ns - now_ns));
    }
    let gave_up =
        slot.state
            .compare_exchange(SLOT_ASKED, SLOT_ABANDONED, Ordering::AcqRel, Ordering::Acquire);
    if gave_up.is_err() {
        slot.state.store(SLOT_FREE, Ordering::Release);
    }
    gave_up == Err(SLOT_ANSWERED)
}

fn now_ns(hooked: &Hooked) -> u64 {
    system::now_ns(hooked.state.clock.load(Ordering::Relaxed), hooked.own_calls())
}
