//! What comes back beside content: metadata, links, odd names; and what a restore must leave alone.

use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{
    Actor, MIB, PLACES, Place, Scene, assert_restored, assert_same, assert_same_contents,
    assert_same_or_late, cipher, corpus, eventually, files, is_marked, manifest_of, refused, set_attribute,
    set_mode_and_time, with_suffix,
};
use norn_events::wire::action::v1::{FileVerdict, Verdict};
use norn_vault::{RestoreReport, RestoreRequest};

/// user::rw-, user:1000:r--, group::r--, mask::r--, other::--- in the form that `struct posix_acl_xattr_header` has.
const ACL: &[u8] = &[
    2, 0, 0, 0, 1, 0, 6, 0, 0xff, 0xff, 0xff, 0xff, 2, 0, 4, 0, 0xe8, 3, 0, 0, 4, 0, 4, 0, 0xff, 0xff, 0xff,
    0xff, 16, 0, 4, 0, 0xff, 0xff, 0xff, 0xff, 32, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
];
/// cap_net_bind_service=ep, as `struct vfs_cap_data` of revision 2.
const CAPABILITY: &[u8] = &[1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn one_of_each_kind_of_metadata(dir: &Path) {
    for name in ["owned", "acl", "capable", "setuid", "plain", "tagged"] {
        fs::write(dir.join(name), format!("the content of {name}\n").repeat(50)).unwrap();
        set_mode_and_time(&dir.join(name), 0o640, 1_500_000_000);
    }
    std::os::unix::fs::chown(dir.join("owned"), Some(1000), Some(1001)).unwrap();
    set_attribute(&dir.join("acl"), "system.posix_acl_access", ACL);
    set_attribute(&dir.join("capable"), "security.capability", CAPABILITY);
    set_attribute(&dir.join("tagged"), "user.origin", b"the well");
    set_attribute(&dir.join("tagged"), "trusted.seal", b"\x00\xff");
    std::os::unix::fs::chown(dir.join("setuid"), Some(1000), Some(1000)).unwrap();
    set_mode_and_time(&dir.join("setuid"), 0o4755, 1_500_000_001);
}

fn spoil(actor: &mut Actor, path: &Path) {
    set_attribute(path, "user.ransom", b"pay");
    set_mode_and_time(path, 0o777, 1_700_000_000);
    actor.chown(path, 7, 7);
    actor.chmod(path, 0o777);
}

#[test]
fn metadata() {
    for place in PLACES {
        let mut scene = Scene::new(place, one_of_each_kind_of_metadata);
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let scope = scene.attack(|actor| {
            for path in &targets {
                actor.encrypt(path);
                spoil(actor, path);
            }
        });
        let report = scene.restore(scope);
        let late = assert_same_or_late(&scene, &before, &report);
        assert_eq!(report.count(Verdict::Restored) + late, targets.len(), "{place:?}");
    }
}

#[test]
fn metadata_alone() {
    for place in PLACES {
        let mut scene = Scene::new(place, one_of_each_kind_of_metadata);
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let scope = scene.attack(|actor| targets.iter().for_each(|path| spoil(actor, path)));
        let report = scene.restore(scope);
        assert_same(&scene, &before, &report);
        let changes: Vec<_> = report.files.iter().map(|file| file.change.as_str()).collect();
        assert_eq!(changes, vec!["metadata"; targets.len()], "{place:?}");
    }
}

/// Owner, mode and attributes that an attack changes before anything else.
fn of_somebody(dir: &Path) {
    for number in 0..12 {
        let path = dir.join(format!("file-{number}"));
        fs::write(&path, format!("line {number} of the saga\n").repeat(200)).unwrap();
        std::os::unix::fs::chown(&path, Some(1000), Some(1001)).unwrap();
        set_attribute(&path, "user.origin", b"the well");
        set_mode_and_time(&path, 0o640, 1_650_000_000 + number as i64);
    }
}

fn spoil_first(actor: &mut Actor, path: &Path) {
    actor.chmod(path, 0o777);
    actor.chown(path, 7, 7);
    set_attribute(path, "user.origin", b"taken");
    set_attribute(path, "user.ransom", b"pay");
}

fn attacked(
    places: impl IntoIterator<Item = Place>,
    make: impl Fn(&Path),
    attack: impl Fn(&mut Actor, &[PathBuf]),
) {
    for place in places {
        let mut scene = Scene::new(place, &make);
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let scope = scene.attack(|actor| attack(actor, &targets));
        let report = scene.restore(scope);
        assert_restored(&scene, &before, &report, targets.len());
    }
}

#[test]
fn metadata_of_each_file_and_then_encrypted() {
    attacked(PLACES, of_somebody, |actor, targets| {
        for path in targets {
            spoil_first(actor, path);
            actor.encrypt(path);
        }
    });
}

#[test]
fn metadata_of_all_files_and_then_encrypted() {
    attacked(PLACES, of_somebody, |actor, targets| {
        targets.iter().for_each(|path| spoil_first(actor, path));
        targets.iter().for_each(|path| actor.encrypt(path));
    });
}

#[test]
fn metadata_of_each_file_and_then_renamed_and_encrypted() {
    attacked(PLACES, of_somebody, |actor, targets| {
        for path in targets {
            spoil_first(actor, path);
            actor.rename(path, &with_suffix(path, ".locked"));
            actor.encrypt(&with_suffix(path, ".locked"));
        }
    });
}

#[test]
fn metadata_of_each_file_and_then_removed() {
    attacked(PLACES, of_somebody, |actor, targets| {
        for path in targets {
            spoil_first(actor, path);
            actor.unlink(path);
        }
    });
}

#[test]
fn metadata_of_each_file_when_it_has_another_name_and_then_encrypted() {
    attacked(PLACES, of_somebody, |actor, targets| {
        for path in targets {
            let other = with_suffix(path, ".locked");
            actor.rename(path, &other);
            spoil_first(actor, &other);
            actor.encrypt(&other);
        }
    });
}

/// By a process that has ended when the next thing is done.
#[test]
fn metadata_of_each_file_by_a_tool_and_then_encrypted() {
    for place in PLACES {
        let mut scene = Scene::new(place, of_somebody);
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let scope = scene.attack(|_| ());
        for path in &targets {
            scene.process_below(scope, |actor| {
                actor.chmod(path, 0o777);
                actor.chown(path, 7, 7);
            });
            scene.process_below(scope, |actor| actor.encrypt(path));
        }
        let report = scene.restore(scope);
        assert_restored(&scene, &before, &report, targets.len());
    }
}

/// The sensor tells nothing of that, and the directory of it when the file is open already.
#[test]
fn metadata_that_are_attributes_alone_and_then_encrypted() {
    attacked(PLACES, of_somebody, |actor, targets| {
        for path in targets {
            set_attribute(path, "user.origin", b"taken");
            actor.encrypt(path);
        }
    });
}

/// None of them has a copy at rest. Of those that a container made itself the mode is not known before they are opened.
#[test]
fn metadata_of_large_files_and_then_encrypted() {
    let places = PLACES.into_iter().filter(|place| *place != Place::Upper);
    let large = |dir: &Path| {
        for number in 0..3 {
            let path = dir.join(format!("large-{number}"));
            fs::write(&path, vec![number as u8 + 1; 2 * MIB as usize]).unwrap();
            set_mode_and_time(&path, 0o640, 1_650_000_000 + number);
        }
    };
    attacked(places, large, |actor, targets| {
        for path in targets {
            spoil_first(actor, path);
            actor.encrypt(path);
        }
    });
}

fn two_names_each(dir: &Path) {
    fs::create_dir(dir.join("other")).unwrap();
    for number in 0..9 {
        let path = dir.join(format!("file-{number}"));
        fs::write(&path, format!("{number} has two names\n").repeat(80)).unwrap();
        fs::hard_link(&path, dir.join(format!("other/twin-{number}"))).unwrap();
    }
}

#[test]
fn hard_links() {
    for place in PLACES {
        let mut scene = Scene::without_vault(place, two_names_each);
        scene.open_vault();
        scene.settle();
        let before = scene.manifest();
        let data = scene.data();
        let name = |number: u32| data.join(format!("file-{number}"));
        let twin = |number: u32| data.join(format!("other/twin-{number}"));
        // The kernel knows of no other name than those the attack uses.
        fs::write("/proc/sys/vm/drop_caches", "2").unwrap();
        let scope = scene.attack(|actor| {
            actor.encrypt(&name(0));
            actor.unlink(&name(1));
            actor.encrypt(&name(2));
            actor.unlink(&name(2));
            actor.unlink(&name(3));
            actor.unlink(&twin(3));
            actor.rename(&twin(4), &with_suffix(&twin(4), ".locked"));
            actor.encrypt(&name(4));
            let open = |path| fs::OpenOptions::new().write(true).open(path).unwrap();
            let both = [open(name(6)), open(twin(6))];
            // The second is closed first.
            for mut file in both.into_iter().rev() {
                file.write_all(b"one and the same no more").unwrap();
            }
            // It is closed when this name is gone already.
            let mut file = open(name(7));
            file.write_all(b"one name less").unwrap();
            actor.unlink(&name(7));
            drop(file);
            fs::write(data.join("new"), b"pay").unwrap();
            actor.rename(&data.join("new"), &name(5));
            for path in [name(8), twin(8)] {
                let content = fs::read(&path).unwrap();
                open(path.clone()).write_all(&cipher(&content)).unwrap();
                actor.unlink(&path);
            }
        });
        let report = scene.restore(scope);
        assert_same(&scene, &before, &report);
    }
}

/// Mounted again, overlayfs gives what was copied up of such a file another handle.
#[test]
fn hard_links_of_a_container_that_was_stopped() {
    for goes_on in [false, true] {
        let mut scene = Scene::without_vault(Place::Lower, two_names_each);
        scene.open_vault();
        scene.settle();
        let before = scene.manifest();
        let data = scene.data();
        let scope = scene.attack(|actor| {
            for number in 0..3 {
                actor.encrypt(&data.join(format!("file-{number}")));
            }
            actor.encrypt(&data.join("other/twin-2"));
            actor.rename(&data.join("file-1"), &data.join("file-1.locked"));
        });
        scene.unmount();
        scene.wait_for_unmount();
        if goes_on {
            scene.mount_again();
        }
        let report = scene.restore(scope);
        if !goes_on {
            scene.mount_again();
        }
        assert_same(&scene, &before, &report);
        assert_eq!(refused(&report), []);
    }
}

fn some_symbolic_links(dir: &Path) {
    fs::write(dir.join("file"), "what the links lead to\n").unwrap();
    symlink("file", dir.join("short")).unwrap();
    symlink("nowhere/at/all", dir.join("dangling")).unwrap();
    symlink("/etc/hostname", dir.join("away")).unwrap();
    symlink("short", dir.join("moved")).unwrap();
}

#[test]
fn symlinks() {
    for place in PLACES {
        // The container was there before the agent: its links are found by the scan.
        let mut scene = Scene::without_vault(place, some_symbolic_links);
        scene.open_vault();
        scene.settle();
        let before = scene.manifest();
        let data = scene.data();
        let hostname = fs::read("/etc/hostname").unwrap();
        let scope = scene.attack(|actor| {
            for name in ["short", "dangling", "away"] {
                actor.unlink(&data.join(name));
            }
            fs::write(data.join("short"), b"pay").unwrap();
            actor.symlink(Path::new("/etc/hostname"), &data.join("dangling"));
            actor.rename(&data.join("moved"), &data.join("moved.locked"));
            actor.encrypt(&data.join("file"));
        });
        let report = scene.restore(scope);
        assert_same_or_late(&scene, &before, &report);
        assert_eq!(fs::read("/etc/hostname").unwrap(), hostname);
    }
}

fn odd_names_in(dir: &Path) -> Vec<PathBuf> {
    let names: [&[u8]; 7] = [
        b"two\nlines",
        b"not \xff\xfe utf-8",
        b" ",
        b"-rf *",
        b"quote'\"\\040back",
        b"...",
        &[b'n'; 200],
    ];
    names
        .map(|name| dir.join(std::ffi::OsStr::from_bytes(name)))
        .into()
}

#[test]
fn odd_names() {
    for place in PLACES {
        let mut scene = Scene::new(place, |dir| {
            let inner = dir.join(std::ffi::OsStr::from_bytes(b"a dir\n\xff"));
            fs::create_dir(&inner).unwrap();
            for path in odd_names_in(dir).into_iter().chain(odd_names_in(&inner)) {
                fs::write(&path, path.as_os_str().as_bytes().repeat(30)).unwrap();
            }
        });
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let scope = scene.attack(|actor| actor.by_turns(&targets, "\n.locked"));
        let report = scene.restore(scope);
        let late = assert_same_or_late(&scene, &before, &report);
        assert_eq!(report.count(Verdict::Restored) + late, targets.len(), "{place:?}");
    }
}

fn verdict(report: &RestoreReport, name: &str) -> Option<Verdict> {
    let found = report
        .files
        .iter()
        .find(|file| file.path.ends_with(name.as_bytes()));
    found.and_then(|file| Verdict::try_from(file.verdict).ok())
}

#[test]
fn conflict() {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(5));
        let before = scene.manifest();
        let data = scene.data();
        let file = |number: u32| data.join(format!("d{number}/file-{number}.txt"));
        let made = data.join("made");
        let scope = scene.attack(|actor| {
            (0..5).for_each(|number| actor.encrypt(&file(number)));
            fs::write(&made, b"pay").unwrap();
            actor.unlink(&file(3));
        });
        scene.settle();
        scene.outsider(|_| {
            fs::write(file(1), b"repaired by hand").unwrap();
            fs::write(file(3), b"written anew by hand").unwrap();
            fs::write(&made, b"somebody else's work now").unwrap();
        });
        let report = scene.restore(scope);
        for (name, content) in [
            (file(1), &b"repaired by hand"[..]),
            (file(3), b"written anew by hand"),
            (made, b"somebody else's work now"),
        ] {
            assert_eq!(
                fs::read(&name).unwrap(),
                content,
                "{place:?}: {name:?} was overwritten"
            );
            let name = name.file_name().unwrap().to_str().unwrap().to_owned();
            assert_eq!(
                verdict(&report, &name),
                Some(Verdict::Conflict),
                "{place:?}: {name} {report:?}"
            );
        }
        for number in [0, 2, 4] {
            let name = format!("d{number}/file-{number}.txt");
            assert_eq!(
                verdict(&report, &name),
                Some(Verdict::Restored),
                "{place:?}: {name}"
            );
            assert_eq!(fs::read(file(number)).unwrap(), before[name.as_bytes()].content);
        }
    }
}

