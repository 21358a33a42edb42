use norn_events::{EventKind, ImageFlag};

use crate::Rule;
use crate::testing::World;

const MEMFD: u32 = ImageFlag::Memfd as u32;
const DELETED: u32 = ImageFlag::Deleted as u32;

fn exec(world: &mut World, index: norn_events::ProcessIndex) {
    world.event(index, EventKind::Exec, ("", 0, 0));
}

#[test]
fn a_program_from_memory_fires() {
    let mut world = World::new();
    let loader = world.process("/usr/bin/python3", None);
    let payload = world.process("memfd:update", Some(loader));
    let payload = world.flagged(payload, MEMFD | DELETED);
    exec(&mut world, payload);
    let firing = world.firing().expect("fires");
    assert_eq!((firing.rule, firing.scope), (Rule::Fileless, world.uid(payload)));
}

#[test]
fn runcs_sealed_copy_of_itself_is_left_alone() {
    let mut world = World::new();
    let shim = world.process("/usr/bin/containerd-shim-runc-v2", None);
    let runc = world.process("/usr/sbin/runc", Some(shim));
    let copy = world.process("memfd:runc_cloned:/proc/self/exe", Some(runc));
    let copy = world.flagged(copy, MEMFD | DELETED);
    exec(&mut world, copy);
    let stage = world.process("memfd:runc_cloned:/proc/self/exe", Some(copy));
    let stage = world.flagged(stage, MEMFD | DELETED);
    exec(&mut world, stage);
    assert!(world.firing().is_none());
}

#[test]
fn an_image_that_only_calls_itself_runc_fires() {
    let mut world = World::new();
    let loader = world.process("/tmp/runc", None);
    let payload = world.process("memfd:runc_cloned:/proc/self/exe", Some(loader));
    let payload = world.flagged(payload, MEMFD | DELETED);
    exec(&mut world, payload);
    assert!(world.firing().is_some());
}

#[test]
fn a_deleted_file_fires_unless_a_replaced_system_program_starts_itself_again() {
    let mut world = World::new();
    let dropper = world.process("/usr/bin/bash", None);
    let payload = world.process("/tmp/x", Some(dropper));
    let payload = world.flagged(payload, DELETED);
    exec(&mut world, payload);
    assert!(world.firing().is_some());
}

#[test]
fn what_the_kernel_knows_as_the_runtimes_copy_is_left_alone_and_what_it_killed_is_told() {
    let mut world = World::new();
    for (flags, fires) in [(2, false), (1, true)] {
        let payload = world.process("memfd:x", None);
        let payload = world.flagged(payload, MEMFD);
        world.event(payload, EventKind::Exec, ("", flags, 0));
        assert_eq!(world.firing().is_some_and(|firing| firing.killed_at_exec), fires);
    }
}

#[test]
fn a_sealed_copy_is_told_of_on_the_host_and_stopped_in_a_container() {
    for contained in [false, true] {
        let mut world = World::new();
        let payload = world.process("memfd:sealed", None);
        let payload = world.flagged(payload, MEMFD);
        if contained {
            world.in_container(payload);
        }
        exec(&mut world, payload);
        assert_eq!(world.firing().expect("fires").observe_only.is_none(), contained);
    }
}

#[test]
fn an_ordinary_program_does_not_fire() {
    let mut world = World::new();
    let program = world.process("/usr/bin/ls", None);
    exec(&mut world, program);
    assert!(world.firing().is_none());
}
