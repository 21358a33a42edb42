//! What of the work of a job daemon a plan leaves as it is.
use norn_journal::file::Metadata;
use norn_journal::record::{Aspect, BlobRef, Content, NameOperation, Record};

use super::*;
use crate::plan::{IN_PLACE, Plan, Target, Want};
use crate::planning::plan;
use crate::planning::testing::{self, PLACE, uid};
use crate::request::RestoreRequest;

/// The daemon; its jobs are below it.
const DAEMON: u32 = 7;
const JOB: u32 = 8;
const ATTACK: u32 = 9;
const OTHER: u32 = 10;
/// From here on all that was made goes.
const SINCE: Time = 100;

struct Told(testing::Told);

impl Told {
    fn new() -> Self {
        Self(testing::Told::of(&[
            (DAEMON, 0),
            (JOB, DAEMON),
            (ATTACK, DAEMON),
            (OTHER, 0),
        ]))
    }

    fn name(
        &mut self,
        (time, pid): (Time, u32),
        kind: NameKind,
        ((path, target), keys): ((&str, &str), [u128; 2]),
    ) {
        let key = |number: u128| (number > 0).then_some(FileKey(number));
        self.0.0.apply(&Record::Name(NameOperation {
            time,
            pid,
            place: PLACE,
            kind,
            path: path.into(),
            target: target.into(),
            key: key(keys[0]),
            replaced: key(keys[1]),
            directory: path.ends_with("dir") || target.ends_with("dir"),
            seen: path.into(),
        }));
    }

    fn created(&mut self, at: (Time, u32), path: &str, key: u128) {
        self.name(at, NameKind::Create, ((path, ""), [key, 0]));
    }

    fn unlinked(&mut self, at: (Time, u32), path: &str, key: u128) {
        self.name(at, NameKind::Unlink, ((path, ""), [key, 0]));
    }

    fn renamed(&mut self, at: (Time, u32), names: (&str, &str), keys: [u128; 2]) {
        self.name(at, NameKind::Rename, (names, keys));
    }

    /// As it was at rest then.
    fn saved(&mut self, time: Time, path: &str, key: u128) {
        let blob = BlobRef {
            segment: 1,
            offset: 0,
            length: 1,
        };
        let saved = (Content::Packed(vec![blob]), Metadata::default());
        self.0.state((time, 0), (path, key), saved);
    }

    fn changed(&mut self, at: (Time, u32), path: &str, key: u128) {
        self.0.changed(at, (path, key), Aspect::Content);
    }

    fn plan(&self) -> Plan {
        plan(
            &self.0.0,
            &RestoreRequest {
                scopes: vec![uid(DAEMON)],
                made_since_ns: Some(SINCE as u64),
                ..RestoreRequest::default()
            },
        )
    }

    fn targets(&self) -> Vec<(String, Want)> {
        let plan = self.plan();
        let named = |(_, path): &Spot| String::from_utf8_lossy(path).into_owned();
        plan.targets
            .iter()
            .map(|(spot, target)| (named(spot), target.want))
            .collect()
    }

    fn target(&self, path: &str) -> Target {
        self.plan().targets[&(PLACE, path.into())].clone()
    }
}

fn wants(targets: &[(&str, Want)]) -> Vec<(String, Want)> {
    targets
        .iter()
        .map(|(path, want)| ((*path).to_owned(), *want))
        .collect()
}

fn file(number: u128) -> Want {
    Want::File(FileKey(number))
}

#[test]
fn what_was_made_before_and_not_touched_since_is_in_no_plan() {
    let mut told = Told::new();
    told.created((20, JOB), "a", 1);
    told.changed((21, JOB), "a", 1);
    told.created((22, JOB), "b.tmp", 2);
    told.renamed((23, JOB), ("b.tmp", "b"), [2, 0]);
    told.name((24, JOB), NameKind::Link, (("b.twin", ""), [2, 0]));
    told.created((25, JOB), "gone", 3);
    told.unlinked((26, JOB), "gone", 3);
    told.created((SINCE, ATTACK), "note", 4);
    assert_eq!(told.targets(), wants(&[("note", Want::Absent)]));
}

#[test]
fn what_was_made_before_and_changed_since_comes_back_as_of_its_last_change_before() {
    let mut told = Told::new();
    told.created((20, JOB), "a", 1);
    told.changed((21, JOB), "a", 1);
    told.saved(22, "a", 1);
    told.changed((50, JOB), "a", 1);
    told.saved(51, "a", 1);
    told.changed((120, ATTACK), "a", 1);
    let target = told.target("a");
    assert_eq!(
        (target.want, target.change, target.conflict),
        (file(1), IN_PLACE, false)
    );
    assert_eq!(target.version.map(|version| version.time), Some(51));
}