#[test]
fn second_restore_unchanged() {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(12));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let scope = scene.attack(|actor| {
            for (number, path) in targets.iter().enumerate() {
                match number % 4 {
                    0 => actor.encrypt(path),
                    1 => actor.unlink(path),
                    2 => actor.rename(path, &with_suffix(path, ".locked")),
                    _ => fs::write(with_suffix(path, ".note"), b"pay").unwrap(),
                }
            }
        });
        let first = scene.restore(scope);
        assert_same(&scene, &before, &first);
        let inodes = |paths: &[PathBuf]| -> Vec<u64> {
            paths
                .iter()
                .map(|path| fs::metadata(path).unwrap().ino())
                .collect()
        };
        let were = inodes(&targets);
        let second = scene.restore(scope);
        assert_same(&scene, &before, &second);
        assert_eq!(were, inodes(&targets), "{place:?}: a file was made again");
        let unchanged = second.count(Verdict::Unchanged);
        assert_eq!(unchanged, second.files.len(), "{place:?}: {:?}", second.files);
    }
}

/// Deleted with its directories, restored, and then attacked in the ways that leave no time for a copy.
// @norn-strict
#[test]
fn a_second_attack_is_undone_too() {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(20));
        let before = scene.manifest();
        let data = scene.data();
        let targets = files(&before, &data);
        let first = scene.attack(|actor| {
            targets.iter().for_each(|path| actor.unlink(path));
            (0..5).for_each(|number| actor.rmdir(&data.join(format!("d{number}"))));
        });
        let report = scene.restore(first);
        assert_same(&scene, &before, &report);
        scene.settle();
        let second = scene.attack(|actor| {
            for (number, path) in targets.iter().enumerate() {
                match number % 4 {
                    0 => actor.truncate(path, 0),
                    1 => actor.unlink(path),
                    2 => actor.encrypt(path),
                    _ => actor.rename(path, &with_suffix(path, ".locked")),
                }
            }
        });
        let report = scene.restore(second);
        let late = assert_same_or_late(&scene, &before, &report);
        assert_eq!(report.count(Verdict::Restored) + late, targets.len(), "{place:?}");
    }
}

