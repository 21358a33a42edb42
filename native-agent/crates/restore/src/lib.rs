//! What to put back, and what came of it.
//!
//! Reading order: `request`, `plan` (what is to be undone), `planning` (how the journal tells it), `unwatched`, `stray`, `nameless` (what nobody told
//! of), `apply` (its `work` in each place; `once_more` each name, by `removal`, `put`, `remake`, `exact`; names change hands in `norn-aside`;
//! `second_look`), `verdict`, `deed` (what a restore did, for its undo), `quarantine`.
#![forbid(unsafe_code)]
mod apply;
mod content;
mod deed;
mod exchanged;
mod expose;
mod layer_names;
mod nameless;
mod outcome;
mod plan;
mod planning;
pub mod quarantine;
mod request;
mod set_up;
mod shown;
mod stray;
mod tree;
mod unwatched;
mod verdict;

use std::time::Instant;

use deed::Deed;
use norn_events::ProcessUid;
use norn_events::wire::action::v1::{FileVerdict, Verdict};
use norn_journal::record::Time;
use norn_os as os;
use norn_watch::watched::Watched;
use xxhash_rust::xxh3::xxh3_128;

pub use request::{Extent, RestoreRequest};

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
