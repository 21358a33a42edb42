//! Who makes a call: process and thread id, remembered in a page that the kernel empties in every child.
//!
//! A thread is known by its thread pointer. That of an ended thread may be given to a new one, so everything is forgotten whenever a thread is about to be made. A child of
//! vfork has its parent's thread pointer and memory: once a process makes such children, its thread ids are asked for each time.
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::calls::{CLONE, CLONE3, VFORK};
use crate::hooked::Frame;
use crate::state::State;
use crate::system;

const THREADS: usize = 256;
const CLONE_VFORK: u64 = 0x4000;
/// Thread ids are below 2^22; thread pointers are multiples of 64 below 2^47.
const ID_BITS: u32 = 22;

#[repr(C)]
struct Page {
    process: AtomicU32,
    has_vfork: AtomicU32,
    /// Thread pointer / 64, and the thread id in the lower bits.
    threads: [AtomicU64; THREADS],
}

fn page(state: &State) -> Option<&Page> {
    // SAFETY: 0, or a page of the library's own, which is larger.
    unsafe { (state.pid_page.load(Ordering::Relaxed) as *const Page).as_ref() }
}

/// 0 where it is not known and must not be asked for.
pub fn process_id(state: &State, own_calls: bool) -> u32 {
    let page = page(state);
    let known = page.map_or(0, |page| page.process.load(Ordering::Relaxed));
    if known != 0 || !own_calls {
        return known;
    }
    let id = system::process_id();
    if let Some(page) = page {
        page.process.store(id, Ordering::Relaxed);
    }
    id
}

/// Asks the kernel when it is not known. Only where own calls are allowed.
pub fn thread_id(state: &State) -> u32 {
    let Some(page) = page(state).filter(|page| page.has_vfork.load(Ordering::Relaxed) == 0) else {
        return system::thread_id();
    };
    let pointer = system::thread_pointer() >> 6;
    let place = &page.threads[pointer as usize % THREADS];
    let known = place.load(Ordering::Relaxed);
    if pointer != 0 && known >> ID_BITS == pointer {
        return (known & ((1 << ID_BITS) - 1)) as u32;
    }
    let id = system::thread_id();
    place.store(pointer << ID_BITS | u64::from(id), Ordering::Relaxed);
    id
}

/// Before a call that makes a thread or a process.
pub fn forget(state: &State, frame: &Frame) {
    let flags = match frame.call {
        VFORK => CLONE_VFORK,
        CLONE => frame.args[0],
        // SAFETY: found readable just before; the flags are the first eight bytes.
        CLONE3 if system::readable(frame.args[0]) => unsafe {
            (frame.args[0] as *const u64).read_unaligned()
        },
        CLONE3 => CLONE_VFORK,
        _ => return,
    };
    let Some(page) = page(state) else { return };
    if flags & CLONE_VFORK != 0 {
        page.has_vfork.store(1, Ordering::SeqCst);
    }
    for place in &page.threads {
        place.store(0, Ordering::Relaxed);
    }
}
