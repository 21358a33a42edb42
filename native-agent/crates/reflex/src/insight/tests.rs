//! A made-up source of samples for the tests of the miner and of misplaced code, and the tests of what is looked at.
use std::sync::{Arc, Mutex};

use norn_events::ImageFlag;
use norn_insight::{Coverage, Memory};

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
    /// In a tenth of a second, as far as the tests count them.
    pub samples: u64,
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
            samples: 5,
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
    /// CPU time of reading the maps of any process, on [`clock_ns`].
    pub maps_ns: Arc<Mutex<u64>>,
    pub coverage: Arc<Mutex<Coverage>>,
}

thread_local! { static CLOCK_NS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) } }

/// CPU time that only passes while maps are read.
fn clock_ns() -> u64 {
    CLOCK_NS.get()
}

impl Instructions for FakeInstructions {
    fn drain(&mut self, sink: &mut dyn FnMut(Sample)) {
        for work in self.work.lock().unwrap().iter() {
            // A tenth of a second, by this many samples.
            (0..work.samples).for_each(|_| {
                sink(Sample {
                    pid: work.pid,
                    thread: work.pid,
                    address: work.address,
                    stack: work.stack,
                    in_kernel: work.in_kernel,
                    weight_ns: work.percent * 1_000_000 / work.samples,
                });
            });
        }
    }

    fn lost(&self) -> u64 {
        0
    }

