//! A restore can be undone: what it replaced is saved first. And a conflict keeps both versions.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::support::{
    Actor, PLACES, Place, Scene, assert_same, assert_same_contents, assert_same_or_late, corpus, files,
    refused, with_suffix,
};
use norn_events::ProcessUid;
use norn_events::wire::action::v1::Verdict;
use norn_vault::{Kept, RestoreReport, RestoreRequest};

/// Every kind of change to content and names, a different one for each file.
fn all_sorts(actor: &mut Actor, targets: &[PathBuf]) {
    for (number, path) in targets.iter().enumerate() {
        match number % 8 {
            0 => actor.encrypt(path),
            1 => actor.unlink(path),
            2 => {
                actor.encrypt(path);
                actor.rename(path, &with_suffix(path, ".locked"));
            }
            3 => {
                let beside = with_suffix(path, ".tmp");
                fs::write(&beside, b"new").unwrap();
                actor.rename(&beside, path);
            }
            4 => actor.chmod(path, 0o777),
            5 => fs::write(with_suffix(path, ".note"), b"pay").unwrap(),
            6 => {
                let beside = with_suffix(path, ".swap");
                fs::write(&beside, b"swapped").unwrap();
                actor.exchange(&beside, path);
            }
            _ => actor.rename(path, &with_suffix(path, ".moved")),
        }
    }
}

/// Changes of all sorts, and a tool that is put away.
fn change_and_hide(actor: &mut Actor, targets: &[PathBuf], data: &Path) {
    all_sorts(actor, targets);
    actor.mkdir(&data.join("hideout"));
    fs::write(data.join("hideout/tool"), b"#!/bin/sh\n").unwrap();
    actor.symlink(Path::new("hideout"), &data.join("shortcut"));
}

fn undo(scene: &Scene, restore: ProcessUid) -> RestoreReport {
    scene.restore(restore)
}

// @norn-strict
#[test]
fn a_restore_is_undone_and_done_again() {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(24));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let data = scene.data();
        let scope = scene.attack(|actor| change_and_hide(actor, &targets, &data));
        scene.settle();
        let spoiled = scene.manifest();
        let first = scene.restore(scope);
        let late = assert_same_or_late(&scene, &before, &first);
        let undone = undo(&scene, first.id);
        assert_same(&scene, &spoiled, &undone);
        let twice = undo(&scene, first.id);
        assert_same(&scene, &spoiled, &twice);
        let again = scene.restore(scope);
        assert_eq!(assert_same_or_late(&scene, &before, &again), late, "{place:?}");
    }
}

/// Overlayfs parts an image's names of one file, the restore joins them, and its undo parts them again.
// @norn-strict
#[test]
fn files_with_two_names_are_what_they_were_after_an_undo() {
    PLACES.into_iter().for_each(two_names);
}

fn two_names(place: Place) {
    let mut scene = Scene::without_vault(place, |dir| {
        for name in ["one", "two", "three"] {
            fs::write(dir.join(name), format!("{name} has another name\n").repeat(90)).unwrap();
            fs::hard_link(dir.join(name), dir.join(format!("other-{name}"))).unwrap();
        }
    });
    scene.open_vault();
    scene.settle();
    let (before, data) = (scene.manifest(), scene.data());
    let scope = scene.attack(|actor| {
        actor.encrypt(&data.join("one"));
        actor.encrypt(&data.join("two"));
        actor.unlink(&data.join("other-two"));
        actor.encrypt(&data.join("three"));
        actor.encrypt(&data.join("other-three"));
    });
    let spoiled = scene.manifest();
    let restored = scene.restore(scope);
    assert_same(&scene, &before, &restored);
    let undone = undo(&scene, restored.id);
    assert_same_contents(&scene, &spoiled, &undone);
    let again = scene.restore(scope);
    assert_same(&scene, &before, &again);
    assert_eq!(refused(&again), [], "{place:?}");
}

/// The agent may end in between: the journal knows.
// @norn-strict
#[test]
fn a_restore_is_undone_after_a_restart() {
    for place in [Place::Upper, Place::Host] {
        let mut scene = Scene::new(place, corpus(16));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let scope = scene.attack(|actor| all_sorts(actor, &targets));
        let spoiled = scene.manifest();
        let first = scene.restore(scope);
        assert_same_or_late(&scene, &before, &first);
        scene.close_vault();
        scene.open_vault();
        scene.settle();
        let undone = undo(&scene, first.id);
        assert_same(&scene, &spoiled, &undone);
    }
}

