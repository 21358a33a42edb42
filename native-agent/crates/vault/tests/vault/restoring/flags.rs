//! Files that nobody may change after the attack, and such that never had a name.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::support::{Actor, Place, Scene, assert_same_or_late, cipher, with_suffix};
use norn_events::wire::action::v1::Verdict;

const IMMUTABLE: libc::c_int = 0x10;
const APPEND_ONLY: libc::c_int = 0x20;
const FILES: [&str; 8] = [
    "one", "two", "three", "kept/a", "kept/b", "kept/c", "grown/a", "grown/b",
];

fn make(dir: &Path) {
    for name in FILES {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name.repeat(3000)).unwrap();
    }
}

/// Says which the file had before.
fn set_flag(path: &Path, flag: libc::c_int) -> libc::c_int {
    let file = File::open(path).unwrap();
    let mut before: libc::c_int = 0;
    // SAFETY: both calls take one int, which outlives them.
    let done = unsafe {
        libc::ioctl(file.as_raw_fd(), libc::FS_IOC_GETFLAGS, &raw mut before);
        let flags = before & !(IMMUTABLE | APPEND_ONLY) | flag;
        libc::ioctl(file.as_raw_fd(), libc::FS_IOC_SETFLAGS, &raw const flags)
    };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
    before & (IMMUTABLE | APPEND_ONLY)
}

fn attack(actor: &mut Actor, data: &Path) {
    let at = |name: &str| data.join(name);
    for (name, flag) in [("one", IMMUTABLE), ("two", APPEND_ONLY)] {
        actor.encrypt(&at(name));
        set_flag(&at(name), flag);
    }
    actor.encrypt(&at("three"));
    actor.rename(&at("three"), &at("three.locked"));
    set_flag(&at("three.locked"), IMMUTABLE);
    for (directory, flag) in [("kept", IMMUTABLE), ("grown", APPEND_ONLY)] {
        actor.unlink(&at(directory).join("a"));
        let other = at(directory).join("b");
        actor.rename(&other, &with_suffix(&other, ".locked"));
        if directory == "kept" {
            actor.encrypt(&at("kept/c"));
            set_flag(&at("kept/c"), IMMUTABLE | APPEND_ONLY);
        }
        set_flag(&at(directory), flag);
    }
    fs::write(at("note"), "pay").unwrap();
    set_flag(&at("note"), IMMUTABLE);
}

#[test]
fn what_was_made_immutable_or_append_only_after_the_attack_is_put_back() {
    for place in [Place::Host, Place::Upper] {
        let mut scene = Scene::new(place, make);
        let before = scene.manifest();
        let data = scene.data();
        let scope = scene.attack(|actor| attack(actor, &data));
        let report = scene.restore(scope);
        // Whose they were nobody knows: they are as they were found.
        for (directory, flag) in [("kept", IMMUTABLE), ("grown", APPEND_ONLY)] {
            assert_eq!(set_flag(&data.join(directory), 0), flag, "{directory}");
        }
        let late = assert_same_or_late(&scene, &before, &report);
        let restored = report.count(Verdict::Restored);
        assert_eq!(restored + late, FILES.len(), "{place:?}: {:?}", report.files);
        assert_eq!(report.count(Verdict::Removed), 1, "{place:?}: the note");
    }
}

fn nameless(directory: &Path) -> File {
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).mode(0o644);
    options.custom_flags(libc::O_TMPFILE).open(directory).unwrap()
}

/// One file that stays without, one that takes another's name by a rename, and one after the other is gone.
#[test]
fn a_file_that_never_had_a_name_is_nobodys_loss() {
    for place in [Place::Host, Place::Upper] {
        let mut scene = Scene::new(place, make);
        let before = scene.manifest();
        let data = scene.data();
        let scope = scene.attack(|actor| {
            for directory in [data.clone(), data.join("kept")] {
                let mut file = nameless(&directory);
                file.write_all(&[7; 3000]).unwrap();
            }
            for (number, name) in ["one", "two"].into_iter().enumerate() {
                let path = data.join(name);
                let content = fs::read(&path).unwrap();
                let mut file = nameless(&data);
                file.write_all(&cipher(&content)).unwrap();
                if number == 0 {
                    let beside = with_suffix(&path, ".new");
                    actor.name(&file, &beside);
                    actor.rename(&beside, &path);
                } else {
                    actor.unlink(&path);
                    actor.name(&file, &path);
                }
            }
        });
        let report = scene.restore(scope);
        let late = assert_same_or_late(&scene, &before, &report);
        let lost = report.count(Verdict::Lost);
        assert_eq!(lost, late, "{place:?}: {:?}", crate::support::refused(&report));
        assert_eq!(
            report.count(Verdict::Restored) + late,
            2,
            "{place:?}: {:?}",
            report.files
        );
    }
}
