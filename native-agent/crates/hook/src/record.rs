//! One call into the ring: a place is taken, filled, and only then marked as complete.
use core::sync::atomic::Ordering;

use crate::calls::Shape;
use crate::channel::{Counters, FLAG_CUT, FLAG_UNREAD, HALF_TEXT_BYTES, Header, RECORDS, Record, TEXT_BYTES};
use crate::hooked::{Frame, Hooked};
use crate::identity;
use crate::system::{self, PAGE};

const READLINKAT: u64 = 267;
const ADDRESS_BYTES_MAX: u64 = 128;
const DESCRIPTORS: &[u8] = b"/proc/self/fd/";

pub fn put(hooked: &Hooked, frame: &Frame, flags: u16) {
    let Some(position) = reserve(&hooked.channel.header) else {
        hooked
            .channel
            .header
            .counters
            .dropped
            .fetch_add(1, Ordering::Relaxed);
        return;
    };
    let place = (&raw const hooked.channel.ring[position as usize % RECORDS]).cast_mut();
    fill(hooked, frame, place, flags);
    // SAFETY: the place is in the ring, which is shared and written by whoever reserved it.
    unsafe { (*place).ready.store(position + 1, Ordering::Release) };
}

fn reserve(header: &Header) -> Option<u64> {
    let mut head = header.head.value.load(Ordering::Relaxed);
    loop {
        let tail = header.tail.value.load(Ordering::Acquire);
        if head.wrapping_sub(tail) >= RECORDS as u64 {
            return None;
        }
        match header
            .head
            .value
            .compare_exchange_weak(head, head + 1, Ordering::AcqRel, Ordering::Relaxed)
        {
            Ok(_) => return Some(head),
            Err(now) => head = now,
        }
    }
}

/// Writes everything but `ready`. The memory is shared with the agent, so it is only ever written through the pointer.
pub fn fill(hooked: &Hooked, frame: &Frame, place: *mut Record, flags: u16) {
    let own_calls = hooked.own_calls();
    let text = copy(hooked, frame, place);
    let header = [frame.call as u16, flags | text.flags, text.first, text.second];
    // SAFETY: the place is a record in the channel which this thread alone fills now; the agent reads it only once it is marked.
    unsafe {
        (&raw mut (*place).time_ns).write(system::now_ns(
            hooked.state.clock.load(Ordering::Relaxed),
            own_calls,
        ));
        (&raw mut (*place).pid).write(identity::process_id(hooked.state, own_calls));
        (&raw mut (*place).tid).write(if own_calls {
            identity::thread_id(hooked.state)
        } else {
            0
        });
        (&raw mut (*place).call).cast::<[u16; 4]>().write(header);
        (&raw mut (*place).args).write(frame.args);
    }
    if text.flags & FLAG_UNREAD != 0 {
        unread(&hooked.channel.header.counters);
    }
}

fn unread(counters: &Counters) {
    counters.unread.fetch_add(1, Ordering::Relaxed);
}

#[derive(Default)]
struct Text {
    first: u16,
    second: u16,
    flags: u16,
}

fn copy(hooked: &Hooked, frame: &Frame, place: *mut Record) -> Text {
    // SAFETY: only the address of the text is taken.
    let to = unsafe { (&raw mut (*place).text).cast::<u8>() };
    let argument = |number: u8| frame.args[number as usize % 6];
    if !hooked.own_calls() {
        let has_text = !matches!(hooked.shape, Shape::Numbers | Shape::Confinement);
        return Text {
            flags: if has_text { FLAG_UNREAD } else { 0 },
            ..Text::default()
        };
    }
    match hooked.shape {
        Shape::Numbers | Shape::Confinement => Text::default(),
        Shape::Path(path) => one(copy_text(argument(path), to, TEXT_BYTES)),
        Shape::Paths(first, second) => {
            let (first_bytes, first_flags) = copy_text(argument(first), to, HALF_TEXT_BYTES);
            // SAFETY: the first text ends at most halfway.
            let after = unsafe { to.add(first_bytes as usize) };
            let (second_bytes, second_flags) = copy_text(argument(second), after, HALF_TEXT_BYTES);
            Text {
                first: first_bytes,
                second: second_bytes,
                flags: first_flags | second_flags,
            }
        }
        Shape::Address(address, bytes) => one(copy_bytes(
            argument(address),
            to,
            argument(bytes).min(ADDRESS_BYTES_MAX),
        )),
        Shape::Mapping => one(file_name(frame.args[4], to)),
    }
}

fn one((first, flags): (u16, u16)) -> Text {
    Text {
        first,
        second: 0,
        flags,
    }
}

/// Copies up to the NUL, never from a page that cannot be read.
fn copy_text(from: u64, to: *mut u8, room: usize) -> (u16, u16) {
    let mut done = 0;
    while done < room {
        let at = from.wrapping_add(done as u64);
        if !system::readable(at) {
            return (done as u16, FLAG_UNREAD);
        }
        let in_page = (PAGE - at % PAGE) as usize;
        let end = room.min(done + in_page);
        while done < end {
            // SAFETY: the page of `from + done` was just found readable, and `done` is below the room at `to`.
            let byte = unsafe { (from.wrapping_add(done as u64) as *const u8).read_volatile() };
            if byte == 0 {
                return (done as u16, 0);
            }
            // SAFETY: as above.
            unsafe { to.add(done).write(byte) };
            done += 1;
        }
    }
    (done as u16, FLAG_CUT)
}

fn copy_bytes(from: u64, to: *mut u8, bytes: u64) -> (u16, u16) {
    if bytes == 0 || !system::readable(from) || !system::readable(from.wrapping_add(bytes - 1)) {
        return (0, FLAG_UNREAD);
    }
    for offset in 0..bytes {
        // SAFETY: at most 128 bytes lie in one or two pages, both found readable; the text has room for 432.
        unsafe {
            to.add(offset as usize)
                .write((from.wrapping_add(offset) as *const u8).read_volatile())
        };
    }
    (bytes as u16, 0)
}

fn file_name(descriptor: u64, to: *mut u8) -> (u16, u16) {
    let mut path = [0u8; DESCRIPTORS.len() + 11];
    path[..DESCRIPTORS.len()].copy_from_slice(DESCRIPTORS);
    write_number(descriptor as u32, &mut path[DESCRIPTORS.len()..]);
    // SAFETY: the kernel reads the path and writes at most the room of the text.
    let bytes = unsafe {
        system::call(
            READLINKAT,
            [0, path.as_ptr() as u64, to as u64, TEXT_BYTES as u64, 0, 0],
        )
    };
    if bytes < 0 {
        (0, FLAG_UNREAD)
    } else {
        (bytes as u16, 0)
    }
}

fn write_number(number: u32, to: &mut [u8]) {
    let digits = number.checked_ilog10().unwrap_or(0) as usize + 1;
    let mut rest = number;
    for place in (0..digits).rev() {
        if let Some(byte) = to.get_mut(place) {
            *byte = b'0' + (rest % 10) as u8;
        }
        rest /= 10;
    }
}
