//! The library that goes into other processes, and what it shares with the agent.
//!
//! Reading order: `channel` (the shared memory), `calls` (which calls, and what is copied of each), `stub` (how a call site is made to
//! come here), `entry` (the way in and out), `handle` (what is done), `record`, `question`, `start` (when
//! preloaded), `follow` (into programs that are started).
//!
//! Everything but this file also compiles into `library.rs`: no libc, no allocation, no locks, no thread-local storage, no signal handlers.
#![no_std]

pub mod calls;
pub mod channel;
mod entry;
mod follow;
mod handle;
mod hooked;
mod identity;
mod question;
mod record;
mod start;
pub mod state;
pub mod stub;
mod surroundings;
mod system;

/// The library as an ELF file, the same for glibc and musl; empty on machines other than x86-64.
pub const LIBRARY: &[u8] = &ALIGNED.0;
static ALIGNED: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/libnorn_hook.so")));

/// Readers of ELF files want their headers where numbers may lie.
#[repr(C, align(16))]
struct Aligned<Bytes: ?Sized>(Bytes);

/// Where a preloaded library finds the agent: the path of its socket.
pub const DOOR_VARIABLE: &str = surroundings::DOOR_VARIABLE;
