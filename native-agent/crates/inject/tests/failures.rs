//! Whatever fails, and whenever: the process is as it was, to the byte and to the register.
mod support;

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use norn_inject::{Blind, InjectError, Left, Nothing, Options, Step, inject};
use support::{BASH, Directory, Program, hook, plans, start, victims};

/// Everything of a process that an injection touches.
#[derive(PartialEq)]
struct State {
    maps: String,
    descriptors: Vec<String>,
    code: BTreeMap<u64, Vec<u8>>,
    registers: Vec<(i32, Vec<u64>, Vec<u8>, u64)>,
}

impl State {
    fn of(pid: i32) -> Self {
        let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
        let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
        let mut code = BTreeMap::new();
        for line in maps
            .lines()
            .filter(|line| line.contains("r-xp") && !line.contains("[v"))
        {
            let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
            let (start, end) = (
                u64::from_str_radix(start, 16).unwrap(),
                u64::from_str_radix(end, 16).unwrap(),
            );
            let mut bytes = vec![0; (end - start) as usize];
            memory.read_exact_at(&mut bytes, start).unwrap();
            code.insert(start, bytes);
        }
        let names = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let mut descriptors: Vec<String> = names
            .map(|name| name.unwrap().file_name().into_string().unwrap())
            .collect();
        descriptors.sort();
        Self {
            maps,
            descriptors,
            code,
            registers: registers(pid),
        }
    }

    fn assert_same(&self, other: &Self, when: &str) {
        assert_eq!(self.maps, other.maps, "memory map {when}");
        assert_eq!(self.descriptors, other.descriptors, "descriptors {when}");
        assert!(self.code == other.code, "code {when}");
        for (mine, others) in self.registers.iter().zip(&other.registers) {
            assert_eq!(mine.1, others.1, "general registers {when}");
            assert!(mine.2 == others.2, "vector registers {when}");
            assert_eq!(mine.3, others.3, "signal mask {when}");
        }
        assert!(self.registers == other.registers, "threads {when}");
    }
}

/// General and vector registers and the signal mask of every thread, by a tracer of the test's own.
fn registers(pid: i32) -> Vec<(i32, Vec<u64>, Vec<u8>, u64)> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let mut all: Vec<_> = tasks
        .map(|task| task.unwrap().file_name().to_str().unwrap().parse().unwrap())
        .map(of_thread)
        .collect();
    all.sort();
    all
}

fn of_thread(tid: i32) -> (i32, Vec<u64>, Vec<u8>, u64) {
    let (mut general, mut vector, mut mask) = (vec![0u64; 27], vec![0u8; 4096], 0u64);
    let mut vector_part = libc::iovec {
        iov_base: vector.as_mut_ptr().cast(),
        iov_len: vector.len(),
    };
    const X_STATE: usize = 0x202;
    // SAFETY: every buffer is as large as the kernel's answer, and lives until the calls return.
    unsafe {
        assert_eq!(libc::ptrace(libc::PTRACE_SEIZE, tid, 0usize, 0usize), 0);
        assert_eq!(libc::ptrace(libc::PTRACE_INTERRUPT, tid, 0usize, 0usize), 0);
        assert_eq!(libc::waitpid(tid, std::ptr::null_mut(), libc::__WALL), tid);
        assert_eq!(
            libc::ptrace(libc::PTRACE_GETREGS, tid, 0usize, general.as_mut_ptr()),
            0
        );
        assert_eq!(
            libc::ptrace(libc::PTRACE_GETREGSET, tid, X_STATE, &raw mut vector_part),
            0
        );
        assert_eq!(libc::ptrace(0x420a, tid, 8usize, &raw mut mask), 0);
        assert_eq!(libc::ptrace(libc::PTRACE_DETACH, tid, 0usize, 0usize), 0);
    }
    vector.truncate(vector_part.iov_len);
    // Which parts the processor found in their first state when it last switched: not a register, and another each time.
    const FOUND_IN_USE: std::ops::Range<usize> = 512..520;
    vector[FOUND_IN_USE].fill(0);
    (tid, general, vector, mask)
}

