use std::collections::HashSet;

use norn_events::{ImageFlag, ProcessIndex};
use norn_insight::FileId;

use crate::insight::tests::{BASE, FakeInstructions, IMAGE, Work, copying, run, world};
use crate::testing::World;
use crate::{Firing, Rule};

const FOREIGN: u32 = ImageFlag::UpperLayer as u32;
const RWX: &str = "00400000-00402000 rwxp 00000000 00:00 0 ";
const R_X: &str = "00400000-00402000 r-xp 00000000 00:00 0 ";
const STACK: u64 = 0x7ffc_0000_0100;

fn starts(world: &mut World, instructions: &FakeInstructions, (image, maps): (&str, &str)) -> ProcessIndex {
    let process = world.process(image, None);
    let work = Work {
        maps: maps.to_owned(),
        ..Work::new(world.pid(process), copying(), 50)
    };
    instructions.work.lock().unwrap().push(work);
    process
}

/// What is said of a program that runs at `BASE`, with these maps.
fn verdict(image: &str, flags: u32, maps: &str) -> Option<Firing> {
    let (mut world, instructions) = world();
    let process = starts(&mut world, &instructions, (image, maps));
    world.flagged(process, flags);
    run(&mut world, 10);
    world.firing()
}

fn text<'a>(firing: &'a Firing, name: &str) -> &'a str {
    let evidence = firing.evidence.iter().find(|evidence| evidence.field == name);
    &evidence.expect("the finding says so").value
}

#[test]
fn code_in_writable_anonymous_memory_of_a_packaged_program_was_injected() {
    let firing = verdict("/usr/sbin/nginx", 0, RWX).expect("fires");
    assert_eq!(
        (firing.rule, firing.observe_only.is_none()),
        (Rule::MisplacedCode, true)
    );
    assert_eq!(text(&firing, "code.region"), "400000-402000 rwx anonymous memory");
    assert!(text(&firing, "code.disassembly").contains("mov rax,[rsi]"));
    assert_eq!(text(&firing, "samples.misplaced_percent"), "100");
}

#[test]
fn so_is_the_code_of_a_foreign_program_whatever_the_rights_of_its_memory() {
    for maps in [RWX, R_X] {
        assert_eq!(
            verdict("/tmp/x", FOREIGN, maps).expect("fires").observe_only,
            None
        );
    }
}

#[test]
fn code_that_is_written_and_then_made_executable_is_a_compilers() {
    assert!(verdict("/usr/sbin/nginx", 0, R_X).is_none());
    assert!(verdict("/srv/own/server", 0, R_X).is_none());
}

#[test]
fn a_program_of_no_package_that_writes_into_its_code_is_told_of_only() {
    let firing = verdict("/srv/own/server", 0, RWX).expect("fires");
    assert!(firing.observe_only.is_some());
}

/// The hook library lies in a memfd of the process that it was put into.
#[test]
fn the_agents_own_code_is_no_finding_and_anothers_under_its_name_is() {
    const HOOK: &str = "00400000-00402000 r-xp 00000000 00:01 77 /memfd:norn-hook (deleted)";
    const WRITABLE: &str = "00400000-00402000 rwxp 00000000 00:01 77 /memfd:norn-hook (deleted)";
    let hooked = |maps: &str, inode: u64| {
        let (mut world, instructions) = world();
        let file = FileId {
            device: libc::makedev(0, 1),
            inode,
        };
        world.reflexes.set_own_code(HashSet::from([file]));
        starts(&mut world, &instructions, ("/usr/sbin/nginx", maps));
        run(&mut world, 10);
        world.firing()
    };
    assert!(hooked(HOOK, 77).is_none());
    assert!(hooked(HOOK, 78).is_some(), "a memfd of another, with our name");
    assert!(
        hooked(WRITABLE, 77).is_some(),
        "somebody may have written into ours"
    );
}

#[test]
fn runtimes_make_code() {
    assert!(verdict("/usr/bin/java", 0, RWX).is_none());
    assert!(verdict("/opt/large/node", ImageFlag::New as u32, RWX).is_none());
    let engine = [
        RWX,
        "7f0000000000-7f0000001000 r-xp 00000000 fe:00 7 /usr/lib/libpcre2-8.so.0",
    ]
    .join("\n");
    assert!(verdict("/usr/sbin/nginx", 0, &engine).is_none());
}

