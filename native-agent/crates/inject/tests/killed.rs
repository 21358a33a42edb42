//! The injector is killed by SIGKILL: at every system call that it makes on the way in and out, before and after, and at any moment. Its target goes on as if nothing had been.
//!
//! `NORN_HOOK_TURNS` says how often at any moment (20); from 100 on the others stop at every call, else at every 41st.
mod support;

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use norn_inject::{Answerer, Left, Nothing, Options, hook_next, inject};
use support::turns::turns;
use support::{BASH, Directory, PYTHON, Program, plans, start, victims};

/// One test at a time: a fork of this process has only one of its threads, and must not find a lock that another one held.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    plans().prepare();
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

const TURNS_OF_ALL: usize = 100;

/// A process of its own that does this; when it is traced, it says by a stop that what follows is that.
fn start_injector(is_traced: bool, work: impl FnOnce()) -> i32 {
    // SAFETY: the child has this thread alone, and ends without going back to the test.
    match unsafe { libc::fork() } {
        0 => {
            if is_traced {
                // SAFETY: about this process.
                unsafe {
                    libc::ptrace(libc::PTRACE_TRACEME, 0, 0usize, 0usize);
                    libc::raise(libc::SIGSTOP);
                }
            }
            work();
            // SAFETY: as above.
            unsafe { libc::_exit(0) }
        }
        injector => injector,
    }
}

fn in_and_out(target: i32) {
    if let Ok(hooked) = inject(target, plans(), &Options::default(), Box::new(Nothing)) {
        let _left: Result<Left, _> = hooked.eject();
    }
}

/// Runs an injector and kills it at its `at`th stop around a system call. False when it ended before.
fn kill_at(at: usize, work: impl FnOnce()) -> bool {
    let injector = start_injector(true, work);
    let was_met = follow(injector, at);
    if was_met {
        kill(injector);
    }
    was_met
}

fn kill(injector: i32) {
    // SAFETY: a child of the test's own, which is waited for.
    unsafe { libc::kill(injector, libc::SIGKILL) };
    // Its threads first, which are traced as well.
    loop {
        let (tid, status) = wait();
        if tid == injector && !libc::WIFSTOPPED(status) {
            return;
        }
    }
}

/// For a child or traced thread of this very thread.
fn wait() -> (i32, i32) {
    let mut status = 0;
    // SAFETY: writes one number.
    let tid = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
    assert!(tid > 0, "the injector is gone");
    (tid, status)
}

/// Lets all threads of the injector go from call to call; true when the `at`th stop is reached.
fn follow(injector: i32, at: usize) -> bool {
    let (mut stops, mut has_begun) = (0, false);
    loop {
        let (tid, status) = wait();
        if !libc::WIFSTOPPED(status) {
            if tid == injector {
                return false;
            }
            continue;
        }
        let signal = libc::WSTOPSIG(status);
        let is_call = signal == libc::SIGTRAP | 0x80;
        // Before the first of these nothing of the target is touched.
        has_begun |= is_call && number(tid) == libc::SYS_ptrace as u64;
        stops += usize::from(is_call && has_begun);
        if stops > at {
            return true;
        }
        let pass_on = match signal {
            libc::SIGTRAP | libc::SIGSTOP => 0,
            _ if is_call => 0,
            other => other,
        };
        let options = libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_TRACECLONE | libc::PTRACE_O_EXITKILL;
        // SAFETY: about a thread that is stopped for us.
        unsafe {
            libc::ptrace(libc::PTRACE_SETOPTIONS, tid, 0usize, options as usize);
            libc::ptrace(libc::PTRACE_SYSCALL, tid, 0usize, pass_on as usize);
        }
    }
}

fn number(tid: i32) -> u64 {
    // SAFETY: plain numbers, which the kernel fills in for a thread that is stopped for us.
    unsafe {
        let mut registers: libc::user_regs_struct = std::mem::zeroed();
        libc::ptrace(libc::PTRACE_GETREGS, tid, 0usize, &raw mut registers);
        registers.orig_rax
    }
}

