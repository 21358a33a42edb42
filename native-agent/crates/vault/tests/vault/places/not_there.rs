//! What is to be protected and is not there, or is no directory: it is not counted as protected.

use std::fs;

use crate::support::{Scene, eventually, fork};
use norn_vault::Standing;

#[test]
fn what_is_to_be_protected_and_is_not_there_is_named_until_it_is() {
    let mut scene = Scene::empty_volume();
    let (later, file) = (scene.home.join("later"), scene.home.join("no-directory"));
    fs::write(&file, "one name, one file").unwrap();
    scene.expected = vec![later.clone(), file.clone()];
    scene.open_vault();
    let named = |scene: &Scene| {
        let health = scene.vault().health();
        let named = health.unwatched_places.iter();
        let mut named: Vec<String> = named
            .map(|place| format!("{}: {}", String::from_utf8_lossy(&place.path), place.reason))
            .collect();
        named.sort();
        named
    };
    let missing = format!(
        "{}: it is not there; it is watched as soon as it is",
        later.display()
    );
    let odd = format!("{}: it is no directory", file.display());
    assert!(
        eventually(|| named(&scene) == [missing.clone(), odd.clone()]),
        "{:?}",
        named(&scene)
    );
    assert_eq!(scene.vault().health().places_unwatched, 2);
    let letter = later.join("letter");
    // By another process: what a vault does itself it tells nobody.
    let made = fork(|| {
        fs::create_dir(&later).unwrap();
        fs::write(&letter, "dear reader\n".repeat(40)).unwrap();
    });
    assert!(made.ended_well());
    assert!(
        eventually(|| named(&scene) == [odd.clone()]),
        "{:?}",
        named(&scene)
    );
    assert!(eventually(
        || scene.vault().standing(&letter) == Standing::Restorable
    ));
    // Gone again, which nobody need take for an attack.
    assert!(fork(|| fs::remove_dir_all(&later).unwrap()).ended_well());
    assert!(
        eventually(|| named(&scene) == [missing.clone(), odd.clone()]),
        "{:?}",
        named(&scene)
    );
}
