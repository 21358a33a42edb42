//! Names that exchange what they lead to (RENAME_EXCHANGE): files pair by pair, and whole directories. Nothing needs to be written
//! for that, and nothing is gone after it.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{
    Actor, Manifest, PLACES, Place, Scene, assert_same, cipher, corpus, difference, files, manifest_of,
    refused, with_suffix,
};
use norn_events::wire::action::v1::Verdict;
use norn_events::{ChangeKind, ContentFormat, ProcessUid};
use norn_vault::{RestoreReport, RestoreRequest};

const FILES: usize = 24;
/// What is attacked is older than what the attack makes, by more than the clocks of the kernel and of file systems may differ.
const OLDER: Duration = Duration::from_millis(300);

/// The restore, a second one that finds nothing to do, its undo, and a restore after that.
fn there_and_back(scene: &Scene, (before, scope): (&Manifest, ProcessUid)) -> RestoreReport {
    let place = scene.place;
    let spoiled = scene.manifest();
    let first = scene.restore(scope);
    assert_same(scene, before, &first);
    assert_eq!(refused(&first), [], "{place:?}");
    let second = scene.restore(scope);
    assert_same(scene, before, &second);
    let done = [
        Verdict::Restored,
        Verdict::Removed,
        Verdict::Lost,
        Verdict::Conflict,
    ];
    assert!(
        done.iter().all(|verdict| second.count(*verdict) == 0),
        "{place:?}: {:?}",
        second.files.first()
    );
    let undone = scene.restore(first.id);
    assert_same(scene, &spoiled, &undone);
    assert_eq!(refused(&undone), [], "{place:?}");
    let again = scene.restore(scope);
    assert_same(scene, before, &again);
    first
}

/// The same: what is not as it is to be after each, two names of it.
fn left_by_turns(scene: &Scene, (before, scope): (&Manifest, ProcessUid), case: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let spoiled = scene.manifest();
    let mut look = |what: &str, expected: &Manifest, report: &RestoreReport| {
        let left = difference(expected, &scene.manifest());
        let first = left.into_iter().take(2);
        let refused = refused(report).into_iter().take(2);
        let first = first.chain(refused.map(|(path, why)| format!("{path}: {why}")));
        problems.extend(first.map(|line| format!("{case} {what}: {line}")));
    };
    let first = scene.restore(scope);
    look("restored", before, &first);
    let second = scene.restore(scope);
    look("restored again", before, &second);
    look("undone", &spoiled, &scene.restore(first.id));
    look("restored at last", before, &scene.restore(scope));
    problems
}

fn exchange_pairs(actor: &mut Actor, targets: &[PathBuf], times: usize) {
    for pair in targets.chunks_exact(2) {
        for turn in 0..times {
            let (one, other) = (turn % 2, 1 - turn % 2);
            actor.exchange(&pair[one], &pair[other]);
        }
    }
}

/// Nothing was ever written: no pre-image is needed, and none may be missed.
fn pairs_come_back(places: &[Place], times: &[usize]) {
    for &place in places {
        for &times in times {
            let mut scene = Scene::new(place, corpus(FILES));
            let before = scene.manifest();
            let targets = files(&before, &scene.data());
            let scope = scene.attack(|actor| exchange_pairs(actor, &targets, times));
            let is_changed = !difference(&before, &scene.manifest()).is_empty();
            assert_eq!(is_changed, times % 2 == 1, "{place:?}");
            if is_changed {
                let report = there_and_back(&scene, (&before, scope));
                let restored = report.count(Verdict::Restored);
                assert_eq!(restored, FILES, "{place:?}: {:?}", report.files.first());
            } else {
                let report = scene.restore(scope);
                assert_same(&scene, &before, &report);
                assert_eq!(refused(&report), [], "{place:?}");
                assert_eq!(report.count(Verdict::Removed), 0, "{place:?}");
            }
        }
    }
}

#[test]
fn files_that_exchanged_their_names_get_them_back() {
    pairs_come_back(&PLACES, &[1]);
    pairs_come_back(&[Place::Host], &[2]);
}

#[test]
#[ignore = "long"]
fn long_files_that_exchanged_their_names_to_and_fro_get_them_back() {
    pairs_come_back(&PLACES, &[2, 3]);
}

