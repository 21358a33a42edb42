//! Long paths, large and sparse files, names that come and go, directories that move, file systems that refuse: right, or lost with
//! the reason, never silently wrong.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::support::{
    PLACES, Place, Scene, assert_same, assert_same_or_late, corpus, difference, files, with_suffix,
};
use norn_events::wire::action::v1::Verdict;
use norn_vault::{FILE_BYTES_MAX, Standing};

/// Below `dir`, so deep that its whole path has about 4,000 bytes.
fn deep(dir: &Path) -> PathBuf {
    let mut path = dir.to_path_buf();
    while path.as_os_str().len() < 3800 {
        path.push("d".repeat(180));
    }
    path
}

#[test]
fn paths_of_four_thousand_bytes() {
    for place in PLACES {
        let mut scene = Scene::new(place, |dir| {
            let deep = deep(dir);
            fs::create_dir_all(&deep).unwrap();
            for name in ["one", "two", "three", "four"] {
                fs::write(deep.join(name), format!("{name} is deep down\n").repeat(50)).unwrap();
            }
        });
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        assert!(targets.iter().all(|path| path.as_os_str().len() > 3800));
        let scope = scene.attack(|actor| {
            actor.encrypt(&targets[0]);
            actor.unlink(&targets[1]);
            actor.rename(&targets[2], &with_suffix(&targets[2], ".locked"));
            actor.truncate(&targets[3], 0);
            fs::write(with_suffix(&targets[3], ".note"), b"pay").unwrap();
        });
        let report = scene.restore(scope);
        assert_same_or_late(&scene, &before, &report);
    }
}

const GIB: u64 = 1 << 30;

/// 8 GiB with a few bytes in it.
fn a_sparse_file(dir: &Path) {
    let file = File::create(dir.join("sparse")).unwrap();
    file.set_len(8 * GIB).unwrap();
    for at in [0, GIB + 4096, 5 * GIB + 123, 8 * GIB - 100] {
        file.write_all_at(b"a few bytes in the middle of nowhere", at)
            .unwrap();
    }
}

/// What is at each of these places, and how many blocks there are: reading 8 GiB of zeros would take too long.
fn probe(path: &Path) -> (Vec<Vec<u8>>, u64, u64) {
    let file = File::open(path).unwrap();
    let stat = file.metadata().unwrap();
    let at = [
        0,
        4096,
        GIB + 4096,
        3 * GIB,
        5 * GIB + 123,
        7 * GIB,
        8 * GIB - 100,
    ];
    let read = |at| {
        let mut bytes = vec![0; 100];
        let count = file.read_at(&mut bytes, at).unwrap();
        bytes.truncate(count);
        bytes
    };
    (at.map(read).to_vec(), stat.len(), stat.blocks())
}

#[test]
fn holes_stay_holes() {
    for place in PLACES {
        let mut scene = Scene::new(place, a_sparse_file);
        let path = scene.data().join("sparse");
        let (content, size, blocks) = probe(&path);
        assert!(blocks < 200, "the file system makes no holes");
        let bytes = scene.vault().health().bytes;
        let scope = scene.attack(|_| {
            let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            for at in [0, 3 * GIB, 7 * GIB] {
                file.write_all_at(&[0x55; 64 * 1024], at).unwrap();
            }
        });
        let grown = scene.vault().health().bytes - bytes;
        assert!(grown < 1 << 20, "{place:?}: {grown} bytes for a few");
        let report = scene.restore(scope);
        let (after, length, taken) = probe(&path);
        assert_eq!(
            report.count(Verdict::Restored),
            1,
            "{place:?}: {:?}",
            report.files
        );
        assert_eq!((after, length), (content, size), "{place:?}");
        assert!(taken <= blocks + 16, "{place:?}: {taken} blocks, were {blocks}");
    }
}

#[test]
fn a_sparse_file_that_is_gone_comes_back_sparse() {
    for place in PLACES {
        let mut scene = Scene::new(place, a_sparse_file);
        let path = scene.data().join("sparse");
        let (content, size, blocks) = probe(&path);
        let scope = scene.attack(|actor| {
            drop(File::open(&path).unwrap());
            actor.unlink(&path);
        });
        let report = scene.restore(scope);
        assert_eq!(
            report.count(Verdict::Restored),
            1,
            "{place:?}: {:?}",
            report.files
        );
        let (after, length, taken) = probe(&path);
        assert_eq!((after, length), (content, size), "{place:?}");
        assert!(taken <= blocks + 16, "{place:?}: {taken} blocks, were {blocks}");
    }
}

#[test]
fn deleted_and_made_again_under_the_same_name() {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(10));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let scope = scene.attack(|actor| {
            for path in &targets {
                for round in 0..3 {
                    actor.unlink(path);
                    fs::write(path, format!("made again, {round}")).unwrap();
                }
            }
        });
        let report = scene.restore(scope);
        assert_same_or_late(&scene, &before, &report);
    }
}

/// Encrypted in part, the directory moved, encrypted on, moved again.
#[test]
fn a_directory_moves_in_the_middle_of_the_attack() {
    for place in PLACES {
        // An overlay can't rename a directory of the image: programs copy it instead.
        if place == Place::Lower {
            continue;
        }
        let mut scene = Scene::new(place, corpus(20));
        let before = scene.manifest();
        let data = scene.data();
        let targets = files(&before, &data);
        let inside: Vec<&PathBuf> = targets
            .iter()
            .filter(|path| path.starts_with(data.join("d0")))
            .collect();
        let (moved, again) = (data.join("moved"), data.join("d1/again"));
        let scope = scene.attack(|actor| {
            actor.encrypt(inside[0]);
            actor.rename(&data.join("d0"), &moved);
            actor.encrypt(&moved.join(inside[1].file_name().unwrap()));
            actor.rename(&moved, &again);
            actor.unlink(&again.join(inside[2].file_name().unwrap()));
            fs::write(again.join("note"), b"pay").unwrap();
        });
        let report = scene.restore(scope);
        let late = assert_same_or_late(&scene, &before, &report);
        assert!(
            report.count(Verdict::Restored) + late >= 3,
            "{place:?}: {:?}",
            report.files
        );
    }
}

