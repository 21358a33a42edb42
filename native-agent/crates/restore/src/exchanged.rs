//! Two directories that changed places once more than was told.
use norn_journal::index::Exchange;
use norn_journal::record::{NameOperation, Record, Time, is_restorer};
use norn_os as os;
use norn_watch::spot::{Spot, identify};
use norn_watch::watched::Watched;

/// What comes again before it is read is told once by the kernel: of two directories that were exchanged to and fro it may have
/// told once too seldom. What has the two names now shows it.
pub fn complete(watched: &Watched) {
    let known = watched.store.index().exchanges();
    let untold = known
        .into_iter()
        .filter(|known| !is_restorer(known.last.pid) && is_other_way(watched, known));
    for Exchange { last, now } in untold {
        let [(path, key), (target, replaced)] = now;
        watched.watch.moved(last.place, key, (&path, &target));
        watched.store.record(Record::Name(NameOperation {
            time: os::boot_ns() as Time,
            path,
            target,
            key,
            replaced,
            ..last
        }));
    }
}

/// Each of the two directories of the host has the name that the other is told to have.
fn is_other_way(watched: &Watched, known: &Exchange) -> bool {
    let Some(root) = watched.places.root(known.last.place) else {
        return false;
    };
    let has = |path: &Vec<u8>| {
        let (root, path) = (root.clone(), path.clone());
        let (key, _) = identify(&watched.places, &Spot { root, path })?;
        Some(watched.store.index().original(key))
    };
    let [(one, told_one), (other, told_other)] = &known.now;
    told_one.is_some() && told_one != told_other && has(one) == *told_other && has(other) == *told_one
}