/// While the restore runs, a container swaps a directory of its own for a link to the host's files, again and again.
// @norn-strict
#[test]
fn symlink_race_never_leaves_root() {
    const ROUNDS: usize = 12;
    for place in [Place::Upper, Place::Host] {
        let mut scene = Scene::new(place, corpus(50));
        let (victim, bait) = (scene.data().join("d0"), scene.data().join("bait"));
        let outside = scene.home.join("outside");
        fs::create_dir(&outside).unwrap();
        let targets: Vec<PathBuf> = files(&manifest_of(&victim), &victim);
        for path in &targets {
            let there = outside.join(path.file_name().unwrap());
            fs::write(with_suffix(&there, ".note"), b"the host's own note").unwrap();
            fs::write(there, b"the host's own").unwrap();
        }
        let untouched = manifest_of(&outside);
        symlink(&outside, &bait).unwrap();
        let mut told = Vec::new();
        for _ in 0..ROUNDS {
            let scope = scene.attack(|actor| {
                for path in targets.iter().filter(|path| path.exists()) {
                    actor.unlink(path);
                    fs::write(with_suffix(path, ".note"), b"pay").unwrap();
                }
            });
            let racer = crate::support::race(|| crate::support::exchange(&bait, &victim));
            scene.restore(scope);
            drop(racer);
            if fs::symlink_metadata(&victim).unwrap().is_symlink() {
                crate::support::exchange(&bait, &victim);
            }
            told.extend(scene.restore(scope).files);
        }
        assert_eq!(
            manifest_of(&outside),
            untouched,
            "{place:?}: the host's files were touched"
        );
        // On the host the swaps are on record, as later changes by another process: there they are conflicts.
        if place == Place::Upper {
            // What came back a moment before it was deleted again may be lost, on a busy machine, and what was swapped in between
            // may be another's change; then it must be said, and why.
            for path in targets.iter().filter(|path| !path.exists()) {
                let verdicts: Vec<_> = told.iter().filter(|file| is_of(path, file)).collect();
                let is_said = verdicts.iter().any(|file| {
                    is_one_of(file, &[Verdict::Lost, Verdict::Conflict]) && !file.reason.is_empty()
                });
                assert!(
                    is_said,
                    "{path:?} is not back when the race is over: {verdicts:?}"
                );
            }
            let lost = told
                .iter()
                .filter(|file| is_one_of(file, &[Verdict::Lost]))
                .count();
            assert!(lost < targets.len() / 2, "{lost} lost");
        }
    }
}

