//! The library's way into the programs that a hooked process starts: the variables that preload it are there, whatever the starter passes on.
use core::sync::atomic::Ordering;

use crate::calls::EXECVE;
use crate::channel::{START_VARIABLES, Start};
use crate::hooked::{Frame, Hooked};
use crate::surroundings::DOOR_VARIABLE;
use crate::system::{self, PAGE};

const PRELOAD_VARIABLE: &str = "LD_PRELOAD";
/// A claim on room for variables that is older is of a program that has started.
const START_MS: u64 = 10_000;

/// Before a program starts: when its variables lack the library's, it gets a list that has them. The list lies in the channel, where it stays
/// until the kernel has copied it, also when the starter is a child of vfork that shares its parent's memory.
pub fn follow(hooked: &Hooked, frame: &mut Frame) {
    let variables = if frame.call == EXECVE {
        &mut frame.args[2]
    } else {
        &mut frame.args[3]
    };
    if hooked.channel.preload[0] == 0 {
        return;
    }
    match extended(hooked, *variables) {
        Extended::AsItIs => {}
        Extended::List(list) => *variables = list,
        Extended::NoRoom => {
            hooked
                .channel
                .header
                .counters
                .unfollowed
                .fetch_add(1, Ordering::Relaxed);
        }
    }
}

enum Extended {
    AsItIs,
    List(u64),
    NoRoom,
}

fn extended(hooked: &Hooked, variables: u64) -> Extended {
    if !hooked.own_calls() {
        return Extended::NoRoom;
    }
    let Some(start) = claim(hooked) else {
        return Extended::NoRoom;
    };
    let to = (&raw const start.variables).cast_mut().cast::<u64>();
    let mut reader = Reader { page: 0 };
    let mut added = [
        hooked.channel.preload.as_ptr() as u64,
        hooked.channel.door.as_ptr() as u64,
    ];
    let mut count = 0;
    let mut at = variables;
    while let Some(variable) = if at == 0 { Some(0) } else { reader.word(at) } {
        if variable == 0 {
            break;
        }
        if count + 3 > START_VARIABLES {
            return Extended::NoRoom;
        }
        for (name, added) in [PRELOAD_VARIABLE, DOOR_VARIABLE].iter().zip(&mut added) {
            *added = if reader.is_named(variable, name.as_bytes()) {
                0
            } else {
                *added
            };
        }
        // SAFETY: `count` is below the list's length; the list is this thread's by its claim.
        unsafe { to.add(count).write(variable) };
        (count, at) = (count + 1, at + 8);
    }
    for variable in added.into_iter().filter(|variable| *variable != 0) {
        // SAFETY: as above, with room for two and the end kept.
        unsafe { to.add(count).write(variable) };
        count += 1;
    }
    // SAFETY: as above.
    unsafe { to.add(count).write(0) };
    if added == [0, 0] {
        start.claim.store(0, Ordering::Release);
        return Extended::AsItIs;
    }
    Extended::List(to as u64)
}

/// The thread's own room from an attempt that failed, else a free one, else one that is long done with.
fn claim<'a>(hooked: &Hooked<'a>) -> Option<&'a Start> {
    let starts = &hooked.channel.starts;
    let now_ms = (system::now_ns(hooked.state.clock.load(Ordering::Relaxed), true) / 1_000_000) & 0xffff_ffff;
    let mine = u64::from(system::thread_id()) << 32;
    let is_mine = |claim: u64| claim >> 32 == mine >> 32;
    let is_done =
        |claim: u64| claim == 0 || now_ms.wrapping_sub(claim & 0xffff_ffff) & 0xffff_ffff > START_MS;
    let take = |start: &&Start, is_free: &dyn Fn(u64) -> bool| {
        let claim = start.claim.load(Ordering::Acquire);
        is_free(claim)
            && start
                .claim
                .compare_exchange(claim, mine | now_ms, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
    };
    starts
        .iter()
        .find(|start| take(start, &is_mine))
        .or_else(|| starts.iter().find(|start| take(start, &is_done)))
}

/// Reads a program's memory, page by page found readable.
struct Reader {
    page: u64,
}

impl Reader {
    fn is_readable(&mut self, address: u64) -> bool {
        let page = address / PAGE + 1;
        if self.page != page && !system::readable(address) {
            return false;
        }
        self.page = page;
        true
    }

    fn word(&mut self, address: u64) -> Option<u64> {
        let is_readable = address.is_multiple_of(8) && self.is_readable(address);
        // SAFETY: aligned, so within the page that was found readable.
        is_readable.then(|| unsafe { (address as *const u64).read_volatile() })
    }

    /// Whether the variable at `address` is `name=…`.
    fn is_named(&mut self, address: u64, name: &[u8]) -> bool {
        (0..=name.len()).all(|offset| {
            let at = address + offset as u64;
            let expected = name.get(offset).unwrap_or(&b'=');
            // SAFETY: the page was found readable.
            self.is_readable(at) && unsafe { (at as *const u8).read_volatile() } == *expected
        })
    }
}