/// Too large to be copied at rest, and never opened: all that is known of them are their names.
#[test]
fn so_do_files_of_which_there_is_no_copy() {
    for place in PLACES {
        let mut scene = Scene::new(place, crate::support::large_files(4));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let scope = scene.attack(|actor| exchange_pairs(actor, &targets, 1));
        let report = there_and_back(&scene, (&before, scope));
        assert_eq!(report.count(Verdict::Restored), 4, "{place:?}");
    }
}

/// Exchanged, and then written to under the other name.
#[test]
fn so_do_files_that_were_encrypted_too() {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(FILES));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let scope = scene.attack(|actor| {
            exchange_pairs(actor, &targets, 1);
            targets.iter().step_by(3).for_each(|path| actor.encrypt(path));
        });
        there_and_back(&scene, (&before, scope));
    }
}

/// Directories of an image are not exchanged: overlayfs refuses.
const WITH_DIRECTORIES: [Place; 4] = [Place::Upper, Place::Host, Place::Bind, Place::Volume];

fn folders(data: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let inside = manifest_of(folder);
    files(&inside, folder)
}

/// What becomes of the old directory, which has the name of the one of ciphertext then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Old {
    Stays,
    HalfDeleted,
    Emptied,
    Removed,
}

/// A directory of ciphertext is made beside each, and the two are exchanged.
fn exchange_for_ciphertext(actor: &mut Actor, data: &Path, old: Old) {
    for folder in folders(data) {
        let beside = with_suffix(&folder, ".x");
        actor.mkdir(&beside);
        actor.mkdir(&beside.join("inner"));
        for path in files_in(&folder) {
            let made = beside.join(path.strip_prefix(&folder).unwrap());
            fs::write(made, cipher(&fs::read(path).unwrap())).unwrap();
        }
        actor.exchange(&folder, &beside);
        let left = files_in(&beside);
        let step = if old == Old::HalfDeleted { 2 } else { 1 };
        if old != Old::Stays {
            left.iter().step_by(step).for_each(|path| actor.unlink(path));
        }
        if old == Old::Removed {
            actor.rmdir(&beside.join("inner"));
            actor.rmdir(&beside);
        }
    }
}

/// As `corpus`, with a directory in each.
fn nested(data: &Path) {
    corpus(FILES)(data);
    for folder in folders(data) {
        fs::create_dir(folder.join("inner")).unwrap();
        fs::write(folder.join("inner/deep.txt"), "deep in the well\n".repeat(60)).unwrap();
    }
}

