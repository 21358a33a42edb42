//! A process that ends while its io_uring still holds a file leaves the last close to a thread of the kernel: it is the process's all
//! the same. Such threads are processes of this host alone, so these tests get none of their own (`own-host.sh`).
mod support;

use std::fs;
use std::path::PathBuf;

use norn_events::wire::action::v1::Verdict;
use support::{Actor, PLACES, Place, Scene, assert_restored, assert_same_or_late, corpus, files, ways};

const FILES: usize = 12;

/// Few by rings: the kernel takes two seconds to give one up.
fn some_alone_and_some_by_rings(actor: &mut Actor, files: &[PathBuf]) {
    let (alone, by_rings) = files.split_at(FILES - 3);
    alone.iter().for_each(|path| actor.encrypt(path));
    by_rings.iter().for_each(|path| ways::ring_to_the_end(path));
}

#[test]
fn after_the_end() {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(FILES));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let scope = scene.attack(|actor| some_alone_and_some_by_rings(actor, &targets));
        let report = scene.restore(scope);
        assert_restored(&scene, &before, &report, FILES);
    }
}

/// Whoever reads a file has its pre-image made, and from then on nobody is asked who opens it.
#[test]
fn of_files_that_somebody_else_read() {
    for place in [Place::Upper, Place::Host] {
        let mut scene = Scene::new(place, corpus(FILES));
        let targets = files(&scene.manifest(), &scene.data());
        scene.outsider(|actor| {
            for path in &targets {
                actor.chmod(path, 0o640);
                drop(fs::read(path).unwrap());
            }
        });
        let before = scene.manifest();
        let scope = scene.attack(|actor| some_alone_and_some_by_rings(actor, &targets));
        let report = scene.restore(scope);
        let late = assert_same_or_late(&scene, &before, &report);
        assert_eq!(report.count(Verdict::Restored) + late, FILES, "{place:?}");
    }
}
