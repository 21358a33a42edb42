//! Servers and what asks them, which end with the test, also with one that fails.
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use super::until;

/// The first directory that has all of these programs: of the PATH, and where Debian keeps servers.
pub fn directory_of(programs: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .chain(versions.flatten().map(|version| version.path().join("bin")))
        .find(|directory| programs.iter().all(|name| directory.join(name).is_file()))
}

/// A process that is ended, with its children, when this is dropped.
pub struct Running(Child);

impl Running {
    pub fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    pub fn pid(&self) -> i32 {
        self.0.id() as i32
    }

    pub fn children(&self) -> Vec<i32> {
        let file = format!("/proc/{0}/task/{0}/children", self.pid());
        let text = std::fs::read_to_string(file).unwrap_or_default();
        text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
    }

    pub fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// Asks it to end, and fails unless it ends well. What it printed, if that was asked for.
    pub fn end(mut self, signal: i32) -> String {
        send(self.pid(), signal);
        until("the end of a process", || !self.is_running());
        let mut printed = String::new();
        if let Some(output) = &mut self.0.stdout {
            output.read_to_string(&mut printed).unwrap();
        }
        let status = self.0.wait().unwrap();
        assert!(status.success(), "it ended with {status}: {printed}");
        printed
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.0.try_wait(), Ok(None)) {
            return;
        }
        let children = self.children();
        // First, so that it starts no others.
        let _sent = self.0.kill();
        for child in &children {
            send(*child, libc::SIGKILL);
        }
        let _status = self.0.wait();
        // They write into the directory that is removed next.
        until("the end of its children", || {
            !children.iter().any(|child| is_alive(*child))
        });
    }
}

fn send(pid: i32, signal: i32) {
    // SAFETY: a signal to a process that the test has started.
    unsafe { libc::kill(pid, signal) };
}

/// Also false for one that has ended and is not waited for.
fn is_alive(pid: i32) -> bool {
    std::fs::read(Path::new("/proc").join(pid.to_string()).join("cmdline")).is_ok_and(|line| !line.is_empty())
}

/// Threads that ask a server and check what it answers, round after round, until they are told to stop.
pub struct Clients {
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
}

impl Clients {
    /// `connect` gives a client by its number; that asks once in each round, by the round's number.
    pub fn start<Ask: FnMut(usize)>(
        count: usize,
        connect: impl Fn(usize) -> Ask + Clone + Send + 'static,
    ) -> Self {
        let (stop, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let client = |number| {
            let (stop, rounds, connect) = (stop.clone(), rounds.clone(), connect.clone());
            std::thread::spawn(move || {
                let mut ask = connect(number);
                for round in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    ask(round);
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        let threads = (0..count).map(client).collect();
        Self {
            stop,
            rounds,
            threads,
        }
    }

    /// Waits until another round is over.
    pub fn wait_for_one(&self) {
        let before = self.rounds.load(Ordering::Relaxed);
        until("an answer to the load", || {
            self.rounds.load(Ordering::Relaxed) > before
        });
    }

    /// How many rounds there were; fails if one of them had a wrong answer.
    pub fn end(mut self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        for thread in std::mem::take(&mut self.threads) {
            thread.join().expect("every answer is right");
        }
        self.rounds.load(Ordering::Relaxed)
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
