//! Ciphertext that was made elsewhere, and who is blamed for bringing it, or for moving what it replaces.
use super::*;

#[test]
fn what_a_packages_copier_puts_over_originals_is_judged_and_who_wrote_it_is_blamed() {
    for mover in ["/usr/bin/rsync", "/usr/bin/tar", "/usr/bin/cp"] {
        let mut world = World::with(&["/usr/bin/rsync", "/usr/bin/tar", "/usr/bin/cp"], None);
        let terminal = world.process("/usr/bin/bash", None);
        let script = world.process("/usr/bin/bash", Some(terminal));
        let writer = world.process("/usr/bin/python3", Some(script));
        for number in 0..9 {
            world.event(
                writer,
                EventKind::FileOpen,
                (&format!("/tmp/x/{number}.txt"), 1, 0),
            );
        }
        world.end(writer);
        let copier = world.process(mover, Some(script));
        for number in 0..9 {
            world.event(copier, EventKind::FileOpen, (&format!("/srv/{number}.txt"), 1, 0));
            world.overwrite(copier, &format!("/srv/{number}.txt"), (TEXT, CIPHER));
        }
        assert_eq!(world.firing().expect("fires").scope, world.uid(script), "{mover}");
    }
}

/// Puts ciphertext in the place of nine files of `bytes`: unlinked and made anew, as git does, or renamed over, as dpkg does.
fn put_in_place(world: &mut World, mover: ProcessIndex, bytes: u64) {
    let text = ContentShape { size: bytes, ..TEXT };
    for number in 0..9 {
        let path = format!("/srv/{number}.txt");
        if number % 2 == 0 {
            world.unlink(mover, &path, text);
            world.create(mover, &path, CIPHER);
        } else {
            let made = format!("{path}.dpkg-new");
            world.create(mover, &made, CIPHER);
            world.rename(mover, &made, &path);
            world.replace(mover, &path, (text, CIPHER));
        }
    }
}

#[test]
fn what_git_or_a_package_manager_puts_over_originals_is_judged_and_who_wrote_it_is_blamed() {
    for mover in ["/usr/bin/git", "/usr/bin/dpkg", "/usr/bin/rpm"] {
        let mut world = World::with(&["/usr/bin/git", "/usr/bin/dpkg", "/usr/bin/rpm"], None);
        let terminal = world.process("/usr/bin/bash", None);
        let script = world.process("/usr/bin/bash", Some(terminal));
        let writer = world.process("/usr/bin/python3", Some(script));
        for number in 0..9 {
            let staged = format!("/tmp/x/{number}.txt");
            world.event(writer, EventKind::FileOpen, (&staged, 1, 0));
        }
        let mover_process = world.process(mover, Some(script));
        put_in_place(&mut world, mover_process, TEXT.size);
        assert_eq!(world.firing().expect("fires").scope, world.uid(script), "{mover}");
    }
}

#[test]
fn git_may_follow_pointers_check_out_binaries_and_show_what_a_packages_cipher_locks() {
    let mut world = World::with(&["/usr/bin/git", "/usr/bin/git-crypt"], None);
    let shell = world.process("/usr/bin/bash", None);
    let git = world.process("/usr/bin/git", Some(shell));
    put_in_place(&mut world, git, 132);
    let binary = ContentShape {
        entropy: 7.8,
        ..CIPHER
    };
    for number in 0..300 {
        world.unlink(git, &format!("/srv/model/{number}.bin"), binary);
        world.create(git, &format!("/srv/model/{number}.bin"), CIPHER);
    }
    assert!(world.firing().is_none());
    let locks = |cipher: &str| {
        let mut world = World::with(&["/usr/bin/git", "/usr/bin/git-crypt"], None);
        let cipher = world.process(cipher, None);
        let git = world.process("/usr/bin/git", Some(cipher));
        let worker = world.process("/usr/bin/git", Some(git));
        put_in_place(&mut world, worker, TEXT.size);
        world.firing().is_none()
    };
    assert!(locks("/usr/bin/git-crypt"));
    assert!(!locks("/usr/bin/make") && !locks("/tmp/git-crypt"));
}

