//! A made-up source of samples for the tests of the miner and of misplaced code, and the tests of what is looked at.
use std::sync::{Arc, Mutex};

use norn_events::ImageFlag;
use norn_insight::Memory;

use super::*;
use crate::testing::World;

pub const BASE: u64 = 0x40_0000;
pub const IMAGE: &str = "00400000-00402000 r-xp 00000000 fe:00 131 /usr/bin/program";

/// What a process does all the time.
#[derive(Clone)]
pub struct Work {
    pub pid: u32,
    pub code: Vec<u8>,
    /// Of one core.
    pub percent: u64,
    /// Where its code and its stack point.
    pub address: u64,
    pub stack: u64,
    pub in_kernel: bool,
    /// There is a system call before its address.
    pub calls: bool,
    /// As in /proc/<pid>/maps.
    pub maps: String,
}

impl Work {
    pub fn new(pid: u32, code: Vec<u8>, percent: u64) -> Self {
        Self {
            pid,
            code,
            percent,
            address: BASE,
            stack: 0,
            in_kernel: false,
            calls: false,
            maps: IMAGE.to_owned(),
        }
    }
}

/// Samples of processes that run; the tests change what they do.
#[derive(Clone, Default)]
pub struct FakeInstructions {
    pub work: Arc<Mutex<Vec<Work>>>,
    pub pace: Arc<Mutex<Option<Pace>>>,
}

impl Instructions for FakeInstructions {
    fn drain(&mut self, sink: &mut dyn FnMut(Sample)) {
        for work in self.work.lock().unwrap().iter() {
            // A tenth of a second, by five samples.
            (0..5).for_each(|_| {
                sink(Sample {
                    pid: work.pid,
                    thread: work.pid,
                    address: work.address,
                    stack: work.stack,
                    in_kernel: work.in_kernel,
                    weight_ns: work.percent * 200_000,
                });
            });
        }
    }

    fn lost(&self) -> u64 {
        0
    }

    fn set_pace(&mut self, pace: Pace) {
        *self.pace.lock().unwrap() = Some(pace);
    }

    fn read(&self, pid: u32, address: u64, buffer: &mut [u8]) -> usize {
        let work = self.work.lock().unwrap();
        let behind_call = |work: &&Work| work.pid == pid && work.address == address + 2;
        if work.iter().any(|work| behind_call(&work) && work.calls) {
            buffer.copy_from_slice(&[0x0f, 0x05]);
            return 2;
        }
        let Some(work) = work
            .iter()
            .find(|work| work.pid == pid && work.address == address)
        else {
            return 0;
        };
        let length = work.code.len().min(buffer.len());
        buffer[..length].copy_from_slice(&work.code[..length]);
        length
    }

    fn memory(&self, pid: u32) -> Option<Memory> {
        let work = self.work.lock().unwrap();
        work.iter()
            .find(|work| work.pid == pid)
            .map(|work| Memory::parse(work.maps.as_bytes()))
    }
}

/// `ror eax,6; xor eax,ebx; add eax,edx; mov ebx,eax` 11 times, then back to the start.
pub fn hashing() -> Vec<u8> {
    looped(&[0xc1, 0xc8, 6, 0x31, 0xd8, 0x01, 0xd0, 0x89, 0xc3].repeat(11))
}

pub fn copying() -> Vec<u8> {
    looped(&[0x48, 0x8b, 0x06, 0x48, 0x89, 0x01].repeat(16))
}

fn looped(code: &[u8]) -> Vec<u8> {
    let back = -(code.len() as i8) - 2;
    [code, &[0xeb, back as u8]].concat()
}

pub fn source(instructions: &FakeInstructions) -> Option<Source> {
    Some(Source {
        instructions: Box::new(instructions.clone()),
        decoder: Ok(norn_insight::of("x86_64").unwrap()),
        self_test: SelfTest::default(),
        cpu_ns: || 0,
    })
}

