use super::*;
use crate::testing::{ARCHIVE, CIPHER, EMPTY, FEIGNED, TEXT, World};
use norn_events::{EventKind, ImageFlag};

fn encrypt_in_place(world: &mut World, by: ProcessIndex, files: std::ops::Range<u32>) {
    for number in files {
        world.overwrite(by, &format!("/srv/data/{number}.txt"), (TEXT, CIPHER));
    }
}

#[test]
fn one_process_that_encrypts_in_place_is_blamed_alone_before_ten_files() {
    let mut world = World::new();
    let shell = world.process("/usr/bin/bash", None);
    let attacker = world.process("/usr/bin/python3.11", Some(shell));
    encrypt_in_place(&mut world, attacker, 0..9);
    let firing = world.firing().expect("fires");
    assert_eq!(firing.scope, world.uid(attacker));
    assert!(firing.files_changed < 10);
    assert_eq!(
        firing.summary,
        format!("python3.11 encrypted {} files in 16 ms", firing.files_changed)
    );
}

#[test]
fn ciphertext_behind_a_known_magic_counts_in_place_and_beside_a_deleted_original() {
    type Deed = fn(&mut World, ProcessIndex, String);
    let deeds: [Deed; 2] = [
        |world, by, path| world.overwrite(by, &path, (TEXT, FEIGNED)),
        |world, by, path| {
            world.create(by, &format!("{path}.locked"), FEIGNED);
            world.unlink(by, &path, TEXT);
        },
    ];
    for deed in deeds {
        let mut world = World::new();
        let attacker = world.process("/usr/bin/python3", None);
        (0..9).for_each(|number| deed(&mut world, attacker, format!("/srv/{number}.csv")));
        assert!(world.firing().expect("fires").files_changed <= 5);
    }
}

#[test]
fn documents_in_genuine_containers_of_another_format_count_in_place_and_beside_a_deleted_original() {
    type Deed = fn(&mut World, ProcessIndex, String);
    let deeds: [Deed; 4] = [
        |world, by, path| world.overwrite(by, &path, (TEXT, PICTURE)),
        |world, by, path| world.overwrite(by, &path, (EMPTY, PICTURE)),
        |world, by, path| world.create(by, &path, ARCHIVE),
        |world, by, path| world.create(by, &format!("{path}.locked"), ARCHIVE),
    ];
    for (at, deed) in deeds.into_iter().enumerate() {
        let mut world = World::new();
        let attacker = world.process("/usr/bin/python3", None);
        for number in 0..20 {
            let path = format!("/srv/{number}.csv");
            if at > 0 {
                world.unlink(attacker, &path, TEXT);
            }
            deed(&mut world, attacker, path);
        }
        let firing = world.firing().unwrap_or_else(|| panic!("deed {at} fires"));
        assert!(firing.files_changed <= 10, "deed {at}: {}", firing.files_changed);
    }
}

#[test]
fn compressed_and_converted_documents_whose_originals_are_deleted_never_fire() {
    let mut world = World::new();
    let script = world.process("/usr/bin/bash", None);
    let converter = world.process("/usr/bin/python3", Some(script));
    for number in 0..300 {
        for (original, before, made, after) in [
            ("a.csv", TEXT, "a.csv.gz", ARCHIVE),
            ("b.csv", TEXT, "b.csv.7z", ARCHIVE),
            ("c.txt", TEXT, "c.txt.pdf", PICTURE),
            ("d.png", PICTURE, "d.jpg", PICTURE),
            ("e.jpg", PICTURE, "e.jpg.webp", PICTURE),
            ("f.docx", ARCHIVE, "f.docx", ARCHIVE),
            ("g.jpg", PICTURE, ".g.jpg.Xy12Zz", PICTURE),
        ] {
            world.create(converter, &format!("/srv/{number}/{made}"), after);
            world.unlink(converter, &format!("/srv/{number}/{original}"), before);
        }
        world.overwrite(converter, &format!("/srv/{number}.html"), (TEXT, ARCHIVE));
    }
    assert!(world.firing().is_none());
}

