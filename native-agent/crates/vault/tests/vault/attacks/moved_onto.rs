//! Directories that get the names of empty ones which were made a moment before, and are gone when they are told of.

use std::path::{Path, PathBuf};

use crate::support::{Actor, Place, Scene, corpus, files, manifest_of, refused};
use norn_events::wire::action::v1::Verdict;

const FILES: usize = 25;
/// Which of the events is looked at in time is not the same each time.
const ROUNDS: usize = 4;

fn name(data: &Path, folder: &str) -> PathBuf {
    data.join(folder)
}

type Moves = fn(&mut Actor, &Path);

const MOVES: [(&str, Moves); 5] = [
    ("onto one, and another onto one in its place", |actor, data| {
        actor.mkdir(&name(data, "e"));
        actor.rename(&name(data, "d0"), &name(data, "e"));
        actor.mkdir(&name(data, "d0"));
        actor.rename(&name(data, "d1"), &name(data, "d0"));
    }),
    ("away, and another onto one in its place", |actor, data| {
        actor.rename(&name(data, "d0"), &name(data, "t"));
        actor.mkdir(&name(data, "d0"));
        actor.rename(&name(data, "d1"), &name(data, "d0"));
    }),
    ("onto one", |actor, data| {
        actor.mkdir(&name(data, "e"));
        actor.rename(&name(data, "d0"), &name(data, "e"));
    }),
    ("onto one in a new directory", |actor, data| {
        actor.mkdir(&name(data, "new"));
        actor.mkdir(&name(data, "new/e"));
        actor.rename(&name(data, "d0"), &name(data, "new/e"));
        actor.mkdir(&name(data, "d0"));
        actor.rename(&name(data, "d1"), &name(data, "d0"));
    }),
    ("round by three", |actor, data| {
        for folder in ["t", "d2", "d1", "d0"] {
            if !name(data, folder).exists() {
                actor.mkdir(&name(data, folder));
            }
            let from = match folder {
                "t" => "d2",
                "d2" => "d1",
                "d1" => "d0",
                _ => "t",
            };
            actor.rename(&name(data, from), &name(data, folder));
        }
    }),
];

#[test]
fn every_file_is_back_and_none_counts_as_made() {
    let mut problems = Vec::new();
    for (name, moves) in MOVES {
        for round in 0..ROUNDS {
            let mut scene = Scene::new(Place::Host, corpus(FILES));
            let before = scene.manifest();
            let data = scene.data();
            let scope = scene.attack(|actor| {
                moves(actor, &data);
                let all = files(&manifest_of(&data), &data);
                all.iter().take(6 * round).for_each(|path| actor.encrypt(path));
            });
            assert_ne!(before, scene.manifest(), "{name}: the attack did nothing");
            let report = scene.restore(scope);
            let left = crate::support::difference(&before, &scene.manifest());
            problems.extend(left.into_iter().map(|left| format!("{name}, {round}: {left}")));
            let odd = refused(&report);
            problems.extend(odd.into_iter().map(|odd| format!("{name}, {round}: {odd:?}")));
            let removed = report
                .files
                .iter()
                .filter(|file| file.verdict == Verdict::Removed as i32);
            let files = removed.filter(|file| file.size > 0);
            problems.extend(
                files.map(|file| format!("{name}, {round}: removed {}", String::from_utf8_lossy(&file.path))),
            );
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}