/// A world where gpg and java came with packages, and what runs in it.
pub fn world() -> (World, FakeInstructions) {
    let instructions = FakeInstructions::default();
    let packaged = ["/usr/bin/gpg", "/usr/bin/java", "/usr/sbin/nginx"];
    let world = World::with(&packaged, source(&instructions));
    (world, instructions)
}

pub fn run(world: &mut World, seconds: u64) {
    for _ in 0..seconds * 10 {
        world.now_ns += ROUND_NS;
        let now = world.now_ns;
        world.reflexes.tick(now, &world.processes);
    }
}

#[test]
fn what_looks_odd_is_sampled_closely_until_it_ends() {
    let (mut world, instructions) = world();
    let program = world.process("/tmp/x", None);
    world.flagged(program, ImageFlag::UpperLayer as u32);
    let pid = world.pid(program);
    *instructions.work.lock().unwrap() = vec![Work::new(pid, hashing(), 30)];
    run(&mut world, 2);
    assert_eq!(*instructions.pace.lock().unwrap(), Some(Pace::Close));
    instructions.work.lock().unwrap()[0].code = copying();
    run(&mut world, 30);
    assert_eq!(*instructions.pace.lock().unwrap(), Some(Pace::Calm));
}

#[test]
fn a_loop_that_is_known_is_not_decoded_again_for_every_sample() {
    let (mut world, instructions) = world();
    let program = world.process("/usr/bin/gpg", None);
    *instructions.work.lock().unwrap() = vec![Work::new(world.pid(program), hashing(), 100)];
    run(&mut world, 60);
    let status = world.reflexes.insight_status();
    assert_eq!(status.samples, 60 * 50);
    assert!(status.looks + status.maps <= 20, "{status:?}");
}

#[test]
fn many_strange_loops_cost_no_more_than_the_budget() {
    let (mut world, instructions) = world();
    let programs: Vec<_> = (0..40)
        .map(|number| world.process(&format!("/usr/bin/{number}"), None))
        .collect();
    let work = |(address, &index): (u64, &ProcessIndex)| Work {
        address,
        maps: "10000000-20000000 r-xp 00000000 fe:00 131 /usr/bin/a".to_owned(),
        ..Work::new(world.pid(index), copying(), 5)
    };
    *instructions.work.lock().unwrap() = (0x1000_0000..).step_by(8_192).zip(&programs).map(work).collect();
    run(&mut world, 10);
    let status = world.reflexes.insight_status();
    assert!(status.looks <= 100 && status.maps <= 100, "{status:?}");
}

/// As if half a millisecond of CPU time went by from one question to the next.
fn slow_cpu_ns() -> u64 {
    thread_local! { static SPENT_NS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) } }
    SPENT_NS.set(SPENT_NS.get() + 500_000);
    SPENT_NS.get()
}

#[test]
fn where_looking_is_expensive_it_is_done_more_rarely_and_never_given_up() {
    const MINUTES: u64 = 5;
    let instructions = FakeInstructions::default();
    let expensive = Source {
        cpu_ns: slow_cpu_ns,
        ..source(&instructions).unwrap()
    };
    let mut world = World::with(&[], Some(expensive));
    let programs: Vec<_> = (0..40)
        .map(|number| world.process(&format!("/usr/bin/{number}"), None))
        .collect();
    let work = |&index: &ProcessIndex| Work::new(world.pid(index), copying(), 5);
    *instructions.work.lock().unwrap() = programs.iter().map(work).collect();
    let mut looked = 0;
    for minute in 1..=MINUTES {
        run(&mut world, 60);
        let status = world.reflexes.insight_status();
        assert!(status.looks > looked, "minute {minute}: {status:?}");
        looked = status.looks;
    }
    // Half a millisecond a round, and two thirds of a millisecond a second allowed, beside what was saved at first.
    let status = world.reflexes.insight_status();
    let allowed_ns = MINUTES * 60_000_000_000 / Pace::Calm.one_in();
    assert!(status.spent_ns <= allowed_ns + 5_000_000, "{status:?}");
}
