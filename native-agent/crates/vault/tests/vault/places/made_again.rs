//! A file system below a protected directory is unmounted, and another is mounted in its place on the same device: its directories
//! have the numbers and the handles of those before.
use std::fs;

use crate::support::{
    MIB, Scene, corpus, difference, eventually, files, fork, manifest_of, mount_new, refused, unmount,
};
use norn_events::wire::action::v1::Verdict;
use norn_vault::Standing;

const FILES: usize = 40;

#[test]
fn a_file_system_that_was_made_again_on_its_device() {
    let mut scene = Scene::empty_host();
    let top = scene.home.join("asked");
    let data = top.join("data");
    fs::create_dir_all(&data).unwrap();
    scene.protect(top);
    scene.open_vault();
    for round in 0..3 {
        let made = fork(|| {
            mount_new("ext4", 64 * MIB, &data);
            corpus(FILES)(&data);
        });
        assert!(made.ended_well());
        let before = manifest_of(&data);
        let paths = files(&before, &data);
        let is_kept = || {
            let vault = scene.vault();
            paths
                .iter()
                .all(|path| vault.standing(path) == Standing::Restorable)
        };
        assert!(eventually(is_kept), "round {round}: {:?}", scene.vault().health());
        let scope = scene.attack(|actor| {
            actor.ransom(&paths);
        });
        assert!(!difference(&before, &manifest_of(&data)).is_empty());
        let report = scene.restore(scope);
        let differs = difference(&before, &manifest_of(&data));
        assert!(
            differs.is_empty(),
            "round {round}: {differs:#?} {:?}",
            refused(&report)
        );
        assert!(report.count(Verdict::Restored) >= FILES, "{:?}", report.files);
        unmount(&data);
    }
}