/// A file that somebody worked on since the restore is not taken back to what the attack had made of it.
// @norn-strict
#[test]
fn undo_leaves_later_work_alone() {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(6));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let scope = scene.attack(|actor| targets.iter().for_each(|path| actor.encrypt(path)));
        let report = scene.restore(scope);
        assert_same_or_late(&scene, &before, &report);
        scene.outsider(|_| fs::write(&targets[0], b"the work goes on").unwrap());
        let undone = undo(&scene, report.id);
        assert_eq!(fs::read(&targets[0]).unwrap(), b"the work goes on", "{place:?}");
        assert_eq!(
            undone.count(Verdict::Conflict),
            1,
            "{place:?}: {:?}",
            undone.files
        );
    }
}

/// The caller's name for a restore is the one that undoes it.
// @norn-strict
#[test]
fn a_restore_has_the_name_it_was_given() {
    let mut scene = Scene::new(Place::Host, corpus(4));
    let targets = files(&scene.manifest(), &scene.data());
    let scope = scene.attack(|actor| targets.iter().for_each(|path| actor.encrypt(path)));
    let spoiled = scene.manifest();
    let name = ProcessUid([0xab; 16]);
    let report = scene.vault().restore(&RestoreRequest {
        scopes: vec![scope],
        id: Some(name),
        ..RestoreRequest::default()
    });
    assert_eq!(report.id, name);
    let undone = undo(&scene, name);
    assert_same(&scene, &spoiled, &undone);
}

// @norn-strict
#[test]
fn a_conflict_keeps_both_versions() {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(3));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let original = fs::read(&targets[0]).unwrap();
        let scope = scene.attack(|actor| targets.iter().for_each(|path| actor.encrypt(path)));
        scene.outsider(|_| fs::write(&targets[0], b"repaired by hand").unwrap());
        let report = scene.restore(scope);
        scene.restore(scope);
        assert_eq!(fs::read(&targets[0]).unwrap(), b"repaired by hand", "{place:?}");
        let conflict = report
            .files
            .iter()
            .find(|file| file.verdict == Verdict::Conflict as i32)
            .unwrap();
        let kept = scene.vault().quarantined().unwrap();
        assert_eq!(kept.len(), 1, "{place:?}: {kept:?}");
        assert_eq!(kept[0].kept, Kept::Conflict);
        assert_eq!(kept[0].path.as_bytes(), conflict.path, "{place:?}");
        assert!(conflict.reason.contains(&kept[0].sha256), "{}", conflict.reason);
        let copy = scene.home.join("vault/quarantine").join(&kept[0].sha256);
        assert_eq!(fs::read(&copy).unwrap(), original, "{place:?}");
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

/// A person decides for one file, then for all; what others made of them comes back by an undo.
// @norn-strict
#[test]
fn a_person_can_decide_a_conflict() {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(4));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let scope = scene.attack(|actor| {
            actor.encrypt(&targets[0]);
            actor.encrypt(&targets[1]);
            actor.unlink(&targets[2]);
        });
        scene.outsider(|_| {
            fs::write(&targets[0], b"repaired by hand").unwrap();
            fs::write(&targets[2], b"made anew by hand").unwrap();
        });
        let report = scene.restore(scope);
        assert_eq!(
            report.count(Verdict::Conflict),
            2,
            "{place:?}: {:?}",
            report.files
        );
        let shown = report
            .files
            .iter()
            .find(|file| file.verdict == Verdict::Conflict as i32)
            .unwrap();
        let decide = |paths| RestoreRequest {
            scopes: vec![scope],
            over_conflicts: true,
            paths,
            ..RestoreRequest::default()
        };
        let one = scene
            .vault()
            .restore(&decide(vec![String::from_utf8(shown.path.clone()).unwrap()]));
        assert_eq!(
            (one.files.len(), one.count(Verdict::Restored)),
            (1, 1),
            "{place:?}: {:?}",
            one.files
        );
        let all = scene.vault().restore(&decide(Vec::new()));
        assert_same(&scene, &before, &all);
        assert_eq!(refused(&all), [], "{place:?}");
        undo(&scene, all.id);
        undo(&scene, one.id);
        let by_hand = [0, 2].map(|number: usize| fs::read(&targets[number]).unwrap());
        assert_eq!(
            by_hand,
            [&b"repaired by hand"[..], b"made anew by hand"],
            "{place:?}"
        );
    }
}