#[test]
fn unpacking_a_tree_of_random_looking_files_never_fires() {
    for tool in ["/usr/bin/gunzip", "/usr/bin/python3"] {
        let mut world = World::with(&["/usr/bin/gunzip"], None);
        let unpacker = world.process(tool, None);
        for number in 0..300 {
            let after = [CIPHER, FEIGNED][number % 2];
            world.create(unpacker, &format!("/srv/{number}.bin"), after);
            world.unlink(unpacker, &format!("/srv/{number}.bin.gz"), ARCHIVE);
        }
        assert!(world.firing().is_none(), "{tool}");
    }
}

/// Texts, and what is larger by as much each time and has no format, elsewhere; then the texts go. By whom the texts were made differs.
fn made_and_cleared_away(by_shell: bool) -> Option<Firing> {
    let mut world = World::new();
    let shell = world.process("/usr/bin/bash", None);
    let node = world.process("/usr/bin/node", Some(shell));
    let maker = if by_shell { shell } else { node };
    for number in 0..60 {
        let (text, other) = (format!("/tmp/x/{number}.txt"), format!("/srv/lib/{number:x}.dat"));
        world.create(maker, &text, TEXT);
        let size = TEXT.size + 200;
        world.create(node, &other, ContentShape { size, ..CIPHER });
        world.unlink(node, &text, TEXT);
    }
    world.firing()
}

#[test]
fn what_is_unpacked_and_cleared_away_beside_random_looking_files_never_fires() {
    assert!(made_and_cleared_away(false).is_none());
    assert!(
        made_and_cleared_away(true).is_some(),
        "of what the shell had made, its ciphertext is"
    );
}

#[test]
fn copies_of_what_only_begins_as_its_format_never_fire() {
    let mut world = World::new();
    let mirror = world.process("/usr/bin/rsync", None);
    for number in 0..300 {
        world.create(mirror, &format!("/backup/{number}.png"), FEIGNED);
        world.unlink(mirror, &format!("/srv/{number}.png"), FEIGNED);
        world.overwrite(mirror, &format!("/old/{number}.png"), (FEIGNED, FEIGNED));
    }
    assert!(world.firing().is_none());
}

#[test]
fn a_shell_that_starts_one_process_a_file_is_blamed_and_its_terminal_is_not() {
    let mut world = World::new();
    let terminal = world.process("/usr/bin/bash", None);
    let script = world.process("/bin/sh", Some(terminal));
    for number in 0..9 {
        let child = world.process("/usr/bin/openssl", Some(script));
        encrypt_in_place(&mut world, child, number..number + 1);
    }
    assert_eq!(world.firing().expect("fires").scope, world.uid(script));
}

#[test]
fn workers_are_blamed_through_the_process_that_forked_them() {
    let mut world = World::new();
    let leader = world.process("/tmp/a", None);
    let workers: Vec<_> = (0..4).map(|_| world.process("/tmp/a", Some(leader))).collect();
    for number in 0..8_u32 {
        encrypt_in_place(&mut world, workers[number as usize % 4], number..number + 1);
    }
    assert_eq!(world.firing().expect("fires").scope, world.uid(leader));
}

#[test]
fn a_tree_of_forks_is_blamed_at_its_root() {
    let mut world = World::new();
    let shell = world.process("/usr/bin/bash", None);
    let root = world.process("/srv/a", Some(shell));
    let workers: Vec<_> = (0..2)
        .map(|_| {
            let between = world.process("/srv/a", Some(root));
            world.process("/srv/a", Some(between))
        })
        .collect();
    for number in 0..12_u32 {
        encrypt_in_place(&mut world, workers[number as usize % 2], number..number + 1);
    }
    let firing = world.firing().expect("fires");
    assert_eq!(firing.scope, world.uid(root));
    // Together, not each for itself: that would take five files of one of them.
    assert_eq!(firing.files_changed, 5);
}

