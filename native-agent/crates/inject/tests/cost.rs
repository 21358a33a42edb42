//! What a hooked call and an injection cost, beside bare and beside ptrace, in one run. `cargo test --release -p norn-inject --test cost -- --nocapture`
mod support;

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use norn_hook::calls;
use norn_inject::{Channel, Left, Nothing, Options, Wanted, inject};
use support::following::{Following, options};
use support::{BASH, Directory, Program, hook, plans, start, victims};

const ROUNDS: usize = 10;
/// By turns, so that what others do on this machine meets each alike.
const PASSES: usize = 6;
/// What each may cost, in ns and ms: said beside what it does cost.
const UNMATCHED_NS_MAX: f64 = 100.0;
const RECORDED_NS_MAX: f64 = 300.0;
const INJECTION_MS_MAX: f64 = 5.0;
/// What a start may take longer.
const START_MS_MAX: f64 = 50.0;

/// A line for people, or with `NORN_HOOK_COST_JSON=1` an object for machines.
fn say(what: &str, libc: &str, (cost, most, unit): (f64, Option<f64>, &str), beside_bare: Option<f64>) {
    if std::env::var("NORN_HOOK_COST_JSON").is_ok_and(|wanted| wanted == "1") {
        let number = |number: Option<f64>| number.map_or("null".to_owned(), |number| format!("{number:.2}"));
        println!(
            "{{\"what\":\"{what}\",\"libc\":\"{libc}\",\"unit\":\"{unit}\",\"cost\":{cost:.2},\"budget\":{},\"timesBare\":{}}}",
            number(most),
            number(beside_bare)
        );
        return;
    }
    let beside_bare = beside_bare.map_or(String::new(), |times| format!("{times:.2} times bare"));
    let budget = most.map_or(String::new(), |most| {
        let verdict = if cost <= most { "within" } else { "OVER" };
        format!("{verdict} {most} {unit}")
    });
    println!("{libc:<8}{what:<34}{cost:>10.2} {unit}  {beside_bare:<16} {budget}");
}

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
        let with = |program: &mut Program, recorded: &[u64]| {
            let wanted = Wanted {
                recorded: recorded.to_vec(),
                ..Wanted::default()
            };
            let options = Options {
                wanted,
                ..Options::default()
            };
            let hooked = inject(program.pid(), plans(), &options, Box::new(Nothing)).unwrap();
            let cost = call_ns(program, Some(hooked.channel()));
            assert_eq!(hooked.channel().losses().dropped, 0);
            assert_eq!(hooked.eject().unwrap(), Left::Nothing);
            cost
        };
        let (mut bare, mut unmatched, mut recorded) = (f64::MAX, f64::MAX, f64::MAX);
        for _ in 0..PASSES {
            bare = bare.min(call_ns(&mut program, None));
            unmatched = unmatched.min(with(&mut program, &[calls::PTRACE]));
            recorded = recorded.min(with(&mut program, &[calls::OPEN, calls::OPENAT]));
        }
        let traced = traced_ns(&mut program);
        let libc = victim.file_name().unwrap().to_str().unwrap();
        let libc = if libc.contains("musl") { "musl" } else { "glibc" };
        say("a call, bare", libc, (bare, None, "ns"), None);
        for (what, cost, most) in [
            ("hooked, not recorded", unmatched, Some(UNMATCHED_NS_MAX)),
            ("recorded", recorded, Some(RECORDED_NS_MAX)),
            ("by ptrace, its CPU alone", traced, None),
        ] {
            say(what, libc, (cost - bare, most, "ns"), Some(cost / bare));
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

/// From a shell's line to its answer, each with a program of its own, by turns.
#[test]
fn a_start() {
    const TURNS: usize = 200;
    let ((tell, outcomes), (ask, _asked)) = (channel(), channel());
    let following = Following {
        outcomes: tell,
        asked: ask,
    };
    let (mut bare, mut followed) = (Program::start(BASH), Program::start(BASH));
    bare.run("");
    followed.run("");
    plans().prepare();
    let hooked = inject(followed.pid(), plans(), &options(), Box::new(following)).unwrap();
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        for (program, times) in [&mut bare, &mut followed].into_iter().zip(&mut times) {
            let began = Instant::now();
            program.run("/bin/true");
            times.push(began.elapsed());
        }
        drop(outcomes.recv().unwrap());
    }
    let [bare_ms, followed_ms] = times.map(|mut times| {
        times.sort_unstable();
        [TURNS / 2, TURNS * 99 / 100].map(|place| times[place].as_secs_f64() * 1e3)
    });
    say("a start, bare, half", "bash", (bare_ms[0], None, "ms"), None);
    for (what, place) in [("followed, half", 0), ("followed, 99 %", 1)] {
        let more = followed_ms[place] - bare_ms[place];
        say(
            what,
            "bash",
            (more, Some(START_MS_MAX), "ms"),
            Some(followed_ms[place] / bare_ms[place]),
        );
    }
    drop(hooked.eject());
    bare.end();
    followed.end();
}

#[test]
fn an_injection() {
    let mut shell = Program::start(BASH);
    shell.run("");
    drop(hook(shell.pid()).eject());
    const TURNS: u32 = 200;
    let (mut into, mut out) = (Duration::ZERO, Duration::ZERO);
    let mut held = Vec::new();
    for _ in 0..TURNS {
        let began = Instant::now();
        let hooked = hook(shell.pid());
        into += began.elapsed();
        held.push(hooked.held());
        let began = Instant::now();
        assert_eq!(hooked.eject().unwrap(), Left::Nothing);
        out += began.elapsed();
    }
    held.sort_unstable();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let most = Some(INJECTION_MS_MAX);
    say("an injection", "bash", (ms(into / TURNS), most, "ms"), None);
    say(
        "the process held still, half",
        "bash",
        (ms(held[held.len() / 2]), most, "ms"),
        None,
    );
    say(
        "the process held still, 99 %",
        "bash",
        (ms(held[held.len() * 99 / 100]), most, "ms"),
        None,
    );
    say("an ejection", "bash", (ms(out / TURNS), most, "ms"), None);
    shell.end();
}
