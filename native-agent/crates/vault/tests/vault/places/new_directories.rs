//! Files and directories that are moved into a directory which was made a moment before: the kernel tells of the move by halves
//! when that is not watched yet. Whether it is or not, the move is one, it is undone, and nothing is left of it.

use std::ffi::CString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::{
    Actor, Manifest, PLACES, Place, Scene, assert_same_or_late, c_path, cipher, difference, is_watched,
    refused, with_suffix,
};

/// Enough to look at that the attack is over before.
const BUSY_FILES: usize = 400;
const MARKED_WITHIN: Duration = Duration::from_secs(120);

/// How soon the vault looks at the new directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looking {
    /// It has other things to do.
    Late,
    /// Before anything is moved into it.
    InTime,
    AsItComes,
}

const LOOKINGS: [Looking; 3] = [Looking::Late, Looking::InTime, Looking::AsItComes];

/// Four directories with files in them and one below, and four files beside them.
fn nested(data: &Path) {
    for number in 0..12 {
        let folder = match number % 3 {
            0 => data.to_path_buf(),
            1 => data.join(format!("f{}", number / 3)),
            _ => data.join(format!("f{}/inner", number / 3)),
        };
        fs::create_dir_all(&folder).unwrap();
        let text = format!("{number} is a line\n").repeat(40);
        fs::write(folder.join(format!("{number}.txt")), text).unwrap();
    }
}

/// What the vault has to look at first: a directory with many files comes in from outside, or through a mount from beside, for
/// nothing is renamed from one mount to another.
fn prepare_busy(scene: &Scene) -> PathBuf {
    let busy = match scene.place {
        Place::Lower | Place::Upper => scene.home.join("merged/busy"),
        Place::Host => scene.home.join("busy"),
        Place::Bind => scene.home.join("bind/busy"),
        Place::Volume => scene.home.join("shared/busy"),
    };
    fs::create_dir_all(&busy).unwrap();
    for number in 0..BUSY_FILES {
        fs::write(busy.join(format!("{number}")), "new").unwrap();
    }
    busy
}

struct Attack<'a> {
    actor: &'a mut Actor,
    data: PathBuf,
    looking: Looking,
    place: Place,
}

