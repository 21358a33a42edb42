use norn_events::{EventKind, ImageFlag, ProcessIndex};

use crate::insight::tests::{FakeInstructions, Work, copying, hashing, run, world};
use crate::testing::World;
use crate::{Firing, Rule};

const FOREIGN: u32 = ImageFlag::UpperLayer as u32;

fn starts(world: &mut World, instructions: &FakeInstructions, image: &str, percent: u64) -> ProcessIndex {
    let process = world.process(image, None);
    instructions
        .work
        .lock()
        .unwrap()
        .push(Work::new(world.pid(process), hashing(), percent));
    process
}

fn text<'a>(firing: &'a Firing, name: &str) -> &'a str {
    let evidence = firing.evidence.iter().find(|evidence| evidence.field == name);
    &evidence.expect("the finding says so").value
}

#[test]
fn hashing_for_ten_seconds_by_a_program_from_the_upper_layer_fires_once() {
    let (mut world, instructions) = world();
    let miner = starts(&mut world, &instructions, "/tmp/x", 95);
    world.flagged(miner, FOREIGN);
    run(&mut world, 9);
    assert!(world.firing().is_none());
    run(&mut world, 60);
    let firing = world.firing().expect("fires");
    assert_eq!((firing.rule, firing.scope), (Rule::Miner, world.uid(miner)));
    assert!(firing.summary.contains("word-hash"));
}

#[test]
fn the_finding_shows_the_loop_where_it_lies_and_what_it_cost() {
    let (mut world, instructions) = world();
    let miner = starts(&mut world, &instructions, "/tmp/x", 95);
    world.flagged(miner, FOREIGN);
    run(&mut world, 15);
    let firing = world.firing().expect("fires");
    let lines: Vec<&str> = text(&firing, "code.disassembly").lines().collect();
    assert!(lines.len() <= 16 && lines[0].contains("ror eax,6h"), "{lines:?}");
    assert!(text(&firing, "code.region").ends_with("r-x file /usr/bin/program"));
    assert_eq!(text(&firing, "cpu.core_percent"), "95");
    assert_eq!(text(&firing, "samples.in_kernel_percent"), "100");
    assert_eq!(text(&firing, "duration_s"), "10");
}

#[test]
fn a_throttled_miner_that_rests_for_seconds_is_found_within_a_minute() {
    let (mut world, instructions) = world();
    let miner = starts(&mut world, &instructions, "/usr/local/bin/backup", 0);
    for _ in 0..6 {
        instructions.work.lock().unwrap()[0].percent = 100;
        run(&mut world, 3);
        let rest = std::mem::take(&mut *instructions.work.lock().unwrap());
        run(&mut world, 7);
        *instructions.work.lock().unwrap() = rest;
    }
    assert_eq!(world.firing().expect("fires").scope, world.uid(miner));
}

#[test]
fn a_program_that_came_with_the_system_is_given_twice_the_time() {
    let (mut world, instructions) = world();
    starts(&mut world, &instructions, "/usr/local/bin/backup", 95);
    run(&mut world, 18);
    assert!(world.firing().is_none());
    run(&mut world, 6);
    assert!(world.firing().is_some());
}

#[test]
fn a_tool_that_sums_files_is_told_of_and_not_ended_where_somebody_sits_before_it() {
    let told_only = |image: &str, flags: u32, at_terminal: bool| {
        let (mut world, instructions) = world();
        let tool = starts(&mut world, &instructions, image, 95);
        world.flagged(tool, flags);
        if at_terminal {
            world.at_terminal(tool);
        }
        run(&mut world, 30);
        world.firing().expect("fires").observe_only.is_some()
    };
    assert!(told_only("/home/anna/summer", 0, true));
    assert!(!told_only("/home/anna/summer", 0, false), "nobody sits there");
    assert!(!told_only("/home/anna/hasher", 0, true), "it reads nothing");
    assert!(!told_only("/tmp/summer", FOREIGN, true), "it came from outside");
}

#[test]
fn an_unchanged_package_may_hash_for_ever() {
    let (mut world, instructions) = world();
    starts(&mut world, &instructions, "/usr/bin/gpg", 95);
    run(&mut world, 120);
    assert!(world.firing().is_none());
}

