//! The vault's figures.
use std::sync::atomic::Ordering;

use norn_os as os;
use norn_watch::learn;
use norn_watch::learned::RefusedMount;

use crate::shared::Shared;

/// What a supervisor and a metric want to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VaultHealth {
    pub bytes: u64,
    pub bytes_max: u64,
    /// Files with at least one state kept.
    pub files: u64,
    /// Opens that were allowed because the pre-image was not there in time.
    pub permission_timeouts: u64,
    /// Content changes nobody took from the channel.
    pub changes_dropped: u64,
    /// Since the responder last went round its loop. It does so at least every second: much more means it hangs.
    pub responder_age_ms: u64,
    /// Pre-images evicted to stay within `bytes_max`.
    pub evicted: u64,
    /// Incidents whose pre-images were let go to make room for those of newer ones.
    pub holds_dropped: u64,
    /// Directories not watched, because `DIRECTORIES_MAX` was reached.
    pub directories_refused: u64,
    /// Files that went without a copy at rest, because `OVERDUE_MAX` were waiting for theirs.
    pub rests_refused: u64,
    /// Files of containers that were closed while mapped, of whose writes nobody was told, because `MAPPED_MAX` were looked at.
    pub mapped_refused: u64,
    /// Events lost by overflow of a queue, the kernel's or our own.
    pub events_lost: u64,
    /// Bytes of a torn journal tail that were cut at the last start.
    pub torn_bytes: u64,
    /// Files whose last known state can be given back.
    pub restorable: u64,
    /// Files whose last known state was evicted.
    pub evicted_files: u64,
    /// Files that are too large to be kept.
    pub too_large: u64,
    /// Directories of the host that are watched because a container has mounted them.
    pub mounts_watched: u64,
    /// Those that are not: `Vault::refused_mounts` says which and why.
    pub mounts_refused: u64,
    /// Files in protected directories when they were last looked at; of these, those of which nothing could be given back.
    pub files_present: u64,
    pub files_unkept: u64,
    /// When that look began, µs since 1970; 0: nobody looked yet.
    pub files_counted_at_us: u64,
    /// Places that are kept now: directories that were asked for, what containers have mounted, and containers' own file systems.
    pub places_watched: u64,
    /// Those that are not: refused, or without a mark that could be set. The first `Self::NAMED_MAX` of them, with the reason.
    pub places_unwatched: u64,
    pub unwatched_places: Vec<RefusedMount>,
    /// Directories, single files and containers' file systems that the kernel was to watch and did not when they were last looked
    /// at: their files count among `files_unkept`. Of all that were ever found so, those that are watched again.
    pub unwatched: u64,
    pub rewatched: u64,
    /// Mounts in containers that the kernel told of; of these, those that were gone before anybody looked.
    pub mounts_told: u64,
    pub mounts_unread: u64,
    /// Times the self-test was tried again.
    pub self_test_retries: u64,
}

impl VaultHealth {
    /// Places named in one report; more are counted.
    pub const NAMED_MAX: usize = 16;
}

pub fn health(shared: &Shared) -> VaultHealth {
    let beat = shared.pulse.beat_ns.load(Ordering::Relaxed);
    let mut unwatched_places = learn::unwatched_places(shared);
    let places_unwatched = unwatched_places.len() as u64;
    unwatched_places.truncate(VaultHealth::NAMED_MAX);
    let index = shared.store.index();
    VaultHealth {
        bytes: shared.store.bytes(),
        bytes_max: shared.store.bytes_max,
        files: index.file_count() as u64,
        permission_timeouts: shared.pulse.timeouts.load(Ordering::Relaxed),
        changes_dropped: shared.changes_dropped.load(Ordering::Relaxed),
        responder_age_ms: os::boot_ns().saturating_sub(beat) / 1_000_000,
        evicted: index.evicted,
        holds_dropped: shared.store.holds_dropped.load(Ordering::Relaxed),
        directories_refused: shared.watch.refused.load(Ordering::Relaxed),
        rests_refused: shared.overdue.refused.load(Ordering::Relaxed),
        mapped_refused: shared.mapped_refused.load(Ordering::Relaxed),
        events_lost: shared.pulse.events_lost.load(Ordering::Relaxed)
            + shared.closes.lost.load(Ordering::Relaxed)
            + shared.signals.overflows.load(Ordering::Relaxed),
        torn_bytes: shared.store.torn_bytes,
        restorable: shared.standings.restorable.load(Ordering::Relaxed),
        evicted_files: shared.standings.evicted.load(Ordering::Relaxed),
        too_large: shared.standings.too_large.load(Ordering::Relaxed),
        mounts_watched: learn::mounts_watched(shared),
        mounts_refused: shared.learned.refused_count(),
        files_present: shared.figures.present.load(Ordering::Relaxed),
        files_unkept: shared.figures.unkept.load(Ordering::Relaxed),
        files_counted_at_us: shared.figures.counted_at_us.load(Ordering::Relaxed),
        places_watched: learn::places_watched(shared),
        places_unwatched,
        unwatched_places,
        unwatched: shared.figures.unwatched.load(Ordering::Relaxed),
        rewatched: shared.figures.rewatched.load(Ordering::Relaxed),
        mounts_told: shared.signals.told.load(Ordering::Relaxed),
        mounts_unread: shared.signals.unread.load(Ordering::Relaxed),
        self_test_retries: shared.self_test_retries.load(Ordering::Relaxed),
    }
}