/// What is left of an injector in a process that it had not begun to change.
fn is_hooked(pid: i32) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    maps.contains(NAME) || descriptors(pid).iter().any(|file| file.contains(NAME))
}

const NAME: &str = "memfd:norn-hook";

fn descriptors(pid: i32) -> Vec<String> {
    let all = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let file = |entry: std::io::Result<std::fs::DirEntry>| std::fs::read_link(entry.ok()?.path()).ok();
    all.filter_map(|entry| Some(file(entry)?.to_string_lossy().into_owned()))
        .collect()
}

/// A program at work, and the line that makes it say whether all of it went well.
struct Worker {
    program: Program,
    line: String,
    expected: String,
}

/// At every stop of an injector, or every 41st: the target is alive, prints the same, and has its turns and its signal mask.
fn kill_at_each(begin: &dyn Fn() -> Worker) {
    let step = if turns() >= TURNS_OF_ALL { 1 } else { 41 };
    let (mut at, mut worker, mut killed, mut fresh) = (0, begin(), 0, 0);
    loop {
        let pid = worker.program.pid();
        let before = settled(pid);
        worker.program.send(&worker.line);
        let was_met = kill_at(at, || in_and_out(pid));
        assert_eq!(worker.program.printed(), worker.expected, "killed at stop {at}");
        assert_eq!(
            worker.program.run(&worker.line),
            worker.expected,
            "after stop {at}"
        );
        // It may be about to wait for its next line.
        support::until(&format!("killed at stop {at}: {before:?}"), || {
            Standing::of(pid) == before
        });
        if !was_met {
            break;
        }
        killed += 1;
        at += step;
        // It keeps a library that passes everything through, which the next injector would not touch.
        if is_hooked(pid) {
            fresh += 1;
            // Killed between its making and the note of it: one that the program does not know, and that an exec closes.
            assert!(descriptors(pid).iter().filter(|file| file.contains(NAME)).count() <= 1);
            std::mem::replace(&mut worker, begin()).program.end();
        }
    }
    worker.program.end();
    println!("killed {killed} times, the library was left {fresh} times");
    assert!(
        killed * step > 300,
        "an injection and ejection has more calls than {killed}"
    );
}

/// Once it waits for its next line.
fn settled(pid: i32) -> Standing {
    support::until("waiting for input", || {
        let read = |name| std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        read("syscall").starts_with("0 ") && read("stat").contains(") S ")
    });
    Standing::of(pid)
}

/// What a thread has that its program cannot see go wrong.
#[derive(Debug, PartialEq)]
struct Standing {
    policy: i32,
    blocked: String,
    descriptors: usize,
}

impl Standing {
    fn of(pid: i32) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let blocked = status.lines().find(|line| line.starts_with("SigBlk")).unwrap();
        Self {
            // SAFETY: plain numbers.
            policy: unsafe { libc::sched_getscheduler(pid) },
            blocked: blocked.to_owned(),
            descriptors: descriptors(pid)
                .iter()
                .filter(|file| !file.contains(NAME))
                .count(),
        }
    }
}

fn shell() -> Worker {
    let line = "s=0; for i in {1..2000}; do s=$(( (s * 31 + i) % 1000003 )); done; read -t 0.02 x < <(sleep 0.05); echo $s $(echo child)";
    worker(Program::start(BASH), line)
}

fn python() -> Worker {
    let line = "import hashlib,threading,time; r=[0]*3\n";
    let line = format!(
        "exec({:?})",
        line.to_owned()
            + "def work(n):\n x=float(n)+1\n for i in range(20000): x=x*1.0000001+0.5/(i+1)\n time.sleep(0.01)\n r[n]=x\n"
            + "t=[threading.Thread(target=work,args=(n,)) for n in range(3)]\n[x.start() for x in t]\n[x.join() for x in t]\n"
            + "print(r, hashlib.sha256(b'x'*300000).hexdigest())"
    );
    worker(Program::start(PYTHON), &line)
}

