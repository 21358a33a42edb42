//! The marker that `prepare` leaves and every simulator asks for: without it, nothing is touched.
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

pub const MARKER: &str = ".norn-attack-corpus";
pub const MARKER_TEXT: &str =
    "Made by norn attack. Everything in this directory may be destroyed at any time.\n";

/// The corpus directory, resolved. Refuses a directory without the marker, and one reached through a symbolic link.
pub fn marked(dir: &Path) -> anyhow::Result<PathBuf> {
    let resolved = dir
        .canonicalize()
        .with_context(|| format!("{} can't be opened", dir.display()))?;
    let text = fs::read_to_string(resolved.join(MARKER)).unwrap_or_default();
    if text != MARKER_TEXT {
        bail!(
            "{} is not a corpus of norn attack (no marker {MARKER}): refusing to run",
            resolved.display()
        );
    }
    if fs::symlink_metadata(dir)?.is_symlink() {
        bail!("{} is a symbolic link: refusing to run", dir.display());
    }
    Ok(resolved)
}

/// The corpus's regular files, in a stable order; never leaves `dir`, never follows a link, never the marker.
pub fn files(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut pending = vec![dir.to_path_buf()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                pending.push(entry.path());
            } else if kind.is_file() && entry.file_name() != MARKER {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A regular file of the corpus, named by a path. Refuses one outside, a link, and the marker.
pub fn inside(dir: &Path, path: &Path) -> anyhow::Result<PathBuf> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        bail!("{} names no file", path.display());
    };
    let resolved = folder.canonicalize()?.join(name);
    if !resolved.starts_with(dir) || !fs::symlink_metadata(&resolved)?.is_file() || name == MARKER {
        bail!("{} is no file of the corpus {}", path.display(), dir.display());
    }
    Ok(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_directory_without_the_marker() {
        let dir = std::env::temp_dir().join(format!("norn-guard-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        assert!(marked(&dir).is_err());
        fs::write(dir.join(MARKER), "something else").unwrap();
        assert!(marked(&dir).is_err());
        fs::write(dir.join(MARKER), MARKER_TEXT).unwrap();
        assert!(marked(&dir).is_ok());
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn refuses_a_link_to_a_corpus() {
        let dir = std::env::temp_dir().join(format!("norn-guard-link-{}", std::process::id()));
        let link = dir.with_extension("link");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(MARKER), MARKER_TEXT).unwrap();
        std::os::unix::fs::symlink(&dir, &link).unwrap();
        assert!(marked(&link).is_err());
        fs::remove_file(&link).unwrap();
        fs::remove_dir_all(&dir).unwrap();
    }
}