#[test]
fn a_new_file_beside_an_unlinked_original_counts_as_encrypted() {
    let mut world = World::new();
    let attacker = world.process("/tmp/a", None);
    for number in 0..9 {
        world.create(attacker, &format!("/srv/{number}.txt.locked"), CIPHER);
        world.unlink(attacker, &format!("/srv/{number}.txt"), TEXT);
    }
    assert!(world.firing().expect("fires").files_changed < 10);
}

#[test]
fn originals_unlinked_before_their_ciphertext_appears_count_too() {
    let mut world = World::new();
    let attacker = world.process("/tmp/a", None);
    for number in 0..9 {
        world.unlink(attacker, &format!("/srv/{number}.txt"), TEXT);
        world.create(attacker, &format!("/srv/f{}", number * 7919), CIPHER);
    }
    assert!(world.firing().is_some());
}

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

#[test]
fn children_that_have_ended_and_are_known_by_pid_only_count_too() {
    let mut world = World::new();
    let shell = world.process("/bin/sh", None);
    for number in 0..9 {
        let child = world.process("/usr/bin/openssl", Some(shell));
        world.end(child);
        world.forget_uids();
        encrypt_in_place(&mut world, child, number..number + 1);
    }
    assert_eq!(world.firing().expect("fires").scope, world.uid(shell));
}

#[test]
fn a_program_from_the_containers_upper_layer_is_given_less() {
    let mut world = World::new();
    let init = world.process("/bin/sh", None);
    let init = world.in_container(init);
    let attacker = world.process("/tmp/a", Some(init));
    let attacker = world.flagged(attacker, ImageFlag::UpperLayer as u32);
    encrypt_in_place(&mut world, attacker, 0..3);
    assert_eq!(world.firing().expect("fires").scope, world.uid(attacker));
}

#[test]
fn a_containers_init_is_blamed_only_when_it_is_the_offender() {
    let mut world = World::new();
    let shim = world.process("/usr/bin/containerd-shim-runc-v2", None);
    let init = world.process("/bin/busybox", Some(shim));
    let init = world.in_container(init);
    encrypt_in_place(&mut world, init, 0..9);
    assert_eq!(world.firing().expect("fires").scope, world.uid(init));
}

#[test]
fn a_session_manager_is_never_blamed() {
    let mut world = World::new();
    let sshd = world.process("/usr/sbin/sshd", None);
    for number in 0..20 {
        let child = world.process("/usr/bin/python3", Some(sshd));
        encrypt_in_place(&mut world, child, number..number + 1);
    }
    assert!(world.firing().is_none());
}

#[test]
fn zeros_over_documents_are_a_wiper() {
    let mut world = World::new();
    let wiper = world.process("/tmp/w", None);
    for number in 0..9 {
        let zeros = ContentShape {
            entropy: 0.0,
            format: ContentFormat::Unknown,
            ..TEXT
        };
        world.overwrite(wiper, &format!("/srv/{number}.txt"), (TEXT, zeros));
    }
    assert!(world.firing().expect("fires").summary.starts_with("w wiped"));
}

#[test]
fn gzip_of_a_whole_tree_never_fires() {
    let mut world = World::new();
    let gzip = world.process("/usr/bin/gzip", None);
    for number in 0..800 {
        world.create(gzip, &format!("/srv/{number}.txt.gz"), ARCHIVE);
        world.unlink(gzip, &format!("/srv/{number}.txt"), TEXT);
    }
    assert!(world.firing().is_none());
}

#[test]
fn unpacking_thousands_of_files_with_many_readmes_never_fires() {
    let mut world = World::new();
    let tar = world.process("/usr/bin/tar", None);
    for number in 0..3_000 {
        let after = match number % 4 {
            0 => ARCHIVE,
            1 => CIPHER,
            _ => TEXT,
        };
        world.create(tar, &format!("/srv/src/{number}/README"), after);
    }
    assert!(world.firing().is_none());
}