    fn coverage(&self) -> Coverage {
        *self.coverage.lock().unwrap()
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
        CLOCK_NS.set(CLOCK_NS.get() + *self.maps_ns.lock().unwrap());
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

/// As if this much CPU time went by from one question to the next.
fn slow_cpu_ns<const NS: u64>() -> u64 {
    CLOCK_NS.set(CLOCK_NS.get() + NS);
    CLOCK_NS.get()
}

/// Forty programs that compute, asked for by this clock.
fn forty_programs(instructions: &FakeInstructions, cpu_ns: fn() -> u64) -> World {
    let source = Source {
        cpu_ns,
        ..source(instructions).unwrap()
    };
    let mut world = World::with(&[], Some(source));
    let programs: Vec<_> = (0..40)
        .map(|number| world.process(&format!("/usr/bin/{number}"), None))
        .collect();
    let work = |&index: &ProcessIndex| Work::new(world.pid(index), copying(), 5);
    *instructions.work.lock().unwrap() = programs.iter().map(work).collect();
    world
}

#[test]
fn where_looking_is_expensive_it_is_done_more_rarely_and_never_given_up() {
    const MINUTES: u64 = 5;
    let mut world = forty_programs(&FakeInstructions::default(), slow_cpu_ns::<500_000>);
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
    assert!(status.spent_ns <= allowed_ns + 10_000_000, "{status:?}");
}

#[test]
fn rounds_alone_leave_enough_to_look_with_on_a_slow_machine() {
    let instructions = FakeInstructions::default();
    let slow = Source {
        cpu_ns: slow_cpu_ns::<100_000>,
        ..source(&instructions).unwrap()
    };
    let mut world = World::with(&[], Some(slow));
    run(&mut world, 30);
    let status = world.reflexes.insight_status();
    assert!(status.left_ns > 2_000_000, "{status:?}");
    let program = world.process("/tmp/x", None);
    *instructions.work.lock().unwrap() = vec![Work::new(world.pid(program), hashing(), 5)];
    run(&mut world, 1);
    let status = world.reflexes.insight_status();
    assert!(status.looks > 0 && status.refused == 0, "{status:?}");
}

const MISPLACED: &str = "10000000-10002000 rwxp 00000000 00:00 0";

/// A program that came lately and runs code from anonymous memory, and processes beside it that live for one round each.
fn among_newcomers(world: &mut World, instructions: &FakeInstructions, seconds: u64) -> Vec<Firing> {
    let program = world.process("/tmp/x", None);
    world.flagged(program, ImageFlag::UpperLayer as u32);
    // Of one second, since rounds may be as rare as that.
    let steady = Work {
        address: 0x1000_0000,
        samples: 1,
        maps: MISPLACED.to_owned(),
        ..Work::new(world.pid(program), hashing(), 300)
    };
    for _ in 0..seconds * 10 {
        let newcomer = |world: &mut World| {
            let index = world.process("/usr/bin/gpg", None);
            Work::new(world.pid(index), copying(), 10)
        };
        let newcomers: Vec<_> = (0..4).map(|_| newcomer(world)).collect();
        *instructions.work.lock().unwrap() = [newcomers, vec![steady.clone()]].concat();
        world.now_ns += ROUND_NS;
        let now = world.now_ns;
        world.reflexes.tick(now, &world.processes);
    }
    world.reflexes.take()
}

fn rules(firings: &[Firing]) -> Vec<crate::Rule> {
    firings.iter().map(|firing| firing.rule).collect()
}

#[test]
fn newcomers_of_every_round_do_not_keep_one_that_computes_from_its_turn() {
    let (mut world, instructions) = world();
    let firings = among_newcomers(&mut world, &instructions, 20);
    let rules = rules(&firings);
    assert!(rules.contains(&crate::Rule::MisplacedCode), "{rules:?}");
    assert!(rules.contains(&crate::Rule::Miner), "{rules:?}");
    let status = world.reflexes.insight_status();
    assert!(
        status.refused > 0 && status.refused < status.samples,
        "{status:?}"
    );
}

#[test]
fn it_has_its_turn_also_when_maps_are_more_expensive_than_all_that_may_be_spent() {
    let instructions = FakeInstructions::default();
    *instructions.maps_ns.lock().unwrap() = 3_000_000;
    let expensive = Source {
        cpu_ns: clock_ns,
        ..source(&instructions).unwrap()
    };
    let mut world = World::with(&["/usr/bin/gpg"], Some(expensive));
    let firings = among_newcomers(&mut world, &instructions, 60);
    let rules = rules(&firings);
    assert!(rules.contains(&crate::Rule::MisplacedCode), "{rules:?}");
    assert!(rules.contains(&crate::Rule::Miner), "{rules:?}");
}

#[test]
fn a_miner_of_many_short_processes_is_not_kept_from_its_turn_by_those_that_stay() {
    let (mut world, instructions) = world();
    let parent = world.process("/tmp/x", None);
    let busy: Vec<_> = (0..3).map(|_| world.process("/usr/bin/java", None)).collect();
    let mut address = BASE;
    for _ in 0..600 {
        // Always elsewhere: it would take every look that there is.
        let mut elsewhere = |index: &ProcessIndex| {
            address += 0x10_0000;
            Work {
                address,
                ..Work::new(world.pid(*index), copying(), 10)
            }
        };
        let busy: Vec<_> = busy.iter().map(&mut elsewhere).collect();
        let child = world.process("/tmp/x", Some(parent));
        world.flagged(child, ImageFlag::UpperLayer as u32);
        let miner = Work {
            samples: 1,
            ..Work::new(world.pid(child), hashing(), 30)
        };
        *instructions.work.lock().unwrap() = [busy, vec![miner]].concat();
        world.now_ns += ROUND_NS;
        let now = world.now_ns;
        world.reflexes.tick(now, &world.processes);
    }
    assert_eq!(rules(&world.reflexes.take()), [crate::Rule::Miner]);
}

#[test]
fn nobody_looks_for_code_in_a_process_that_has_ended() {
    let (mut world, instructions) = world();
    let program = world.process("/tmp/x", None);
    let now_ns = world.now_ns;
    world.processes.get_mut(program).unwrap().end_time_ns = Some(now_ns);
    *instructions.work.lock().unwrap() = vec![Work::new(world.pid(program), hashing(), 30)];
    run(&mut world, 2);
    let status = world.reflexes.insight_status();
    assert!(status.samples > 0 && status.looks == 0, "{status:?}");
}

#[test]
fn one_that_is_odd_is_not_forgotten_for_many_that_come_and_go() {
    let (mut world, instructions) = world();
    let program = world.process("/tmp/x", None);
    world.flagged(program, ImageFlag::UpperLayer as u32);
    let odd = Work {
        address: 0x1000_0000,
        samples: 1,
        maps: MISPLACED.to_owned(),
        ..Work::new(world.pid(program), copying(), 30)
    };
    // Seen once in 40 rounds; as many processes as are known come in between, again and again.
    for round in 0..400 {
        let newcomer = |world: &mut World| {
            let index = world.process("/usr/bin/gpg", None);
            Work::new(world.pid(index), copying(), 10)
        };
        let newcomers: Vec<_> = (0..4).map(|_| newcomer(&mut world)).collect();
        let odd = (round % 40 == 0 || round == 1).then(|| odd.clone());
        *instructions.work.lock().unwrap() = newcomers.into_iter().chain(odd).collect();
        world.now_ns += ROUND_NS;
        let now = world.now_ns;
        world.reflexes.tick(now, &world.processes);
    }
    assert_eq!(rules(&world.reflexes.take()), [crate::Rule::MisplacedCode]);
}

#[test]
fn costly_maps_neither_blind_for_long_nor_cost_more_than_is_promised() {
    const MINUTES: u64 = 10;
    let instructions = FakeInstructions::default();
    *instructions.maps_ns.lock().unwrap() = 20_000_000;
    let mut world = forty_programs(&instructions, clock_ns);
    let (mut looked, mut read) = (0, 0);
    for minute in 1..=MINUTES {
        run(&mut world, 60);
        let status = world.reflexes.insight_status();
        assert!(
            status.looks > looked + 30 && status.maps > read,
            "minute {minute}: {status:?}"
        );
        (looked, read) = (status.looks, status.maps);
    }
    let status = world.reflexes.insight_status();
    let promised_ns = MINUTES * 60_000_000_000 * 2 / 1_000;
    assert!(status.spent_ns <= promised_ns, "{status:?}");
}