#[test]
fn ciphertext_of_elsewhere_moved_by_its_writer_or_by_mv_is_found() {
    let mut world = World::new();
    let attacker = world.process("/usr/bin/python3", None);
    for number in 0..9 {
        world.event(attacker, EventKind::FileOpen, (&format!("/tmp/{number}"), 1, 0));
        let mover = world.process("/usr/bin/mv", Some(attacker));
        world.rename(mover, &format!("/tmp/{number}"), &format!("/srv/{number}.txt"));
        world.replace(mover, &format!("/srv/{number}.txt"), (TEXT, CIPHER));
    }
    let firing = world.firing().expect("fires");
    assert_eq!(firing.scope, world.uid(attacker));
    assert!(firing.files_changed <= 5);
}

/// Whoever wrote files of these names long before, or what `mv` renamed and is told of later, or those very files, is no accomplice:
/// both were started by the same session, which has started other work as well.
#[test]
fn who_wrote_files_of_the_same_names_elsewhere_or_what_was_there_before_is_not_drawn_in() {
    let (just_now, long_ago) = (1_000_000_000, 900_000_000_000);
    for (mover, made_in, earlier_ns) in [
        ("/usr/bin/mv", "/home/site", just_now),
        ("/usr/bin/cp", "/home/site", long_ago),
        ("/usr/bin/mv", "/srv", just_now),
        ("/usr/bin/cp", "/srv", just_now),
        ("/usr/bin/cp", "/srv", long_ago),
    ] {
        let mut world = World::with(&["/usr/bin/mv", "/usr/bin/cp"], None);
        let session = world.process("/usr/bin/bash", None);
        let generator = world.process("/usr/bin/python3", Some(session));
        for number in 0..9 {
            let made = format!("{made_in}/{number}.txt");
            world.event(generator, EventKind::FileOpen, (&made, 1, 0));
        }
        world.now_ns += earlier_ns;
        let daemon = world.process("/usr/bin/perl", Some(session));
        for number in 0..9 {
            let job = world.process(mover, Some(daemon));
            world.replace(job, &format!("/srv/{number}.txt"), (TEXT, CIPHER));
        }
        assert_eq!(
            world.firing().expect("fires").scope,
            world.uid(daemon),
            "{mover} {made_in}"
        );
    }
}

/// The scope of what encrypts `docs.locked` below `script` after it was moved there by `mover`, `later_ns` before.
fn scope_after_move(later_ns: u64, mover_of: fn(&mut World, ProcessIndex) -> ProcessIndex) -> (bool, bool) {
    scope_of_files_in("/srv/docs.locked", later_ns, mover_of)
}

/// The same, of files that the vault tells of as lying in `told`.
fn scope_of_files_in(
    told: &str,
    later_ns: u64,
    mover_of: fn(&mut World, ProcessIndex) -> ProcessIndex,
) -> (bool, bool) {
    let mut world = World::new();
    let terminal = world.process("/usr/bin/bash", None);
    let script = world.process("/usr/bin/bash", Some(terminal));
    let mover = mover_of(&mut world, script);
    world.rename(mover, "/srv/docs", "/srv/docs.locked");
    world.now_ns += later_ns;
    let program = world.process("/usr/bin/python3", Some(script));
    for number in 0..9 {
        world.overwrite(program, &format!("{told}/a/{number}.txt"), (TEXT, CIPHER));
    }
    let scope = world.firing().expect("fires").scope;
    (scope == world.uid(script), scope == world.uid(program))
}

#[test]
fn whoever_moved_the_directory_just_before_is_blamed_together_with_who_encrypts_it() {
    let by_sibling = |world: &mut World, script| world.process("/usr/bin/mv", Some(script));
    assert_eq!(scope_after_move(0, by_sibling), (true, false));
    assert_eq!(
        scope_after_move(61_000_000_000, by_sibling),
        (false, true),
        "long ago"
    );
    // Out of what is protected: its files are told of where they lay.
    assert_eq!(scope_of_files_in("/srv/docs", 0, by_sibling), (true, false));
    let by_stranger = |world: &mut World, _| world.process("/usr/bin/mv", None);
    assert_eq!(scope_after_move(0, by_stranger), (false, true), "of nobody's");
}

#[test]
fn a_mirror_of_files_that_were_encrypted_under_other_names_never_fires() {
    let mut world = World::with(&["/usr/bin/rsync"], None);
    let mirror = world.process("/usr/bin/rsync", None);
    for number in 0..300 {
        world.create(mirror, &format!("/backup/{number}.txt.cpt"), CIPHER);
        world.unlink(mirror, &format!("/backup/{number}.txt"), TEXT);
    }
    assert!(world.firing().is_none());
}