/// A directory of the image, deleted and made again, is opaque: what is below it must not shine through, and must come back.
#[test]
fn whiteouts_and_opaque_directories() {
    let mut scene = Scene::new(Place::Lower, corpus(20));
    let before = scene.manifest();
    let data = scene.data();
    let targets = files(&before, &data);
    let scope = scene.attack(|actor| {
        for path in targets.iter().filter(|path| path.starts_with(data.join("d2"))) {
            actor.unlink(path);
        }
        actor.rmdir(&data.join("d2"));
        actor.mkdir(&data.join("d2"));
        fs::write(data.join("d2/file-2.txt"), b"not the image's").unwrap();
        actor.mkdir(&data.join("d2/inner"));
    });
    let report = scene.restore(scope);
    assert_same_or_late(&scene, &before, &report);
}

/// The attack left, and then the file system could not be written to: each file says so, and nothing is half done.
#[test]
fn a_read_only_file_system_is_said() {
    let mut scene = Scene::new(Place::Bind, corpus(8));
    let before = scene.manifest();
    let targets = files(&before, &scene.data());
    let scope = scene.attack(|actor| actor.by_turns(&targets, ".locked"));
    let spoiled = scene.manifest();
    let host = scene.home.join("host");
    crate::support::bind_read_only(&host);
    let report = scene.restore(scope);
    crate::support::unmount(&host);
    let differs = difference(&spoiled, &scene.manifest());
    assert!(differs.is_empty(), "{differs:#?}");
    let lost = report.count(Verdict::Lost);
    assert!(lost >= targets.len(), "{:?}", report.files);
    let reasons = crate::support::refused(&report);
    assert!(
        reasons
            .iter()
            .all(|(_, why)| why.contains("read-only") || why.contains("Read-only")),
        "{reasons:?}"
    );
    let report = scene.restore(scope);
    assert_same_or_late(&scene, &before, &report);
}

/// On a file system that is full by the attack's own files: what can't be put back is said, the rest is there, and when there
/// is room again a second restore does the rest.
#[test]
fn a_full_file_system_is_said() {
    let mut scene = Scene::on_small_file_system(64 << 20, corpus(30));
    let before = scene.manifest();
    let targets = files(&before, &scene.data());
    let ballast = scene.home.join("host/ballast");
    let scope = scene.attack(|actor| targets.iter().for_each(|path| actor.unlink(path)));
    scene.outsider(|_| {
        let file = File::create(&ballast).unwrap();
        let chunk = [1; 1 << 16];
        let mut at = 0;
        while file.write_at(&chunk, at).is_ok_and(|count| count > 0) {
            at += chunk.len() as u64;
        }
        while file.write_at(&chunk[..512], at).is_ok_and(|count| count > 0) {
            at += 512;
        }
    });
    let report = scene.restore(scope);
    let lost: Vec<_> = crate::support::refused(&report);
    assert!(!lost.is_empty(), "nothing was refused: {:?}", report.files);
    assert!(
        lost.iter().all(|(_, why)| why.contains("No space left")),
        "{lost:?}"
    );
    for (name, _) in &lost {
        assert!(
            !Path::new(name).exists(),
            "{name} is said to be lost, and is there in part"
        );
    }
    fs::remove_file(&ballast).unwrap();
    let report = scene.restore(scope);
    assert_same(&scene, &before, &report);
}

/// One descriptor that writes again and again while copies at rest are made: none of its states is taken for the one before.
#[test]
fn open_for_writing_throughout() {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(4));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let scope = scene.attack(|_| {
            let file = fs::OpenOptions::new().write(true).open(&targets[0]).unwrap();
            for round in 0..50_u8 {
                file.write_all_at(&[round; 100], 0).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        });
        let report = scene.restore(scope);
        assert_same_or_late(&scene, &before, &report);
    }
}

/// A person can see what could not be restored before anybody attacks.
#[test]
fn what_is_too_large_is_known_before_the_attack() {
    let mut scene = Scene::new(Place::Host, |dir| {
        corpus(3)(dir);
        let large = File::create(dir.join("large")).unwrap();
        // SAFETY: takes integers only.
        let result = unsafe { libc::posix_fallocate(large.as_raw_fd(), 0, (FILE_BYTES_MAX + 4096) as i64) };
        assert_eq!(result, 0);
    });
    let data = scene.data();
    let standing = |name: &str| scene.vault().standing(&data.join(name));
    assert_eq!(standing("large"), Standing::TooLarge);
    assert_eq!(standing("d0/file-0.txt"), Standing::Restorable);
    assert_eq!(
        scene.vault().standing(Path::new("/etc/hostname")),
        Standing::Unknown
    );
    let counted = crate::support::eventually(|| {
        let health = scene.vault().health();
        health.too_large == 1 && health.restorable >= 3
    });
    assert!(counted, "{:?}", scene.vault().health());
    let scope = scene.attack(|_| fs::write(data.join("large"), b"gone").unwrap());
    let report = scene.restore(scope);
    let said = crate::support::refused(&report);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].1.starts_with("too large"), "{said:?}");
}
