//! A corpus such as a small company has: texts, tables, source, archives, pictures, a database; many modes, owners and times.
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};

use crate::guard::{MARKER, MARKER_TEXT};

const FOLDERS: [&str; 6] = [
    "accounts",
    "accounts/2025",
    "contracts",
    "pictures",
    "source",
    "customers/north & süd",
];
const MODES: [u32; 5] = [0o644, 0o640, 0o600, 0o664, 0o444];
const OWNERS: [(u32, u32); 3] = [(0, 0), (1000, 1000), (33, 33)];
const WORDS: [&str; 16] = [
    "invoice", "delivery", "customer", "balance", "quarter", "north", "contract", "signed", "annual",
    "report", "total", "amount", "tax", "order", "account", "payment",
];

/// Small, fast, repeatable; not for secrets.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| (self.next() >> 32) as u8).collect()
    }
}

pub fn prepare(dir: &Path, files: u32) -> anyhow::Result<()> {
    if dir.exists() && fs::read_dir(dir)?.next().is_some() {
        bail!(
            "{} is not empty: a corpus is only made in a new directory",
            dir.display()
        );
    }
    fs::create_dir_all(dir).with_context(|| format!("can't make {}", dir.display()))?;
    fs::write(dir.join(MARKER), MARKER_TEXT)?;
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for folder in FOLDERS {
        fs::create_dir_all(dir.join(folder))?;
    }
    (0..files).try_for_each(|number| write_file(dir, number, &mut random))
}

fn write_file(dir: &Path, number: u32, random: &mut Random) -> anyhow::Result<()> {
    let folder = FOLDERS[number as usize % FOLDERS.len()];
    let (extension, content) = content(number, random);
    let path = dir.join(folder).join(format!(
        "{}-{number:04}.{extension}",
        WORDS[random.below(16) as usize]
    ));
    fs::write(&path, content)?;
    // Owners need root; without it the corpus is the caller's, which changes nothing of the attack.
    let (user, group) = OWNERS[number as usize % OWNERS.len()];
    let _unprivileged = chown(&path, Some(user), Some(group));
    fs::set_permissions(
        &path,
        fs::Permissions::from_mode(MODES[number as usize % MODES.len()]),
    )?;
    let age = Duration::new(random.below(60 * 60 * 24 * 900), 123_456_789);
    fs::File::open(&path)?.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000) + age)?;
    Ok(())
}

fn content(number: u32, random: &mut Random) -> (&'static str, Vec<u8>) {
    let size = 2_048 + random.below(48 * 1024) as usize;
    match number % 8 {
        0 => ("txt", text(size, b' ', random)),
        1 => ("csv", text(size, b';', random)),
        2 => (
            "json",
            [b"{\"rows\":[\"".as_slice(), &text(size, b',', random), b"\"]}\n"].concat(),
        ),
        3 => (
            "rs",
            [
                b"fn main() {\n// ".as_slice(),
                &text(size, b' ', random),
                b"\n}\n",
            ]
            .concat(),
        ),
        // Stored, not deflated: the magic of a zip and readable parts, as in many office documents.
        4 => (
            "docx",
            [b"PK\x03\x04\x14\0\0\0\0\0".as_slice(), &text(size, b' ', random)].concat(),
        ),
        5 => (
            "png",
            [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &random.bytes(size)].concat(),
        ),
        6 => (
            "db",
            [b"SQLite format 3\0".as_slice(), &text(size, 0, random)].concat(),
        ),
        _ => (
            "pdf",
            [b"%PDF-1.7\n".as_slice(), &text(size, b' ', random), b"%%EOF\n"].concat(),
        ),
    }
}

fn text(size: usize, separator: u8, random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size + 16);
    while bytes.len() < size {
        bytes.extend_from_slice(WORDS[random.below(16) as usize].as_bytes());
        bytes.push(if random.below(9) == 0 { b'\n' } else { separator });
    }
    bytes
}