#[test]
fn ccrypt_from_an_unchanged_package_never_fires_by_itself() {
    let mut world = World::with(&["/usr/bin/ccrypt"], None);
    let shell = world.process("/usr/bin/bash", None);
    let ccrypt = world.process("/usr/bin/ccrypt", Some(shell));
    for number in 0..800 {
        world.overwrite(ccrypt, &format!("/srv/{number}.txt"), (TEXT, CIPHER));
        world.rename(
            ccrypt,
            &format!("/srv/{number}.txt"),
            &format!("/srv/{number}.txt.cpt"),
        );
    }
    assert!(world.firing().is_none());
}

#[test]
fn ccrypt_with_ransom_notes_fires_for_who_started_it() {
    let mut world = World::with(&["/usr/bin/ccrypt"], None);
    let script = world.process("/usr/bin/bash", None);
    let ccrypt = world.process("/usr/bin/ccrypt", Some(script));
    for number in 0..20 {
        world.overwrite(ccrypt, &format!("/srv/{number}/a.txt"), (TEXT, CIPHER));
        world.create(script, &format!("/srv/{number}/HOW_TO_DECRYPT.txt"), TEXT);
    }
    assert_eq!(world.firing().expect("fires").scope, world.uid(script));
}

#[test]
fn gpg_in_a_loop_that_keeps_the_originals_never_fires() {
    let mut world = World::with(&["/usr/bin/gpg"], None);
    let shell = world.process("/usr/bin/bash", None);
    for number in 0..500 {
        let gpg = world.process("/usr/bin/gpg", Some(shell));
        world.create(gpg, &format!("/srv/{number}.txt.gpg"), CIPHER);
    }
    assert!(world.firing().is_none());
}

#[test]
fn a_compiler_that_removes_its_temporary_files_never_fires() {
    let mut world = World::new();
    let make = world.process("/usr/bin/make", None);
    for number in 0..400 {
        let compiler = world.process("/usr/lib/gcc/cc1", Some(make));
        let object = ContentShape {
            size: 40_000,
            entropy: 5.9,
            format: ContentFormat::Structured,
        };
        world.create(compiler, &format!("/srv/{number}.o"), object);
        world.unlink(compiler, &format!("/tmp/cc{number}.s"), TEXT);
    }
    assert!(world.firing().is_none());
}

#[test]
fn one_file_encrypted_again_and_again_counts_once() {
    let mut world = World::new();
    let editor = world.process("/usr/bin/keepass", None);
    for _ in 0..50 {
        world.overwrite(editor, "/srv/secrets.db", (TEXT, CIPHER));
    }
    assert!(world.firing().is_none());
}

#[test]
fn evidence_of_unrelated_programs_does_not_add_up_against_their_shell() {
    let mut world = World::new();
    let shell = world.process("/usr/bin/bash", None);
    for number in 0..30 {
        let program = world.process("/usr/local/bin/convert", Some(shell));
        encrypt_in_place(&mut world, program, number..number + 1);
        world.now_ns += 60_000_000_000;
    }
    assert!(world.firing().is_none());
}

#[test]
fn an_ancestor_that_runs_from_memory_is_not_blamed_for_what_a_child_did() {
    let mut world = World::new();
    let server = world.process("memfd:tools", None);
    let server = world.flagged(server, ImageFlag::Memfd as u32);
    let test = world.process("/usr/local/bin/test", Some(server));
    encrypt_in_place(&mut world, test, 0..4);
    assert!(world.firing().is_none());
    encrypt_in_place(&mut world, test, 4..9);
    assert_eq!(world.firing().expect("fires").scope, world.uid(test));
}

#[test]
fn two_attacks_side_by_side_are_blamed_one_by_one_and_not_through_their_shell() {
    let mut world = World::new();
    let shell = world.process("/usr/bin/bash", None);
    let attackers = [0, 1].map(|number| world.process(&format!("/tmp/a{number}"), Some(shell)));
    let mut scopes = Vec::new();
    for number in 0..12_u32 {
        encrypt_in_place(&mut world, attackers[number as usize % 2], number..number + 1);
        scopes.extend(world.firing().map(|firing| firing.scope));
    }
    assert!(
        scopes
            .iter()
            .all(|scope| attackers.map(|attacker| world.uid(attacker)).contains(scope)),
        "{scopes:?}"
    );
}

