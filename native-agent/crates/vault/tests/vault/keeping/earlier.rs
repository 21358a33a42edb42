//! Files that somebody had open, or mapped, before the vault was there: nobody was asked about them. Others read them before he
//! lets them go.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{PLACES, Place, Scene, assert_restored, cipher, corpus, files, fork, ways};

const FILES: usize = 20;

/// What one process has open.
enum Open {
    Descriptors(Vec<(File, PathBuf)>),
    Mappings(Vec<ways::Mapped>),
}

impl Open {
    fn descriptors(targets: &[PathBuf]) -> Self {
        let open = |path| OpenOptions::new().read(true).write(true).open(path).unwrap();
        Self::Descriptors(targets.iter().map(|path| (open(path), path.clone())).collect())
    }

    fn mappings(targets: &[PathBuf]) -> Self {
        let map = |path: &PathBuf| {
            let mut mapped = ways::Mapped::new(path);
            mapped.close();
            mapped
        };
        Self::Mappings(targets.iter().map(map).collect())
    }

    fn encrypt(&self) {
        match self {
            Self::Descriptors(files) => {
                for (file, path) in files {
                    file.write_all_at(&cipher(&fs::read(path).unwrap()), 0).unwrap();
                }
            }
            Self::Mappings(files) => files.iter().for_each(ways::Mapped::encrypt),
        }
    }
}

fn await_file(path: &Path) {
    while !path.exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn written_by_what_was_open(place: Place, open: impl Fn(&[PathBuf]) -> Open) {
    let mut scene = Scene::without_vault(place, corpus(FILES));
    let before = scene.manifest();
    let mut targets = files(&before, &scene.data());
    // What is empty can't be mapped.
    targets.retain(|path| fs::metadata(path).unwrap().len() > 0);
    let (opened, begin) = (scene.home.join("opened"), scene.home.join("begin"));
    let start = crate::support::boot_ns();
    let child = fork(|| {
        let held = open(&targets);
        fs::write(&opened, "").unwrap();
        await_file(&begin);
        held.encrypt();
        let read_all = || targets.iter().for_each(|path| drop(fs::read(path).unwrap()));
        assert!(fork(read_all).ended_well());
        // Its end closes them.
        std::mem::forget(held);
    });
    await_file(&opened);
    scene.open_vault();
    scene.settle();
    let scope = scene.adopt((child.0 as u32, start), |scene| {
        fs::write(&begin, "").unwrap();
        assert!(child.ended_well());
        scene.settle();
    });
    let report = scene.restore(scope);
    assert_restored(&scene, &before, &report, targets.len());
}

#[test]
fn descriptors_that_are_older_than_the_vault() {
    for place in PLACES {
        written_by_what_was_open(place, Open::descriptors);
    }
}

#[test]
fn mappings_that_are_older_than_the_vault() {
    // Of what is mapped in an overlay nobody tells when it is let go.
    for place in [Place::Host, Place::Bind, Place::Volume] {
        written_by_what_was_open(place, Open::mappings);
    }
}
