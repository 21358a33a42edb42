//! One attack mode, one test: files of the image, born in the container, on the host and behind a bind mount come back
//! byte for byte, and what was made goes.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use crate::support::{Actor, PLACES, Scene, assert_same_or_late, cipher, corpus, files, with_suffix};
use norn_events::ProcessUid;
use norn_events::wire::action::v1::Verdict;

const FILES: usize = 40;

/// Attacks every file of the corpus in every place, restores, and compares with the manifest of before.
fn everywhere(attack: impl Fn(&mut Actor, &[PathBuf])) {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(FILES));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let scope: ProcessUid = scene.attack(|actor| attack(actor, &targets));
        assert_ne!(before, scene.manifest(), "{place:?}: the attack did nothing");
        let report = scene.restore(scope);
        let late = assert_same_or_late(&scene, &before, &report);
        let restored = report.count(Verdict::Restored);
        assert!(
            restored + late >= FILES,
            "{place:?}: only {restored} are said to be restored"
        );
    }
}

#[test]
fn in_place() {
    everywhere(|actor, files| files.iter().for_each(|path| actor.encrypt(path)));
}

#[test]
fn write_new_unlink() {
    everywhere(|actor, files| {
        for path in files {
            let content = fs::read(path).unwrap();
            fs::write(with_suffix(path, ".locked"), cipher(&content)).unwrap();
            actor.unlink(path);
        }
    });
}

#[test]
fn rename_over() {
    everywhere(|actor, files| {
        for path in files {
            let beside = with_suffix(path, ".tmp");
            fs::write(&beside, cipher(&fs::read(path).unwrap())).unwrap();
            actor.rename(&beside, path);
        }
    });
}

#[test]
fn rename_exchange() {
    everywhere(|actor, files| {
        for path in files {
            let beside = with_suffix(path, ".tmp");
            fs::write(&beside, cipher(&fs::read(path).unwrap())).unwrap();
            actor.exchange(&beside, path);
            actor.unlink(&beside);
        }
    });
}

#[test]
fn in_place_then_rename() {
    everywhere(|actor, files| {
        for path in files {
            actor.encrypt(path);
            actor.rename(path, &with_suffix(path, ".locked"));
        }
    });
}

#[test]
fn rename_then_write() {
    everywhere(|actor, files| {
        for path in files {
            let moved = with_suffix(path, ".locked");
            actor.rename(path, &moved);
            actor.encrypt(&moved);
        }
    });
}

#[test]
fn truncate_on_open() {
    everywhere(|_, files| files.iter().for_each(|path| fs::write(path, b"pay").unwrap()));
}

#[test]
fn append_only() {
    everywhere(|_, files| {
        for path in files {
            fs::OpenOptions::new()
                .append(true)
                .open(path)
                .unwrap()
                .write_all(b"tail")
                .unwrap();
        }
    });
}

#[test]
fn unlink_only() {
    everywhere(|actor, files| files.iter().for_each(|path| actor.unlink(path)));
}

#[test]
fn truncate_by_path_only() {
    everywhere(|actor, files| files.iter().for_each(|path| actor.truncate(path, 0)));
}

#[test]
fn notes_and_tools_are_removed() {
    everywhere(|actor, files| {
        for path in files {
            actor.encrypt(path);
        }
        let top = files[0].parent().unwrap().parent().unwrap();
        let made = top.join("hideout");
        actor.mkdir(&made);
        fs::write(made.join("README.txt"), b"pay").unwrap();
        fs::write(made.join("tool"), b"#!/bin/sh\n").unwrap();
        actor.symlink(&made, &top.join("shortcut"));
        actor.link(&made.join("tool"), &top.join("tool"));
    });
}

#[test]
fn whole_directories_are_deleted() {
    everywhere(|actor, files| {
        let top = files[0].parent().unwrap().parent().unwrap();
        files.iter().for_each(|path| actor.unlink(path));
        for number in 0..5 {
            actor.rmdir(&top.join(format!("d{number}")));
        }
    });
}

#[test]
fn a_tree_of_processes() {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(FILES));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let root = scene.attack(|_| {});
        let middle = scene.process_below(root, |_| {});
        for part in targets.chunks(10) {
            scene.process_below(middle, |actor| part.iter().for_each(|path| actor.encrypt(path)));
        }
        let report = scene.restore(root);
        let late = assert_same_or_late(&scene, &before, &report);
        assert_eq!(report.count(Verdict::Restored) + late, FILES);
    }
}
