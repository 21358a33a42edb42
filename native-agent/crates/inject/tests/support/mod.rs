//! Programs to hook, and what is asked of them.
#![allow(dead_code)]
pub mod following;
pub mod serving;
pub mod turns;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use norn_hook::calls;
use norn_inject::{Call, Channel, Hooked, Nothing, Options, Plans, inject};

/// A directory of the test's own, gone when this is dropped.
pub struct Directory(pub PathBuf);

impl Directory {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("norn-hook-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// A shell or interpreter that runs line after line, and says when each is done.
pub struct Program {
    pub child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

pub const BASH: &[&str] = &[
    "bash",
    "--norc",
    "-c",
    "while IFS= read -r line; do eval \"$line\"; echo; echo -done-; done",
];
pub const PYTHON: &[&str] = &[
    "python3",
    "-u",
    "-c",
    "import sys\nfor line in sys.stdin:\n exec(line)\n print('\\n-done-')",
];

impl Program {
    pub fn start(command: &[&str]) -> Self {
        Self::spawn(Command::new(command[0]).args(&command[1..]))
    }

    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, input, output }
    }

    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    pub fn send(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// Runs one line; what it printed.
    pub fn run(&mut self, line: &str) -> String {
        self.send(line);
        self.printed()
    }

    /// What the line that was sent last printed.
    pub fn printed(&mut self) -> String {
        let mut printed = String::new();
        loop {
            let mut next = String::new();
            assert!(
                self.output.read_line(&mut next).unwrap() > 0,
                "the program ended after: {printed}"
            );
            if next == "-done-\n" {
                return printed.trim_end().to_owned();
            }
            printed += &next;
        }
    }

    /// Ends its input and waits for it to end well.
    pub fn end(mut self) {
        drop(self.input);
        let status = self.child.wait().unwrap();
        assert!(status.success(), "the program ended with {status}");
    }
}

pub fn hook(pid: i32) -> Hooked {
    inject(pid, plans(), &Options::default(), Box::new(Nothing)).unwrap()
}

/// Each library is decoded once in all tests of a file.
pub fn plans() -> &'static Plans {
    static PLANS: std::sync::OnceLock<Plans> = std::sync::OnceLock::new();
    PLANS.get_or_init(Plans::default)
}

/// The records until now.
pub fn calls_of(channel: &Channel) -> Vec<Call> {
    let mut calls = Vec::new();
    channel.read(&mut |call| calls.push(call));
    calls
}

pub fn find<'a>(calls: &'a [Call], number: &[u64], path: &Path) -> Option<&'a Call> {
    let text = path.as_os_str().as_encoded_bytes();
    calls
        .iter()
        .find(|call| number.contains(&call.number) && (call.first == text || call.second == text))
}

/// Waits until `done` says so; fails after ten seconds.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(10), "{what} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub const OPENS: &[u64] = &[calls::OPEN, calls::OPENAT, calls::CREAT];

/// The program of `victim.c`, with glibc or musl; None where musl's compiler is not installed.
pub fn victim(directory: &Directory, compiler: &str) -> Option<PathBuf> {
    let program = directory.0.join(format!("victim-{compiler}"));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/victim.c");
    // The kernel's headers are beside glibc's; musl's own come first.
    let after = [
        "-idirafter",
        "/usr/include",
        "-idirafter",
        "/usr/include/x86_64-linux-gnu",
    ];
    let compiled = Command::new(compiler)
        .args(["-O1", "-w", "-pthread", "-o"])
        .arg(&program)
        .arg(source)
        .args(after)
        .status();
    let status = compiled.ok()?;
    assert!(status.success(), "{compiler} failed");
    Some(program)
}

/// Each libc that there is, with the victim built for it.
pub fn victims(directory: &Directory) -> Vec<PathBuf> {
    let found: Vec<PathBuf> = ["cc", "musl-gcc"]
        .iter()
        .filter_map(|compiler| victim(directory, compiler))
        .collect();
    assert!(!found.is_empty(), "no C compiler: install gcc");
    found
}

/// Starts the victim in a directory of its own.
pub fn start(victim: &Path, place: &Path) -> Program {
    std::fs::create_dir_all(place).unwrap();
    let mut program = Program::start(&[victim.to_str().unwrap(), place.to_str().unwrap()]);
    // Once it answers, its loader is done.
    program.run("ready");
    program
}
