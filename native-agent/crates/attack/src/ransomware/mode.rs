//! The ways in which an attack is played.
use std::time::Duration;

const SLOW_PAUSE: Duration = Duration::from_secs(1);

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
    pub fn is_wiper(self) -> bool {
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
