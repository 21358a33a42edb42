//! The ciphertext is made outside of the corpus, all of it, and then put over the files: only the moves touch them.
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use super::cipher::{encrypted, key_of};
use super::mode::Pace;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// This program.
    Own,
    /// `mv`, a process for each file.
    Move,
    /// One process for all: `rsync --inplace`, or `cp` where there is no rsync.
    Copy,
}

pub fn run(dir: &Path, targets: &[PathBuf], (carrier, pace): (Carrier, Pace)) -> anyhow::Result<()> {
    let stage = stage_of(dir)?;
    let made = targets
        .iter()
        .map(|target| make(target, &stage.join(target.strip_prefix(dir)?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    if carrier == Carrier::Copy {
        copy_all(&stage, dir)?;
    } else {
        for (from, to) in made.iter().zip(targets) {
            carry(from, to, carrier)?;
            std::thread::sleep(pace.pause);
        }
    }
    Ok(fs::remove_dir_all(stage)?)
}

/// Named after the corpus, so that whoever removes the one finds the other: this program may not live to do it.
fn stage_of(dir: &Path) -> anyhow::Result<PathBuf> {
    let name = dir.file_name().context("a corpus has a name")?.to_string_lossy();
    let stage = std::env::temp_dir().join(format!("norn-attack-{name}"));
    fs::create_dir(&stage).with_context(|| format!("can't make {}", stage.display()))?;
    Ok(stage)
}

fn make(target: &Path, at: &Path) -> anyhow::Result<PathBuf> {
    let folder = at.parent().context("a file lies in a folder")?;
    fs::create_dir_all(folder)?;
    fs::write(at, encrypted(fs::read(target)?, key_of(target)))?;
    Ok(at.to_path_buf())
}

fn carry(from: &Path, to: &Path, carrier: Carrier) -> anyhow::Result<()> {
    if carrier == Carrier::Move {
        return succeed(Command::new("mv").arg("-f").arg("--").args([from, to]));
    }
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            fs::copy(from, to)?;
            Ok(())
        }
        done => Ok(done?),
    }
}

fn copy_all(stage: &Path, dir: &Path) -> anyhow::Result<()> {
    let from = stage.join(".");
    let mut rsync = Command::new("rsync");
    rsync
        .args(["-r", "--inplace", "--ignore-times"])
        .args([&from, dir]);
    if rsync
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .is_ok_and(|mut child| child.wait().is_ok())
    {
        return Ok(());
    }
    succeed(Command::new("cp").arg("-R").args([&from, dir]))
}

fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status()?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}
