//! One way to change content, one test, in every place: whatever the system call, the file comes back byte for byte.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{
    Actor, PLACES, Scene, assert_restored, assert_same_or_late, files, set_mode_and_time, ways, with_suffix,
};
use norn_events::wire::action::v1::Verdict;

const FILES: usize = 12;

/// Files of several blocks, the last one cut.
fn blocks(dir: &Path) {
    for number in 0..FILES {
        let path = dir.join(format!("file-{number}"));
        let line = format!("line {number} of the saga of the well\n");
        fs::write(&path, line.repeat(900 + number)).unwrap();
        set_mode_and_time(&path, 0o644, 1_600_000_000 + number as i64);
    }
}

fn everywhere(attack: impl Fn(&mut Actor, &[PathBuf])) {
    for place in PLACES {
        let mut scene = Scene::new(place, blocks);
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let scope = scene.attack(|actor| attack(actor, &targets));
        let spoiled = scene.manifest();
        let same = |path: &&PathBuf| {
            let name = path.strip_prefix(scene.data()).unwrap();
            let name = name.to_str().unwrap().as_bytes();
            spoiled.get(name).map(|state| &state.content) == Some(&before[name].content)
        };
        let untouched = targets.iter().filter(same).count();
        assert_eq!(untouched, 0, "{place:?}: the attack left files alone");
        let report = scene.restore(scope);
        assert_restored(&scene, &before, &report, FILES);
    }
}

fn by(way: fn(&Path)) {
    everywhere(|_, files| files.iter().for_each(|path| way(path)));
}

#[test]
fn mapped_memory() {
    by(ways::map);
}

#[test]
fn punched_hole() {
    by(ways::punch_hole);
}

#[test]
fn collapsed_range() {
    by(ways::collapse_range);
}

#[test]
fn inserted_range() {
    by(ways::insert_range);
}

#[test]
fn zeroed_range() {
    by(ways::zero_range);
}

#[test]
fn copy_file_range() {
    by(ways::copy_file_range);
}

#[test]
fn sendfile() {
    by(ways::send_file);
}

#[test]
fn splice() {
    by(ways::splice);
}

#[test]
fn io_uring() {
    by(ways::ring);
}

#[test]
fn past_the_page_cache() {
    by(ways::direct);
}

#[test]
fn ftruncate() {
    by(ways::cut);
}

#[test]
fn every_third_block() {
    by(ways::every_third_block);
}

#[test]
fn the_tail_alone() {
    by(ways::tail);
}

/// Several ways one after the other on the same file: the first state is what counts.
#[test]
fn again_and_again() {
    everywhere(|actor, files| {
        for path in files {
            ways::map(path);
            ways::zero_range(path);
            actor.truncate(path, 5000);
            ways::ring(path);
            actor.encrypt(path);
        }
    });
}

#[test]
fn truncate_then_new_file() {
    everywhere(|actor, files| {
        for path in files {
            let content = fs::read(path).unwrap();
            fs::write(with_suffix(path, ".locked"), crate::support::cipher(&content)).unwrap();
            actor.truncate(path, 0);
        }
    });
}

/// Another name, the first one gone, the content changed by the other: no name of the file is what it was.
#[test]
fn link_unlink_write() {
    everywhere(|actor, files| {
        for path in files {
            let other = with_suffix(path, ".locked");
            actor.link(path, &other);
            actor.unlink(path);
            actor.encrypt(&other);
        }
    });
}

/// The name stays, and the content changes by way of another name that the attack made.
#[test]
fn write_by_another_name() {
    everywhere(|actor, files| {
        for path in files {
            let other = with_suffix(path, ".link");
            actor.link(path, &other);
            actor.encrypt(&other);
        }
    });
}

#[test]
fn many_threads() {
    everywhere(|_, files| {
        std::thread::scope(|scope| {
            for part in files.chunks(FILES.div_ceil(8)) {
                scope.spawn(|| part.iter().for_each(|path| ways::every_third_block(path)));
            }
        });
    });
}

#[test]
fn a_process_for_each_file() {
    for place in PLACES {
        let mut scene = Scene::new(place, blocks);
        let before = scene.manifest();
        let root = scene.attack(|_| {});
        for path in files(&before, &scene.data()) {
            scene.process_below(root, |_| ways::map(&path));
        }
        let report = scene.restore(root);
        let late = assert_same_or_late(&scene, &before, &report);
        assert_eq!(report.count(Verdict::Restored) + late, FILES, "{place:?}");
    }
}

/// Ended in the middle of its work, descriptors open and pages dirty.
#[test]
fn killed_while_it_writes() {
    for place in PLACES {
        let mut scene = Scene::new(place, blocks);
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let scope = scene.attack(|_| {
            let open: Vec<_> = targets
                .iter()
                .map(|path| fs::OpenOptions::new().write(true).open(path).unwrap())
                .collect();
            for mut file in &open {
                std::io::Write::write_all(&mut file, b"half the work of an encryptor").unwrap();
            }
            std::mem::forget(open);
        });
        let report = scene.restore(scope);
        let late = assert_same_or_late(&scene, &before, &report);
        assert_eq!(report.count(Verdict::Restored) + late, FILES, "{place:?}");
    }
}
