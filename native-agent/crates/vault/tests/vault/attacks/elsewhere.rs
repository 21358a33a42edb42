//! Ciphertext that was made where nobody looks and then put in the place of files, and directories that get other names first:
//! each is told as it is, and undone, in every place.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{
    Actor, PLACES, Place, Scene, assert_same, assert_same_or_late, cipher, corpus, files, refused,
    with_suffix,
};
use norn_events::wire::action::v1::Verdict;
use norn_events::{ChangeKind, ContentChange, ContentFormat};

const FILES: usize = 25;

/// Outside of what is protected, and on the same file system where there is such a place.
fn elsewhere(scene: &Scene) -> PathBuf {
    match scene.place {
        Place::Lower | Place::Upper => scene.home.join("merged/elsewhere"),
        Place::Host | Place::Bind | Place::Volume => scene.home.join("elsewhere"),
    }
}

/// As `mv` does.
fn move_over(actor: &mut Actor, from: &Path, to: &Path) {
    if is_one_mount(from, to) {
        return actor.rename(from, to);
    }
    actor.unlink(to);
    fs::copy(from, to).unwrap();
    fs::remove_file(from).unwrap();
}

fn is_one_mount(from: &Path, to: &Path) -> bool {
    let beside = with_suffix(to, ".probe");
    let linked = fs::hard_link(from, &beside).is_ok();
    if linked {
        fs::remove_file(&beside).unwrap();
    }
    linked
}

/// Makes the ciphertext of all files elsewhere, then has it put over them by `put`; all that was there comes back.
fn everywhere(put: impl Fn(&mut Actor, &Path, &Path)) {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(FILES));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let stage = elsewhere(&scene);
        let told = scene.vault().changes();
        let scope = scene.attack(|actor| {
            fs::create_dir_all(&stage).unwrap();
            for (number, path) in targets.iter().enumerate() {
                let made = stage.join(number.to_string());
                fs::write(&made, cipher(&fs::read(path).unwrap())).unwrap();
            }
            for (number, path) in targets.iter().enumerate() {
                put(actor, &stage.join(number.to_string()), path);
            }
        });
        assert_ne!(before, scene.manifest(), "{place:?}: the attack did nothing");
        if place == Place::Host {
            assert_judged(&told.try_iter().collect::<Vec<_>>(), &targets);
        }
        let report = scene.restore(scope);
        assert_same_or_late(&scene, &before, &report);
    }
}

/// Of every file of some size it was told what was there, and that ciphertext came in its place.
fn assert_judged(told: &[ContentChange], targets: &[PathBuf]) {
    use std::os::unix::ffi::OsStrExt;
    let is_replaced = |change: &ContentChange| {
        let kinds = [ChangeKind::Replaced, ChangeKind::Overwritten];
        kinds.contains(&change.kind)
            && change
                .before
                .is_some_and(|before| before.format != ContentFormat::Unknown)
            && change
                .after
                .is_some_and(|after| after.format == ContentFormat::Unknown)
    };
    let large = targets
        .iter()
        .filter(|path| fs::metadata(path).is_ok_and(|stat| stat.len() > 256));
    let missed: Vec<_> = large
        .filter(|path| {
            let of = |change: &&ContentChange| change.path == path.as_os_str().as_bytes();
            !told.iter().filter(of).any(is_replaced)
        })
        .collect();
    assert!(
        missed.is_empty(),
        "{missed:?} of {:?}",
        told.iter()
            .map(|change| (change.kind, String::from_utf8_lossy(&change.path).into_owned()))
            .collect::<Vec<_>>()
    );
}

#[test]
fn renamed_over() {
    everywhere(move_over);
}

/// What is read by the name is the ciphertext, wherever it lies.
#[test]
fn a_symbolic_link_to_it_is_put_in_place() {
    everywhere(|actor, from, to| {
        actor.unlink(to);
        actor.symlink(from, to);
    });
}

/// As `ln -sf` does.
#[test]
fn a_symbolic_link_to_it_is_renamed_over() {
    everywhere(|actor, from, to| {
        let beside = with_suffix(to, ".new");
        actor.symlink(from, &beside);
        actor.rename(&beside, to);
    });
}

#[test]
#[ignore = "long"]
fn long_exchanged() {
    everywhere(|actor, from, to| match is_one_mount(from, to) {
        true => actor.exchange(from, to),
        false => move_over(actor, from, to),
    });
}

#[test]
#[ignore = "long"]
fn long_linked_then_renamed_over() {
    everywhere(|actor, from, to| {
        if !is_one_mount(from, to) {
            return move_over(actor, from, to);
        }
        let beside = with_suffix(to, ".new");
        actor.link(from, &beside);
        actor.rename(&beside, to);
    });
}

