use super::*;
use crate::testing::World;
use norn_events::ImageFlag;

/// Samples of one process that runs `code` all the time on one core.
struct FakeInstructions {
    pid: u32,
    code: Vec<u8>,
    samples: u32,
}

const BASE: u64 = 0x40_0000;

impl Instructions for FakeInstructions {
    fn drain(&mut self, sink: &mut dyn FnMut(u32, u64)) {
        (0..self.samples).for_each(|_| sink(self.pid, BASE));
    }

    fn read(&self, _pid: u32, address: u64, buffer: &mut [u8]) -> usize {
        if address != BASE {
            return 0;
        }
        let length = self.code.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.code[..length]);
        length
    }
}

/// `ror eax,6; xor eax,ebx; add eax,edx; mov ebx,eax` 16 times, then back to the start.
fn hashing() -> Vec<u8> {
    let mut code = [0xc1, 0xc8, 6, 0x31, 0xd8, 0x01, 0xd0, 0x89, 0xc3].repeat(11);
    let back = -(code.len() as i8) - 2;
    code.extend([0xeb, back as u8]);
    code
}

fn copying() -> Vec<u8> {
    let mut code = [0x48, 0x8b, 0x06, 0x48, 0x89, 0x01].repeat(16);
    let back = -(code.len() as i8) - 2;
    code.extend([0xeb, back as u8]);
    code
}

fn world(code: Vec<u8>, samples_per_bucket: u32) -> World {
    // The first process a world makes has pid 101.
    World::with(
        &["/usr/bin/gpg"],
        Some(Box::new(FakeInstructions {
            pid: 101,
            code,
            samples: samples_per_bucket,
        })),
    )
}

fn run(world: &mut World, seconds: u64) {
    for _ in 0..seconds {
        world.now_ns += 1_000_000_000;
        let now = world.now_ns;
        world.reflexes.tick(now, &world.processes);
    }
}

#[test]
fn hashing_for_ten_seconds_by_a_program_from_the_upper_layer_fires_once() {
    let mut world = world(hashing(), 190);
    let miner = world.process("/tmp/x", None);
    let miner = world.flagged(miner, ImageFlag::UpperLayer as u32);
    run(&mut world, 9);
    assert!(world.firing().is_none());
    run(&mut world, 30);
    let firing = world.firing().expect("fires");
    assert_eq!((firing.rule, firing.scope), (Rule::Miner, world.uid(miner)));
    assert!(firing.summary.contains("word-hash"));
}

#[test]
fn a_program_that_came_with_the_system_is_given_twice_the_time() {
    let mut world = world(hashing(), 190);
    world.process("/usr/local/bin/backup", None);
    run(&mut world, 18);
    assert!(world.firing().is_none());
    run(&mut world, 6);
    assert!(world.firing().is_some());
}

#[test]
fn an_unchanged_package_may_hash_for_ever() {
    let mut world = world(hashing(), 190);
    world.process("/usr/bin/gpg", None);
    run(&mut world, 120);
    assert!(world.firing().is_none());
}

#[test]
fn less_than_a_fifth_of_a_core_is_not_looked_at() {
    let mut world = world(hashing(), 30);
    let miner = world.process("/tmp/x", None);
    world.flagged(miner, ImageFlag::UpperLayer as u32);
    run(&mut world, 60);
    assert!(world.firing().is_none());
    assert_eq!(world.reflexes.miner_status().decoded, 0);
}

#[test]
fn busy_code_that_is_no_hash_does_not_fire() {
    let mut world = world(copying(), 190);
    let program = world.process("/tmp/x", None);
    world.flagged(program, ImageFlag::UpperLayer as u32);
    run(&mut world, 60);
    assert!(world.firing().is_none());
    assert!(world.reflexes.miner_status().decoded > 0);
}
