//! Files that an open empties: while they are held they are told of, unless they were written or closed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use crate::support::{Place, Scene, assert_same, corpus, eventually, files, fork};
use norn_events::{ChangeKind, ContentChange};

const FILES: usize = 20;

/// A process that has its parent's files open until it is told to end.
struct Holder(PathBuf);

impl Holder {
    fn new(scene: &Scene) -> Self {
        let lives = scene.home.join("holder");
        fs::write(&lives, "").unwrap();
        Self(lives)
    }

    fn start(&self, held: Vec<File>) {
        fork(|| {
            while self.0.exists() {
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        drop(held);
    }

    fn end(self) {
        fs::remove_file(self.0).unwrap();
    }
}

fn with_content(targets: &[PathBuf]) -> usize {
    targets
        .iter()
        .filter(|path| fs::metadata(path).unwrap().len() > 0)
        .count()
}

fn held(told: &Receiver<ContentChange>) -> Vec<PathBuf> {
    let is_held = |change: &ContentChange| {
        change.kind == ChangeKind::Held
            && change.before.is_some_and(|before| before.size > 0)
            && change.after.is_some_and(|after| after.size == 0)
    };
    let name = |change: ContentChange| Path::new(std::str::from_utf8(&change.path).unwrap()).to_owned();
    told.try_iter().filter(is_held).map(name).collect()
}

#[test]
fn what_is_emptied_and_held_is_told_of_once_before_it_is_closed() {
    for place in [Place::Host, Place::Upper] {
        let mut scene = Scene::new(place, corpus(FILES));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let (wanted, told) = (with_content(&targets), scene.vault().changes());
        let holder = Holder::new(&scene);
        let scope = scene.attack(|actor| {
            holder.start(targets.iter().map(|path| actor.empty(path)).collect());
        });
        let mut found = Vec::new();
        eventually(|| {
            found.extend(held(&told));
            found.len() >= wanted
        });
        let names: BTreeSet<&PathBuf> = found.iter().collect();
        assert_eq!(
            (names.len(), found.len()),
            (wanted, wanted),
            "{place:?}: {found:?}"
        );
        // Still held, as by who was frozen.
        let report = scene.restore(scope);
        assert_same(&scene, &before, &report);
        holder.end();
    }
}

#[test]
fn what_is_closed_or_written_and_few_that_are_held_are_not_told_of() {
    for place in [Place::Host, Place::Upper] {
        let mut scene = Scene::new(place, corpus(FILES));
        let targets = files(&scene.manifest(), &scene.data());
        let told = scene.vault().changes();
        let holder = Holder::new(&scene);
        scene.attack(|actor| {
            let mut kept = Vec::new();
            for (number, path) in targets.iter().enumerate() {
                let mut file = actor.empty(path);
                // Five are held as they are.
                if number % 4 > 0 {
                    file.write_all(b"new").unwrap();
                }
                if number % 4 < 2 {
                    kept.push(file);
                }
            }
            holder.start(kept);
        });
        assert_eq!(held(&told), Vec::<PathBuf>::new(), "{place:?}");
        holder.end();
    }
}