#[test]
fn copied_into_it() {
    everywhere(|_, from, to| {
        let content = fs::read(from).unwrap();
        fs::write(to, content).unwrap();
    });
}

/// The names are not protected by what is in the directory: the directory goes, and one of ciphertext comes.
#[test]
fn whole_directories_are_exchanged_for_others() {
    let mut scene = Scene::new(Place::Host, corpus(FILES));
    let before = scene.manifest();
    let (data, stage) = (scene.data(), elsewhere(&scene));
    let targets = files(&before, &data);
    let told = scene.vault().changes();
    let scope = scene.attack(|actor| {
        for path in &targets {
            let made = stage.join(path.strip_prefix(&data).unwrap());
            fs::create_dir_all(made.parent().unwrap()).unwrap();
            fs::write(made, cipher(&fs::read(path).unwrap())).unwrap();
        }
        for entry in fs::read_dir(&stage).unwrap() {
            let name = entry.unwrap().file_name();
            actor.rename(&data.join(&name), &data.join("old"));
            actor.rename(&stage.join(&name), &data.join(&name));
            fs::remove_dir_all(data.join("old")).unwrap();
        }
    });
    let arrived = told.try_iter().filter(|change| {
        change.kind == ChangeKind::Created
            && change
                .after
                .is_some_and(|after| after.format == ContentFormat::Unknown)
    });
    assert!(arrived.count() >= FILES / 2);
    let report = scene.restore(scope);
    assert_same_or_late(&scene, &before, &report);
}

/// Where whoever exchanges a directory for one of ciphertext is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Stopped {
    Moved,
    Exchanged,
    HalfDeleted,
    Deleted,
}

const STOPS: [Stopped; 4] = [
    Stopped::Moved,
    Stopped::Exchanged,
    Stopped::HalfDeleted,
    Stopped::Deleted,
];

fn exchange_until(actor: &mut Actor, (data, stage): (&Path, &Path), stopped: Stopped) {
    let (here, there, old) = (data.join("f1"), stage.join("f1"), data.join("old"));
    actor.rename(&here, &old);
    if stopped >= Stopped::Exchanged {
        actor.rename(&there, &here);
    }
    let files = files_below(&old);
    if stopped >= Stopped::HalfDeleted {
        files.iter().step_by(2).for_each(|path| actor.unlink(path));
    }
    if stopped == Stopped::Deleted {
        fs::remove_dir_all(old).unwrap();
    }
}

/// The attack is stopped in the middle of it: the old directory is there, under another name, or a part of it.
#[test]
fn a_directory_that_was_exchanged_for_another_in_part_comes_back() {
    let mut problems = Vec::new();
    for stopped in STOPS {
        let mut scene = Scene::new(Place::Host, nested);
        let before = scene.manifest();
        let (data, stage) = (scene.data(), elsewhere(&scene));
        let targets = files(&before, &data);
        scene.outsider(|_| {
            for path in &targets {
                let made = stage.join(path.strip_prefix(&data).unwrap());
                fs::create_dir_all(made.parent().unwrap()).unwrap();
                fs::write(made, cipher(&fs::read(path).unwrap())).unwrap();
            }
        });
        let scope = scene.attack(|actor| exchange_until(actor, (&data, &stage), stopped));
        assert_ne!(before, scene.manifest(), "{stopped:?}: the attack did nothing");
        scene.restore(scope);
        let left = crate::support::difference(&before, &scene.manifest());
        problems.extend(left.into_iter().map(|left| format!("{stopped:?}: {left}")));
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn directories_get_other_names_first() {
    // Directories of an image get no other names: overlayfs refuses, and `mv` makes new ones.
    for place in PLACES.into_iter().filter(|place| *place != Place::Lower) {
        let mut scene = Scene::new(place, corpus(FILES));
        let before = scene.manifest();
        let data = scene.data();
        let folders: Vec<PathBuf> = fs::read_dir(&data)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir())
            .collect();
        let targets = files(&before, &data);
        let scope = scene.attack(|actor| {
            for folder in &folders {
                actor.rename(folder, &with_suffix(folder, ".locked"));
            }
            for path in &targets {
                let inside = path.strip_prefix(&data).unwrap();
                let mut parts = inside.components();
                let top = parts.next().unwrap().as_os_str();
                let moved = with_suffix(&data.join(top), ".locked").join(parts.as_path());
                actor.encrypt(if moved.exists() { &moved } else { path });
            }
        });
        assert_ne!(before, scene.manifest(), "{place:?}: the attack did nothing");
        let report = scene.restore(scope);
        assert_same_or_late(&scene, &before, &report);
    }
}

/// How the directories get their new names, and what is done to the files under them.
type Moving = fn(&mut Actor, &Path);
type Harm = fn(&mut Actor, &Path);

fn top_folders(data: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(data).unwrap();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.is_dir());
    found.sort();
    found
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else if path.is_file() && !path.is_symlink() {
            found.push(path);
        }
    }
    found.sort();
    found
}

