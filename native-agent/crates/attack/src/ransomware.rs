//! Encrypts a corpus as real families do, with a cipher that is only a generator: high entropy, no secret.
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::corpus::Random;
use crate::guard;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// Read, then write the same file
    InPlace,
    /// Write a new file, unlink the original
    WriteNewUnlink,
    /// Write a new file, rename it over the original
    WriteNewRenameOver,
    /// Encrypt in place, then give the file a new name
    RenameThenWrite,
    /// Open with O_TRUNC and write
    TruncateThenWrite,
}

const NOTE: &str = "READ_ME_TO_RESTORE.txt";
const NOTE_TEXT: &str = "Your files are encrypted. (A simulation by norn attack: nothing is asked for, and Norn restores them.)\n";

pub fn run(dir: &Path, mode: Mode, pause_ms: u64) -> anyhow::Result<()> {
    for (number, path) in guard::files(dir)?.iter().enumerate() {
        encrypt(path, mode, number as u64)?;
        drop_note(path)?;
        if pause_ms > 0 {
            std::thread::sleep(Duration::from_millis(pause_ms));
        }
    }
    Ok(())
}

fn encrypt(path: &Path, mode: Mode, number: u64) -> anyhow::Result<()> {
    match mode {
        Mode::InPlace => in_place(path, number),
        Mode::WriteNewUnlink => {
            write_new(path, &suffixed(path), number)?;
            Ok(fs::remove_file(path)?)
        }
        Mode::WriteNewRenameOver => {
            write_new(path, &suffixed(path), number)?;
            Ok(fs::rename(suffixed(path), path)?)
        }
        Mode::RenameThenWrite => {
            fs::rename(path, suffixed(path))?;
            in_place(&suffixed(path), number)
        }
        Mode::TruncateThenWrite => {
            let content = cipher(fs::read(path)?, number);
            Ok(OpenOptions::new()
                .write(true)
                .truncate(true)
                .open(path)?
                .write_all(&content)?)
        }
    }
}

fn in_place(path: &Path, number: u64) -> anyhow::Result<()> {
    // Read-only files are made writable first: root does not need it, a user would.
    if fs::metadata(path)?.permissions().readonly() {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    }
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file.write_all(&cipher(content, number))?)
}

fn write_new(from: &Path, to: &Path, number: u64) -> anyhow::Result<()> {
    Ok(File::create(to)?.write_all(&cipher(fs::read(from)?, number))?)
}

fn suffixed(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".locked");
    PathBuf::from(name)
}

fn drop_note(path: &Path) -> anyhow::Result<()> {
    let note = path.with_file_name(NOTE);
    if !note.exists() {
        fs::write(note, NOTE_TEXT)?;
    }
    Ok(())
}

fn cipher(mut content: Vec<u8>, number: u64) -> Vec<u8> {
    let mut random = Random(0x2545_f491_4f6c_dd1d ^ number.wrapping_mul(0x9e37_79b9));
    for chunk in content.chunks_mut(8) {
        let key = random.next().wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
        chunk.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    }
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_changes_every_file_of_the_corpus_and_nothing_beside_it() {
        for mode in [
            Mode::InPlace,
            Mode::WriteNewUnlink,
            Mode::WriteNewRenameOver,
            Mode::RenameThenWrite,
            Mode::TruncateThenWrite,
        ] {
            let base = std::env::temp_dir().join(format!("norn-attack-{}-{mode:?}", std::process::id()));
            let dir = base.join("corpus");
            fs::create_dir_all(&base).unwrap();
            fs::write(base.join("beside.txt"), "untouched").unwrap();
            crate::corpus::prepare(&dir, 24).unwrap();
            let before: Vec<_> = guard::files(&dir)
                .unwrap()
                .into_iter()
                .map(|path| (fs::read(&path).unwrap(), path))
                .collect();
            run(&guard::marked(&dir).unwrap(), mode, 0).unwrap();
            assert!(
                before
                    .iter()
                    .all(|(content, path)| fs::read(path).ok().as_ref() != Some(content)),
                "{mode:?}"
            );
            assert_eq!(fs::read_to_string(base.join("beside.txt")).unwrap(), "untouched");
            fs::remove_dir_all(&base).unwrap();
        }
    }
}
