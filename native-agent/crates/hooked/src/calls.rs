//! Which calls a hook tells of and asks about, and the row that becomes of one beside the kernel's.
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use norn_events::{Event, EventKind, ProcessIndex};
use norn_hook::calls::{self, DESTRUCTIVE};
use norn_inject::{Call, Options, Wanted};
use norn_os::clock::boot_ns;
use norn_reflex::HookedCall;

/// Calls that are told of. Opening is not among them: the kernel tells of opens that matter, and there are too many others.
const RECORDED: [u64; 27] = [
    calls::MMAP,
    calls::CONNECT,
    calls::ACCEPT,
    calls::BIND,
    calls::LISTEN,
    calls::EXECVE,
    calls::TRUNCATE,
    calls::FTRUNCATE,
    calls::RENAME,
    calls::LINK,
    calls::UNLINK,
    calls::SYMLINK,
    calls::CHMOD,
    calls::FCHMOD,
    calls::PTRACE,
    calls::UNLINKAT,
    calls::RENAMEAT,
    calls::LINKAT,
    calls::SYMLINKAT,
    calls::FCHMODAT,
    calls::ACCEPT4,
    calls::RENAMEAT2,
    calls::SECCOMP,
    calls::PRCTL,
    calls::MEMFD_CREATE,
    calls::EXECVEAT,
    calls::FCHMODAT2,
];
/// A call that destroys something waits at most this long for its pre-image. Only its own thread waits, not every open on this host: so there is time
/// to copy a large file.
const DEADLINE: Duration = Duration::from_millis(200);

/// Before which calls a process asks: those that destroy something, when it can be kept, and those that start a program.
pub fn options(keeps: bool) -> Options {
    let destructive = if keeps { &DESTRUCTIVE[..] } else { &[] };
    let wanted = Wanted {
        recorded: RECORDED.to_vec(),
        questioned: [destructive, &[calls::EXECVE, calls::EXECVEAT]].concat(),
        deadline: DEADLINE,
        ..Wanted::default()
    };
    Options {
        wanted,
        ..Options::default()
    }
}

/// Hooks tell CLOCK_MONOTONIC, rows have CLOCK_BOOTTIME.
#[derive(Debug, Clone, Copy)]
pub struct Clocks {
    pub boot_ns: u64,
    monotonic_ns: u64,
}

impl Clocks {
    pub fn now() -> Self {
        let monotonic = clock_gettime(ClockId::CLOCK_MONOTONIC);
        let monotonic_ns = monotonic.map_or(0, |time| {
            time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
        });
        Self {
            boot_ns: boot_ns(),
            monotonic_ns,
        }
    }

    /// Now for a call whose process may not ask for the time; never later than now.
    pub fn of(self, call: &Call) -> u64 {
        let age_ns = match call.time_ns {
            0 => 0,
            time_ns => self.monotonic_ns.saturating_sub(time_ns),
        };
        self.boot_ns.saturating_sub(age_ns)
    }
}

pub fn row(call: &Call, process: ProcessIndex, clocks: Clocks) -> Event<'_> {
    Event {
        kind: EventKind::HookedCall,
        time_ns: clocks.of(call),
        process,
        flags: u32::from(call.flags) << 16 | (call.number as u32 & 0xffff),
        value: u64::from(call.tid),
        result: 0,
        path: &call.first,
        target: &call.second,
    }
}

/// Calls that the kernel tells of too, whoever makes them.
pub fn counted(call: &Call) -> Option<HookedCall> {
    match call.number {
        calls::EXECVE | calls::EXECVEAT => Some(HookedCall::Exec),
        calls::UNLINK => Some(HookedCall::Unlink),
        calls::UNLINKAT if call.args[2] & libc::AT_REMOVEDIR as u64 == 0 => Some(HookedCall::Unlink),
        calls::RENAME | calls::RENAMEAT | calls::RENAMEAT2 => Some(HookedCall::Rename),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(number: u64, time_ns: u64) -> Call {
        Call {
            time_ns,
            pid: 7,
            tid: 8,
            number,
            flags: 4,
            args: [0, 0, libc::AT_REMOVEDIR as u64, 0, 0, 0],
            first: b"from".to_vec(),
            second: b"to".to_vec(),
        }
    }

    #[test]
    fn a_row_has_the_calls_number_flags_thread_texts_and_time_since_boot() {
        let clocks = Clocks {
            boot_ns: 5_000,
            monotonic_ns: 3_000,
        };
        let call = call(calls::RENAME, 2_900);
        let row = row(&call, ProcessIndex(1), clocks);
        assert_eq!(
            (row.kind, row.time_ns, row.value),
            (EventKind::HookedCall, 4_900, 8)
        );
        assert_eq!(row.flags, 4 << 16 | calls::RENAME as u32);
        assert_eq!((row.path, row.target), (&b"from"[..], &b"to"[..]));
    }

    #[test]
    fn a_call_without_a_time_or_from_the_future_is_of_now() {
        let clocks = Clocks {
            boot_ns: 5_000,
            monotonic_ns: 3_000,
        };
        assert_eq!(clocks.of(&call(calls::UNLINK, 0)), 5_000);
        assert_eq!(clocks.of(&call(calls::UNLINK, 9_000)), 5_000);
    }

    #[test]
    fn removing_a_directory_is_not_counted_as_unlinking_a_file() {
        assert_eq!(counted(&call(calls::UNLINKAT, 1)), None);
        assert_eq!(counted(&call(calls::UNLINK, 1)), Some(HookedCall::Unlink));
        assert_eq!(counted(&call(calls::CONNECT, 1)), None);
    }
}