#[test]
fn who_clears_away_what_a_stopped_attack_left_is_not_blamed_for_it() {
    let mut world = World::new();
    let shell = world.process("/usr/bin/bash", None);
    let attacker = world.process("/tmp/a", Some(shell));
    for number in 0..9 {
        world.create(attacker, &format!("/srv/half/{number}.txt.locked"), CIPHER);
    }
    encrypt_in_place(&mut world, attacker, 0..9);
    assert_eq!(world.firing().expect("fires").scope, world.uid(attacker));
    let cleaner = world.process("/srv/tool", Some(shell));
    for number in 0..9 {
        world.unlink(cleaner, &format!("/srv/half/{number}.txt"), TEXT);
    }
    assert!(world.firing().is_none());
}

#[test]
fn random_looking_files_of_one_program_and_deletions_by_another_are_no_pair() {
    let mut world = World::new();
    let shell = world.process("/usr/bin/bash", None);
    let builder = world.process("/usr/bin/make", Some(shell));
    let cleaner = world.process("/usr/bin/clean", Some(shell));
    for number in 0..50 {
        world.create(builder, &format!("/srv/{number}.bin"), CIPHER);
        world.unlink(cleaner, &format!("/srv/{number}.txt"), TEXT);
    }
    assert!(world.firing().is_none());
}

#[test]
fn a_lineage_fires_once_and_its_shell_is_not_charged_for_it_again() {
    let mut world = World::new();
    let shell = world.process("/usr/bin/bash", None);
    for round in 0..2 {
        let attacker = world.process("/usr/bin/python3", Some(shell));
        encrypt_in_place(&mut world, attacker, round * 100..round * 100 + 50);
        assert_eq!(world.firing().expect("fires").scope, world.uid(attacker));
    }
}

#[test]
fn what_was_released_never_fires_again() {
    let mut world = World::new();
    let attacker = world.process("/usr/bin/python3", None);
    let scope = world.uid(attacker);
    assert!(world.reflexes.release(&[scope], &[]));
    encrypt_in_place(&mut world, attacker, 0..100);
    assert!(world.firing().is_none());
}

#[test]
fn the_agents_own_restore_is_no_attack() {
    let mut world = World::new();
    let agent = world.process("/opt/norn/baldur", None);
    world.reflexes.guard(vec![world.pid(agent)]);
    encrypt_in_place(&mut world, agent, 0..100);
    assert!(world.firing().is_none());
}

#[test]
fn the_same_evidence_has_the_same_id() {
    let ids: Vec<String> = (0..2)
        .map(|_| {
            let mut world = World::new();
            let attacker = world.process("/usr/bin/python3", None);
            encrypt_in_place(&mut world, attacker, 0..9);
            world.firing().expect("fires").finding_id()
        })
        .collect();
    assert_eq!(ids[0], ids[1]);
    assert_eq!(ids[0].len(), 32);
}

#[test]
fn a_program_that_has_just_come_and_deletes_files_of_many_kinds_is_a_wiper() {
    let mut world = World::new();
    let wiper = world.process("/tmp/w", None);
    for number in 0..12 {
        let kind = ["txt", "pdf", "csv", "png"][number % 4];
        world.unlink(wiper, &format!("/srv/{number}.{kind}"), TEXT);
    }
    let firing = world.firing().expect("fires");
    assert!(firing.files_changed < 10, "{}", firing.files_changed);
    assert!(firing.summary.starts_with("w wiped"));
}

