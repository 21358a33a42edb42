//! Documents that are saved as editors do, a moment before somebody attacks them: what is undone is the attack, and no more.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{Actor, Place, Scene, assert_same, cipher, corpus, files, refused};

const FILES: usize = 30;
/// The vault looks at a file this long after its close: the last of these comes after that, the first before.
const PAUSES_US: [u64; 5] = [0, 200, 800, 1_500, 4_000];

/// How what was written beside the document gets its name.
type Save = fn(&mut Actor, &Path, &Path);

const SAVES: [(&str, Save); 4] = [
    ("rename", |actor, new, document| actor.rename(new, document)),
    ("link and unlink", |actor, new, document| {
        actor.unlink(document);
        actor.link(new, document);
        actor.unlink(new);
    }),
    ("rename by way of another", |actor, new, document| {
        let other = crate::support::with_suffix(new, ".other");
        actor.rename(new, &other);
        actor.rename(&other, document);
    }),
    ("exchange", |actor, new, document| {
        actor.exchange(new, document);
        actor.unlink(new);
    }),
];

fn save_all(actor: &mut Actor, documents: &[PathBuf], save: Save) {
    for (number, document) in documents.iter().enumerate() {
        let new = document.with_file_name(format!(".t~{number}"));
        fs::write(&new, format!("{number} was saved\n").repeat(60)).unwrap();
        std::thread::sleep(Duration::from_micros(PAUSES_US[number % PAUSES_US.len()]));
        save(actor, &new, document);
    }
}

fn assert_undone(place: Place, (how, save): (&str, Save), harm: fn(&mut Actor, &Path)) {
    let mut scene = Scene::new(place, corpus(FILES));
    let documents = files(&scene.manifest(), &scene.data());
    scene.outsider(|actor| save_all(actor, &documents, save));
    let before = scene.manifest();
    let scope = scene.attack(|actor| documents.iter().for_each(|path| harm(actor, path)));
    assert_ne!(
        before,
        scene.manifest(),
        "{place:?} {how}: the attack did nothing"
    );
    let report = scene.restore(scope);
    assert_eq!(refused(&report), [], "{place:?} {how}");
    assert_eq!(
        report.files.len(),
        documents.len(),
        "{place:?} {how}: {:?}",
        report.files
    );
    assert_same(&scene, &before, &report);
}

fn encrypt(actor: &mut Actor, path: &Path) {
    actor.encrypt(path);
}

/// Opened once, written by and by.
fn write_held(_: &mut Actor, path: &Path) {
    use std::os::unix::fs::FileExt;
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    file.write_all_at(&cipher(&fs::read(path).unwrap()), 0).unwrap();
}

#[test]
fn on_the_host() {
    SAVES
        .into_iter()
        .for_each(|way| assert_undone(Place::Host, way, encrypt));
}

#[test]
fn in_a_container() {
    assert_undone(Place::Upper, SAVES[0], encrypt);
}

#[test]
fn and_cut_without_being_opened() {
    let cut: fn(&mut Actor, &Path) = |actor, path| actor.truncate(path, 0);
    assert_undone(Place::Host, SAVES[0], cut);
    assert_undone(Place::Upper, SAVES[0], cut);
}

#[test]
fn in_a_volume() {
    assert_undone(Place::Volume, SAVES[0], write_held);
}