const MOVINGS: [(&str, Moving); 4] = [
    ("once", |actor, folder| {
        actor.rename(folder, &with_suffix(folder, ".locked"))
    }),
    ("twice", |actor, folder| {
        actor.rename(folder, &with_suffix(folder, ".a"));
        actor.rename(&with_suffix(folder, ".a"), &with_suffix(folder, ".b"));
    }),
    ("into another", |actor, folder| {
        let deep = folder.parent().unwrap().join("deep");
        if !deep.exists() {
            actor.mkdir(&deep);
        }
        actor.rename(folder, &deep.join(folder.file_name().unwrap()));
    }),
    ("the inner first", |actor, folder| {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                actor.rename(&path, &with_suffix(&path, ".inner"));
            }
        }
        actor.rename(folder, &with_suffix(folder, ".outer"));
    }),
];

const HARMS: [(&str, Harm); 5] = [
    ("in place", |actor, path| actor.encrypt(path)),
    ("new and unlink", |actor, path| {
        fs::write(with_suffix(path, ".x"), cipher(&fs::read(path).unwrap())).unwrap();
        actor.unlink(path);
    }),
    ("renamed over", |actor, path| {
        fs::write(with_suffix(path, ".x"), cipher(&fs::read(path).unwrap())).unwrap();
        actor.rename(&with_suffix(path, ".x"), path);
    }),
    ("renamed, then in place", |actor, path| {
        actor.rename(path, &with_suffix(path, ".x"));
        actor.encrypt(&with_suffix(path, ".x"));
    }),
    ("truncated", |actor, path| actor.truncate(path, 0)),
];

/// What is not as it was, after a restore.
fn left_of_moved(place: Place, (moving, harm): (Moving, Harm), one_by_one: bool) -> Vec<String> {
    let mut scene = Scene::new(place, nested);
    let before = scene.manifest();
    let data = scene.data();
    let scope = scene.attack(|actor| {
        let folders = top_folders(&data);
        if !one_by_one {
            folders.iter().for_each(|folder| moving(actor, folder));
            files_below(&data).iter().for_each(|path| harm(actor, path));
            return;
        }
        for folder in folders {
            let known = top_folders(&data);
            moving(actor, &folder);
            let is_new = |path: &PathBuf| !known.contains(path) || path.ends_with("deep");
            let new: Vec<_> = top_folders(&data).into_iter().filter(is_new).collect();
            let files = new.iter().flat_map(|new| files_below(new));
            let unharmed: Vec<_> = files
                .filter(|path| !path.to_string_lossy().ends_with(".x"))
                .collect();
            unharmed.iter().for_each(|path| harm(actor, path));
        }
    });
    scene.restore(scope);
    crate::support::difference(&before, &scene.manifest())
}

#[test]
fn directories_that_moved_and_whose_files_were_replaced_come_back() {
    let (_, renamed_over) = HARMS[2];
    for (moved, moving) in MOVINGS {
        for place in [Place::Host, Place::Upper] {
            let left = left_of_moved(place, (moving, renamed_over), false);
            assert!(left.is_empty(), "{place:?} {moved}: {left:#?}");
        }
    }
}

