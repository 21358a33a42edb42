//! The memory that a hooked process shares with the agent: one header, places for questions, what a preloaded library needs to start,
//! and a ring of records. Neither side trusts the other's numbers: positions are masked, lengths are cut.
use core::sync::atomic::{AtomicU32, AtomicU64};

use crate::stub::Site;

pub const MAGIC: u64 = u64::from_le_bytes(*b"nornhook");
pub const VERSION: u32 = 1;
/// Records in the ring of one process tree. A power of two.
pub const RECORDS: usize = 1024;
/// Bytes of text (paths, names, addresses) in one record; what is longer is cut and says so.
pub const TEXT_BYTES: usize = 432;
/// When a call has two paths, each has this much room.
pub const HALF_TEXT_BYTES: usize = TEXT_BYTES / 2;
/// Questions that may wait at once.
pub const SLOTS: usize = 16;
/// Call sites in all libraries of one process.
pub const SITES_MAX: usize = 1024;
/// Libraries whose call sites are replaced.
pub const MODULES_MAX: usize = 4;
/// System call numbers that a mask has a bit for.
pub const CALLS: usize = 512;
/// The bit that the kernel sets in `Header::agent` when the thread that wrote its id there has ended, however it ended.
pub const OWNER_DIED: u32 = 0x4000_0000;

pub type Mask = [AtomicU64; CALLS / 64];

/// The first page.
#[repr(C, align(64))]
pub struct Header {
    pub magic: u64,
    pub version: u32,
    /// 1 when the process may make system calls of the library's own (its seccomp filters allow them).
    pub own_calls: u32,
    /// The vDSO's clock_gettime in this process, when it never enters the kernel on this machine; else 0.
    pub clock: u64,
    /// How long a question may wait.
    pub deadline_ns: u64,
    /// After a question without an answer none is asked until then, so that a hung agent slows nobody down for long.
    pub hold_off_ns: u64,
    /// Thread id of the agent's answering thread, a robust futex word; 0 before it is there.
    pub agent: AtomicU32,
    /// Counts questions; the agent sleeps on it.
    pub asked: AtomicU32,
    pub hold_off_until_ns: AtomicU64,
    pub recorded: Mask,
    pub questioned: Mask,
    pub head: Line,
    pub tail: Line,
    pub counters: Counters,
}

/// A number that one side writes often, on a cache line of its own.
#[repr(C, align(64))]
pub struct Line {
    pub value: AtomicU64,
}

#[repr(C, align(64))]
pub struct Counters {
    /// Records that had no room.
    pub dropped: AtomicU64,
    /// Questions that went on without an answer in time.
    pub unanswered: AtomicU64,
    /// Questions that were not asked: no free slot, an agent that just missed one, or own calls not allowed.
    pub unasked: AtomicU64,
    /// Texts that could not be read: bad pointers, or own calls not allowed.
    pub unread: AtomicU64,
    /// Programs started without the library's variables, because the list of variables was too long or no room was free.
    pub unfollowed: AtomicU64,
    /// A preloaded library that could not replace its call sites: the errno, or 0.
    pub start_error: AtomicU64,
    /// Set by a preloaded library whose call sites are replaced.
    pub started: AtomicU64,
}

pub const FLAG_CUT: u16 = 1;
pub const FLAG_UNREAD: u16 = 2;
pub const FLAG_ASKED: u16 = 4;
pub const FLAG_UNANSWERED: u16 = 8;

/// One call, before the kernel has it: what comes of it is not known here.
#[repr(C)]
pub struct Record {
    /// Position in the ring + 1 once the record is complete.
    pub ready: AtomicU64,
    /// CLOCK_MONOTONIC.
    pub time_ns: u64,
    /// In the process's own namespaces; a child of vfork has its parent's until its exec.
    pub pid: u32,
    pub tid: u32,
    /// The system call's number.
    pub call: u16,
    pub flags: u16,
    pub first_bytes: u16,
    pub second_bytes: u16,
    pub args: [u64; 6],
    pub text: [u8; TEXT_BYTES],
}

pub const SLOT_FREE: u32 = 0;
pub const SLOT_WRITING: u32 = 1;
pub const SLOT_ASKED: u32 = 2;
pub const SLOT_ANSWERED: u32 = 3;
pub const SLOT_ABANDONED: u32 = 4;

#[repr(C, align(64))]
pub struct Slot {
    /// A futex word; `SLOT_FREE` and so on.
    pub state: AtomicU32,
    pub record: Record,
}

/// One library's code, and which of `Setup::sites` are in it.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug)]
pub struct Module {
    pub code: u64,
    pub code_bytes: u64,
    pub first_site: u32,
    pub sites: u32,
}

/// What the agent tells a preloaded library: where its stubs may go, and which call sites to replace.
#[repr(C)]
pub struct Setup {
    pub area: u64,
    pub area_bytes: u64,
    pub modules: [Module; MODULES_MAX],
    pub sites: [Site; SITES_MAX],
}

/// Variables for one program start, kept until the kernel has copied them.
#[repr(C)]
pub struct Start {
    /// Thread that uses it, in the upper half; when it began in milliseconds, in the lower.
    pub claim: AtomicU64,
    pub variables: [u64; START_VARIABLES],
}

pub const STARTS: usize = 16;
/// Pointers in one list of variables, with the end mark and the two that are added.
pub const START_VARIABLES: usize = 511;
pub const PRELOAD_BYTES: usize = 512;

#[repr(C)]
pub struct Channel {
    pub header: Header,
    pub slots: [Slot; SLOTS],
    pub setup: Setup,
    /// `LD_PRELOAD=…` and the door's variable, each with its NUL, for programs that are started without them.
    pub preload: [u8; PRELOAD_BYTES],
    pub door: [u8; PRELOAD_BYTES],
    pub starts: [Start; STARTS],
    pub ring: [Record; RECORDS],
}

/// What the shared memory measures, in whole pages.
pub const CHANNEL_BYTES: usize = size_of::<Channel>().next_multiple_of(4096);

/// Whether `call` is in `mask`.
pub fn has(mask: &Mask, call: u64) -> bool {
    let word = mask.get((call / 64) as usize);
    word.is_some_and(|word| word.load(core::sync::atomic::Ordering::Relaxed) >> (call % 64) & 1 == 1)
}
