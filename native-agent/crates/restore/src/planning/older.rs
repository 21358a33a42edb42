//! What the scope made long before its attack: a job daemon that is blamed for one of its jobs has made thousands of files by others.
//! Such files stay. What was done to them before is nobody's attack; what was done to them since is undone like that of any file.
use std::collections::{BTreeMap, HashSet};

use norn_journal::file::{FileKey, PlaceId};
use norn_journal::index::Operation;
use norn_journal::record::{NameKind, Time};

use crate::plan::Spot;

/// Files and directories that the scope made before a moment.
#[derive(Debug, Default)]
pub struct Older {
    /// The moment; `None` when nothing stays.
    since: Option<Time>,
    files: HashSet<FileKey>,
    /// Those of them that had lost their last name by then.
    nameless: HashSet<FileKey>,
    keyless: HashSet<Mark>,
}

impl Older {
    /// By whom `is_scopes` knows, after `from` and before `since`.
    pub fn made_before<'a>(
        (from, since): (Time, Time),
        all: impl Iterator<Item = &'a Operation>,
        is_scopes: impl Fn(&Operation) -> bool,
    ) -> Self {
        let mut early: Vec<&Operation> = all.filter(|known| (from..since).contains(&known.time)).collect();
        early.sort_by_key(|known| known.time);
        let mut names = Names::default();
        for known in early {
            names.follow(known, is_scopes(known));
        }
        let named: HashSet<FileKey> = names.at.into_values().flatten().collect();
        Self {
            since: Some(since),
            nameless: names.made.difference(&named).copied().collect(),
            files: names.made,
            keyless: names.keyless,
        }
    }

    pub fn files(&self) -> impl Iterator<Item = FileKey> {
        self.files.iter().copied()
    }

    /// They have no name to come back to.
    pub fn nameless(&self) -> impl Iterator<Item = FileKey> {
        self.nameless.iter().copied()
    }

    /// From when on what is done to this file is to be undone; `None` when that is no matter of the moment.
    pub fn since_of(&self, key: FileKey) -> Option<Time> {
        self.since.filter(|_| self.files.contains(&key))
    }

    /// What was done to this file at `time` is left as it is.
    pub fn is_before(&self, key: FileKey, time: Time) -> bool {
        self.since_of(key).is_some_and(|since| time < since)
    }

    /// What the scope did to names is left as it is: no file that was there before it lost one by that.
    pub fn leaves(&self, known: &Operation) -> bool {
        if self.since.is_none_or(|since| known.time >= since) {
            return false;
        }
        let is_its = |key: Option<FileKey>| key.is_some_and(|key| self.files.contains(&key));
        let (key, replaced) = (known.key(), known.replaced());
        let is_its_name = || is_its(key) || key.is_none() && self.keyless.contains(&mark(known));
        match known.kind() {
            NameKind::Create => key.is_none() || is_its(key),
            NameKind::Link => true,
            NameKind::Unlink => is_its_name(),
            NameKind::Rename => {
                is_its_name() && (known.is_of_directory() || replaced.is_none() || is_its(replaced))
            }
            NameKind::Exchange => is_its_name() && is_its(replaced),
        }
    }
}

/// Which operation, of those that do not say which file it was.
type Mark = (Time, Spot);

fn spot(place: PlaceId, path: &[u8]) -> Spot {
    (place, path.to_vec())
}

fn mark(known: &Operation) -> Mark {
    (known.time, spot(known.place, &known.path))
}

/// What the scope made, followed from the first change of names to the last.
#[derive(Default)]
struct Names {
    made: HashSet<FileKey>,
    /// The names of that. Of what was gone before anybody looked at it the key is not known.
    at: BTreeMap<Spot, Option<FileKey>>,
    /// What lost a name and was not made by the scope: when it comes back, it is told of as if it were new.
    others: HashSet<FileKey>,
    /// Changes of such names that do not say which file had it.
    keyless: HashSet<Mark>,
}

/// Names below one, without that in front, and what has them.
type Below = Vec<(Vec<u8>, Option<FileKey>)>;

impl Names {
    fn follow(&mut self, known: &Operation, is_scopes: bool) {
        let (key, path) = (known.key(), spot(known.place, &known.path));
        match known.kind() {
            NameKind::Create if is_scopes && key.is_none_or(|key| !self.others.contains(&key)) => {
                self.made.extend(key);
                self.at.insert(path, key);
            }
            NameKind::Create | NameKind::Link => {
                self.at.remove(&path);
                if key.is_some_and(|key| self.made.contains(&key)) {
                    self.at.insert(path, key);
                }
            }
            NameKind::Unlink => {
                self.recognize(known, &path);
                self.note_others(key);
                self.at.remove(&path);
            }
            NameKind::Rename | NameKind::Exchange => self.renamed(known, path),
        }
    }

    fn renamed(&mut self, known: &Operation, path: Spot) {
        self.recognize(known, &path);
        self.note_others(known.replaced());
        let mut moved = self.take(&path);
        let own = moved.extract_if(.., |(rest, _)| rest.is_empty()).last();
        moved.extend(match known.key() {
            Some(key) => self.made.contains(&key).then(|| (Vec::new(), Some(key))),
            None => own,
        });
        let target = spot(known.place, known.target.as_deref().unwrap_or_default());
        let replaced = self.take(&target);
        self.put(&target, moved);
        if known.kind() == NameKind::Exchange {
            self.put(&path, replaced);
        }
    }

    /// The name tells of the file, or the file of what has the name.
    fn recognize(&mut self, known: &Operation, path: &Spot) {
        match (self.at.get(path), known.key()) {
            (Some(None), Some(key)) if !self.others.contains(&key) => drop(self.made.insert(key)),
            (Some(_), None) => drop(self.keyless.insert(mark(known))),
            _ => {}
        }
    }

    fn note_others(&mut self, lost: Option<FileKey>) {
        self.others.extend(lost.filter(|key| !self.made.contains(key)));
    }

    fn take(&mut self, (place, path): &Spot) -> Below {
        let inside = [path, &b"/"[..]].concat();
        let below = self.at.range((*place, inside.clone())..);
        let below = below.take_while(|((at, name), _)| at == place && name.starts_with(&inside));
        let mut names: Vec<Vec<u8>> = below.map(|((_, name), _)| name.clone()).collect();
        names.push(path.clone());
        let taken = names.into_iter().filter_map(|name| {
            let rest = name[path.len()..].to_vec();
            Some((rest, self.at.remove(&(*place, name))?))
        });
        taken.collect()
    }

    fn put(&mut self, (place, path): &Spot, names: Below) {
        let named = names
            .into_iter()
            .map(|(rest, key)| ((*place, [&path[..], &rest].concat()), key));
        self.at.extend(named);
    }
}

#[cfg(test)]
#[path = "older_tests.rs"]
mod tests;