#[test]
fn after_every_step_that_fails_code_registers_maps_and_descriptors_are_as_before() {
    let directory = Directory::new("failures");
    for victim in victims(&directory) {
        let mut program = start(&victim, &directory.0.join("place"));
        let before = settled(program.pid());
        for step in Step::ALL {
            let options = Options {
                fail_after: Some(step),
                ..Options::default()
            };
            let failed = inject(program.pid(), plans(), &options, Box::new(Nothing))
                .err()
                .expect("it fails on purpose");
            assert_eq!(failed.code(), "INJECT_REHEARSED");
            before.assert_same(&settled(program.pid()), &format!("after {step:?}"));
        }
        let hooked = hook(program.pid());
        let during = State::of(program.pid());
        assert!(during.code != before.code, "what is compared would show a change");
        assert_eq!(hooked.eject().unwrap(), Left::Nothing);
        before.assert_same(&settled(program.pid()), "after a whole turn");
        program.run("files");
        program.end();
    }
}

/// The state once the process sleeps in its read: after a stop the kernel starts the call again, and that takes a moment.
fn settled(pid: i32) -> State {
    support::until("waiting for input", || {
        let read = |name| std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        read("syscall").starts_with("0 ")
            && read("stat").contains(") S ")
            && read("syscall").starts_with("0 ")
    });
    State::of(pid)
}

#[test]
fn somebody_elses_change_of_the_code_is_left_alone() {
    let mut shell = Program::start(BASH);
    shell.run("");
    let hooked = hook(shell.pid());
    let patch = hooked.patches()[3];
    let memory = File::options()
        .read(true)
        .write(true)
        .open(format!("/proc/{}/mem", shell.pid()))
        .unwrap();
    assert_eq!(hooked.eject().unwrap(), Left::Nothing);
    // Another tool's breakpoint.
    memory.write_all_at(&[0xCC], patch.site.start).unwrap();
    let failed = inject(shell.pid(), plans(), &Options::default(), Box::new(Nothing))
        .err()
        .unwrap();
    assert!(
        matches!(failed, InjectError::Changed { address, .. } if address == patch.site.start),
        "{failed}"
    );
    memory.write_all_at(patch.original(), patch.site.start).unwrap();
    shell.end();
}

#[test]
fn a_process_that_is_traced_or_stopped_or_gone_is_named() {
    let mut shell = Program::start(BASH);
    shell.run("");
    let pid = shell.pid();
    let blind = |pid| match inject(pid, plans(), &Options::default(), Box::new(Nothing)) {
        Err(InjectError::Blind(blind)) => blind,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was hooked"),
    };
    // SAFETY: signals to a child of the test's own.
    unsafe { libc::kill(pid, libc::SIGSTOP) };
    support::until("the stop", || {
        std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .unwrap()
            .contains(") T ")
    });
    assert_eq!(blind(pid), Blind::Stopped { pid });
    // SAFETY: as above.
    unsafe { libc::kill(pid, libc::SIGCONT) };
    // SAFETY: traces a child of the test's own, and lets go of it below.
    let traced = unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, 0usize, 0usize) };
    assert_eq!(traced, 0);
    assert!(matches!(blind(pid), Blind::Traced { .. }));
    // SAFETY: as above.
    unsafe {
        libc::ptrace(libc::PTRACE_INTERRUPT, pid, 0usize, 0usize);
        libc::waitpid(pid, std::ptr::null_mut(), libc::__WALL);
        libc::ptrace(libc::PTRACE_DETACH, pid, 0usize, 0usize);
    }
    let hooked = hook(pid);
    assert_eq!(blind(pid), Blind::AlreadyHooked { pid });
    drop(hooked.eject());
    shell.end();
    assert_eq!(blind(pid), Blind::Gone { pid });
}
