//! Encrypts or wipes a corpus as real families do, with a cipher that is only a generator: high entropy, no secret.
mod cipher;
mod elsewhere;
mod kernel_copy;
mod uring;
mod wipe;
mod workers;
mod write;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::guard;
use elsewhere::Carrier;
pub use uring::Refused;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// Read, then write the same file
    InPlace,
    /// Write a new file, unlink the original
    WriteNewUnlink,
    /// Write a new file, rename it over the original
    WriteNewRenameOver,
    /// Give the file a new name, then encrypt it in place
    RenameThenWrite,
    /// Encrypt every fourth block of 4 KiB in place; of a small file the first
    Partial,
    /// Encrypt through a shared writable mapping
    Mmap,
    /// Open with O_TRUNC and write
    TruncateThenWrite,
    /// Open, ftruncate(2) to nothing, write
    FtruncateThenWrite,
    /// truncate(2) by path to nothing, open, write
    TruncatePathThenWrite,
    /// In place, by eight threads
    Threads,
    /// In place, each file by a process of its own
    ProcessPerFile,
    /// In place, by children of children, each a part
    ForkTree,
    /// In place, one file a second unless a pause is given
    Slow,
    /// In place, as base64 text of the ciphertext
    LowEntropy,
    /// Open, read, write and close through an io_uring
    IoUring,
    /// Punch the whole content out (the size stays), then write
    HolePunch,
    /// Unlink, nothing else
    WiperUnlink,
    /// Overwrite with zeros or random bytes, then unlink
    WiperOverwrite,
    /// Open with O_TRUNC, nothing else
    WiperTruncate,
    /// Open and ftruncate(2) to nothing, nothing else
    WiperFtruncate,
    /// truncate(2) by path to nothing, nothing else
    WiperTruncatePath,
    /// Give all directories new names, then encrypt in place
    MoveDirectories,
    /// Make all ciphertext elsewhere, then rename it over the files
    ElsewhereRename,
    /// Make all ciphertext elsewhere, then `mv` it over the files, one by one
    ElsewhereMv,
    /// Make all ciphertext elsewhere, then copy it over the files by `rsync --inplace` or `cp`
    ElsewhereCopy,
    /// The ciphertext goes into the file by copy_file_range(2), from a file beside it
    CopyFileRange,
    /// The ciphertext goes into the file by sendfile(2), from memory
    Sendfile,
}

impl Mode {
    /// Asks for nothing, so it leaves no note.
    fn is_wiper(self) -> bool {
        use Mode::{WiperFtruncate, WiperOverwrite, WiperTruncate, WiperTruncatePath, WiperUnlink};
        matches!(
            self,
            WiperUnlink | WiperOverwrite | WiperTruncate | WiperFtruncate | WiperTruncatePath
        )
    }
}

/// How an attack is played.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub mode: Mode,
    /// Between two files of one worker.
    pub pause: Duration,
}

const NOTE: &str = "READ_ME_TO_RESTORE.txt";
const NOTE_TEXT: &str = "Your files are encrypted. (A simulation by norn attack: nothing is asked for, and Norn restores them.)\n";
const SLOW_PAUSE: Duration = Duration::from_secs(1);

impl Pace {
    /// Without `pause_ms` only `slow` waits.
    pub fn new(mode: Mode, pause_ms: Option<u64>) -> Self {
        let own = if mode == Mode::Slow {
            SLOW_PAUSE
        } else {
            Duration::ZERO
        };
        Self {
            mode,
            pause: pause_ms.map_or(own, Duration::from_millis),
        }
    }
}

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

fn harm_each(targets: &[PathBuf], pace: Pace) -> anyhow::Result<()> {
    for path in targets {
        harm(path, pace.mode)?;
        if !pace.mode.is_wiper() {
            drop_note(path)?;
        }
        if !pace.pause.is_zero() {
            std::thread::sleep(pace.pause);
        }
    }
    Ok(())
}

fn harm(path: &Path, mode: Mode) -> anyhow::Result<()> {
    match mode {
        Mode::InPlace
        | Mode::Slow
        | Mode::Threads
        | Mode::ProcessPerFile
        | Mode::ForkTree
        | Mode::MoveDirectories
        | Mode::ElsewhereRename
        | Mode::ElsewhereMv
        | Mode::ElsewhereCopy => write::in_place(path),
        Mode::WriteNewUnlink => write::new_then_unlink(path),
        Mode::WriteNewRenameOver => write::new_then_rename_over(path),
        Mode::RenameThenWrite => write::rename_then_in_place(path),
        Mode::Partial => write::partial(path),
        Mode::Mmap => write::mapped(path),
        Mode::TruncateThenWrite => write::truncated(path, write::Truncation::OnOpen),
        Mode::FtruncateThenWrite => write::truncated(path, write::Truncation::ByDescriptor),
        Mode::TruncatePathThenWrite => write::truncated(path, write::Truncation::ByPath),
        Mode::LowEntropy => write::as_text(path),
        Mode::HolePunch => write::punched(path),
        Mode::IoUring => uring::in_place(path),
        Mode::WiperUnlink => Ok(fs::remove_file(path)?),
        Mode::WiperOverwrite => wipe::overwrite(path),
        Mode::WiperTruncate => wipe::empty(path, write::Truncation::OnOpen),
        Mode::WiperFtruncate => wipe::empty(path, write::Truncation::ByDescriptor),
        Mode::WiperTruncatePath => wipe::empty(path, write::Truncation::ByPath),
        Mode::CopyFileRange => kernel_copy::copy_file_range(path),
        Mode::Sendfile => kernel_copy::sendfile(path),
    }
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

fn drop_note(path: &Path) -> anyhow::Result<()> {
    let note = path.with_file_name(NOTE);
    if !note.exists() {
        fs::write(note, NOTE_TEXT)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