#[test]
fn a_directory_of_ciphertext_in_place_of_one_that_is_deleted_counts() {
    let mut world = World::new();
    let script = world.process("/usr/bin/bash", None);
    let mover = world.process("/usr/bin/mv", Some(script));
    for number in 0..9 {
        world.create(mover, &format!("/srv/data/{number}.txt"), CIPHER);
    }
    let remover = world.process("/usr/bin/rm", Some(script));
    for number in 0..9 {
        world.unlink(remover, &format!("/srv/data.old/{number}.txt"), TEXT);
    }
    assert_eq!(world.firing().expect("fires").scope, world.uid(script));
}

#[test]
fn originals_truncated_while_ciphertext_appears_elsewhere_count_too() {
    let mut world = World::new();
    let attacker = world.process("/tmp/a", None);
    for number in 0..9 {
        world.create(attacker, &format!("/srv/{number}.txt.locked"), CIPHER);
        world.overwrite(attacker, &format!("/srv/{number}.txt"), (TEXT, EMPTY));
    }
    assert!(world.firing().is_some());
}

#[test]
fn ciphertext_renamed_over_originals_is_found_by_what_was_replaced() {
    let mut world = World::new();
    let shell = world.process("/bin/sh", None);
    for number in 0..9 {
        let mover = world.process("/usr/bin/mv", Some(shell));
        world.replace(mover, &format!("/srv/{number}.txt"), (TEXT, CIPHER));
    }
    assert_eq!(world.firing().expect("fires").scope, world.uid(shell));
}

#[test]
fn an_archive_with_a_password_that_takes_the_originals_name_counts_like_ciphertext() {
    for seen_later in [true, false] {
        let locked = ContentShape {
            format: ContentFormat::Locked,
            ..ARCHIVE
        };
        let mut world = World::new();
        let mover = world.process("/usr/bin/mv", None);
        for number in 0..9 {
            let path = format!("/srv/{number}.c");
            if seen_later {
                world.replace_unseen(mover, &path, TEXT);
                world.appear(mover, &path, locked);
            } else {
                world.replace(mover, &path, (TEXT, locked));
            }
        }
        assert!(world.firing().expect("fires").files_changed <= 5);
    }
}

#[test]
fn a_file_renamed_over_whose_content_is_looked_at_later_counts_too() {
    let mut world = World::new();
    let attacker = world.process("/tmp/a", None);
    for number in 0..9 {
        world.replace_unseen(attacker, &format!("/srv/{number}.txt"), TEXT);
        world.appear(attacker, &format!("/srv/{number}.txt"), CIPHER);
    }
    assert!(world.firing().expect("fires").files_changed < 10);
}

/// `mv docs .docs.old; mkdir docs`, a process for each new file of `docs`, `rm -r .docs.old`; so with each directory.
fn directories_made_anew_by(tool: &'static str, made: ContentShape) -> Option<(u32, bool)> {
    let mut world = World::with(&[tool, "/usr/bin/mv", "/usr/bin/rm"], None);
    let terminal = world.process("/usr/bin/bash", None);
    let script = world.process("/usr/bin/bash", Some(terminal));
    (0..10).find_map(|folder| {
        let mover = world.process("/usr/bin/mv", Some(script));
        world.rename(mover, &format!("/srv/{folder}"), &format!("/srv/.{folder}.old"));
        for number in 0..20 {
            let maker = world.process(tool, Some(script));
            world.create(maker, &format!("/srv/{folder}/{number}.txt"), made);
        }
        let remover = world.process("/usr/bin/rm", Some(script));
        for number in 0..20 {
            world.unlink(remover, &format!("/srv/.{folder}.old/{number}.txt"), TEXT);
        }
        let firing = world.firing()?;
        Some((firing.files_changed, firing.scope == world.uid(script)))
    })
}

#[test]
fn directories_that_are_moved_aside_made_anew_and_removed_are_an_attack_whatever_makes_the_files() {
    const LOCKED: ContentShape = ContentShape {
        format: ContentFormat::Locked,
        ..CIPHER
    };
    for (tool, made) in [
        ("/usr/bin/openssl", LOCKED),
        ("/usr/bin/openssl", CIPHER),
        ("/usr/bin/head", CIPHER),
    ] {
        let fired = directories_made_anew_by(tool, made);
        assert!(
            fired.is_some_and(|(files, by_script)| files < 60 && by_script),
            "{tool} {made:?}: {fired:?}"
        );
    }
}
