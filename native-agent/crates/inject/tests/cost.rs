//! What a hooked call and an injection cost, beside bare and beside ptrace, in one run. `cargo test --release -p norn-inject --test cost -- --nocapture`
mod support;

use std::time::{Duration, Instant};

use norn_hook::calls;
use norn_inject::{Channel, Left, Nothing, Options, Wanted, inject};
use support::{BASH, Directory, Program, hook, plans, start, victims};

const ROUNDS: usize = 40;

/// The victim opens what is not there, the cheapest call that is hooked; nanoseconds a call, the best of several rounds.
fn call_ns(program: &mut Program, channel: Option<&Channel>) -> f64 {
    let round = |_| {
        let cost: f64 = program.run("cost").parse().unwrap();
        let calls = channel.map_or(0, |channel| channel.read(&mut |_| ()));
        (cost, calls)
    };
    (0..ROUNDS)
        .map(round)
        .map(|(cost, _)| cost)
        .fold(f64::MAX, f64::min)
}

#[test]
fn a_call() {
    let directory = Directory::new("cost");
    for victim in victims(&directory) {
        let mut program = start(&victim, &directory.0);
        let bare = call_ns(&mut program, None);
        let mut with = |recorded: &[u64]| {
            let wanted = Wanted {
                recorded: recorded.to_vec(),
                ..Wanted::default()
            };
            let options = Options {
                wanted,
                ..Options::default()
            };
            let hooked = inject(program.pid(), plans(), &options, Box::new(Nothing)).unwrap();
            let cost = call_ns(&mut program, Some(hooked.channel()));
            assert_eq!(hooked.channel().losses().dropped, 0);
            assert_eq!(hooked.eject().unwrap(), Left::Nothing);
            cost
        };
        let (unmatched, recorded) = (with(&[calls::PTRACE]), with(&[calls::OPEN, calls::OPENAT]));
        let traced = traced_ns(&mut program);
        println!(
            "{}: bare {bare:.0} ns a call",
            victim.file_name().unwrap().display()
        );
        for (what, cost) in [
            ("unmatched", unmatched),
            ("recorded", recorded),
            ("by ptrace (its CPU alone)", traced),
        ] {
            println!("    {what} {:+.0} ns, {:.2} times bare", cost - bare, cost / bare);
        }
        program.end();
    }
}

/// The same under a tracer that stops it at every call and does nothing else.
fn traced_ns(program: &mut Program) -> f64 {
    const IDLE: Duration = Duration::from_millis(500);
    let pid = program.pid();
    // SAFETY: traces a child of the test's own from this thread alone.
    unsafe {
        libc::ptrace(
            libc::PTRACE_SEIZE,
            pid,
            0usize,
            libc::PTRACE_O_TRACESYSGOOD as usize,
        )
    };
    // SAFETY: as above.
    unsafe { libc::ptrace(libc::PTRACE_INTERRUPT, pid, 0usize, 0usize) };
    program.send("cost");
    let mut last = Instant::now();
    while last.elapsed() < IDLE {
        // SAFETY: as above.
        if unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::__WALL | libc::WNOHANG) } == pid {
            // SAFETY: as above.
            unsafe { libc::ptrace(libc::PTRACE_SYSCALL, pid, 0usize, 0usize) };
            last = Instant::now();
        }
    }
    // SAFETY: as above.
    unsafe {
        libc::ptrace(libc::PTRACE_INTERRUPT, pid, 0usize, 0usize);
        libc::waitpid(pid, std::ptr::null_mut(), libc::__WALL);
        libc::ptrace(libc::PTRACE_DETACH, pid, 0usize, 0usize);
    }
    program.printed().parse().unwrap()
}

#[test]
fn an_injection() {
    let mut shell = Program::start(BASH);
    shell.run("");
    drop(hook(shell.pid()).eject());
    const TURNS: u32 = 200;
    let (mut into, mut out) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..TURNS {
        let began = Instant::now();
        let hooked = hook(shell.pid());
        into += began.elapsed();
        let began = Instant::now();
        assert_eq!(hooked.eject().unwrap(), Left::Nothing);
        out += began.elapsed();
    }
    println!(
        "in {:.2} ms, out {:.2} ms",
        (into / TURNS).as_secs_f64() * 1e3,
        (out / TURNS).as_secs_f64() * 1e3
    );
    shell.end();
}