fn is_of(path: &Path, file: &FileVerdict) -> bool {
    file.path.ends_with(path.file_name().unwrap().as_bytes())
}

fn is_one_of(file: &FileVerdict, verdicts: &[Verdict]) -> bool {
    verdicts.iter().any(|&verdict| file.verdict == verdict as i32)
}

#[test]
fn restore_after_container_gone() {
    for place in [Place::Lower, Place::Upper] {
        for restarted in [false, true] {
            let mut scene = Scene::new(place, corpus(20));
            let before = scene.manifest();
            let targets = files(&before, &scene.data());
            let scope = scene.attack(|actor| actor.by_turns(&targets, ".locked"));
            scene.settle();
            scene.unmount();
            if restarted {
                scene.close_vault();
                scene.open_vault();
            }
            scene.wait_for_unmount();
            let report = scene.restore(scope);
            scene.mount();
            let late = assert_same_or_late(&scene, &before, &report);
            let restored = report.count(Verdict::Restored);
            assert_eq!(
                restored + late,
                targets.len(),
                "{place:?}, agent restarted: {restarted}"
            );
        }
    }
}

/// Whoever removed it gave up what was in its layer: that is no loss, whatever the attack had done to it.
#[test]
fn what_a_removed_container_had_is_gone_with_it() {
    let mut scene = Scene::new(Place::Upper, corpus(20));
    let targets = files(&scene.manifest(), &scene.data());
    let note = scene.data().join("README.locked");
    let scope = scene.attack(|actor| {
        actor.by_turns(&targets[..6], ".locked");
        fs::write(&note, b"pay").unwrap();
    });
    scene.settle();
    scene.unmount();
    fs::remove_dir_all(scene.home.join("upper")).unwrap();
    scene.wait_for_unmount();
    let report = scene.restore(scope);
    assert_eq!(
        report.count(Verdict::Removed),
        report.files.len(),
        "{:?}",
        refused(&report)
    );
    let is_said = |file: &FileVerdict| file.reason == "gone with the container";
    assert!(
        report.files.len() >= 7 && report.files.iter().all(is_said),
        "{:?}",
        report.files
    );
}