#[test]
fn deleting_whole_directories_or_with_a_program_of_the_system_or_ones_own_files_never_fires() {
    let mut world = World::new();
    let kind = |number: u32| ["txt", "pdf", "csv", "png"][number as usize % 4];
    let cleaner = world.process("/tmp/clean", None);
    for number in 0..300 {
        world.unlink(
            cleaner,
            &format!("/srv/{}/{number}.{}", number / 6, kind(number)),
            TEXT,
        );
        if number % 6 == 5 {
            world.event(
                cleaner,
                EventKind::FileUnlink,
                (&format!("/srv/{}", number / 6), 1, 0),
            );
        }
    }
    let remover = world.process("/usr/bin/rm", None);
    let old = world.process("/home/me/tool", None);
    let maker = world.process("/tmp/maker", None);
    for number in 0..300 {
        world.unlink(remover, &format!("/srv/r/{number}.{}", kind(number)), TEXT);
        world.unlink(old, &format!("/srv/o/{number}.{}", kind(number)), TEXT);
        world.create(maker, &format!("/srv/m/{number}.{}", kind(number)), TEXT);
        world.unlink(maker, &format!("/srv/m/{number}.{}", kind(number)), TEXT);
    }
    assert!(world.firing().is_none());
}

const PICTURE: ContentShape = ContentShape {
    format: ContentFormat::Media,
    ..ARCHIVE
};

/// Deletes texts, archives and pictures of six kinds.
fn wipe(world: &mut World, by: ProcessIndex, files: u32) {
    let shapes = [TEXT, ARCHIVE, PICTURE];
    let kinds = ["txt", "zip", "png", "csv", "7z", "jpg"];
    for number in 0..files as usize {
        world.unlink(
            by,
            &format!("/srv/{number}.{}", kinds[number % 6]),
            shapes[number % 3],
        );
    }
}

#[test]
fn a_program_of_no_package_that_wipes_a_container_counts_unless_the_container_itself_started_it() {
    let mut world = World::new();
    let shell = world.process("/bin/sh", None);
    let shell = world.in_container(shell);
    let inside = world.process("/usr/bin/clean", Some(shell));
    world.init_of_container(shell);
    wipe(&mut world, inside, 300);
    assert!(world.firing().is_none());
    let outside = world.process("/usr/bin/clean", None);
    let outside = world.in_container(outside);
    wipe(&mut world, outside, 30);
    assert!(world.firing().expect("fires").files_changed <= 16);
}

#[test]
fn what_the_agent_inside_a_container_starts_is_the_containers_own() {
    let mut world = World::new();
    let agent = world.process("/baldur", None);
    let agent = world.in_container(agent);
    world.reflexes.guard(vec![world.pid(agent)]);
    let application = world.process("/usr/bin/clean", Some(agent));
    wipe(&mut world, application, 300);
    assert!(world.firing().is_none());
}

#[test]
fn a_packages_own_program_may_wipe_a_container() {
    let mut world = World::with(&["/usr/bin/clean"], None);
    let cleaner = world.process("/usr/bin/clean", None);
    let cleaner = world.in_container(cleaner);
    wipe(&mut world, cleaner, 300);
    assert!(world.firing().is_none());
}

#[test]
fn what_others_made_a_moment_ago_is_no_more_a_programs_own_than_what_was_there_before() {
    let mut world = World::new();
    let shell = world.process("/usr/bin/bash", None);
    let maker = world.process("/usr/bin/tar", Some(shell));
    for number in 0..30 {
        let kind = ["txt", "pdf", "csv"][number % 3];
        world.create(maker, &format!("/srv/{number}.{kind}"), TEXT);
    }
    let clear_away = |world: &mut World, by: ProcessIndex| {
        for number in 0..30 {
            let kind = ["txt", "pdf", "csv"][number % 3];
            world.unlink(by, &format!("/srv/{number}.{kind}"), TEXT);
        }
        world.firing().is_some()
    };
    assert!(!clear_away(&mut world, maker));
    let beside = world.process("/tmp/w", Some(shell));
    assert!(clear_away(&mut world, beside));
}

#[test]
fn a_file_emptied_by_its_path_and_filled_with_ciphertext_is_encrypted() {
    let mut world = World::new();
    let attacker = world.process("/srv/a", None);
    for number in 0..9 {
        let path = format!("/srv/{number}.txt");
        world.replace_unseen(attacker, &path, TEXT);
        world.overwrite(attacker, &path, (EMPTY, CIPHER));
    }
    assert!(world.firing().expect("fires").files_changed < 10);
}

