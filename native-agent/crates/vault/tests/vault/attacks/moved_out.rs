//! Directories that are moved out of what is protected, and then attacked where they are: by who moved them, and by somebody else.

use std::fs;
use std::path::Path;

use crate::support::{
    Actor, Place, Scene, assert_same_or_late, cipher, corpus, difference, files, manifest_of, refused,
    with_suffix,
};
use norn_events::wire::action::v1::Verdict;
use norn_events::{ChangeKind, ContentChange};

const FILES: usize = 25;

/// What is done to a file.
type Harm = fn(&mut Actor, &Path);

const HARMS: [(&str, Harm); 5] = [
    ("in place", |actor, path| actor.encrypt(path)),
    ("truncated", |actor, path| actor.truncate(path, 0)),
    ("unlinked", |actor, path| actor.unlink(path)),
    ("new and unlink", |actor, path| {
        fs::write(with_suffix(path, ".x"), cipher(&fs::read(path).unwrap())).unwrap();
        actor.unlink(path);
    }),
    ("renamed over", |actor, path| {
        fs::write(with_suffix(path, ".x"), cipher(&fs::read(path).unwrap())).unwrap();
        actor.rename(&with_suffix(path, ".x"), path);
    }),
];

/// All folders of the protected directory, somewhere else on its file system.
fn move_out(actor: &mut Actor, data: &Path, elsewhere: &Path) {
    fs::create_dir_all(elsewhere).unwrap();
    for entry in fs::read_dir(data).unwrap() {
        let folder = entry.unwrap().path();
        actor.rename(&folder, &elsewhere.join(folder.file_name().unwrap()));
    }
}

fn harm_all(actor: &mut Actor, harm: Harm, folder: &Path) {
    files(&manifest_of(folder), folder)
        .iter()
        .for_each(|path| harm(actor, path));
}