/// After a cold restore the layer is what it was, not a layer full of copies; and it can be undone.
#[test]
fn a_stopped_container_shows_its_image_again() {
    shows_its_image_again(corpus(20));
    shows_its_image_again(two_names_each);
}

fn shows_its_image_again(build: impl Fn(&Path)) {
    let mut scene = Scene::without_vault(Place::Lower, build);
    scene.open_vault();
    scene.settle();
    let before = scene.manifest();
    let targets = files(&before, &scene.data());
    let scope = scene.attack(|actor| actor.by_turns(&targets, ".locked"));
    scene.settle();
    let spoiled = scene.manifest();
    scene.unmount();
    scene.wait_for_unmount();
    let cold = |scope| RestoreRequest {
        scopes: vec![scope],
        cold: true,
        ..RestoreRequest::default()
    };
    let report = scene.vault().restore(&cold(scope));
    let upper = manifest_of(&scene.home.join("upper"));
    let kept: Vec<_> = upper.keys().filter(|name| !name.ends_with(b"/")).collect();
    assert!(kept.is_empty(), "the layer still holds {kept:?}");
    let undone = scene.vault().restore(&cold(report.id));
    scene.mount();
    assert_same_contents(&scene, &spoiled, &undone);
    scene.unmount();
    scene.wait_for_unmount();
    let again = scene.vault().restore(&cold(scope));
    scene.mount();
    assert_same(&scene, &before, &again);
}

