//! Files that nobody but an attack changes.
use super::*;

fn with_canaries() -> World {
    let mut world = World::new();
    world.reflexes.set_canaries(vec![
        b"/srv/data/.a-canary.txt".to_vec(),
        b"wages-canary.xlsx".to_vec(),
    ]);
    world
}

#[test]
fn the_first_change_of_a_canary_is_enough_whoever_does_what_to_it() {
    type Deed = fn(&mut World, ProcessIndex);
    let deeds: [Deed; 4] = [
        |world, by| world.overwrite(by, "/srv/data/.a-canary.txt", (TEXT, TEXT)),
        |world, by| world.unlink(by, "/srv/data/.a-canary.txt", EMPTY),
        |world, by| world.rename(by, "/srv/data/.a-canary.txt", "/srv/data/.a-canary.txt.locked"),
        |world, by| world.overwrite(by, "/home/anywhere/wages-canary.xlsx", (ARCHIVE, CIPHER)),
    ];
    for deed in deeds {
        let mut world = with_canaries();
        let shell = world.process("/usr/bin/bash", None);
        let attacker = world.process("/usr/bin/openssl", Some(shell));
        deed(&mut world, attacker);
        let firing = world.firing().expect("fires");
        assert_eq!(firing.scope, world.uid(attacker));
        assert!(
            firing.summary.starts_with("openssl changed 1 canary"),
            "{}",
            firing.summary
        );
        let shown = firing
            .evidence
            .iter()
            .any(|shown| shown.value.contains("nobody but an attack"));
        assert!(shown, "{:?}", firing.evidence);
    }
}

#[test]
fn who_makes_a_canary_or_works_beside_it_does_nothing() {
    let mut world = with_canaries();
    let editor = world.process("/usr/bin/vim", None);
    world.create(editor, "/srv/data/.a-canary.txt", TEXT);
    world.overwrite(editor, "/srv/data/a-canary.txt", (TEXT, TEXT));
    world.overwrite(editor, "/home/anywhere/.a-canary.txt", (TEXT, TEXT));
    assert!(world.firing().is_none());
}