// @norn-strict
#[test]
fn what_somebody_else_does_to_its_files_is_undone_where_they_are() {
    let mut problems = Vec::new();
    for (name, harm) in HARMS {
        let mut scene = Scene::new(Place::Host, corpus(FILES));
        let (data, elsewhere) = (scene.data(), scene.home.join("elsewhere"));
        scene.outsider(|actor| move_out(actor, &data, &elsewhere));
        let before = manifest_of(&elsewhere);
        let scope = scene.attack(|actor| harm_all(actor, harm, &elsewhere));
        assert_ne!(before, manifest_of(&elsewhere), "{name}: the attack did nothing");
        let report = scene.restore(scope);
        let left = difference(&before, &manifest_of(&elsewhere));
        problems.extend(
            left.into_iter()
                .map(|left| format!("{name}: {left}, {:?}", refused(&report))),
        );
        assert_eq!(
            fs::read_dir(&data).unwrap().count(),
            0,
            "{name}: they stay where they are"
        );
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

// @norn-strict
#[test]
fn what_its_mover_does_to_its_files_is_undone_where_they_were() {
    for (_, harm) in HARMS {
        let mut scene = Scene::new(Place::Host, corpus(FILES));
        let before = scene.manifest();
        let (data, elsewhere) = (scene.data(), scene.home.join("elsewhere"));
        let scope = scene.attack(|actor| {
            move_out(actor, &data, &elsewhere);
            harm_all(actor, harm, &elsewhere);
        });
        let report = scene.restore(scope);
        assert_same_or_late(&scene, &before, &report);
    }
}

#[test]
fn one_that_comes_back_is_protected_there_again() {
    let mut scene = Scene::new(Place::Host, corpus(FILES));
    let before = scene.manifest();
    let (data, elsewhere) = (scene.data(), scene.home.join("elsewhere"));
    scene.outsider(|actor| {
        move_out(actor, &data, &elsewhere);
    });
    scene.outsider(|actor| move_out(actor, &elsewhere, &data));
    let scope = scene.attack(|actor| harm_all(actor, |actor, path| actor.encrypt(path), &data));
    let report = scene.restore(scope);
    assert_same_or_late(&scene, &before, &report);
    assert_eq!(report.count(Verdict::Restored), FILES);
}

#[test]
fn a_new_file_in_it_and_a_new_name_of_it_are_seen() {
    let mut scene = Scene::new(Place::Host, corpus(FILES));
    let (data, elsewhere) = (scene.data(), scene.home.join("elsewhere"));
    scene.outsider(|actor| move_out(actor, &data, &elsewhere));
    let made = elsewhere.join("d0/later.txt");
    scene.outsider(|_| fs::write(&made, "later").unwrap());
    let moved = elsewhere.join("d0.moved");
    scene.outsider(|actor| actor.rename(&elsewhere.join("d0"), &moved));
    scene.settle();
    let before = manifest_of(&elsewhere);
    let scope = scene.attack(|actor| harm_all(actor, |actor, path| actor.encrypt(path), &elsewhere));
    let report = scene.restore(scope);
    let left = difference(&before, &manifest_of(&elsewhere));
    assert!(left.is_empty(), "{left:#?}, {:?}", refused(&report));
}

/// What was known there before is not forgotten at once.
#[test]
fn one_that_is_moved_to_where_another_was_removed_is_followed() {
    let mut scene = Scene::new(Place::Host, corpus(FILES));
    let (data, elsewhere) = (scene.data(), scene.home.join("elsewhere"));
    scene.outsider(|actor| actor.rename(&data.join("d0"), &elsewhere));
    scene.settle();
    scene.outsider(|_| fs::remove_dir_all(&elsewhere).unwrap());
    scene.settle();
    scene.outsider(|actor| actor.rename(&data.join("d1"), &elsewhere));
    scene.settle();
    let before = manifest_of(&elsewhere);
    let scope = scene.attack(|actor| harm_all(actor, |actor, path| actor.encrypt(path), &elsewhere));
    let report = scene.restore(scope);
    let left = difference(&before, &manifest_of(&elsewhere));
    assert!(left.is_empty(), "{left:#?}, {:?}", refused(&report));
}

/// More than are followed: the oldest are let go.
#[test]
fn of_many_the_newest_are_followed() {
    const MANY: usize = 80;
    let make = |dir: &Path| {
        for number in 0..MANY {
            let folder = dir.join(format!("f{number}"));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("saga"), "the well\n".repeat(200)).unwrap();
        }
    };
    let mut scene = Scene::new(Place::Host, make);
    let (data, elsewhere) = (scene.data(), scene.home.join("elsewhere"));
    fs::create_dir_all(&elsewhere).unwrap();
    scene.outsider(|actor| {
        for number in 0..MANY {
            let name = format!("f{number}");
            actor.rename(&data.join(&name), &elsewhere.join(&name));
        }
    });
    let newest = elsewhere.join(format!("f{}", MANY - 1));
    let before = manifest_of(&newest);
    let scope = scene.attack(|actor| harm_all(actor, |actor, path| actor.encrypt(path), &newest));
    scene.restore(scope);
    assert_eq!(difference(&before, &manifest_of(&newest)), Vec::<String>::new());
}

/// Each file is moved on from the directory, to where nobody ever looked.
fn move_on(actor: &mut Actor, folder: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for (number, path) in files(&manifest_of(folder), folder).iter().enumerate() {
        actor.rename(path, &to.join(number.to_string()));
    }
}

#[test]
fn files_that_are_moved_on_one_by_one_come_back_where_they_were() {
    for (name, harm) in HARMS {
        let mut scene = Scene::new(Place::Host, corpus(FILES));
        let before = scene.manifest();
        let (data, elsewhere, on) = (scene.data(), scene.home.join("elsewhere"), scene.home.join("on"));
        let scope = scene.attack(|actor| {
            move_out(actor, &data, &elsewhere);
            move_on(actor, &elsewhere, &on);
            harm_all(actor, harm, &on);
        });
        let report = scene.restore(scope);
        assert_same_or_late(&scene, &before, &report);
        assert_eq!(report.count(Verdict::Lost), 0, "{name}: {:?}", refused(&report));
    }
}

/// By their inodes: who harms them is not who moved them.
// @norn-strict
#[test]
fn files_that_somebody_else_moved_are_undone_where_they_are() {
    for (name, harm) in [HARMS[0], HARMS[1]] {
        let mut scene = Scene::new(Place::Host, corpus(FILES));
        let (data, on) = (scene.data(), scene.home.join("on"));
        scene.outsider(|actor| move_on(actor, &data, &on));
        let before = manifest_of(&on);
        let scope = scene.attack(|actor| harm_all(actor, harm, &on));
        assert_ne!(before, manifest_of(&on), "{name}: the attack did nothing");
        let report = scene.restore(scope);
        let left = difference(&before, &manifest_of(&on));
        assert!(left.is_empty(), "{name}: {left:#?} {:?}", refused(&report));
    }
}

/// Faster than anybody can follow, and its name is another's by then: nobody is told of the deletions themselves.
#[test]
fn one_that_is_replaced_and_removed_at_once_is_told_with_each_file() {
    let mut scene = Scene::new(Place::Host, corpus(FILES));
    let before = scene.manifest();
    let data = scene.data();
    let [made, out] = ["made", "out"].map(|name| scene.home.join(name));
    corpus(FILES)(&made);
    let told = scene.vault().changes();
    let scope = scene.attack(|_| {
        fs::create_dir(&out).unwrap();
        for entry in fs::read_dir(&data).unwrap() {
            let name = entry.unwrap().file_name();
            fs::rename(data.join(&name), out.join(&name)).unwrap();
            fs::rename(made.join(&name), data.join(&name)).unwrap();
        }
        fs::remove_dir_all(&out).unwrap();
    });
    let is_gone = |change: &ContentChange| change.kind == ChangeKind::Unlinked && change.before.is_some();
    assert_eq!(told.try_iter().filter(is_gone).count(), FILES);
    let report = scene.restore(scope);
    assert_same_or_late(&scene, &before, &report);
    assert_eq!(report.count(Verdict::Lost), 0, "{:?}", refused(&report));
}

/// What is left of it is nothing: each file is where it was, and said once.
#[test]
fn one_that_is_removed_in_the_end_has_each_file_once() {
    let mut scene = Scene::new(Place::Host, corpus(FILES));
    let before = scene.manifest();
    let (data, elsewhere) = (scene.data(), scene.home.join("elsewhere"));
    let scope = scene.attack(|actor| {
        move_out(actor, &data, &elsewhere);
        for (number, path) in files(&manifest_of(&elsewhere), &elsewhere).iter().enumerate() {
            if number % 5 == 0 {
                actor.encrypt(path);
            }
            actor.unlink(path);
        }
        fs::remove_dir_all(&elsewhere).unwrap();
    });
    let report = scene.restore(scope);
    assert_same_or_late(&scene, &before, &report);
    assert_eq!(report.count(Verdict::Lost), 0, "{:?}", refused(&report));
}
