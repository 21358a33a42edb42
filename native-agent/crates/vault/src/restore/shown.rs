//! The names a person knows the files by.
use super::plan::Plan;
use crate::capture::Shared;
use crate::index::Index;
use crate::record::{PlaceKind, is_restorer};
use crate::watch::join;

/// Of files in directories of the host: the container's name when it has the directory mounted, else the host's. Events tell
/// now the one, now the other, and sometimes a name inside the mount that nobody else knows. What undoes a restore keeps the
/// names that the restore told.
pub fn name(shared: &Shared, plan: &mut Plan) {
    let index = shared.store.index();
    let displaced = plan.displaced.iter_mut().map(|(spot, target)| (&*spot, target));
    for ((place, path), target) in plan.targets.iter_mut().chain(displaced) {
        let Some(PlaceKind::Directory(root)) = index.places.get(place) else {
            continue;
        };
        if is_undo(&index, target.process) {
            continue;
        }
        let host = join(root, path);
        let container = plan.containers.get(&target.process);
        let inside = container.and_then(|container| shared.homes.path_inside(container, &host));
        target.seen = inside.unwrap_or(host);
    }
}

fn is_undo(index: &Index, process: norn_events::ProcessUid) -> bool {
    index
        .actors
        .get(process)
        .is_some_and(|actor| is_restorer(actor.pid))
}
