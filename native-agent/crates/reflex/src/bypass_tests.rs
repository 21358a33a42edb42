use norn_events::{Event, EventKind, ProcessIndex};

use super::*;
use crate::testing::World;

const TREE: TreeId = TreeId(1);
const SECOND: u64 = 1_000_000_000;
/// The hooks are in place, and settled.
const BEGIN: u64 = 10 * SECOND;

struct Scene {
    world: World,
    bypass: Bypass,
    root: ProcessIndex,
}

impl Scene {
    fn new() -> Self {
        let mut world = World::new();
        let root = world.process("/usr/bin/worker", None);
        let mut bypass = Bypass::default();
        let uid = world.processes.get(root).unwrap().uid;
        bypass.watch(TREE, uid, BEGIN - SETTLE_NS);
        Self { world, bypass, root }
    }

    fn event(&mut self, kind: EventKind, process: ProcessIndex, (time_ns, flags, result): (u64, u32, i32)) {
        let event = Event {
            kind,
            time_ns,
            process,
            flags,
            value: 0,
            result,
            path: b"/data/f",
            target: b"",
        };
        self.bypass.observe(&event, &self.world.processes);
    }

    fn unlinks(&mut self, process: ProcessIndex, count: u64, from_ns: u64) {
        for number in 0..count {
            self.event(EventKind::FileUnlink, process, (from_ns + number * 1_000, 0, 0));
        }
    }

    fn told(&mut self, count: u64, call: HookedCall, from_ns: u64) {
        for number in 0..count {
            self.bypass.told(TREE, call, from_ns + number * 1_000);
        }
    }

    fn fork(&mut self) -> ProcessIndex {
        let child = self.world.process("/usr/bin/worker", Some(self.root));
        self.event(EventKind::Fork, child, (BEGIN, 0, 0));
        child
    }

    /// When everything has come.
    fn verdict(&mut self) -> Vec<Firing> {
        self.bypass.read(TREE, BEGIN + 60 * SECOND);
        self.bypass.settle(BEGIN + 60 * SECOND, &self.world.processes)
    }
}

#[test]
fn calls_that_the_hooks_did_not_see_are_told_of_once() {
    let mut scene = Scene::new();
    scene.unlinks(scene.root, 5, BEGIN);
    scene.told(2, HookedCall::Unlink, BEGIN);
    let firings = scene.verdict();
    assert_eq!(firings.len(), 1);
    assert_eq!(firings[0].rule, Rule::HooksBypassed);
    assert!(firings[0].summary.contains("saw 3"), "{}", firings[0].summary);
    assert!(scene.verdict().is_empty());
}

#[test]
fn calls_that_both_saw_are_nothing_whoever_tells_first() {
    let mut scene = Scene::new();
    scene.unlinks(scene.root, 50, BEGIN);
    scene.told(50, HookedCall::Unlink, BEGIN - 3 * SECOND);
    assert!(
        scene
            .bypass
            .settle(BEGIN + SECOND, &scene.world.processes)
            .is_empty()
    );
    scene.unlinks(scene.root, 50, BEGIN + SECOND);
    // Read late.
    scene.told(50, HookedCall::Unlink, BEGIN + SECOND);
    assert!(scene.verdict().is_empty());
}

/// The agent had no turn for seconds: then it sees what the kernel tells before it reads what the hooks told long before.
#[test]
fn nothing_is_judged_before_what_the_hooks_told_has_been_read() {
    let mut scene = Scene::new();
    scene.bypass.read(TREE, BEGIN);
    scene.unlinks(scene.root, 50, BEGIN + SECOND);
    let late = BEGIN + 20 * SECOND;
    assert!(scene.bypass.settle(late, &scene.world.processes).is_empty());
    scene.told(50, HookedCall::Unlink, BEGIN + SECOND);
    assert!(scene.verdict().is_empty());
}

#[test]
fn what_the_hooks_told_is_kept_until_the_kernels_events_have_come() {
    let mut scene = Scene::new();
    scene.told(50, HookedCall::Unlink, BEGIN + SECOND);
    scene.bypass.read(TREE, BEGIN + 20 * SECOND);
    assert!(
        scene
            .bypass
            .settle(BEGIN + 20 * SECOND, &scene.world.processes)
            .is_empty()
    );
    scene.unlinks(scene.root, 50, BEGIN + SECOND);
    assert!(scene.verdict().is_empty());
    // But not for ever.
    scene.bypass.settle(BEGIN + 100 * SECOND, &scene.world.processes);
    assert!(scene.bypass.trees[&TREE].told.is_empty());
}

#[test]
fn a_call_of_another_kind_or_of_long_ago_stands_for_none() {
    let mut scene = Scene::new();
    scene.unlinks(scene.root, 3, BEGIN + 8 * SECOND);
    scene.told(9, HookedCall::Rename, BEGIN + 8 * SECOND);
    scene.told(9, HookedCall::Unlink, BEGIN);
    assert_eq!(scene.verdict().len(), 1);
}

#[test]
fn forks_have_the_hooks_and_started_programs_have_not() {
    let mut scene = Scene::new();
    let child = scene.fork();
    scene.unlinks(child, 3, BEGIN);
    let firings = scene.verdict();
    let uid = scene.world.processes.get(child).unwrap().uid;
    assert_eq!(
        firings.iter().map(|firing| firing.process).collect::<Vec<_>>(),
        [uid]
    );

    let mut scene = Scene::new();
    let child = scene.fork();
    scene.told(1, HookedCall::Exec, BEGIN);
    scene.event(EventKind::Exec, child, (BEGIN, 0, 0));
    scene.unlinks(child, 9, BEGIN + SECOND);
    assert!(scene.verdict().is_empty());
}

#[test]
fn starts_that_fail_leave_the_hooks_where_they_are() {
    let mut scene = Scene::new();
    scene.event(EventKind::Exec, scene.root, (BEGIN, 0, -2));
    scene.unlinks(scene.root, 2, BEGIN);
    let firings = scene.verdict();
    assert_eq!(firings.len(), 1);
    let seen = firings[0]
        .evidence
        .iter()
        .any(|evidence| evidence.field.ends_with(".exec"));
    assert!(seen);
}

#[test]
fn calls_under_way_when_the_hooks_came_lost_records_and_directories_are_no_evidence() {
    let mut scene = Scene::new();
    scene.unlinks(scene.root, 9, BEGIN - SETTLE_NS);
    scene.event(EventKind::FileUnlink, scene.root, (BEGIN, 1, 0));
    scene.event(EventKind::FileUnlink, scene.root, (BEGIN, 1, 0));
    scene.event(EventKind::FileUnlink, scene.root, (BEGIN, 1, 0));
    scene.unlinks(scene.root, 9, BEGIN + SECOND);
    scene.bypass.lost(TREE, BEGIN + 2 * SECOND);
    assert!(scene.verdict().is_empty());
}

#[test]
fn after_the_hooks_went_nothing_is_expected_of_them() {
    let mut scene = Scene::new();
    scene.unlinks(scene.root, 9, BEGIN);
    scene.bypass.end(TREE);
    scene.unlinks(scene.root, 9, BEGIN);
    assert!(scene.verdict().is_empty());
    assert!(scene.bypass.members.is_empty());
}