#[test]
fn but_not_everything_that_has_a_runtimes_name() {
    assert!(verdict("/tmp/node", FOREIGN, RWX).is_some());
}

#[test]
fn stack_heap_and_memfd_hold_no_code() {
    let places = [
        ("the stack", "00400000-00402000 rwxp 00000000 00:00 0 [stack]"),
        ("the heap", "00400000-00402000 rwxp 00000000 00:00 0 [heap]"),
        (
            "a file in memory",
            "00400000-00402000 r-xp 00000000 00:01 5 /memfd:update (deleted)",
        ),
    ];
    for (name, maps) in places {
        let firing = verdict("/usr/sbin/nginx", 0, maps).expect("fires");
        let is_told_only = firing.observe_only.is_some();
        assert_eq!((text(&firing, "code.origin"), is_told_only), (name, false));
    }
}

#[test]
fn a_program_that_is_a_memfd_itself_is_another_reflexes() {
    let maps = "00400000-00402000 r-xp 00000000 00:01 5 /memfd:runc (deleted)";
    assert!(verdict("memfd:runc", ImageFlag::Memfd as u32, maps).is_none());
}

#[test]
fn a_deleted_file_with_nothing_in_its_place_is_told_from_an_upgraded_one() {
    let gone = "00400000-00402000 r-xp 00000000 fe:00 9 /var/tmp/x.so (deleted)";
    assert!(verdict("/tmp/x", FOREIGN, gone).is_some());
    let upgraded = "00400000-00402000 r-xp 00000000 fe:00 9 /usr/lib/libz.so.1 (deleted)";
    assert!(verdict("/usr/sbin/nginx", 0, upgraded).is_none());
}

#[test]
fn a_stack_in_the_heap_is_none_and_coroutines_have_some() {
    let maps = [IMAGE, "7ffc00000000-7ffc00001000 rw-p 00000000 00:00 0 [heap]"].join("\n");
    for (flags, is_told_only) in [(0, true), (FOREIGN, false)] {
        let (mut world, instructions) = world();
        let process = starts(&mut world, &instructions, ("/srv/own/server", &maps));
        world.flagged(process, flags);
        instructions.work.lock().unwrap()[0].stack = STACK;
        run(&mut world, 5);
        let firing = world.firing().expect("fires");
        assert_eq!(firing.observe_only.is_some(), is_told_only);
        assert!(text(&firing, "stack.region").ends_with("heap [heap]"));
    }
}

#[test]
fn threads_stacks_are_anonymous_memory() {
    let maps = [IMAGE, "7ffc00000000-7ffc00001000 rw-p 00000000 00:00 0 "].join("\n");
    let (mut world, instructions) = world();
    let process = starts(&mut world, &instructions, ("/tmp/x", &maps));
    world.flagged(process, FOREIGN);
    instructions.work.lock().unwrap()[0].stack = STACK;
    run(&mut world, 5);
    assert!(world.firing().is_none());
}

fn world_of_nginx() -> (World, FakeInstructions) {
    let (mut world, instructions) = world();
    starts(&mut world, &instructions, ("/usr/sbin/nginx", RWX));
    (world, instructions)
}

#[test]
fn system_calls_from_such_memory_are_counted_also_when_the_kernel_works_on_them() {
    for calls in [true, false] {
        let (mut world, instructions) = world_of_nginx();
        instructions.work.lock().unwrap()[0].in_kernel = true;
        instructions.work.lock().unwrap()[0].calls = calls;
        run(&mut world, 5);
        let firing = world.firing().expect("fires");
        let names = firing.evidence.iter().map(|evidence| evidence.field.as_str());
        assert_eq!(
            names.filter(|&name| name == "samples.in_system_calls").count(),
            usize::from(calls)
        );
    }
}

#[test]
fn one_sample_is_no_evidence() {
    let (mut world, instructions) = world();
    starts(&mut world, &instructions, ("/usr/sbin/nginx", RWX));
    run(&mut world, 1);
    let firing = world.firing().expect("fires within a second");
    assert!(text(&firing, "samples").parse::<u32>().unwrap() >= 5);
    assert_eq!(instructions.work.lock().unwrap()[0].address, BASE);
}
