//! Encrypts or wipes a corpus as real families do, with a cipher that is only a generator: high entropy, no secret.
mod cipher;
mod elsewhere;
mod harm;
mod kernel_copy;
mod mode;
mod uring;
mod wipe;
mod workers;
mod write;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::guard;
use elsewhere::Carrier;
use harm::harm_each;
pub use mode::{Mode, Pace};
pub use uring::Refused;

/// # Errors
/// `Refused` when the kernel does not let this mode work here; nothing was touched then.
pub fn check(mode: Mode) -> anyhow::Result<()> {
    match mode {
        Mode::IoUring => uring::check(),
        _ => Ok(()),
    }
}

/// Attacks every file of the marked directory.
pub fn run(dir: &Path, pace: Pace) -> anyhow::Result<()> {
    check(pace.mode)?;
    let targets = guard::files(dir)?;
    match pace.mode {
        Mode::Threads => workers::threads(&targets, pace),
        Mode::ProcessPerFile => workers::process_per_file(dir, &targets, pace),
        Mode::ForkTree => workers::fork_tree(&targets, pace),
        Mode::ElsewhereRename => elsewhere::run(dir, &targets, (Carrier::Own, pace)),
        Mode::ElsewhereMv => elsewhere::run(dir, &targets, (Carrier::Move, pace)),
        Mode::ElsewhereCopy => elsewhere::run(dir, &targets, (Carrier::Copy, pace)),
        Mode::MoveDirectories => {
            move_directories(dir)?;
            harm_each(&guard::files(dir)?, pace)
        }
        _ => harm_each(&targets, pace),
    }
}

/// Attacks one file of the marked directory, as a worker of `ProcessPerFile` does.
pub fn run_one(dir: &Path, path: &Path, pace: Pace) -> anyhow::Result<()> {
    harm_each(&[guard::inside(dir, path)?], pace)
}

/// Those at the top, with all that is in them.
fn move_directories(dir: &Path) -> anyhow::Result<()> {
    let entries = fs::read_dir(dir)?.collect::<Result<Vec<_>, _>>()?;
    for entry in entries {
        if entry.file_type()?.is_dir() {
            match fs::rename(entry.path(), write::with_suffix(&entry.path())) {
                // overlayfs leaves a directory of an image where it is.
                Err(error) if error.kind() == ErrorKind::CrossesDevices => {}
                done => done?,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
