//! What a restore takes away or can't put back, kept for a person: executables that an attack dropped, and the states of files
//! that somebody changed since. Readable by root alone, and nothing in it can run. Each is named by its SHA-256; `origins.jsonl`
//! beside them says where each came from.
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use norn_journal::file::Metadata;
use norn_os as os;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Larger files are not kept.
pub const QUARANTINED_BYTES_MAX: u64 = 64 << 20;
/// Files in quarantine, at most; no more are kept.
pub const QUARANTINED_FILES_MAX: usize = 1000;
const ORIGINS: &str = "origins.jsonl";
const PART: &str = ".part";
const CHUNK_BYTES: usize = 1 << 20;

/// Why something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kept {
    /// The attack made it, and a restore removed it.
    Dropped,
    /// The state from before the attack, of a file that somebody else changed since.
    Conflict,
}

/// One line of `origins.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// 64 hex: the file's name in the quarantine.
    pub sha256: String,
    pub kept: Kept,
    /// As the process saw it; what is not UTF-8 is replaced.
    pub path: String,
    /// Empty for the host.
    pub container_id: String,
    pub size: u64,
    pub mode: u32,
}

/// The first bytes tell code, whatever the mode says.
pub fn is_code(file: &OwnedFd, metadata: &Metadata) -> io::Result<bool> {
    let mut head = [0_u8; 4];
    let count = os::pread(file.as_raw_fd(), &mut head, 0)?;
    Ok(metadata.is_executable() || head[..count].starts_with(b"\x7fELF") || head[..count].starts_with(b"#!"))
}

/// Keeps a whole file, and returns its name.
pub fn keep_file(dir: &Path, file: &OwnedFd, origin: Origin) -> io::Result<String> {
    let mut at = 0;
    let mut chunk = vec![0_u8; CHUNK_BYTES];
    keep(dir, origin, |each| {
        loop {
            let count = os::pread(file.as_raw_fd(), &mut chunk, at)?;
            if count == 0 {
                return Ok(());
            }
            each(at, &chunk[..count])?;
            at += count as u64;
        }
    })
}

/// Keeps what `fill` hands out as (offset, bytes), and returns its name.
pub fn keep(
    dir: &Path,
    mut origin: Origin,
    fill: impl FnOnce(&mut dyn FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<()>,
) -> io::Result<String> {
    if origin.size > QUARANTINED_BYTES_MAX {
        return Err(io::Error::other("too large for the quarantine"));
    }
    if fs::read_dir(dir)?.count() >= QUARANTINED_FILES_MAX {
        return Err(io::Error::other("the quarantine is full"));
    }
    let part = dir.join(PART);
    let to = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&part)?;
    fill(&mut |at, bytes| to.write_all_at(bytes, at))?;
    to.set_len(origin.size)?;
    origin.sha256 = hash(&to)?;
    fs::rename(part, dir.join(&origin.sha256))?;
    note(dir, &origin)?;
    Ok(origin.sha256)
}

fn hash(file: &File) -> io::Result<String> {
    let (mut hash, mut at, mut chunk) = (Sha256::new(), 0, vec![0_u8; CHUNK_BYTES]);
    loop {
        let count = file.read_at(&mut chunk, at)?;
        if count == 0 {
            let digest = hash.finalize();
            return Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hash.update(&chunk[..count]);
        at += count as u64;
    }
}

/// Says it once, however often it is kept.
fn note(dir: &Path, origin: &Origin) -> io::Result<()> {
    if origins(dir)?.contains(origin) {
        return Ok(());
    }
    let mut line = serde_json::to_vec(origin)?;
    line.push(b'\n');
    let open = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(dir.join(ORIGINS));
    open?.write_all(&line)
}

/// Everything that is kept, oldest first; a line that was cut by a crash is left out.
pub fn origins(dir: &Path) -> io::Result<Vec<Origin>> {
    let file = match File::open(dir.join(ORIGINS)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let lines = BufReader::new(file).lines();
    Ok(lines
        .filter_map(|line| serde_json::from_str(&line.ok()?).ok())
        .collect())
}
