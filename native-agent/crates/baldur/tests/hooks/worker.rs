//! A program that does what a test tells it.
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub struct Worker {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// Built for this test, under a name that no other program has.
pub fn program(directory: &Path, options: &[&str]) -> PathBuf {
    let program = directory.join(format!("worker{}", options.len()));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hooks/worker.c");
    let built = Command::new("cc")
        .args(["-O1", "-w"])
        .args(options)
        .arg("-o")
        .args([&program, Path::new(source)])
        .status()
        .expect("a C compiler is installed");
    assert!(built.success());
    program
}

impl Worker {
    pub fn start(program: &Path) -> Self {
        let mut worker = Self::start_by(&mut Command::new(program));
        assert_eq!(worker.tell("pid"), i64::from(worker.pid()));
        worker
    }

    /// Started by another program, a container's runtime.
    pub fn start_by(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the call answered.
    pub fn tell(&mut self, line: &str) -> i64 {
        writeln!(self.input, "{line}").unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        answer.trim().parse().unwrap()
    }

    /// Becomes the same program again, which answers nothing.
    pub fn start_again(&mut self) {
        writeln!(self.input, "again").unwrap();
        assert_eq!(self.tell("pid"), i64::from(self.pid()));
    }

    pub fn is_hooked(&self) -> bool {
        is_hooked(self.pid())
    }
}

pub fn is_hooked(pid: u32) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    maps.contains("/memfd:norn-hook")
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}