/// What the attack dropped can't run any more, and is there for who wants to look at it; what lies outside is nobody's business.
// @norn-strict
#[test]
fn dropped_executables_go_to_quarantine() {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(2));
        let before = scene.manifest();
        let data = scene.data();
        let outside = scene.home.join("outside");
        let in_reach = place != Place::Volume;
        let scope = scene.attack(|_| {
            fs::write(data.join("dropper"), b"#!/bin/sh\nexec evil\n").unwrap();
            fs::write(data.join("note.txt"), b"pay").unwrap();
            fs::copy("/proc/self/exe", data.join("tool")).ok();
            if in_reach {
                fs::write(&outside, b"not watched").unwrap();
            }
        });
        let report = scene.restore(scope);
        assert_same(&scene, &before, &report);
        let kept = scene.vault().quarantined().unwrap();
        let dropped = kept.iter().find(|origin| origin.path.ends_with("dropper"));
        let dropped = dropped.unwrap_or_else(|| panic!("{place:?}: {kept:?}"));
        assert_eq!(dropped.kept, Kept::Dropped);
        let told = report.files.iter().find(|file| file.path.ends_with(b"dropper"));
        let reason = &told.expect("it has a verdict").reason;
        assert!(reason.contains(&dropped.sha256), "{reason}");
        let home = scene.home.join("vault/quarantine");
        let copy = fs::metadata(home.join(&dropped.sha256)).unwrap();
        assert_eq!((copy.mode() & 0o777, copy.uid()), (0o600, 0));
        assert_eq!(fs::metadata(&home).unwrap().mode() & 0o777, 0o700);
        assert_eq!(
            fs::read(home.join(&dropped.sha256)).unwrap(),
            b"#!/bin/sh\nexec evil\n"
        );
        assert!(
            !kept.iter().any(|origin| origin.path.ends_with("note.txt")),
            "{kept:?}"
        );
        if in_reach {
            assert_eq!(fs::read(&outside).unwrap(), b"not watched", "{place:?}");
        }
    }
}

/// What a restore did something to, and what it said of the rest.
fn handled(report: &RestoreReport) -> Vec<(String, i32)> {
    let mut files: Vec<_> = report
        .files
        .iter()
        .map(|file| (String::from_utf8_lossy(&file.path).into_owned(), file.verdict))
        .collect();
    files.sort();
    files
}

/// Each round does to each file what the first one did, and says so. After each `agent_of` rounds the agent is another.
fn rounds(place: Place, rounds: usize, agent_of: usize) {
    let mut scene = Scene::new(place, corpus(24));
    let before = scene.manifest();
    let targets = files(&before, &scene.data());
    let data = scene.data();
    let scope = scene.attack(|actor| change_and_hide(actor, &targets, &data));
    scene.settle();
    let spoiled = scene.manifest();
    let mut first = None;
    for round in 1..=rounds {
        let restored = scene.restore(scope);
        assert_same_or_late(&scene, &before, &restored);
        let undone = undo(&scene, restored.id);
        assert_same(&scene, &spoiled, &undone);
        let said = [handled(&restored), handled(&undone)];
        let expected = first.get_or_insert_with(|| said.clone());
        assert_eq!(said, *expected, "{place:?}, round {round}");
        if round % agent_of == 0 {
            scene.close_vault();
            scene.open_vault();
        }
        scene.settle();
    }
}

/// Each round takes three states of a file of a container: of the sixteen that are kept, the fifth wants more.
// @norn-strict
#[test]
fn restore_and_undo_by_turns_handle_every_file_each_time() {
    [Place::Upper, Place::Host]
        .into_iter()
        .for_each(|place| rounds(place, 7, 3));
}

/// More than all that is kept of a file: states, changes, names.
// @norn-strict
#[test]
#[ignore = "takes two minutes"]
fn long_restore_and_undo_by_turns_handle_every_file_each_time() {
    PLACES.into_iter().for_each(|place| rounds(place, 40, 15));
}