/// A process that is killed while it waits to open what it has just made leaves an empty file of which nobody was told; so does
/// mknod(2).
#[test]
fn what_a_killed_process_had_just_made_is_removed() {
    for place in [Place::Lower, Place::Upper] {
        let mut scene = Scene::new(place, corpus(10));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let other = scene.data().join("of somebody else");
        let scope = scene.attack(|actor| {
            actor.encrypt(&targets[0]);
            let made = crate::support::c_path(&with_suffix(&targets[1], ".locked"));
            // SAFETY: the string outlives the call.
            assert_eq!(unsafe { libc::mknod(made.as_ptr(), libc::S_IFREG | 0o600, 0) }, 0);
        });
        scene.outsider(|_| drop(fs::File::create(&other).unwrap()));
        scene.settle();
        let report = scene.restore(scope);
        assert_eq!(report.count(Verdict::Removed), 1, "{place:?}");
        assert!(other.exists(), "an empty file that another process made is gone");
        scene.outsider(|_| fs::remove_file(&other).unwrap());
        assert_same(&scene, &before, &report);
    }
}

/// A database or a lock is opened to write a thousand times for each time it is written. What is young when it is copied could be
/// written without a trace in its times, and counts as changed.
#[test]
fn what_was_opened_to_write_and_not_written_is_nobodys_change() {
    for place in [Place::Host, Place::Volume] {
        let mut scene = Scene::new(place, |dir| {
            corpus(6)(dir);
            std::thread::sleep(Duration::from_millis(1_100));
        });
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let scope = scene.attack(|actor| {
            let open = |path| fs::OpenOptions::new().write(true).open(path).unwrap();
            targets.iter().for_each(|path| drop(open(path)));
            actor.encrypt(&targets[0]);
        });
        let report = scene.restore(scope);
        assert_eq!(report.files.len(), 1, "{place:?}: {:?}", report.files);
        assert_same(&scene, &before, &report);
    }
}

