//! A vault that is slower than its deadline: nobody waits for it, and it never gives back what it did not see.
mod support;

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use norn_events::wire::action::v1::Verdict;
use support::{PLACES, Place, Scene, assert_same_or_late, corpus, files, large_files};

/// Longer than any open of the test could have waited.
const NEVER: Duration = Duration::from_secs(600);

/// One vault at a time: what a slow one holds up would be late for another's deadline as well.
fn turn() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    support::wait_as_shipped();
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn slow_responder_delays_opens_by_its_deadline_at_most() {
    let _turn = turn();
    let mut scene = Scene::new(Place::Host, large_files(8));
    let targets = files(&scene.manifest(), &scene.data());
    scene.vault().slow_down(NEVER);
    // Ends only when every open was let go while the workers are still busy with the first.
    scene.attack_without_settling(|_| targets.iter().for_each(|path| drop(fs::read(path).unwrap())));
    let health = scene.vault().health();
    assert_eq!(health.permission_timeouts, targets.len() as u64);
    assert!(
        health.responder_age_ms < 10_000,
        "the responder hangs: {health:?}"
    );
}

#[test]
fn a_timeout_never_loses_silently() {
    let _turn = turn();
    for place in PLACES {
        let mut scene = Scene::new(place, large_files(8));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        scene.vault().slow_down(Duration::from_millis(200));
        let scope = scene.attack(|actor| targets.iter().for_each(|path| actor.encrypt(path)));
        scene.vault().slow_down(Duration::ZERO);
        assert!(
            scene.vault().health().permission_timeouts > 0,
            "{place:?}: nothing was late"
        );
        let report = scene.restore(scope);
        let late = assert_same_or_late(&scene, &before, &report);
        // The image's own file is the pre-image, however late it is looked for.
        assert_eq!(late > 0, place != Place::Lower, "{place:?}: {late} late");
        assert_eq!(report.count(Verdict::Restored) + late, targets.len(), "{place:?}");
    }
}

/// Reading an event of a container's file opens the file of its layer: if that asked too, the responder would wait for itself.
#[test]
fn layers_below_a_protected_directory_hang_nobody() {
    let _turn = turn();
    for place in [Place::Lower, Place::Upper] {
        let mut scene = Scene::around_layers(place, corpus(10));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        for _ in 0..2 {
            let scope = scene.attack(|actor| targets.iter().for_each(|path| actor.encrypt(path)));
            let report = scene.restore(scope);
            let late = assert_same_or_late(&scene, &before, &report);
            assert_eq!(report.count(Verdict::Restored) + late, targets.len(), "{place:?}");
        }
    }
}