#[test]
fn a_cipher_with_rm_behind_it_over_a_few_files_does_not_fire_and_with_a_note_in_each_directory_does() {
    for tool in ["/usr/bin/gpg", "/usr/bin/openssl", "/usr/bin/age"] {
        encrypts_in_a_loop(tool);
    }
}

fn encrypts_in_a_loop(tool: &'static str) {
    let mut world = World::with(&[tool, "/usr/bin/rm"], None);
    let shell = world.process("/usr/bin/bash", None);
    let encrypt = |world: &mut World, number: u32| {
        let cipher = world.process(tool, Some(shell));
        world.flagged(cipher, ImageFlag::New as u32);
        world.create(cipher, &format!("/srv/{}/{number}.txt.gpg", number % 5), CIPHER);
        let remover = world.process("/usr/bin/rm", Some(shell));
        world.unlink(remover, &format!("/srv/{}/{number}.txt", number % 5), TEXT);
    };
    (0..30).for_each(|number| encrypt(&mut world, number));
    assert!(world.firing().is_none());
    for folder in 0..5 {
        world.create(shell, &format!("/srv/{folder}/READ_ME.txt"), TEXT);
    }
    (30..40).for_each(|number| encrypt(&mut world, number));
    assert_eq!(world.firing().expect("fires").scope, world.uid(shell));
}

/// How many of 200 originals were sealed before it fired, and whether the script that had it done is blamed.
fn sealed(
    tool: &'static str,
    made: (&str, ContentShape),
    (path, apart_ns): (&str, u64),
) -> Option<(u32, bool)> {
    let mut world = World::with(&[tool, "/usr/bin/rm"], None);
    let terminal = world.process("/usr/bin/bash", None);
    let script = world.process("/usr/bin/bash", Some(terminal));
    (0..200).find_map(|number| {
        let original = path.replace('*', &number.to_string());
        let cipher = world.process(tool, Some(script));
        world.create(cipher, &made.0.replace('*', &original), made.1);
        world.end(cipher);
        let remover = world.process("/usr/bin/rm", Some(script));
        world.unlink(remover, &original, TEXT);
        world.now_ns += apart_ns;
        let firing = world.firing()?;
        Some((firing.files_changed, firing.scope == world.uid(script)))
    })
}

#[test]
fn many_originals_that_packaged_tools_seal_one_by_one_are_an_attack_of_who_had_it_done() {
    const LOCKED: ContentShape = ContentShape {
        format: ContentFormat::Locked,
        ..ARCHIVE
    };
    for (tool, made) in [
        ("/usr/bin/gpg", ("*.gpg", CIPHER)),
        ("/usr/bin/openssl", ("*.enc", CIPHER)),
        ("/usr/bin/zip", ("*.zip", LOCKED)),
        ("/usr/bin/7z", ("*.7z", LOCKED)),
    ] {
        let (files, of_script) = sealed(tool, made, ("/srv/*.csv", 0)).expect("fires");
        assert!(files <= 36 && of_script, "{tool}: {files}");
        let slowly = sealed(tool, made, ("/srv/*.csv", 6_000_000_000));
        assert_eq!(slowly, None, "ten a minute, by {tool}");
        let logs = sealed(tool, made, ("/var/log/app/*.log", 0));
        assert_eq!(logs, None, "logs, by {tool}");
    }
    let compressed = sealed("/usr/bin/brotli", ("*.br", CIPHER), ("/srv/*.csv", 0));
    assert_eq!(compressed, None, "in a form without a magic");
    let plain = sealed("/usr/bin/zip", ("*.zip", ARCHIVE), ("/srv/*.csv", 0));
    assert_eq!(plain, None, "without a password");
}