/// There is nothing in them to copy: they need not wait for their copy, while a second's worth of others does.
#[test]
fn empty_files_come_back_however_young() {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(5));
        let made: Vec<PathBuf> = (0..20)
            .map(|number| scene.data().join(format!("{number}.lock")))
            .collect();
        // Nobody's attack either, but nothing is waited for.
        scene.attack_without_settling(|_| {
            for path in &made {
                fs::write(path.with_extension("large"), vec![1; 1 << 20]).unwrap();
                fs::write(path, []).unwrap();
                fs::read(path).unwrap();
            }
        });
        let before = scene.manifest();
        let scope = scene.attack(|actor| made.iter().for_each(|path| actor.unlink(path)));
        let report = scene.restore(scope);
        assert_same(&scene, &before, &report);
    }
}

/// Whoever opens them next finds them empty: so they come back, with their owner and mode.
#[test]
fn empty_files_that_were_just_made_and_are_written_to_come_back() {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(5));
        let made: Vec<PathBuf> = (0..20)
            .map(|number| scene.data().join(format!("{number}.lock")))
            .collect();
        scene.attack_without_settling(|_| {
            for path in &made {
                let mut options = fs::OpenOptions::new();
                OpenOptionsExt::mode(options.write(true).create(true), 0o600);
                let _held = options.open(path).unwrap();
            }
        });
        let before = scene.manifest();
        let scope = scene.attack(|actor| {
            for path in &made {
                fs::write(path, [7; 3000]).unwrap();
                actor.chmod(path, 0o777);
            }
        });
        let report = scene.restore(scope);
        assert_same(&scene, &before, &report);
        assert_eq!(report.count(Verdict::Restored), made.len(), "{place:?}");
    }
}

/// What its owner does with a file that is back is his own business.
#[test]
fn a_file_that_its_owner_removed_after_the_restore_is_not_lost() {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(6));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let scope = scene.attack(|actor| actor.by_turns(&targets, ".locked"));
        let report = scene.restore(scope);
        assert_same(&scene, &before, &report);
        scene.outsider(|actor| targets.iter().for_each(|path| actor.unlink(path)));
        let again = scene.restore(scope);
        assert_eq!(again.count(Verdict::Lost), 0, "{place:?}: {:?}", refused(&again));
        let back: Vec<_> = targets.iter().filter(|path| path.exists()).collect();
        assert!(back.is_empty(), "{place:?}: {back:?}");
    }
}

/// Of a new mode the vault is told at once, of what is written only when the file is closed: the copy that it takes for the mode is
/// of a file that is still written.
#[test]
fn what_is_still_written_when_its_mode_is_told_comes_back_as_it_was() {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(20));
        let targets = files(&scene.manifest(), &scene.data());
        let open = |path: &PathBuf| fs::File::options().write(true).open(path).unwrap();
        scene.outsider(|_| {
            for path in &targets {
                open(path)
                    .write_all(b"by its owner, a moment before the attack\n")
                    .unwrap();
            }
        });
        // Longer than until a copy at rest, shorter than until the file is looked at again.
        std::thread::sleep(Duration::from_millis(60));
        let before = scene.manifest();
        let scope = scene.attack_in_two(
            |actor| {
                let mut held: Vec<_> = targets.iter().map(open).collect();
                for (file, path) in held.iter_mut().zip(&targets) {
                    file.write_all(b"half of it is a cipher").unwrap();
                    actor.chmod(path, 0o600);
                }
                held
            },
            |_, held| {
                for mut file in held {
                    file.write_all(b" and now all of it").unwrap();
                }
            },
        );
        let report = scene.restore(scope);
        assert_same(&scene, &before, &report);
    }
}

/// Runtimes mount a container's file system, unmount it and mount it again; the second looks like the first to whoever did not
/// look in between, and has no mark.
#[test]
fn a_container_that_is_mounted_again_is_watched_again() {
    let mut scene = Scene::new(Place::Lower, corpus(10));
    for round in 0..40 {
        scene.unmount();
        scene.mount_unseen();
        // Noticed, and gone before it is marked: the rest of the time differs from round to round.
        std::thread::sleep(std::time::Duration::from_micros(round * 20));
        scene.unmount();
        scene.mount_unseen();
        let is_marked = eventually(|| is_marked(&scene.home.join("merged")));
        assert!(is_marked, "round {round}");
    }
}
