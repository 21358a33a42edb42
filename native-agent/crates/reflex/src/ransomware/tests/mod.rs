mod canaries;
mod jobs;
mod moved;
mod ordinary;
mod sealed;

use super::*;
use crate::Firing;
use crate::testing::{ARCHIVE, CIPHER, EMPTY, FEIGNED, TEXT, World};
use norn_events::{ContentFormat, ContentShape, EventKind, ImageFlag};

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
