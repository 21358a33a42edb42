//! The names a person knows the files by.
use norn_journal::index::Index;
use norn_journal::record::{PlaceKind, is_restorer};
use norn_os::paths::join;
use norn_watch::watched::Watched;

use crate::plan::Plan;

/// Of files in directories of the host: the container's name when it has the directory mounted, else the host's. Events tell
/// now the one, now the other, and sometimes a name inside the mount that nobody else knows. What undoes a restore keeps the
/// names that the restore told.
pub fn name(watched: &Watched, plan: &mut Plan) {
    let index = watched.store.index();
    let displaced = plan.displaced.iter_mut().map(|(spot, target)| (&*spot, target));
    let files = plan.targets.iter_mut().chain(displaced);
    let files = files.map(|((place, path), target)| (place, path, target.process, &mut target.seen));
    let directories = plan.directories.iter_mut();
    let directories = directories.map(|moved| (&moved.place, &moved.to, moved.process, &mut moved.seen));
    for (place, path, process, seen) in files.chain(directories) {
        let Some(PlaceKind::Directory(root)) = index.places.get(place) else {
            continue;
        };
        if is_undo(&index, process) {
            continue;
        }
        let host = join(root, path);
        let container = plan.containers.get(&process);
        let inside = container.and_then(|container| watched.homes.path_inside(container, &host));
        *seen = inside.unwrap_or(host);
    }
}

fn is_undo(index: &Index, process: norn_events::ProcessUid) -> bool {
    index
        .actors
        .get(process)
        .is_some_and(|actor| is_restorer(actor.pid))
}