fn exchanged_for_ciphertext(places: &[Place], olds: &[Old]) {
    let mut problems = Vec::new();
    for &place in places {
        for &old in olds {
            let mut scene = Scene::new(place, nested);
            std::thread::sleep(OLDER);
            let before = scene.manifest();
            let data = scene.data();
            let scope = scene.attack(|actor| exchange_for_ciphertext(actor, &data, old));
            let case = format!("{place:?} {old:?}");
            problems.extend(left_by_turns(&scene, (&before, scope), &case));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn a_directory_that_was_exchanged_for_one_of_ciphertext_comes_back() {
    exchanged_for_ciphertext(&[Place::Host], &[Old::Stays, Old::HalfDeleted]);
    exchanged_for_ciphertext(&[Place::Upper], &[Old::Emptied]);
}

#[test]
#[ignore = "long"]
fn long_a_directory_that_was_exchanged_for_one_of_ciphertext_comes_back() {
    let all = [Old::Stays, Old::HalfDeleted, Old::Emptied, Old::Removed];
    exchanged_for_ciphertext(&WITH_DIRECTORIES, &all);
}

fn changed_places(places: &[Place], times: &[usize]) {
    let mut problems = Vec::new();
    for &place in places {
        for &times in times {
            // Of a container's own directories, which nobody named before, only what is there after all of it is known.
            if place == Place::Upper && times == 2 {
                continue;
            }
            let mut scene = Scene::new(place, nested);
            std::thread::sleep(OLDER);
            let before = scene.manifest();
            let data = scene.data();
            let scope = scene.attack(|actor| {
                for pair in folders(&data).chunks_exact(2) {
                    (0..times).for_each(|_| actor.exchange(&pair[0], &pair[1]));
                }
                let targets = files_in(&data);
                targets.iter().step_by(2).for_each(|path| actor.encrypt(path));
                actor.unlink(&targets[1]);
                actor.rename(&targets[3], &with_suffix(&targets[3], ".locked"));
            });
            let case = format!("{place:?} {times}");
            problems.extend(left_by_turns(&scene, (&before, scope), &case));
            // Who comes after that finds every directory watched by its name.
            let again = scene.attack(|actor| {
                let targets = files_in(&data);
                targets.iter().step_by(2).for_each(|path| actor.unlink(path));
                actor.encrypt(&targets[1]);
            });
            let report = scene.restore(again);
            let left = difference(&before, &scene.manifest());
            problems.extend(
                left.into_iter()
                    .map(|line| format!("{place:?} {times} the next: {line}")),
            );
            problems.extend(
                refused(&report)
                    .into_iter()
                    .map(|(path, why)| format!("{path}: {why}")),
            );
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn directories_that_changed_places_and_whose_files_were_encrypted_come_back() {
    changed_places(&[Place::Host, Place::Upper], &[1]);
    changed_places(&[Place::Host], &[3]);
}

#[test]
#[ignore = "long"]
fn long_directories_that_changed_places_and_whose_files_were_encrypted_come_back() {
    changed_places(&WITH_DIRECTORIES, &[1, 2, 3]);
}

/// Nobody wrote to any file that was there, and each of them has ciphertext under its name: told as a rename over it would be.
#[test]
fn what_an_exchange_put_under_the_names_of_files_is_told() {
    for place in [Place::Upper, Place::Host] {
        let mut scene = Scene::new(place, nested);
        std::thread::sleep(OLDER);
        let before = scene.manifest();
        let data = scene.data();
        let targets = files(&before, &data);
        let told = scene.vault().changes();
        scene.attack(|actor| exchange_for_ciphertext(actor, &data, Old::Stays));
        let told: Vec<_> = told.try_iter().collect();
        for path in targets.iter().filter(|path| !path.ends_with("deep.txt")) {
            let name = path.strip_prefix(&data).unwrap().as_os_str().as_bytes();
            let is_told = told.iter().any(|change| {
                change.kind == ChangeKind::Replaced
                    && change.path.ends_with(name)
                    && change
                        .before
                        .is_some_and(|before| before.format != ContentFormat::Unknown)
                    && change.after.is_some()
            });
            assert!(is_told, "{place:?}: nothing is told of {}", path.display());
        }
    }
}

/// A file that is older than the attack lies under a name that the attack made: even who decides for the state from before does
/// not have it deleted.
#[test]
fn an_older_file_is_never_removed_for_having_a_name_that_was_made() {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(4));
        std::thread::sleep(OLDER);
        let data = scene.data();
        let (original, made) = (data.join("d0/file-0.txt"), data.join("d0/note"));
        let content = fs::read(&original).unwrap();
        let scope = scene.attack(|_| fs::write(&made, "pay").unwrap());
        scene.outsider(|actor| actor.rename(&original, &made));
        for over_conflicts in [false, true] {
            let report = scene.vault().restore(&RestoreRequest {
                scopes: vec![scope],
                over_conflicts,
                ..RestoreRequest::default()
            });
            assert_eq!(
                report.count(Verdict::Conflict),
                1,
                "{place:?}: {:?}",
                report.files
            );
            assert_eq!(fs::read(&made).unwrap(), content, "{place:?}");
        }
    }
}

/// A file changes names with a directory, and a directory with one that lies elsewhere and is not of its depth.
fn exchange_unlike(actor: &mut Actor, data: &Path) {
    let (file, folder) = (data.join("d0/file-0.txt"), data.join("d1"));
    actor.exchange(&file, &folder);
    actor.exchange(&data.join("d2/inner"), &data.join("d3"));
    actor.encrypt(&file.join("file-1.txt"));
    actor.encrypt(&folder);
    actor.encrypt(&data.join("d3/deep.txt"));
    actor.encrypt(&data.join("d2/inner/file-3.txt"));
    actor.unlink(&data.join("d2/inner/file-8.txt"));
}

fn unlike_change_back(places: &[Place]) {
    for &place in places {
        let mut scene = Scene::new(place, nested);
        std::thread::sleep(OLDER);
        let (before, data) = (scene.manifest(), scene.data());
        let scope = scene.attack(|actor| exchange_unlike(actor, &data));
        let spoiled = scene.manifest();
        let first = scene.restore(scope);
        assert_same(&scene, &before, &first);
        assert_eq!(refused(&first), [], "{place:?}");
        assert_same(&scene, &before, &scene.restore(scope));
        assert_same(&scene, &spoiled, &scene.restore(first.id));
    }
}

#[test]
fn a_file_and_a_directory_that_changed_places_come_back() {
    unlike_change_back(&[Place::Host]);
}

#[test]
#[ignore = "long"]
fn long_a_file_and_a_directory_that_changed_places_come_back() {
    unlike_change_back(&WITH_DIRECTORIES);
}

/// The agent ends between the attack and the restore, and between that and its undo: the journal has both halves of an exchange.
fn known_after_restarts(places: &[Place]) {
    for &place in places {
        let mut scene = Scene::new(place, nested);
        std::thread::sleep(OLDER);
        let (before, data) = (scene.manifest(), scene.data());
        let pairs = files_in(&data.join("d2"));
        let scope = scene.attack(|actor| {
            exchange_pairs(actor, &pairs, 3);
            actor.exchange(&data.join("d0"), &data.join("d1"));
            files_in(&data.join("d0"))
                .iter()
                .for_each(|path| actor.encrypt(path));
            exchange_for_ciphertext(actor, &data.join("d3"), Old::Emptied);
        });
        let spoiled = scene.manifest();
        let again = |scene: &mut Scene, expected: &Manifest, scope: ProcessUid| {
            scene.close_vault();
            scene.open_vault();
            scene.settle();
            let report = scene.restore(scope);
            assert_same(scene, expected, &report);
            assert_eq!(refused(&report), [], "{place:?}");
            report.id
        };
        let first = again(&mut scene, &before, scope);
        again(&mut scene, &spoiled, first);
        again(&mut scene, &before, scope);
    }
}

#[test]
fn the_journal_knows_what_was_exchanged() {
    known_after_restarts(&[Place::Upper]);
}

#[test]
#[ignore = "long"]
fn long_the_journal_knows_what_was_exchanged() {
    known_after_restarts(&[Place::Host, Place::Upper]);
}

/// Files of the same names in each directory, and of each its own content.
fn alike(data: &Path) {
    for name in ["a", "b", "c", "d"] {
        fs::create_dir_all(data.join(name).join("inner")).unwrap();
        for number in 0..FILES {
            let content = format!("{name} {number} of the house\n").repeat(100);
            fs::write(data.join(name).join(format!("f{number}.txt")), &content).unwrap();
            fs::write(data.join(name).join(format!("inner/f{number}.txt")), &content).unwrap();
        }
    }
}

/// Two directories of the same names change places by three renames, and their files are replaced by ciphertext: each comes back
/// with its own content.
fn swapped_and_replaced(places: &[Place]) {
    for &place in places {
        let mut scene = Scene::new(place, alike);
        std::thread::sleep(OLDER);
        let (before, data) = (scene.manifest(), scene.data());
        let scope = scene.attack(|actor| {
            for pair in folders(&data).chunks_exact(2) {
                let aside = with_suffix(&pair[0], ".aside");
                actor.rename(&pair[0], &aside);
                actor.rename(&pair[1], &pair[0]);
                actor.rename(&aside, &pair[1]);
            }
            // The files of the others are not touched.
            let attacked: Vec<_> = folders(&data).into_iter().skip(1).step_by(2).collect();
            for path in attacked.iter().flat_map(|folder| files_in(folder)) {
                let made = with_suffix(&path, ".tmp");
                fs::write(&made, cipher(&fs::read(&path).unwrap())).unwrap();
                actor.rename(&made, &path);
            }
        });
        let spoiled = scene.manifest();
        let first = scene.restore(scope);
        assert_same(&scene, &before, &first);
        assert_same(&scene, &spoiled, &scene.restore(first.id));
        assert_same(&scene, &before, &scene.restore(scope));
    }
}

#[test]
fn files_that_were_replaced_in_directories_that_changed_places_by_renames_come_back() {
    swapped_and_replaced(&[Place::Host, Place::Upper]);
}
