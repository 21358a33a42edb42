//! Files of a protected directory that have another name outside of it, and are changed by that one.

use std::fs;
use std::io::{Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::support::{Actor, Manifest, Place, Scene, assert_same, cipher, corpus, files};
use norn_events::wire::action::v1::Verdict;
use norn_events::{ChangeKind, ContentChange, ContentFormat, ProcessUid};

const FILES: usize = 25;

/// What is done to a file by its name outside.
type Harm = fn(&mut Actor, &Path);

fn overwrite(path: &Path) {
    let made = cipher(&fs::read(path).unwrap());
    let mut file = fs::File::options().write(true).open(path).unwrap();
    file.rewind().unwrap();
    file.write_all(&made).unwrap();
}

const HARMS: [(&str, Harm); 3] = [
    ("written over", |_, path| overwrite(path)),
    ("emptied and written", |actor, path| actor.encrypt(path)),
    ("truncated", |actor, path| actor.truncate(path, 0)),
];

/// One name outside for each file.
fn link_all(actor: &mut Actor, targets: &[PathBuf], outside: &Path) -> Vec<PathBuf> {
    fs::create_dir_all(outside).unwrap();
    let each = targets.iter().enumerate().map(|(number, path)| {
        let other = outside.join(number.to_string());
        actor.link(path, &other);
        other
    });
    each.collect()
}

fn assert_undone(scene: &Scene, scope: ProcessUid, (before, name): (&Manifest, &str)) {
    assert_ne!(*before, scene.manifest(), "{name}: the attack did nothing");
    let report = scene.restore(scope);
    assert_eq!(report.count(Verdict::Restored), FILES, "{name}: {report:?}");
    fs::remove_dir_all(scene.home.join("outside")).unwrap();
    assert_same(scene, before, &report);
}

fn attacked(attack: impl Fn(&mut Scene, &[PathBuf], &Path, Harm) -> ProcessUid) {
    for (name, harm) in HARMS {
        let mut scene = Scene::new(Place::Host, corpus(FILES));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let outside = scene.home.join("outside");
        let scope = attack(&mut scene, &targets, &outside, harm);
        assert_undone(&scene, scope, (&before, name));
    }
}

#[test]
fn a_name_that_somebody_else_made_before() {
    attacked(|scene, targets, outside, harm| {
        scene.outsider(|actor| drop(link_all(actor, targets, outside)));
        scene.settle();
        scene.attack(|actor| {
            for number in 0..targets.len() {
                harm(actor, &outside.join(number.to_string()));
            }
        })
    });
}

#[test]
fn a_name_that_the_attacker_makes_first() {
    attacked(|scene, targets, outside, harm| {
        scene.attack(|actor| {
            for path in link_all(actor, targets, outside) {
                harm(actor, &path);
            }
        })
    });
}

/// What is done to a file by its name and one that it gets outside.
fn one_by_one(step: impl Fn(&mut Actor, (&Path, &Path), Harm)) {
    attacked(|scene, targets, outside, harm| {
        fs::create_dir_all(outside).unwrap();
        scene.attack(|actor| {
            for (number, path) in targets.iter().enumerate() {
                step(actor, (path, &outside.join(number.to_string())), harm);
            }
        })
    });
}

#[test]
fn each_name_just_before_it_is_used() {
    one_by_one(|actor, (path, other), harm| {
        actor.link(path, other);
        harm(actor, other);
    });
}

/// The names were there before the agent.
#[test]
fn a_name_that_is_older_than_the_vault() {
    for (name, harm) in HARMS {
        let mut scene = Scene::without_vault(Place::Host, corpus(FILES));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let outside = scene.home.join("outside");
        fs::create_dir_all(&outside).unwrap();
        for (number, path) in targets.iter().enumerate() {
            fs::hard_link(path, outside.join(number.to_string())).unwrap();
        }
        scene.open_vault();
        scene.settle();
        let scope = scene.attack(|actor| {
            for number in 0..targets.len() {
                harm(actor, &outside.join(number.to_string()));
            }
        });
        assert_undone(&scene, scope, (&before, name));
    }
}

/// It was made outside, and has a name inside since.
#[test]
fn a_file_from_outside_that_was_linked_in() {
    let mut scene = Scene::new(Place::Host, corpus(FILES));
    let (inside, outside) = (scene.data().join("linked"), scene.home.join("made"));
    fs::write(&outside, "the well\n".repeat(300)).unwrap();
    scene.outsider(|actor| actor.link(&outside, &inside));
    scene.settle();
    let before = scene.manifest();
    let scope = scene.attack(|_| overwrite(&outside));
    let report = scene.restore(scope);
    assert_eq!(report.count(Verdict::Restored), 1, "{report:?}");
    assert_same(&scene, &before, &report);
}

/// By a descriptor: what is linked has no name in the call.
#[test]
fn a_name_that_is_made_by_a_descriptor() {
    one_by_one(|actor, (path, other), harm| {
        let flags = libc::O_PATH | libc::O_NOFOLLOW;
        let mut options = fs::File::options();
        let file = options.read(true).custom_flags(flags).open(path).unwrap();
        actor.name(&file, other);
        harm(actor, other);
    });
}

/// The name inside is gone when that is told.
#[test]
fn a_name_that_is_the_only_one_soon() {
    one_by_one(|actor, (path, other), harm| {
        actor.link(path, other);
        actor.unlink(path);
        harm(actor, other);
    });
}

/// And is given back at the end.
#[test]
fn a_name_that_is_the_only_one_for_a_while() {
    one_by_one(|actor, (path, other), harm| {
        actor.link(path, other);
        actor.unlink(path);
        harm(actor, other);
        actor.link(other, path);
        actor.unlink(other);
    });
}

/// Ciphertext that never had a name, or one outside, gets the name of a file that was just unlinked: told as what it is, and undone.
#[test]
fn ciphertext_that_is_linked_in_the_place_of_a_file() {
    for is_nameless in [true, false] {
        let mut scene = Scene::new(Place::Host, corpus(FILES));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let outside = scene.home.join("outside");
        fs::create_dir_all(&outside).unwrap();
        let told = scene.vault().changes();
        let scope = scene.attack(|actor| {
            for (number, path) in targets.iter().enumerate() {
                let content = cipher(&fs::read(path).unwrap());
                let (mut options, made) = (fs::File::options(), outside.join(number.to_string()));
                options.read(true).write(true);
                let mut file = match is_nameless {
                    true => options.custom_flags(libc::O_TMPFILE).open(&outside).unwrap(),
                    false => options.create(true).truncate(true).open(&made).unwrap(),
                };
                file.write_all(&content).unwrap();
                actor.unlink(path);
                actor.name(&file, path);
            }
        });
        assert_ne!(before, scene.manifest(), "the attack did nothing");
        let is_judged = |change: &ContentChange| {
            change.kind == ChangeKind::Replaced
                && change
                    .before
                    .is_some_and(|shape| shape.format != ContentFormat::Unknown)
                && change
                    .after
                    .is_some_and(|shape| shape.format == ContentFormat::Unknown)
        };
        let judged = told.try_iter().filter(is_judged).count();
        // Of the smallest nothing can be said.
        assert!(judged > FILES / 2, "{is_nameless}: {judged}");
        let report = scene.restore(scope);
        assert_same(&scene, &before, &report);
    }
}

/// Somebody has read the file since its last copy: he is not the one who wrote to it.
#[test]
fn who_only_read_it_is_not_blamed() {
    let mut scene = Scene::new(Place::Host, corpus(FILES));
    let before = scene.manifest();
    let targets = files(&before, &scene.data());
    let outside = scene.home.join("outside");
    fs::create_dir_all(&outside).unwrap();
    scene.outsider(|_| targets.iter().for_each(|path| drop(fs::read(path).unwrap())));
    let scope = scene.attack(|actor| {
        for (number, path) in targets.iter().enumerate() {
            let other = outside.join(number.to_string());
            actor.link(path, &other);
            overwrite(&other);
            actor.unlink(&other);
        }
    });
    assert_undone(&scene, scope, (&before, "read before"));
}
