//! Work handed to one process after the other, by whoever is there for that.
use super::*;

const SECOND_NS: u64 = 1_000_000_000;

/// Who is blamed, after at most ten jobs that each harm so many files.
fn blamed(world: &mut World, starter: ProcessIndex, files: u32, gap_ns: u64) -> Option<ProcessUid> {
    (0..10).find_map(|job| {
        let worker = world.process("/usr/bin/perl", Some(starter));
        encrypt_in_place(world, worker, job * files..(job + 1) * files);
        world.now_ns += gap_ns;
        world.firing().map(|firing| firing.scope)
    })
}

#[test]
fn who_starts_them_is_blamed_however_few_files_each_harms() {
    for files in 1..=4 {
        let mut world = World::new();
        let daemon = world.process("/usr/bin/python3", None);
        let scope = blamed(&mut world, daemon, files, SECOND_NS);
        assert_eq!(scope, Some(world.uid(daemon)), "{files} files a job");
    }
}

#[test]
fn one_that_harms_many_is_blamed_for_itself() {
    let mut world = World::new();
    let daemon = world.process("/usr/bin/python3", None);
    let scope = blamed(&mut world, daemon, 9, SECOND_NS);
    assert!(scope.is_some());
    assert_ne!(scope, Some(world.uid(daemon)));
}

#[test]
fn what_jobs_did_minutes_apart_does_not_add_up() {
    let mut world = World::new();
    let daemon = world.process("/usr/bin/python3", None);
    assert_eq!(blamed(&mut world, daemon, 4, 300 * SECOND_NS), None);
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