#[test]
fn what_was_made_before_and_moved_or_removed_since_gets_the_name_it_had_then() {
    let mut told = Told::new();
    told.created((20, JOB), "a.tmp", 1);
    told.renamed((21, JOB), ("a.tmp", "a"), [1, 0]);
    told.created((22, JOB), "b", 2);
    told.created((23, JOB), "c", 3);
    told.renamed((120, ATTACK), ("a", "a.locked"), [1, 0]);
    told.unlinked((121, ATTACK), "b", 2);
    told.created((122, ATTACK), "c.enc", 4);
    told.renamed((123, ATTACK), ("c.enc", "c"), [4, 3]);
    let expected = [
        ("a", file(1)),
        ("a.locked", Want::Absent),
        ("b", file(2)),
        ("c", file(3)),
        ("c.enc", Want::Absent),
    ];
    assert_eq!(told.targets(), wants(&expected));
}

#[test]
fn an_original_comes_back_whenever_it_was_harmed_and_what_was_made_in_its_place_gives_way() {
    let mut told = Told::new();
    for (key, path) in [(1, "replaced"), (2, "moved"), (3, "removed"), (4, "written")] {
        told.saved(5, path, key);
    }
    told.created((20, JOB), "new", 11);
    told.renamed((21, JOB), ("new", "replaced"), [11, 1]);
    told.renamed((22, JOB), ("moved", "elsewhere"), [2, 0]);
    told.unlinked((23, JOB), "removed", 3);
    told.created((24, JOB), "removed", 13);
    told.changed((25, JOB), "written", 4);
    told.changed((30, JOB), "replaced", 11);
    let expected = [
        ("elsewhere", Want::Absent),
        ("moved", file(2)),
        ("removed", file(3)),
        ("replaced", file(1)),
        ("written", file(4)),
    ];
    assert_eq!(told.targets(), wants(&expected));
    let plan = told.plan();
    assert!([11, 13].map(FileKey).iter().all(|key| plan.older.contains(key)));
    assert!(plan.targets.values().all(|target| !target.conflict));
}

#[test]
fn an_original_that_was_moved_into_a_directory_that_stays_is_found_under_the_name_that_has_since() {
    let mut told = Told::new();
    told.saved(5, "a", 1);
    told.saved(5, "new-dir", 2);
    told.unlinked((10, JOB), "new-dir", 2);
    told.created((20, JOB), "new-dir", 3);
    told.renamed((21, JOB), ("a", "new-dir/a"), [1, 0]);
    told.renamed((22, JOB), ("new-dir", "dir"), [3, 0]);
    let expected = [("a", file(1)), ("dir/a", Want::Absent), ("new-dir", file(2))];
    assert_eq!(told.targets(), wants(&expected));
    assert!(told.plan().directories.is_empty());
}

#[test]
fn a_directory_that_nobody_saw_before_it_got_another_name_stays_too() {
    let mut told = Told::new();
    told.created((20, JOB), "new-dir", 0);
    told.renamed((21, JOB), ("new-dir", "dir"), [0, 0]);
    assert_eq!(told.targets(), wants(&[]));
    assert!(told.plan().directories.is_empty());
}

#[test]
fn what_had_no_name_any_more_is_not_made_again() {
    let mut told = Told::new();
    told.created((20, JOB), "scratch", 1);
    told.unlinked((21, JOB), "scratch", 1);
    told.changed((120, JOB), "scratch", 1);
    assert_eq!(told.targets(), wants(&[]));
}

#[test]
fn what_somebody_else_changed_after_the_attack_is_a_conflict_and_before_it_is_none() {
    for (time, conflict) in [(60, false), (130, true)] {
        let mut told = Told::new();
        told.created((20, JOB), "a", 1);
        told.saved(22, "a", 1);
        told.changed((time, OTHER), "a", 1);
        told.changed((120, ATTACK), "a", 1);
        assert_eq!(told.target("a").conflict, conflict, "{time}");
    }
}

#[test]
fn an_original_that_is_told_of_as_new_when_it_comes_back_is_no_file_of_the_scopes() {
    let mut told = Told::new();
    told.saved(5, "a", 1);
    told.unlinked((20, JOB), "a", 1);
    told.created((30, JOB), "b", 1);
    assert_eq!(told.targets(), wants(&[("a", file(1)), ("b", Want::Absent)]));
}
