//! Puts this program where another container finds it: an init container has no shell in an image that holds Baldur alone.
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

#[derive(clap::Args)]
pub struct CopyArguments {
    /// The new file, in a folder that is there.
    file: PathBuf,
}

pub fn copy(CopyArguments { file }: &CopyArguments) -> anyhow::Result<()> {
    copy_to(file).with_context(|| {
        format!(
            "{} can not be written: mount a volume at its folder that this user may write to",
            file.display()
        )
    })
}

/// Whole or not at all: who starts meanwhile finds no half of it.
fn copy_to(file: &Path) -> std::io::Result<()> {
    let unfinished = file.with_extension("unfinished");
    fs::copy("/proc/self/exe", &unfinished)?;
    fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o755))?;
    fs::rename(&unfinished, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_is_this_program_and_may_be_started_by_all() {
        let folder = std::env::temp_dir().join(format!("norn-copy-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let file = folder.join("baldur");
        copy(&CopyArguments { file: file.clone() }).unwrap();
        assert!(fs::read(&file).unwrap() == fs::read("/proc/self/exe").unwrap());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_is_said_with_what_to_do() {
        let file = PathBuf::from("/nowhere/baldur");
        let told = copy(&CopyArguments { file }).unwrap_err().to_string();
        assert!(
            told.starts_with("/nowhere/baldur can not be written: mount a volume"),
            "{told}"
        );
    }
}
