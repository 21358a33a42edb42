//! The two rings as one stream in time order, and the account of what was lost on the way.
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use libbpf_rs::{MapCore, MapFlags, MapHandle};

use crate::record::Record;
use crate::ring::Ring;
use crate::waker::Waker;
use crate::{ProbeError, ProbeOptions, ProbeStats};

pub const CRITICAL: usize = 0;
pub const BULK: usize = 1;

/// A stretch of one ring that is known to be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// As `flags` of a GAP row: 1 critical, 2 bulk.
    pub ring: u32,
    pub lost: u64,
    /// Last record before and first after it, CLOCK_BOOTTIME ns.
    pub start_ns: u64,
    pub end_ns: u64,
}

/// What is expected next of one CPU in one ring.
#[derive(Debug, Clone, Copy, Default)]
struct Position {
    next: u32,
    /// Holes found so far, by sequence.
    lost: u64,
    last_ns: u64,
}

/// What the kernel has lost of one CPU in one ring, and the sequence number it gives next.
#[derive(Debug, Clone, Copy)]
struct Lost {
    count: u64,
    next: u32,
}

/// Finds holes in the sequence numbers of one ring; each CPU counts for itself.
#[derive(Debug, Default)]
struct Ledger {
    cpus: Vec<Position>,
    open: Option<Gap>,
    lost: u64,
}

impl Ledger {
    fn position(&mut self, cpu: usize) -> &mut Position {
        if self.cpus.len() <= cpu {
            self.cpus.resize(cpu + 1, Position::default());
        }
        &mut self.cpus[cpu]
    }

    fn record(&mut self, cpu: usize, sequence: u32, time_ns: u64) {
        let position = self.position(cpu);
        let missing = sequence.wrapping_sub(position.next);
        let start_ns = position.last_ns;
        position.last_ns = time_ns;
        // Half the range is the future, the other half is the past: a record that was already counted as lost.
        if missing > u32::MAX / 2 {
            return;
        }
        position.next = sequence.wrapping_add(1);
        if missing > 0 {
            position.lost += u64::from(missing);
            self.lose(u64::from(missing), start_ns, time_ns);
        }
    }

    /// The kernel says what it lost; what no hole has shown yet is lost at the end.
    fn settle(&mut self, cpu: usize, kernel: Lost, now_ns: u64) {
        let position = self.position(cpu);
        let unseen = kernel.count.saturating_sub(position.lost);
        if unseen == 0 {
            return;
        }
        position.lost = kernel.count;
        position.next = kernel.next;
        let start_ns = position.last_ns;
        self.lose(unseen, start_ns, now_ns);
    }

    fn lose(&mut self, lost: u64, start_ns: u64, end_ns: u64) {
        self.lost += lost;
        let start_ns = if start_ns == 0 {
            end_ns
        } else {
            start_ns.min(end_ns)
        };
        let gap = self.open.get_or_insert(Gap {
            ring: 0,
            lost: 0,
            start_ns,
            end_ns,
        });
        gap.lost += lost;
        gap.start_ns = gap.start_ns.min(start_ns);
        gap.end_ns = gap.end_ns.max(end_ns);
    }
}

/// `struct ring_counters`, of one CPU.
#[derive(Debug, Clone, Copy, Default)]
struct Counters {
    sequence: [u32; 2],
    lost: [u64; 2],
    shed: u64,
    compat_calls: u64,
}

impl Counters {
    fn parse(bytes: &[u8]) -> Self {
        let word = |at: usize| {
            bytes
                .get(at..at + 8)
                .map_or(0, |word| u64::from_ne_bytes(word.try_into().unwrap_or_default()))
        };
        let sequences = word(0);
        Self {
            sequence: [sequences as u32, (sequences >> 32) as u32],
            lost: [word(8), word(16)],
            shed: word(24),
            compat_calls: word(32),
        }
    }
}

pub struct Stream {
    rings: [Ring; 2],
    waker: Waker,
    counters: MapHandle,
    ledgers: [Ledger; 2],
    settled: Counters,
    last_settled_ns: u64,
    seen_ns: u64,
    held_up_since_ns: [Option<u64>; 2],
    malformed: u64,
}

/// How far the rings were read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drained {
    /// All before was handed out: the horizon, unless something was left. CLOCK_BOOTTIME, ns.
    pub seen_ns: u64,
    /// The limit was met before the horizon.
    pub has_more: bool,
}

#[derive(Debug, Clone, Copy)]
enum Next {
    /// CLOCK_BOOTTIME, ns.
    At(u64),
    Nothing,
    /// Somebody has begun to write a record, and was interrupted.
    HeldUp,
}

impl Stream {
    /// How often the kernel's own counts are read, ns.
    const SETTLE_EVERY_NS: u64 = 100_000_000;
    /// The kernel gets room back after this many records.
    const RELEASE_EVERY: usize = 512;
    /// A record is written in less time than this many looks take.
    const LOOKS: usize = 1_000;
    /// The other ring waits no longer for whoever was interrupted while he wrote a record, ns.
    const HELD_UP_NS_MAX: u64 = 500_000_000;

