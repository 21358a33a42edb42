//! Files that were written a moment before an attack opens them: their copy at rest is looked at again then, to find the owner,
//! mode and times that they got after their last close. What the attack is about to do to them is not how they rest.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{
    Actor, PLACES, Place, Scene, assert_restored, assert_same_or_late, cipher, files, set_mode_and_time, ways,
};
use norn_events::wire::action::v1::Verdict;
use norn_events::{ContentChange, ContentFormat};

const FILES: usize = 8;
/// The first copies are made by then, and nobody has looked a second time.
const A_MOMENT: Duration = Duration::from_millis(40);
/// Long after the second look.
const HELD: Duration = Duration::from_millis(300);

fn write_all(targets: &[PathBuf]) {
    for (number, path) in targets.iter().enumerate() {
        let line = format!("line {number} of the younger saga\n");
        fs::write(path, line.repeat(200 + number)).unwrap();
        set_mode_and_time(path, 0o640, 1_650_000_000 + number as i64);
    }
}

fn make(dir: &Path) {
    let path = |number| dir.join(format!("file-{number}"));
    write_all(&(0..FILES).map(path).collect::<Vec<_>>());
}

/// `attack` gets files that somebody else wrote just before.
fn just_written(place: Place, attack: impl Fn(&[PathBuf])) {
    let mut scene = Scene::new(place, make);
    let targets = files(&scene.manifest(), &scene.data());
    scene.attack_without_settling(|_| write_all(&targets));
    let before = scene.manifest();
    std::thread::sleep(A_MOMENT);
    let scope = scene.attack(|_| attack(&targets));
    let report = scene.restore(scope);
    assert_restored(&scene, &before, &report, FILES);
}

#[test]
fn written_and_held_open_while_their_copy_is_looked_at_again() {
    for place in PLACES {
        just_written(place, |targets| {
            let open = |path| OpenOptions::new().read(true).write(true).open(path).unwrap();
            let held: Vec<_> = targets.iter().map(open).collect();
            for (file, path) in held.iter().zip(targets) {
                file.write_all_at(&cipher(&fs::read(path).unwrap()), 0).unwrap();
            }
            std::thread::sleep(HELD);
        });
    }
}

#[test]
fn mapped_and_held_open_while_their_copy_is_looked_at_again() {
    for place in PLACES {
        just_written(place, |targets| {
            let mut held: Vec<_> = targets.iter().map(|path| ways::Mapped::new(path)).collect();
            held.iter_mut().step_by(2).for_each(ways::Mapped::close);
            held.iter().for_each(ways::Mapped::encrypt);
            std::thread::sleep(HELD);
        });
    }
}

fn wipe(actor: &mut Actor, path: &Path) {
    let size = fs::metadata(path).unwrap().len() as usize;
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&vec![path.as_os_str().len() as u8; size], 0)
        .unwrap();
    // It is closed when this name is gone, and nobody has used the other one yet.
    actor.unlink(path);
    drop(file);
    std::thread::sleep(A_MOMENT);
}

/// By the one name, which goes, then by the other, which goes too: what the second open found is the attack's own work.
#[test]
fn a_file_with_two_names_that_is_overwritten_by_both() {
    for place in PLACES {
        let mut scene = Scene::new(place, make);
        let data = scene.data();
        let names = |number: usize| {
            [format!("new-{number}"), format!("other-new-{number}")].map(|name| data.join(name))
        };
        scene.outsider(|actor| {
            for [one, other] in (0..FILES).map(names) {
                write_all(std::slice::from_ref(&one));
                actor.link(&one, &other);
            }
        });
        let before = scene.manifest();
        fs::write("/proc/sys/vm/drop_caches", "2").unwrap();
        let scope = scene.attack(|actor| (0..FILES).flat_map(names).for_each(|path| wipe(actor, &path)));
        let report = scene.restore(scope);
        assert_restored(&scene, &before, &report, 2 * FILES);
    }
}

/// Longer than any file system's clock takes to go on: an open that wrote nothing is told from one that did.
const OF_AGE: Duration = Duration::from_millis(1500);

/// The last descriptor is closed before the first byte is written: nothing but the mapping has the file of the layer open then.
#[test]
fn an_old_file_of_a_layer_that_is_mapped_closed_and_written_long_after() {
    let mut scene = Scene::new(Place::Upper, |dir| {
        make(dir);
        std::thread::sleep(OF_AGE);
    });
    let before = scene.manifest();
    let targets = files(&before, &scene.data());
    let changes = scene.vault().changes();
    let scope = scene.attack(|_| {
        let mut held: Vec<_> = targets.iter().map(|path| ways::Mapped::new(path)).collect();
        held.iter_mut().for_each(ways::Mapped::close);
        std::thread::sleep(HELD);
        held.iter().for_each(ways::Mapped::encrypt);
        std::thread::sleep(HELD);
    });
    let told: Vec<_> = changes.try_iter().collect();
    for path in &targets {
        let name = path.file_name().unwrap().as_encoded_bytes();
        let is_cipher = |change: &ContentChange| {
            let after = change
                .after
                .filter(|after| after.format == ContentFormat::Unknown);
            change.path.ends_with(name) && after.is_some_and(|after| after.entropy > 7.0)
        };
        assert!(
            told.iter().any(is_cipher),
            "nobody was told of {}",
            path.display()
        );
    }
    let report = scene.restore(scope);
    let late = assert_same_or_late(&scene, &before, &report);
    let restored = report.count(Verdict::Restored);
    assert_eq!(restored + late, FILES, "{:?}", crate::support::refused(&report));
}

/// Who closed the files has ended when its child writes to them: the child is the one to be blamed.
#[test]
fn files_of_a_layer_that_a_child_writes_by_the_mapping_of_its_parent() {
    for place in [Place::Lower, Place::Upper] {
        let mut scene = Scene::new(place, |dir| {
            make(dir);
            std::thread::sleep(OF_AGE);
        });
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let open = || {
            let mut held: Vec<_> = targets.iter().map(|path| ways::Mapped::new(path)).collect();
            held.iter_mut().for_each(ways::Mapped::close);
            held
        };
        let child = scene.orphan(open, |held| {
            held.iter().for_each(ways::Mapped::encrypt);
            std::thread::sleep(HELD);
        });
        let report = scene.restore(child);
        assert_restored(&scene, &before, &report, FILES);
    }
}

/// As many as are looked at.
const MAPPED_MAX: usize = 1024;
const TOO_MANY: usize = 7;

#[test]
fn mapped_files_that_nobody_looks_at_are_counted() {
    let mut scene = Scene::new(Place::Upper, |dir| {
        for number in 0..MAPPED_MAX + TOO_MANY {
            fs::write(dir.join(format!("{number}")), "text").unwrap();
        }
    });
    let data = scene.data();
    let counted = scene.home.join("counted");
    let vault = scene.vault.take().unwrap();
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let is_so = crate::support::eventually(|| vault.health().mapped_refused == TOO_MANY as u64);
            fs::write(&counted, if is_so { "yes" } else { "no" }).unwrap();
        });
        scene.attack_without_settling(|_| {
            let paths = (0..MAPPED_MAX + TOO_MANY).map(|number| data.join(number.to_string()));
            let mut held: Vec<_> = paths.map(|path| ways::Mapped::new(&path)).collect();
            held.iter_mut().for_each(ways::Mapped::close);
            assert!(crate::support::eventually(|| counted.exists()), "nobody counts");
        });
    });
    let refused = vault.health().mapped_refused;
    scene.vault = Some(vault);
    assert_eq!(refused, TOO_MANY as u64);
}
