//! When the scope began to change a file: the state before that is what the file is to be again.
use norn_journal::file::FileKey;
use norn_journal::index::FileState;
use norn_journal::record::{Aspect, Change, Time, Version, is_restorer};

use super::scope::Scope;

/// When the scope began to change this file: its first change, or the open before it that was captured.
pub fn origin(scope: &Scope<'_>, of: (FileKey, &FileState)) -> Option<Time> {
    begun(scope, of, |_| true)
}

/// The same of its content alone.
pub fn origin_of_content(scope: &Scope<'_>, of: (FileKey, &FileState)) -> Option<Time> {
    begun(scope, of, |change| change.aspect == Aspect::Content)
}

fn begun(
    scope: &Scope<'_>,
    (key, state): (FileKey, &FileState),
    counts: impl Fn(&Change) -> bool,
) -> Option<Time> {
    let mine = |pid: u32, time: Time| scope.holds_of(key, pid, time).is_some();
    // A close is recorded when its turn comes, the sensor's events as of when they happened: the order is not that of time.
    let first = state
        .changes
        .iter()
        .filter(|change| counts(change) && mine(change.pid, change.time))
        .map(|change| change.time)
        .min()?;
    let content = state
        .changes
        .iter()
        .filter(|change| change.aspect == Aspect::Content);
    let others = content
        .filter(|change| change.time < first)
        .map(|change| change.time)
        .max()
        .unwrap_or(Time::MIN);
    if let Some(time) = settled_before(scope, (key, state), first) {
        return Some(time);
    }
    let opens = state
        .versions
        .iter()
        .filter(|version| version.time > others && version.time <= first);
    let mine = opens.filter(|version| version.pid != 0 && mine(version.pid, version.time));
    Some(match mine.min_by_key(|version| version.time) {
        Some(open) => saved_before(scope, (key, state), open).unwrap_or(open.time),
        None => first,
    })
}

/// The scope alone wrote to the file before its first close, had it open all the while, and somebody opened it meanwhile: what he
/// found is no state to go back to, whoever he was.
fn settled_before(scope: &Scope<'_>, (key, state): (FileKey, &FileState), first: Time) -> Option<Time> {
    let settled = state.settled_before(first, scope.index.watched_since_ns)?;
    let is_last = state.before(first).is_some_and(|last| last.time == settled.time);
    let by_others = |change: &Change| {
        change.aspect == Aspect::Content
            && change.time > settled.time
            && !is_restorer(change.pid)
            && scope.holds_of(key, change.pid, change.time).is_none()
    };
    let is_shared = !scope.index.had_one_writer(key, first) || state.changes.iter().any(by_others);
    (!is_last && !is_shared).then_some(settled.time)
}

/// The open found the file half written by another process of the scope, which had it open already and was let through: the
/// state before was saved. A file that somebody else writes to for hours looks alike, but no other of the scope closes it.
fn saved_before(scope: &Scope<'_>, (key, state): (FileKey, &FileState), open: &Version) -> Option<Time> {
    let at = state.versions.iter().position(|version| version == open)?;
    let saved = &state.versions[at.checked_sub(1)?];
    let content = |version: &Version| (version.metadata.size, version.metadata.modified_ns);
    let told = |change: &Change| change.time > saved.time && change.time < open.time;
    if saved.is_unopened() || content(saved) == content(open) || state.changes.iter().any(told) {
        return None;
    }
    let was_let_through = |change: &Change| {
        let asked = |version: &Version| version.pid == change.pid && version.time > saved.time;
        change.time >= open.time
            && scope.holds_of(key, change.pid, change.time).is_some()
            && !state.versions.iter().any(asked)
    };
    let is_written = state.changes.iter().any(was_let_through);
    is_written.then_some(saved.time)
}

#[cfg(test)]
mod tests {
    use norn_journal::file::Metadata;
    use norn_journal::record::Content;

    use super::*;
    use crate::planning::testing::{File, Told, uid};
    use crate::request::RestoreRequest;

    const FILE: File<'_> = ("file", 1);
    const KEY: FileKey = FileKey(FILE.1);

    /// Processes 7 and 8 are below 1, which is to be undone; 9 is not.
    fn told() -> Told {
        Told::of(&[(1, 0), (7, 1), (8, 1), (9, 0)])
    }

    /// A state taken at `time` for an open by `pid` (0: at rest), last written at `modified`.
    fn state(told: &mut Told, (time, pid): (Time, u32), modified: i128) {
        let metadata = Metadata {
            modified_ns: modified,
            ..Metadata::default()
        };
        told.state((time, pid), FILE, (Content::Packed(Vec::new()), metadata));
    }

    fn closed(told: &mut Told, time: Time, pid: u32) {
        told.changed((time, pid), FILE, Aspect::Content);
    }

    fn found(told: &Told) -> Option<Time> {
        let request = RestoreRequest {
            scopes: vec![uid(1)],
            ..RestoreRequest::default()
        };
        origin(&Scope::new(&told.0, &request), (KEY, &told.0.state(KEY).unwrap()))
    }

    // @norn-strict
    #[test]
    fn two_of_a_scope_that_write_by_turns_are_undone_to_what_was_there_before_both() {
        let mut told = told();
        state(&mut told, (10, 0), 5);
        state(&mut told, (20, 8), 15);
        closed(&mut told, 30, 8);
        closed(&mut told, 40, 7);
        assert_eq!(found(&told), Some(10));
    }

    #[test]
    fn what_somebody_else_wrote_before_the_open_is_kept() {
        let mut told = told();
        state(&mut told, (10, 0), 5);
        state(&mut told, (20, 8), 15);
        closed(&mut told, 30, 8);
        assert_eq!(found(&told), Some(20), "by whom nobody can tell");
        told.0.note_other_writers(KEY, 30, true);
        assert_eq!(found(&told), Some(20), "by one who has not closed it yet");
        told.0.note_other_writers(KEY, 30, false);
        assert_eq!(found(&told), Some(10), "by nobody else");
        told.0.note_other_writers(KEY, 30, true);
        closed(&mut told, 40, 9);
        assert_eq!(found(&told), Some(20), "by one who closed it later");
    }

    #[test]
    fn what_others_read_while_the_scope_had_the_file_open_is_its_own_work() {
        let mut told = told();
        state(&mut told, (10, 0), 5);
        state(&mut told, (20, 9), 15);
        state(&mut told, (30, 8), 25);
        closed(&mut told, 40, 8);
        told.0.note_other_writers(KEY, 40, false);
        assert_eq!(found(&told), Some(10));
        told.0.note_other_writers(KEY, 40, true);
        assert_eq!(found(&told), Some(30), "somebody else writes to it");
        told.0.note_other_writers(KEY, 39, false);
        assert_eq!(found(&told), Some(30), "nobody did at an earlier close");
        told.0.note_other_writers(KEY, 45, false);
        assert_eq!(found(&told), Some(10), "nobody does at a later one");
        closed(&mut told, 50, 9);
        assert_eq!(found(&told), Some(30), "somebody else has written to it");
    }

    #[test]
    fn an_open_that_found_what_was_saved_is_the_origin() {
        let mut told = told();
        state(&mut told, (10, 0), 5);
        state(&mut told, (20, 8), 5);
        closed(&mut told, 30, 8);
        closed(&mut told, 40, 7);
        assert_eq!(found(&told), Some(20));
    }
}
