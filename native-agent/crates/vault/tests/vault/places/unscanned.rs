//! An attack on a directory that is watched since a moment: its files were looked at by nobody yet.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Place, Scene, cipher, with_suffix};
use norn_events::wire::action::v1::Verdict;

/// Enough that the last are looked at long after the attack has begun.
const FILES: usize = 6_000;
const ATTACKED: usize = 200;

fn make(dir: &Path) {
    for number in 0..FILES {
        fs::write(
            dir.join(format!("file-{number}")),
            format!("saga {number} ").repeat(300),
        )
        .unwrap();
    }
}

/// In the order in which they are looked at.
fn listed(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn what_was_renamed_over_a_file_that_nobody_knew_is_lost_and_not_removed() {
    for place in [Place::Host, Place::Bind] {
        let mut scene = Scene::without_vault(place, make);
        let targets = listed(&scene.data()).split_off(FILES - ATTACKED);
        let secret = cipher(&[7; 3000]);
        scene.open_vault();
        let scope = scene.attack(|actor| {
            for path in &targets {
                // Nobody opens it: that would be asked about.
                let beside = with_suffix(path, ".tmp");
                fs::write(&beside, &secret).unwrap();
                actor.rename(&beside, path);
            }
        });
        let report = scene.restore(scope);
        let (restored, lost) = (report.count(Verdict::Restored), report.count(Verdict::Lost));
        let removed = report.count(Verdict::Removed);
        assert_eq!((restored + lost, removed), (ATTACKED, 0), "{place:?}");
        assert!(targets.iter().all(|path| path.exists()), "{place:?}");
    }
}
