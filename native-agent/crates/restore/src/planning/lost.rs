//! Names that files lost by nobody of the scope.
use std::collections::{HashMap, HashSet};

use norn_journal::file::FileKey;
use norn_journal::record::{NameKind, Time, is_restorer};

use super::scope::Scope;
use crate::plan::Spot;

/// The name that each of these files lost last and got no other for, by nobody of the scope, and when.
pub fn names_lost(scope: &Scope<'_>, of: &HashSet<FileKey>) -> HashMap<FileKey, (Spot, Time)> {
    let mut lost = HashMap::new();
    let is_of = |key: Option<FileKey>| key.is_some_and(|key| of.contains(&key));
    let all = scope.index.operations.iter();
    for known in all.filter(|known| is_of(known.key()) || is_of(known.replaced())) {
        let operation = known.whole();
        let is_gone = operation.kind == NameKind::Unlink;
        let named = operation.key.filter(|_| !is_gone);
        let swapped = operation
            .replaced
            .filter(|_| operation.kind == NameKind::Exchange);
        for key in named.into_iter().chain(swapped) {
            lost.remove(&key);
        }
        let (gone, path) = match operation.kind {
            NameKind::Unlink => (operation.key, operation.path),
            NameKind::Rename => (operation.replaced, operation.target),
            _ => (None, Vec::new()),
        };
        let is_scopes = || scope.holds(operation.pid, operation.time).is_some();
        if let Some(key) = gone.filter(|_| !is_restorer(operation.pid) && !is_scopes()) {
            lost.insert(key, ((operation.place, path), operation.time));
        }
    }
    lost
}
