//! What to put back, and what came of it.
//!
//! Reading order: `planning` (what is to be undone), `unwatched`, `stray`, `nameless` (what nobody told of), `apply` (each file, by `put`, `remake`,
//! `exact`; names change hands in `norn-aside`), `second_look`, `deed` (what a restore did, for its undo), `quarantine`.
#![forbid(unsafe_code)]
mod apply;
mod content;
mod deed;
mod exact;
mod exchanged;
mod expose;
mod nameless;
mod once_more;
mod origin;
mod outcome;
mod places_changed;
mod planning;
mod put;
pub mod quarantine;
mod remake;
mod second_look;
mod set_up;
mod shown;
mod stray;
mod tree;
mod twins;
mod unwatched;

use std::time::Instant;

use deed::Deed;
use norn_events::wire::action::v1::{FileVerdict, Verdict};
use norn_events::{ContainerId, ProcessUid};
use norn_journal::record::Time;
use norn_os as os;
use norn_watch::watched::Watched;
use xxhash_rust::xxh3::xxh3_128;

/// Which changes are to be undone. All that is given must hold; `scopes` empty means every process of `container`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestoreRequest {
    /// Roots of subtrees: these processes and everything they created, running or not.
    pub scopes: Vec<ProcessUid>,
    /// Only changes by processes of this container.
    pub container: Option<ContainerId>,
    /// Only changes at or after this moment, CLOCK_BOOTTIME, ns.
    pub since_ns: Option<u64>,
    /// What the scopes made before this moment stays, CLOCK_BOOTTIME, ns; what they did to that since is undone. Of `Extent::Processes`.
    pub made_since_ns: Option<u64>,
    pub extent: Extent,
    /// The container is stopped: what its layer holds of the image's own files goes, so that the image shows them again.
    pub cold: bool,
    /// A person decided: files in conflict are put back all the same.
    pub over_conflicts: bool,
    /// With `over_conflicts`: only these, as verdicts show them; empty: all.
    pub paths: Vec<String>,
    /// What this restore is called: a later request that has it among its `scopes` undoes it. The vault finds a name when
    /// there is none.
    pub id: Option<ProcessUid>,
}

/// How far a restore goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Extent {
    /// What the processes of the request did.
    #[default]
    Processes,
    /// What any process of `container` did since the first change by the scopes (without scopes: since `since_ns`), and what
    /// changed in the container's own file system while nobody watched.
    Container,
}

/// One verdict for each file that a process of the request changed.
#[derive(Debug, Clone, PartialEq)]
pub struct RestoreReport {
    /// Among the scopes of a request, it undoes this restore.
    pub id: ProcessUid,
    pub files: Vec<FileVerdict>,
    pub elapsed_ms: u64,
}

impl RestoreReport {
    pub fn count(&self, verdict: Verdict) -> usize {
        self.files
            .iter()
            .filter(|file| file.verdict == verdict as i32)
            .count()
    }
}

pub fn restore(watched: &Watched, request: &RestoreRequest) -> RestoreReport {
    let begun = Instant::now();
    if request.scopes.is_empty() && request.container.is_none() {
        return RestoreReport {
            id: ProcessUid::UNKNOWN,
            files: Vec::new(),
            elapsed_ms: 0,
        };
    }
    let Some(request) = &widened(watched, request) else {
        return RestoreReport {
            id: ProcessUid::UNKNOWN,
            files: Vec::new(),
            elapsed_ms: 0,
        };
    };
    exchanged::complete(watched);
    let mut plan = planning::plan(&watched.store.index(), request);
    if let (Extent::Container, Some(container)) = (request.extent, request.container.as_deref()) {
        let home = watched.store.index().homes.get(container).copied();
        let since = request.since_ns.unwrap_or(0) as i64;
        match home {
            Some(place) => unwatched::add(watched, &mut plan, (container, place, since)),
            None => {
                tracing::warn!(%container, "its file system is not known: only watched changes are undone")
            }
        }
    }
    stray::add(
        watched,
        &mut plan,
        request.made_since_ns.map_or(Time::MIN, |since| since as Time),
    );
    set_up::leave_out(watched, &mut plan);
    shown::name(watched, &mut plan);
    if request.over_conflicts {
        plan.overrule(&request.paths);
    }
    nameless::find(watched, &mut plan);
    let id = request.id.unwrap_or_else(new_id);
    tracing::trace!(files = plan.targets.len(), "what is to be put back is decided");
    let files = apply::apply(watched, &plan, &Deed::begin(watched, id));
    if request.cold {
        expose::image(watched, &plan);
    }
    watched.store.flush();
    os::give_back_memory();
    RestoreReport {
        id,
        files,
        elapsed_ms: begun.elapsed().as_millis() as u64,
    }
}

/// The whole container from the scopes' first change on; `None` when they changed nothing.
fn widened(watched: &Watched, request: &RestoreRequest) -> Option<RestoreRequest> {
    let mut wide = request.clone();
    if request.extent == Extent::Processes {
        return Some(wide);
    }
    wide.made_since_ns = None;
    if !request.scopes.is_empty() {
        let first = planning::first_change(&watched.store.index(), &wide)?;
        wide.since_ns = Some(first.max(0) as u64);
        wide.scopes = Vec::new();
    }
    Some(wide)
}

fn new_id() -> ProcessUid {
    let now = [os::boot_ns(), os::wall_ns()].map(u64::to_le_bytes).concat();
    ProcessUid(xxh3_128(&now).to_le_bytes())
}