    pub fn new(
        options: &ProbeOptions,
        [critical, bulk]: [MapHandle; 2],
        counters: MapHandle,
    ) -> Result<Self, ProbeError> {
        let waker = Waker::new([critical.as_fd(), bulk.as_fd()]).map_err(|error| ProbeError::Ring {
            ring: "wait",
            reason: error.to_string(),
        })?;
        Ok(Self {
            rings: [
                Ring::map("critical", critical.as_fd(), options.critical_ring_bytes)?,
                Ring::map("bulk", bulk.as_fd(), options.bulk_ring_bytes)?,
            ],
            waker,
            counters,
            ledgers: Default::default(),
            settled: Counters::default(),
            last_settled_ns: 0,
            seen_ns: 0,
            held_up_since_ns: [None; 2],
            malformed: 0,
        })
    }

    /// Readable when a ring calls.
    pub fn wake_fd(&self) -> BorrowedFd<'_> {
        self.waker.fd()
    }

    /// Waits until a ring calls, or `timeout` is over.
    pub fn wait(&self, timeout: Duration) -> Result<(), ProbeError> {
        self.waker.wait(timeout).map_err(|error| ProbeError::Ring {
            ring: "wait",
            reason: error.to_string(),
        })
    }

    /// Hands out records of both rings by time, none later than `horizon_ns`, at most `limit`.
    ///
    /// What comes later waits: a cause is in its ring before its effect is stamped, so with everything up to the
    /// horizon present in both rings no effect is handed out before its cause.
    pub fn drain(&mut self, horizon_ns: u64, limit: usize, mut take: impl FnMut(&Record<'_>)) -> Drained {
        let mut records = 0;
        let mut seen_ns = self.seen_ns;
        let mut next = [CRITICAL, BULK].map(|ring| self.next(ring, horizon_ns));
        let drained = loop {
            let Some((ring, time_ns)) = earliest(next) else {
                // What it hides may be older than all that can be read.
                break Drained {
                    seen_ns,
                    has_more: false,
                };
            };
            if time_ns > horizon_ns {
                break Drained {
                    seen_ns: horizon_ns,
                    has_more: false,
                };
            }
            if records >= limit {
                break Drained {
                    seen_ns,
                    has_more: true,
                };
            }
            records += 1;
            seen_ns = seen_ns.max(time_ns.saturating_sub(1));
            self.hand_out(ring, &mut take);
            if records % Self::RELEASE_EVERY == 0 {
                self.release();
            }
            next[ring] = self.next(ring, horizon_ns);
        };
        self.release();
        self.seen_ns = drained.seen_ns;
        drained
    }

    fn hand_out(&mut self, ring: usize, take: &mut impl FnMut(&Record<'_>)) {
        let cursor = self.rings[ring].cursor();
        let Some(unread) = self.rings[ring].read_at(cursor) else {
            return;
        };
        match Record::parse(&unread.bytes) {
            Some(record) => {
                let header = &record.header;
                self.ledgers[ring].record(usize::from(header.cpu), header.sequence, header.time_ns);
                take(&record);
            }
            None => self.malformed += 1,
        }
        let next = unread.next;
        self.rings[ring].advance(next);
    }

    /// Of what can be read next. A record that is being written at this moment is waited for, a moment.
    fn next(&mut self, which: usize, horizon_ns: u64) -> Next {
        let ring = &self.rings[which];
        for _ in 0..Self::LOOKS {
            if let Some(unread) = ring.read_at(ring.cursor()) {
                self.held_up_since_ns[which] = None;
                // `time_ns` comes first; a malformed record is handed out, and counted, at once.
                let time = unread.bytes.get(..8).and_then(|bytes| bytes.try_into().ok());
                return Next::At(time.map_or(0, u64::from_ne_bytes));
            }
            if !ring.has_record_at(ring.cursor()) {
                self.held_up_since_ns[which] = None;
                return Next::Nothing;
            }
            std::hint::spin_loop();
        }
        let since_ns = *self.held_up_since_ns[which].get_or_insert(horizon_ns);
        if horizon_ns.saturating_sub(since_ns) > Self::HELD_UP_NS_MAX {
            return Next::Nothing;
        }
        Next::HeldUp
    }

    fn release(&self) {
        self.rings.iter().for_each(Ring::release);
    }

    /// Looks at what waits in both rings without taking it, until `look` has seen enough.
    pub fn peek(&self, mut look: impl FnMut(&Record<'_>)) {
        for ring in &self.rings {
            let mut at = ring.cursor();
            while let Some(unread) = ring.read_at(at) {
                if let Some(record) = Record::parse(&unread.bytes) {
                    look(&record);
                }
                at = unread.next;
            }
        }
    }

    /// Reads the kernel's counts, for `settle` after the next drain.
    pub fn read_counters(&mut self, now_ns: u64) -> Option<KernelCounts> {
        if now_ns.saturating_sub(self.last_settled_ns) < Self::SETTLE_EVERY_NS {
            return None;
        }
        self.last_settled_ns = now_ns;
        let cpus = self
            .counters
            .lookup_percpu(&0_u32.to_ne_bytes(), MapFlags::ANY)
            .ok()??;
        Some(KernelCounts {
            cpus: cpus.iter().map(|bytes| Counters::parse(bytes)).collect(),
            read_ns: now_ns,
        })
    }

    /// After a complete drain: what the kernel had lost by then and no hole has shown.
    pub fn settle(&mut self, counts: &KernelCounts) {
        let mut sum = Counters::default();
        for (cpu, counters) in counts.cpus.iter().enumerate() {
            for ring in [CRITICAL, BULK] {
                let lost = Lost {
                    count: counters.lost[ring],
                    next: counters.sequence[ring],
                };
                self.ledgers[ring].settle(cpu, lost, counts.read_ns);
            }
            sum.shed += counters.shed;
            sum.compat_calls += counters.compat_calls;
        }
        self.settled = sum;
    }

    /// Losses found since the last time, at most one for each ring.
    pub fn take_gaps(&mut self) -> impl Iterator<Item = Gap> + use<> {
        let gaps = [CRITICAL, BULK].map(|ring| {
            let gap = self.ledgers[ring].open.take();
            gap.map(|gap| Gap {
                ring: ring as u32 + 1,
                ..gap
            })
        });
        gaps.into_iter().flatten()
    }

    pub fn count_into(&self, stats: &mut ProbeStats) {
        stats.lost_critical = self.ledgers[CRITICAL].lost;
        stats.lost_bulk = self.ledgers[BULK].lost;
        stats.shed_bulk = self.settled.shed;
        stats.compat_calls = self.settled.compat_calls;
        stats.records_malformed = self.malformed;
    }
}

/// The ring whose turn it is, and the time of its next record, the end of time when there is none; `None` while nobody can say.
fn earliest([critical, bulk]: [Next; 2]) -> Option<(usize, u64)> {
    let time_ns = |next| match next {
        Next::At(time_ns) => Some(time_ns),
        Next::Nothing => Some(u64::MAX),
        Next::HeldUp => None,
    };
    let (critical, bulk) = (time_ns(critical)?, time_ns(bulk)?);
    let ring = if critical <= bulk { CRITICAL } else { BULK };
    Some((ring, critical.min(bulk)))
}

pub struct KernelCounts {
    cpus: Vec<Counters>,
    read_ns: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_record_is_next_and_none_while_one_is_being_written_that_may_be_earlier() {
        assert_eq!(earliest([Next::At(5), Next::At(4)]), Some((BULK, 4)));
        assert_eq!(earliest([Next::At(5), Next::At(5)]), Some((CRITICAL, 5)));
        assert_eq!(earliest([Next::Nothing, Next::At(7)]), Some((BULK, 7)));
        assert_eq!(
            earliest([Next::Nothing, Next::Nothing]),
            Some((CRITICAL, u64::MAX))
        );
        assert_eq!(earliest([Next::HeldUp, Next::At(7)]), None);
        assert_eq!(earliest([Next::At(7), Next::HeldUp]), None);
    }

    #[test]
    fn a_hole_in_a_cpu_s_sequence_is_a_gap() {
        let mut ledger = Ledger::default();
        for (cpu, sequence, time) in [(0, 0, 10), (1, 0, 11), (0, 1, 20), (0, 5, 50)] {
            ledger.record(cpu, sequence, time);
        }
        assert_eq!(
            ledger.open,
            Some(Gap {
                ring: 0,
                lost: 3,
                start_ns: 20,
                end_ns: 50
            })
        );
    }

    #[test]
    fn a_loss_at_the_end_is_counted_once() {
        let mut ledger = Ledger::default();
        ledger.record(0, 0, 10);
        ledger.settle(0, Lost { count: 4, next: 5 }, 100);
        assert_eq!(ledger.lost, 4);
        ledger.record(0, 5, 110);
        ledger.settle(0, Lost { count: 4, next: 6 }, 200);
        assert_eq!(ledger.lost, 4);
    }

    #[test]
    fn a_hole_that_was_seen_is_not_counted_again_by_the_kernel_s_count() {
        let mut ledger = Ledger::default();
        ledger.record(0, 3, 10);
        ledger.settle(0, Lost { count: 3, next: 4 }, 100);
        assert_eq!(ledger.lost, 3);
    }

    #[test]
    fn sequence_numbers_may_wrap() {
        let mut ledger = Ledger::default();
        ledger.position(0).next = u32::MAX;
        ledger.record(0, u32::MAX, 1);
        ledger.record(0, 0, 2);
        assert_eq!(ledger.lost, 0);
    }
}
