//! Files that somebody reads while whoever writes to them has them open still: what he has written by then is not how they were.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{Actor, PLACES, Place, Scene, assert_restored, cipher, corpus, files, fork, ways};

const FILES: usize = 20;

fn attacked(place: Place, attack: impl Fn(&[PathBuf])) {
    let mut scene = Scene::new(place, corpus(FILES));
    let before = scene.manifest();
    let mut targets = files(&before, &scene.data());
    targets.retain(|path| fs::metadata(path).unwrap().len() > 0);
    let scope = scene.attack(|_| attack(&targets));
    let report = scene.restore(scope);
    assert_restored(&scene, &before, &report, targets.len());
}

fn open(path: &Path) -> fs::File {
    OpenOptions::new().read(true).write(true).open(path).unwrap()
}

#[test]
fn by_the_writer_himself() {
    for place in PLACES {
        attacked(place, |targets| {
            for path in targets {
                let file = open(path);
                file.write_all_at(&cipher(&fs::read(path).unwrap()), 0).unwrap();
                fs::read(path).unwrap();
            }
        });
    }
}

#[test]
fn by_another() {
    for place in PLACES {
        attacked(place, |targets| {
            let held: Vec<_> = targets.iter().map(|path| open(path)).collect();
            for (file, path) in held.iter().zip(targets) {
                file.write_all_at(&cipher(&fs::read(path).unwrap()), 0).unwrap();
            }
            let read_all = || targets.iter().for_each(|path| drop(fs::read(path).unwrap()));
            assert!(fork(read_all).ended_well());
        });
    }
}

#[test]
fn through_a_mapping_by_the_writer_himself() {
    for place in PLACES {
        attacked(place, |targets| {
            for path in targets {
                let mut mapped = ways::Mapped::new(path);
                mapped.close();
                mapped.encrypt();
                fs::read(path).unwrap();
            }
        });
    }
}

#[test]
fn and_opened_again_to_write_on() {
    for place in PLACES {
        attacked(place, |targets| {
            for path in targets {
                let (file, half) = (open(path), fs::metadata(path).unwrap().len() as usize / 2);
                let secret = cipher(&fs::read(path).unwrap());
                file.write_all_at(&secret[..half], 0).unwrap();
                open(path).write_all_at(&secret[half..], half as u64).unwrap();
            }
        });
    }
}

/// As a database does: its files are open for days, and what it has written by the time of an attack is what comes back.
fn held_by_another(attack: impl Fn(&mut Actor, &Path)) {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(FILES));
        let mut targets = files(&scene.manifest(), &scene.data());
        targets.retain(|path| fs::metadata(path).unwrap().len() > 0);
        let lives = scene.home.join("lives");
        fs::write(&lives, "").unwrap();
        scene.outsider(|_| {
            let held: Vec<_> = targets.iter().map(|path| open(path)).collect();
            for (number, file) in held.iter().enumerate() {
                file.write_all_at(format!("row {number}").as_bytes(), 0).unwrap();
            }
            fork(|| {
                while lives.exists() {
                    std::thread::sleep(Duration::from_millis(5));
                }
            });
        });
        let before = scene.manifest();
        let read_all = || targets.iter().for_each(|path| drop(fs::read(path).unwrap()));
        assert!(fork(read_all).ended_well());
        let scope = scene.attack(|actor| targets.iter().for_each(|path| attack(actor, path)));
        let report = scene.restore(scope);
        assert_restored(&scene, &before, &report, targets.len());
        fs::remove_file(&lives).unwrap();
    }
}

#[test]
fn what_another_wrote_before_it_was_overwritten_and_holds_open_is_kept() {
    held_by_another(|_, path| {
        let secret = cipher(&fs::read(path).unwrap());
        fs::write(path, secret).unwrap();
    });
}

#[test]
fn what_another_wrote_before_it_was_cut_and_holds_open_is_kept() {
    held_by_another(|actor, path| actor.truncate(path, 0));
}