impl Attack<'_> {
    fn make(&mut self, name: &str) -> PathBuf {
        let path = self.data.join(name);
        self.actor.mkdir(&path);
        // Inside a container there is no /proc that tells.
        let is_told_by_kernel = matches!(self.place, Place::Host | Place::Bind);
        if self.looking == Looking::InTime && is_told_by_kernel {
            let begun = Instant::now();
            while !is_watched(&path) {
                assert!(begun.elapsed() < MARKED_WITHIN, "{path:?} is not watched");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        path
    }

    /// Two directories and three files.
    fn some(&self) -> Vec<PathBuf> {
        let names = ["f0", "f1", "0.txt", "3.txt", "6.txt"];
        names.iter().map(|name| self.data.join(name)).collect()
    }

    fn move_into(&mut self, directory: &Path) {
        for path in self.some() {
            self.move_one(&path, directory);
        }
    }

    fn move_one(&mut self, path: &Path, directory: &Path) {
        self.actor
            .rename(path, &directory.join(path.file_name().unwrap()));
    }
}

type Moving = fn(&mut Attack<'_>);

const MOVINGS: [(&str, Moving); 9] = [
    ("into a new one", |attack| {
        let new = attack.make("new");
        attack.move_into(&new);
    }),
    ("several levels down", |attack| {
        attack.make("x");
        attack.make("x/y");
        let deep = attack.make("x/y/z");
        attack.move_into(&deep);
    }),
    ("through one into another", |attack| {
        let (first, second) = (attack.make("first"), attack.make("second"));
        attack.move_into(&first);
        for path in attack.some() {
            attack.move_one(&first.join(path.file_name().unwrap()), &second);
        }
    }),
    ("through one into a later one", |attack| {
        let first = attack.make("first");
        attack.move_into(&first);
        let second = attack.make("second");
        for path in attack.some() {
            attack.move_one(&first.join(path.file_name().unwrap()), &second);
        }
    }),
    ("through one and out under another name", |attack| {
        let first = attack.make("first");
        attack.move_into(&first);
        for path in attack.some() {
            let there = first.join(path.file_name().unwrap());
            attack.actor.rename(&there, &with_suffix(&path, ".moved"));
        }
    }),
    ("into one that is renamed after", |attack| {
        let new = attack.make("new");
        attack.move_into(&new);
        attack.actor.rename(&new, &with_suffix(&new, ".locked"));
    }),
    ("into one that was renamed before", |attack| {
        let new = attack.make("new");
        let renamed = with_suffix(&new, ".locked");
        attack.actor.rename(&new, &renamed);
        attack.move_into(&renamed);
    }),
    ("by a link and an unlink", |attack| {
        let new = attack.make("new");
        let some = attack.some();
        for path in some.iter().filter(|path| path.is_file()) {
            attack.actor.link(path, &new.join(path.file_name().unwrap()));
            attack.actor.unlink(path);
        }
    }),
    ("and other files made under their names", |attack| {
        let new = attack.make("new");
        attack.move_into(&new);
        for name in ["0.txt", "3.txt"] {
            fs::write(attack.data.join(name), "another").unwrap();
        }
    }),
];

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true if !path.ends_with("busy") => found.extend(files_below(&path)),
            true => {}
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// By turns in place, by another file in its stead, and by another beside it.
fn encrypt_all(actor: &mut Actor, data: &Path) {
    for (number, path) in files_below(data).iter().enumerate() {
        let beside = with_suffix(path, ".x");
        if number % 3 == 0 {
            actor.encrypt(path);
            continue;
        }
        fs::write(&beside, cipher(&fs::read(path).unwrap())).unwrap();
        match number % 3 {
            1 => actor.rename(&beside, path),
            _ => actor.unlink(path),
        }
    }
}

fn left_of(place: Place, moving: Moving, looking: Looking) -> Vec<String> {
    let mut scene = Scene::new(place, nested);
    let before = scene.manifest();
    let (data, busy) = (scene.data(), prepare_busy(&scene));
    let scope = scene.attack(|actor| {
        if looking == Looking::Late {
            actor.rename(&busy, &data.join("busy"));
        }
        let mut attack = Attack {
            actor,
            data: data.clone(),
            looking,
            place,
        };
        moving(&mut attack);
        encrypt_all(actor, &data);
    });
    assert_ne!(before, scene.manifest(), "{place:?}: the attack did nothing");
    let report = scene.restore(scope);
    let mut left = difference(&before, &scene.manifest());
    if !left.is_empty() {
        let refused = refused(&report).into_iter();
        left.extend(refused.map(|(path, why)| format!("{path}: {why}")));
    }
    left
}

fn all(places: &[Place], lookings: &[Looking], movings: &[(&str, Moving)]) {
    let mut problems = Vec::new();
    for &place in places {
        for &(name, moving) in movings {
            for &looking in lookings {
                let left = left_of(place, moving, looking);
                if !left.is_empty() {
                    problems.push(format!("{place:?}, {name}, {looking:?}: {left:#?}"));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn what_was_moved_before_its_new_directory_was_looked_at_is_moved_back() {
    all(&[Place::Host], &[Looking::Late], &MOVINGS[..6]);
}

#[test]
fn what_was_moved_after_its_new_directory_was_looked_at_is_moved_back() {
    all(&[Place::Host], &[Looking::InTime], &MOVINGS[..3]);
}

/// Directories of an image get no other names: overlayfs refuses.
#[test]
#[ignore = "long"]
fn long_what_was_moved_into_new_directories_is_moved_back_in_every_place() {
    let places: Vec<Place> = PLACES
        .into_iter()
        .filter(|place| *place != Place::Lower)
        .collect();
    all(&places, &LOOKINGS, &MOVINGS);
}

fn become_program(words: &[CString]) -> ! {
    let mut pointers: Vec<_> = words.iter().map(|word| word.as_ptr()).collect();
    pointers.push(std::ptr::null());
    // SAFETY: a list of strings with a null at its end; all outlive the call.
    unsafe { libc::execvp(pointers[0], pointers.as_ptr()) };
    panic!("{:?}: {}", words[0], std::io::Error::last_os_error());
}

#[test]
fn what_a_tool_moved_into_a_new_directory_is_moved_back() {
    let mut scene = Scene::new(Place::Host, nested);
    let before = scene.manifest();
    let (data, busy) = (scene.data(), prepare_busy(&scene));
    let scope = scene.attack(|_| {});
    scene.process_below(scope, |actor| {
        actor.rename(&busy, &data.join("busy"));
        actor.mkdir(&data.join("x"));
        actor.mkdir(&data.join("x/new"));
        let names = ["f0", "f2", "0.txt", "6.txt", "x/new"].map(|name| c_path(&data.join(name)));
        become_program(&[&[CString::new("mv").unwrap()], &names[..]].concat());
    });
    assert!(data.join("x/new/f2/inner").exists());
    scene.process_below(scope, |actor| encrypt_all(actor, &data));
    let report = scene.restore(scope);
    assert_same_or_late(&scene, &before, &report);
}

/// Somebody else moved them there before the attack.
#[test]
fn what_an_innocent_moved_into_a_new_directory_stays_there_and_comes_back_whole() {
    for looking in LOOKINGS {
        let mut scene = Scene::new(Place::Host, nested);
        let (data, busy) = (scene.data(), prepare_busy(&scene));
        let before = scene.manifest();
        let innocent = |actor: &mut Actor| {
            if looking == Looking::Late {
                actor.rename(&busy, &data.join("busy"));
            }
            let mut attack = Attack {
                actor,
                data: data.clone(),
                looking,
                place: Place::Host,
            };
            let new = attack.make("new");
            attack.move_into(&new);
        };
        scene.outsider(innocent);
        let scope = scene.attack(|actor| encrypt_all(actor, &data));
        let report = scene.restore(scope);
        let expected = moved_there(&before, scene.manifest());
        assert!(expected.is_empty(), "{looking:?}: {expected:#?} {report:#?}");
    }
}

/// What of the files is not under its new name with its old content, and what there is beside.
fn moved_there(before: &Manifest, after: Manifest) -> Vec<String> {
    let moved = [&b"f0/"[..], b"f1/", b"0.txt", b"3.txt", b"6.txt"];
    let is_moved = |name: &[u8]| moved.iter().any(|top| name.starts_with(top));
    let there = before.iter().map(|(name, state)| match is_moved(name) {
        true => ([b"new/", &name[..]].concat(), state.clone()),
        false => (name.clone(), state.clone()),
    });
    let is_mine = |name: &[u8]| !name.starts_with(b"busy/") && name != b"new/";
    let after = after.into_iter().filter(|(name, _)| is_mine(name));
    difference(&there.collect(), &after.collect())
}