#[test]
fn who_seals_the_copies_that_it_had_made_itself_never_fires_and_who_seals_anothers_does() {
    for (own, fires) in [(true, false), (false, true)] {
        let mut world = World::with(&["/usr/bin/gpg", "/usr/bin/rm"], None);
        let terminal = world.process("/usr/bin/bash", None);
        let [script, other] = [(); 2].map(|()| world.process("/usr/bin/bash", Some(terminal)));
        let copier = world.process("/usr/bin/cp", Some(if own { script } else { other }));
        (0..150).for_each(|number| world.create(copier, &format!("/srv/{number}.rst"), TEXT));
        for number in 0..150 {
            let cipher = world.process("/usr/bin/gpg", Some(script));
            world.create(cipher, &format!("/srv/{number}.rst.gpg"), CIPHER);
            let remover = world.process("/usr/bin/rm", Some(script));
            world.unlink(remover, &format!("/srv/{number}.rst"), TEXT);
        }
        assert_eq!(world.firing().is_some(), fires, "own: {own}");
    }
}

#[test]
fn one_archive_with_a_password_of_many_files_never_fires() {
    let mut world = World::with(&["/usr/bin/7z"], None);
    let shell = world.process("/usr/bin/bash", None);
    let archiver = world.process("/usr/bin/7z", Some(shell));
    world.create(
        archiver,
        "/srv/all.7z",
        ContentShape {
            format: ContentFormat::Locked,
            ..CIPHER
        },
    );
    (0..300).for_each(|number| world.unlink(archiver, &format!("/srv/{number}.csv"), TEXT));
    assert!(world.firing().is_none());
}

#[test]
fn a_zip_with_a_password_beside_its_original_is_its_pair_by_the_name_without_ending() {
    let locked = ContentShape {
        format: ContentFormat::Locked,
        ..ARCHIVE
    };
    let mut world = World::with(&["/usr/bin/zip"], None);
    let script = world.process("/usr/bin/bash", None);
    for number in 0..40 {
        let zip = world.process("/usr/bin/zip", Some(script));
        world.create(zip, &format!("/srv/{number}.zip"), locked);
        let remover = world.process("/usr/bin/rm", Some(script));
        world.unlink(remover, &format!("/srv/{number}.docx"), TEXT);
    }
    assert_eq!(world.firing().expect("fires").scope, world.uid(script));
}

#[test]
fn a_finding_shows_what_became_of_the_first_files_and_who_started_the_program() {
    let mut world = World::new();
    let sshd = world.process("/usr/sbin/sshd", None);
    let shell = world.process("/usr/bin/bash", Some(sshd));
    let attacker = world.process("/srv/a", Some(shell));
    encrypt_in_place(&mut world, attacker, 0..9);
    let firing = world.firing().expect("fires");
    let shown = |field: &str| {
        let found = firing.evidence.iter().find(|evidence| evidence.field == field);
        found.map(|evidence| evidence.value.as_str())
    };
    assert_eq!(
        shown("file"),
        Some(
            "/srv/data/0.txt: ciphertext: Text of 6000 bytes, 4.3 bits a byte became Unknown of 6016 bytes, 8.0 bits a byte"
        )
    );
    assert_eq!(
        shown("process.started_by"),
        Some("/usr/bin/bash < /usr/sbin/sshd")
    );
    assert_eq!(shown("files.directories"), Some("1"));
}

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

/// Each encrypts one file, forks the next and ends.
#[test]
fn a_chain_of_processes_with_one_file_each_is_blamed_from_its_first() {
    let mut world = World::new();
    let shell = world.process("/usr/bin/bash", None);
    let first = world.process("/srv/x/chain", Some(shell));
    let (mut last, mut number) = (first, 0);
    let firing = loop {
        encrypt_in_place(&mut world, last, number..number + 1);
        if let Some(firing) = world.firing() {
            break firing;
        }
        number += 1;
        assert!(number < 9, "nothing fires");
        let next = world.process("/srv/x/chain", Some(last));
        world.end(last);
        last = next;
    };
    assert_eq!(firing.scope, world.uid(first));
    assert_eq!(firing.files_changed, 5);
}
