//! Large files that nobody ever opened, destroyed in the ways about which the kernel asks nobody: what was asked for before is given back.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::support::{Actor, Place, Scene, assert_same, files, large_files};
use norn_events::wire::action::v1::Verdict;
use norn_vault::Preimage;

/// Of who asks; the agent learns it from the hooks.
const PID: u32 = 1;

fn by_path(path: &Path) -> OwnedFd {
    let flags = libc::O_PATH | libc::O_NOFOLLOW;
    File::options()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .unwrap()
        .into()
}

fn destroy(actor: &mut Actor, number: usize, path: &Path) {
    match number % 3 {
        0 => actor.unlink(path),
        1 => actor.truncate(path, 0),
        _ => {
            let other = path.with_extension("other");
            fs::write(&other, b"another").unwrap();
            actor.rename(&other, path);
        }
    }
}

#[test]
fn what_was_asked_for_before_it_was_destroyed_comes_back() {
    for place in [Place::Host, Place::Upper, Place::Volume] {
        let mut scene = Scene::new(place, large_files(6));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let (asked, unasked) = targets.split_at(3);
        for path in asked {
            let keep = || scene.vault().keep(&by_path(path), PID).unwrap();
            assert_eq!((keep(), keep()), (Preimage::Taken, Preimage::Known), "{place:?}");
        }
        let scope = scene.attack(|actor| {
            let destroyed = asked.iter().enumerate();
            destroyed.for_each(|(number, path)| destroy(actor, number, path));
        });
        let report = scene.restore(scope);
        assert_same(&scene, &before, &report);
        assert_eq!(report.count(Verdict::Restored), asked.len(), "{place:?}");

        // Without the question they are gone: otherwise this test would prove nothing.
        let scope = scene.attack(|actor| unasked.iter().for_each(|path| actor.unlink(path)));
        assert_eq!(scene.restore(scope).count(Verdict::Restored), 0, "{place:?}");
    }
}

#[test]
fn files_that_nobody_protects_are_left_alone() {
    let scene = Scene::new(Place::Host, large_files(1));
    let elsewhere = scene.home.join("elsewhere");
    fs::write(&elsewhere, vec![7; 2 << 20]).unwrap();
    for path in [&elsewhere, &scene.data()] {
        assert_eq!(
            scene.vault().keep(&by_path(path), PID).unwrap(),
            Preimage::Elsewhere
        );
    }
}