fn worker(mut program: Program, line: &str) -> Worker {
    let expected = program.run(line);
    assert!(!expected.is_empty());
    Worker {
        program,
        line: line.to_owned(),
        expected,
    }
}

#[test]
fn a_shell_is_as_it_was_whenever_its_injector_is_killed() {
    let _turn = turn();
    kill_at_each(&shell);
}

#[test]
fn a_python_with_threads_is_as_it_was_whenever_its_injector_is_killed() {
    let _turn = turn();
    kill_at_each(&python);
}

/// Computes in general and vector registers while it is met, and checks itself; waits in calls that take up again what is left of their time.
#[test]
fn threads_that_compute_and_wait_are_as_they_were() {
    let _turn = turn();
    let directory = Directory::new("killed");
    for victim in victims(&directory) {
        let begin = || worker(start(&victim, &directory.0.join("place")), "work");
        kill_at_each(&begin);
    }
}

/// Calls of a loader at least, and how often it is tried again to get so far.
const CALLS_MIN: usize = 300;
const TRIES: usize = 20;

/// A program that is followed into its start is held at its exec and at each of its loader's calls.
#[test]
fn a_program_starts_whenever_its_follower_is_killed() {
    let _turn = turn();
    let directory = Directory::new("killed-follower");
    let file = directory.file("f", "content");
    let line = format!("read -r line; exec cat {}", file.display());
    let step = if turns() >= TURNS_OF_ALL { 1 } else { 41 };
    let mut at = 0;
    let mut tries_left = TRIES;
    loop {
        // By another thread, so that this one does not wait for it when it waits for the follower.
        let spawn = || {
            let mut command = Command::new("bash");
            let command = command.args(["--norc", "-c", &line]);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
        };
        let mut shell = std::thread::scope(|scope| scope.spawn(spawn).join())
            .unwrap()
            .unwrap();
        let pid = shell.id() as i32;
        let mut input = shell.stdin.take().unwrap();
        let was_met = kill_at(at, || {
            let follow = || {
                let what = (&Options::default(), Box::new(Nothing) as Box<dyn Answerer>);
                let _hooked = hook_next(pid, plans(), what, || {
                    input.write_all(b"now\n").unwrap_or_default()
                });
            };
            std::thread::scope(|scope| drop(scope.spawn(follow)));
        });
        let _told = input.write_all(b"now\n");
        drop(input);
        let output = shell.wait_with_output().unwrap();
        assert!(
            output.status.success() && output.stdout == b"content",
            "killed at stop {at}: {output:?}"
        );
        if was_met {
            at += step;
        } else if at > CALLS_MIN || tries_left == 0 {
            break;
        } else {
            // On a busy machine the follower lets go early, so as not to hold the program up.
            tries_left -= 1;
        }
    }
    assert!(at > CALLS_MIN, "following has more calls than {at}");
}

/// Also where no system call of the injector's is near, and on a busy machine.
#[test]
fn killed_at_any_moment() {
    let _turn = turn();
    let directory = Directory::new("killed-at-any");
    for begin in [&shell as &dyn Fn() -> Worker, &python, &|| {
        worker(start(&victims(&directory)[0], &directory.0.join("place")), "work")
    }] {
        let mut worker = begin();
        let mut moment = 0x2545_F491_4F6C_DD1D_u64;
        for turn in 0..turns() {
            worker.program.send(&worker.line);
            let injector = start_injector(false, || in_and_out(worker.program.pid()));
            moment ^= moment << 13;
            moment ^= moment >> 7;
            moment ^= moment << 17;
            std::thread::sleep(Duration::from_micros(moment % 4_000));
            kill(injector);
            assert_eq!(worker.program.printed(), worker.expected, "turn {turn}");
            assert_eq!(
                worker.program.run(&worker.line),
                worker.expected,
                "after turn {turn}"
            );
            if is_hooked(worker.program.pid()) {
                std::mem::replace(&mut worker, begin()).program.end();
            }
        }
        worker.program.end();
    }
}