#[test]
#[ignore = "long"]
fn long_directories_that_moved_in_any_way_come_back_whatever_was_done_in_them() {
    let mut problems = Vec::new();
    let ways = MOVINGS
        .iter()
        .flat_map(|way| HARMS.iter().map(move |harm| (way, harm)));
    for ((moved, moving), (harmed, harm)) in ways {
        for place in [Place::Host, Place::Upper, Place::Volume] {
            for one_by_one in [false, true] {
                let left = left_of_moved(place, (*moving, *harm), one_by_one);
                if let Some(first) = left.first() {
                    let count = left.len();
                    problems.push(format!(
                        "{place:?} {moved} {harmed} {one_by_one}: {count} {first}"
                    ));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

/// Four directories with one in each, files in all.
fn nested(data: &Path) {
    for number in 0..24 {
        let folder = data.join(format!("f{}", number % 4));
        let folder = if number % 3 == 0 {
            folder.join("inner")
        } else {
            folder
        };
        fs::create_dir_all(&folder).unwrap();
        fs::write(
            folder.join(format!("{number}.txt")),
            format!("{number} is a line\n").repeat(40),
        )
        .unwrap();
    }
}

/// Nobody looks there; it is seen when they are back.
#[test]
fn directories_are_moved_out_encrypted_there_and_moved_back() {
    let mut scene = Scene::new(Place::Host, corpus(FILES));
    let before = scene.manifest();
    let (data, stage) = (scene.data(), elsewhere(&scene));
    let told = scene.vault().changes();
    let scope = scene.attack(|actor| {
        fs::create_dir_all(&stage).unwrap();
        for number in 0..5 {
            let (here, there) = (data.join(format!("d{number}")), stage.join(format!("d{number}")));
            actor.rename(&here, &there);
            for entry in fs::read_dir(&there).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    actor.encrypt(&path);
                }
            }
            actor.rename(&there, &here);
        }
    });
    assert_ne!(before, scene.manifest(), "the attack did nothing");
    let judged = told.try_iter().filter(|change| {
        change.kind == ChangeKind::Overwritten && change.before.is_some() && change.after.is_some()
    });
    assert!(judged.count() >= FILES / 2);
    let report = scene.restore(scope);
    assert_same_or_late(&scene, &before, &report);
}

/// What came from elsewhere has no close here by which it would be copied; it is copied all the same.
#[test]
fn what_came_from_elsewhere_has_a_pre_image_too() {
    let mut scene = Scene::new(Place::Host, corpus(FILES));
    let (data, stage) = (scene.data(), elsewhere(&scene));
    scene.outsider(|actor| {
        fs::create_dir_all(stage.join("folder")).unwrap();
        for number in 0..FILES {
            let text = format!("{number} is a line of text\n").repeat(50);
            let name = if number % 2 == 0 {
                format!("{number}.txt")
            } else {
                format!("folder/{number}.txt")
            };
            fs::write(stage.join(&name), text).unwrap();
            if number % 2 == 0 {
                actor.rename(&stage.join(&name), &data.join(&name));
            }
        }
        actor.rename(&stage.join("folder"), &data.join("folder"));
    });
    scene.settle();
    let before = scene.manifest();
    let targets = files(&before, &data);
    let scope = scene.attack(|actor| targets.iter().for_each(|path| actor.truncate(path, 0)));
    let report = scene.restore(scope);
    assert_same_or_late(&scene, &before, &report);
}

#[test]
fn files_that_are_cut_to_half_come_back() {
    for place in [Place::Upper, Place::Host] {
        let mut scene = Scene::new(place, corpus(FILES));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let scope = scene.attack(|actor| {
            for (number, path) in targets.iter().enumerate() {
                let half = fs::metadata(path).unwrap().len() / 2;
                if number % 2 == 0 {
                    actor.truncate(path, half as i64);
                } else {
                    fs::OpenOptions::new()
                        .write(true)
                        .open(path)
                        .unwrap()
                        .set_len(half)
                        .unwrap();
                }
            }
        });
        assert_ne!(before, scene.manifest(), "{place:?}: the attack did nothing");
        let report = scene.restore(scope);
        assert_same_or_late(&scene, &before, &report);
    }
}

#[test]
fn a_size_that_was_set_is_told_as_such() {
    let mut scene = Scene::new(Place::Host, corpus(FILES));
    let before = scene.manifest();
    let targets = files(&before, &scene.data());
    let told = scene.vault().changes();
    let scope = scene.attack(|actor| targets.iter().for_each(|path| actor.truncate(path, 0)));
    let is_cut = |change: &ContentChange| {
        change.kind == ChangeKind::Cut
            && change.before.is_some()
            && change.after.is_some_and(|after| after.size == 0)
    };
    assert!(told.try_iter().filter(is_cut).count() >= FILES - 5);
    let report = scene.restore(scope);
    assert_same_or_late(&scene, &before, &report);
}

/// A restore works in a directory of its own beside the files: that one is no reason to leave their directory.
#[test]
fn directories_that_the_attack_made_go_with_all_that_is_in_them() {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(5));
        let before = scene.manifest();
        let made = scene.data().join("made");
        let scope = scene.attack(|actor| {
            for directory in [
                &made,
                &made.join("deep"),
                &made.join("deep/er"),
                &made.join("beside"),
            ] {
                actor.mkdir(directory);
                (0..3).for_each(|number| fs::write(directory.join(format!("{number}")), "new").unwrap());
            }
        });
        scene.settle();
        let report = scene.restore(scope);
        assert_eq!(refused(&report), [], "{place:?}");
        assert_eq!(report.count(Verdict::Removed), 16, "{place:?}");
        assert_same(&scene, &before, &report);
    }
}
