//! A corpus such as a small company has: documents, tables, source, pictures, databases, archives; with metadata of every kind.
//! The same for the same number of files.
mod archives;
mod contents;
mod database;
mod metadata;
mod pictures;

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::guard::{MARKER, MARKER_TEXT};
use crate::random::Random;
use contents::{WORDS, sizes};

const FOLDERS: [&str; 8] = [
    "accounts",
    "accounts/2025",
    "contracts",
    "pictures",
    "source",
    "customers/north & süd",
    "archive/2019/q1/closed",
    "shared",
];
/// Where an attack that goes by name begins, and with which files: those whose restore is the hardest.
const FIRST_FOLDER: usize = 1;
const FIRST_WORD: &str = "account";
const SPARSE_NUMBER: u32 = 11;
const SPARSE_BYTES: u64 = 4 << 20;
const LARGE_NUMBER: u32 = 12;
const LARGE_BYTES: usize = 8 << 20;

/// `files` is the number of names of regular files; folders, symbolic links and the marker come on top.
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
    let mut last = None;
    for number in 0..files {
        last = Some(write_file(dir, (number, files), (last, &mut random))?);
    }
    write_links(dir)?;
    // Last: a default ACL is inherited, and a mode may keep the caller out.
    FOLDERS
        .iter()
        .enumerate()
        .try_for_each(|(number, folder)| metadata::dress_folder(&dir.join(folder), number))
}

/// Returns the path, so that the next file may be a second name of it.
fn write_file(
    dir: &Path,
    (number, files): (u32, u32),
    (last, random): (Option<PathBuf>, &mut Random),
) -> anyhow::Result<PathBuf> {
    let (extension, content) = content(number, files, random);
    let folder = if is_odd(number) {
        FIRST_FOLDER
    } else {
        number as usize % FOLDERS.len()
    };
    let path = dir.join(FOLDERS[folder]).join(name(number, extension, random));
    match last {
        Some(other) if number % 50 == 47 => fs::hard_link(other, &path)?,
        _ if number == SPARSE_NUMBER => {
            write_sparse(&path, random)?;
            metadata::dress_file(&path, number, random)?;
        }
        _ => {
            fs::write(&path, content)?;
            metadata::dress_file(&path, number, random)?;
        }
    }
    Ok(path)
}

/// Sparse, large, with an ACL, a capability, many attributes, a newline, no UTF-8, or two names.
fn is_odd(number: u32) -> bool {
    use metadata::{ACL_NUMBER, CAPABILITY_NUMBER, LONG_ATTRIBUTE_NUMBER};
    let odd = [
        SPARSE_NUMBER,
        LARGE_NUMBER,
        ACL_NUMBER,
        CAPABILITY_NUMBER,
        LONG_ATTRIBUTE_NUMBER,
    ];
    odd.contains(&number) || (45..50).contains(&number)
}

fn content(number: u32, files: u32, random: &mut Random) -> (&'static str, Vec<u8>) {
    match number % 50 {
        48 => ("lock", Vec::new()),
        49 => ("flag", vec![b'1']),
        _ if number == SPARSE_NUMBER => ("img", Vec::new()),
        _ if number == LARGE_NUMBER => ("sql", contents::text(LARGE_BYTES, b' ', random)),
        _ => contents::of_kind(number, random.below(sizes(files).1) + sizes(files).0, random),
    }
}

fn name(number: u32, extension: &str, random: &mut Random) -> OsString {
    let random_word = WORDS[random.below(16) as usize];
    let word = if is_odd(number) { FIRST_WORD } else { random_word };
    let mut name = match number % 50 {
        45 => format!("{word}\nsecond line {number:04}"),
        46 => format!("{word}-latin-"),
        at if at % 7 == 3 => format!("{word} of {number:04} (final)"),
        _ => format!("{word}-{number:04}"),
    }
    .into_bytes();
    if number % 50 == 46 {
        // "ü" in ISO 8859-1, no UTF-8.
        name.extend_from_slice(b"\xfc");
        name.extend_from_slice(format!("-{number:04}").as_bytes());
    }
    name.extend_from_slice(format!(".{extension}").as_bytes());
    OsString::from_vec(name)
}

/// Data at the begin, in the middle and at the end; nothing between.
fn write_sparse(path: &Path, random: &mut Random) -> anyhow::Result<()> {
    let file = File::create(path)?;
    file.set_len(SPARSE_BYTES)?;
    for at in [0, SPARSE_BYTES / 2, SPARSE_BYTES - 8192] {
        file.write_all_at(&contents::text(8192, b' ', random)[..8192], at)?;
    }
    Ok(())
}

fn write_links(dir: &Path) -> anyhow::Result<()> {
    let links = [
        ("accounts/latest", PathBuf::from("2025")),
        ("contracts/all accounts", PathBuf::from("../accounts")),
        ("pictures/absolute", dir.join("source")),
        ("source/gone", PathBuf::from("../nowhere/at all.txt")),
    ];
    for (name, target) in links {
        symlink(target, dir.join(name))?;
        metadata::set_time(&dir.join(name), 1_650_000_000, 987_654_321)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
