//! A name that changed or went: what had it before is found out, and it is written down and told.
use norn_events::{ChangeKind, ContentShape};
use norn_journal::file::FileKey;
use norn_journal::record::{NameKind, NameOperation, Record, Time};
use norn_watch::spot::{Spot, identify, operation};

use crate::arrivals::look;
use crate::exchanged;
use crate::shared::Shared;
use crate::told::{before, tell};

/// All below it has another name too.
pub fn directory_moved(shared: &Shared, (old, key): (&Spot, Option<FileKey>), to: &[u8], time: Time) {
    let is_news = shared.watch.moved(old.root.id, key, (&old.path, to));
    shared
        .halves
        .follow((old.root.id, &old.path), to, (time, is_news));
}

pub fn rename(
    shared: &Shared,
    (old, new): (&Spot, &Spot),
    (key, directory): (Option<FileKey>, bool),
    by: (u32, Time),
) {
    if directory {
        directory_moved(shared, (old, key), &new.path, by.1);
    }
    let renamed = NameOperation {
        target: new.path.clone(),
        key,
        directory,
        seen: [&new.root.path[..], b"/", &new.path].concat(),
        ..operation(NameKind::Rename, old, by)
    };
    record_rename(shared, renamed, || look(shared, new, key));
}

/// What has the name now was not replaced by what is told of: it came later, and was seen before it is told of.
fn has_come_since(shared: &Shared, operation: &NameOperation, there: FileKey) -> bool {
    let root = shared.places.root(operation.place);
    let found = root.and_then(|root| {
        let path = operation.target.clone();
        identify(&shared.places, &Spot { root, path })
    });
    let index = shared.store.index();
    found.is_some_and(|(found, _)| index.original(found) == index.original(there))
}

/// What has the name is there since a moment, and what it replaced, if anything, was looked at by nobody.
fn unscanned(shared: &Shared, operation: &NameOperation) -> Option<FileKey> {
    let (place, path) = (operation.place, &operation.target);
    let known = shared.store.index().name_at(place, path, operation.time - 1);
    // Whoever looked at the name late found what has it now.
    let is_unknown = known.is_none_or(|holder| holder.is_some() && holder == operation.key);
    let holder = || shared.unscanned.holder(place, path);
    (is_unknown && !operation.directory).then(holder).flatten()
}

/// Finds out what was replaced, and sees that the second half of an exchange belongs to the first. `look` reads what has the
/// name now.
pub fn record_rename(
    shared: &Shared,
    mut operation: NameOperation,
    look: impl FnOnce() -> Option<ContentShape>,
) {
    let index = shared.store.index();
    if let Some((other, is_directory)) = index.exchanged_for(&operation) {
        operation.kind = NameKind::Exchange;
        operation.replaced = Some(other);
        operation.directory |= is_directory;
    } else {
        let target = (operation.place, &operation.target[..]);
        operation.replaced = match operation.key {
            Some(key) => index.name_before(target, operation.time, key),
            None => index.name_at(target.0, target.1, operation.time).flatten(),
        };
    }
    drop(index);
    if operation.kind == NameKind::Rename {
        let replaced = operation.replaced.take();
        let replaced = replaced.filter(|there| !has_come_since(shared, &operation, *there));
        operation.replaced = replaced.or_else(|| unscanned(shared, &operation));
    }
    shared.store.record(Record::Name(operation.clone()));
    tell_rename(shared, &operation, look);
    if operation.kind == NameKind::Exchange && operation.directory {
        exchanged::tell_below(shared, &operation);
    }
}

/// Whoever wrote what has the name now, and wherever: it is compared with what had the name before.
pub fn tell_rename(shared: &Shared, operation: &NameOperation, look: impl FnOnce() -> Option<ContentShape>) {
    let time = operation.time;
    let gone = operation.replaced.filter(|_| !operation.directory);
    let before = gone.or(operation.key).and_then(|key| before(shared, key, time));
    let known = operation
        .key
        .and_then(|key| shared.store.index().state(key)?.last()?.shape)
        .filter(|shape| shape.size > 0);
    let (kind, after) = match gone {
        Some(_) => (
            ChangeKind::Replaced,
            known.or_else(|| before.and_then(|_| look())),
        ),
        None => (ChangeKind::Renamed, known),
    };
    tell(
        shared,
        &operation.seen,
        (operation.pid, time),
        (kind, before, after),
    );
}

pub fn unlinked(shared: &Shared, spot: &Spot, (key, directory): (Option<FileKey>, bool), by: (u32, Time)) {
    let gone = operation(NameKind::Unlink, spot, by);
    record_unlink(
        shared,
        NameOperation {
            key,
            directory,
            ..gone
        },
    );
}

pub fn record_unlink(shared: &Shared, mut operation: NameOperation) {
    let time = operation.time;
    if operation.key.is_none() {
        operation.key = shared
            .store
            .index()
            .name_at(operation.place, &operation.path, time)
            .flatten();
    }
    let shape = operation.key.and_then(|key| before(shared, key, time));
    let told = (operation.seen.clone(), operation.pid, operation.directory);
    shared.store.record(Record::Name(operation));
    if !told.2 {
        tell(
            shared,
            &told.0,
            (told.1, time),
            (ChangeKind::Unlinked, shape, None),
        );
    }
}