#[test]
fn but_not_with_code_that_is_not_its_own() {
    let (mut world, instructions) = world();
    starts(&mut world, &instructions, "/usr/bin/gpg", 95);
    instructions.work.lock().unwrap()[0].maps =
        "00400000-00402000 r-xp 00000000 fe:00 9 /var/tmp/preloaded.so".to_owned();
    run(&mut world, 40);
    assert_eq!(world.firing().expect("fires").rule, Rule::Miner);
}

#[test]
fn less_than_a_fifth_of_a_core_is_not_judged_and_of_a_foreign_program_less_than_a_tenth() {
    let (mut world, instructions) = world();
    starts(&mut world, &instructions, "/usr/local/bin/server", 18);
    let miner = starts(&mut world, &instructions, "/tmp/x", 9);
    world.flagged(miner, FOREIGN);
    run(&mut world, 120);
    assert!(world.firing().is_none());
}

#[test]
fn busy_code_that_is_no_hash_does_not_fire() {
    let (mut world, instructions) = world();
    let program = starts(&mut world, &instructions, "/tmp/x", 95);
    world.flagged(program, FOREIGN);
    instructions.work.lock().unwrap()[0].code = copying();
    run(&mut world, 60);
    assert!(world.firing().is_none());
    assert!(world.reflexes.insight_status().looks > 0);
}

#[test]
fn many_short_lived_processes_are_their_parents_work() {
    let (mut world, instructions) = world();
    let shell = world.process("/bin/sh", None);
    for number in 0..100 {
        let child = world.process("/tmp/x", Some(shell));
        let child = world.flagged(child, FOREIGN);
        *instructions.work.lock().unwrap() = vec![Work::new(world.pid(child), hashing(), 90)];
        run(&mut world, 1);
        world.event(child, EventKind::Exit, ("", 0, 0));
        world.end(child);
        if number < 8 {
            assert!(world.firing().is_none());
        }
    }
    assert_eq!(world.firing().expect("fires").scope, world.uid(shell));
}

#[test]
fn the_last_samples_of_a_process_that_has_ended_count() {
    let (mut world, instructions) = world();
    let shell = world.process("/bin/sh", None);
    // Half of each second by a process that lives, half by one that nobody finds alive: nothing of it can be decoded.
    for _ in 0..100 {
        let seen = world.process("/tmp/x", Some(shell));
        let seen = world.flagged(seen, FOREIGN);
        let gone = world.process("/tmp/x", Some(shell));
        world.event(gone, EventKind::Exit, ("", 0, 0));
        world.end(gone);
        let unreadable = Work {
            address: 0,
            ..Work::new(world.pid(gone), Vec::new(), 15)
        };
        let readable = Work::new(world.pid(seen), hashing(), 15);
        *instructions.work.lock().unwrap() = vec![readable, unreadable];
        run(&mut world, 1);
        world.end(seen);
    }
    let firing = world.firing().expect("fires: 30 % of a core together");
    assert_eq!(text(&firing, "cpu.core_percent"), "30");
}

#[test]
fn workers_of_one_program_are_one_miner() {
    let (mut world, instructions) = world();
    let first = world.process("/tmp/x", None);
    let first = world.flagged(first, FOREIGN);
    for _ in 0..4 {
        let worker = world.process("/tmp/x", Some(first));
        let worker = world.flagged(worker, FOREIGN);
        instructions
            .work
            .lock()
            .unwrap()
            .push(Work::new(world.pid(worker), hashing(), 50));
    }
    run(&mut world, 60);
    assert_eq!(world.firing().expect("fires once").scope, world.uid(first));
}

#[test]
fn a_parent_that_does_other_work_most_of_the_time_does_not_mine() {
    let (mut world, instructions) = world();
    let build = world.process("/home/u/build", None);
    for (code, percent) in [(hashing(), 18), (copying(), 100)] {
        let child = world.process("/home/u/tool", Some(build));
        let work = Work::new(world.pid(child), code, percent);
        instructions.work.lock().unwrap().push(work);
    }
    run(&mut world, 120);
    assert!(world.firing().is_none());
}
