//! Files that are too large to be copied whenever somebody opens them. In this order: kept open, where only the name goes; cloned,
//! where the file system can; copied without their holes, within a bounded time.
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use norn_os as os;

use super::{Blob, Extent, Pack, PackFile, copy, next_data, unnamed};

/// Copied between two looks at the clock.
const CHUNK_BYTES: u64 = 8 << 20;
/// Files of their own; each is a descriptor.
pub const FILES_MAX: u64 = 256;

pub const NO_TIME: &str = "too large: to copy it would have held the application up for more than 2 s, or for more than 10 s a minute";
pub const NO_ROOM: &str =
    "too large: it takes more than is kept in all (--vault-bytes), or than half of what is free";
pub const NOT_READ: &str = "the agent may not read it, or had no room for it";

impl Pack {
    /// A file whose only name is to go: its content stays for as long as somebody has it open.
    ///
    /// # Errors
    /// Why not, a sentence.
    pub fn hold(&self, file: File) -> Result<Blob, &'static str> {
        let size = file.metadata().map_err(|_| NOT_READ)?.len();
        let extents = pieces(&file, size);
        self.own(file, extents, size)
    }

    /// `directory`: its own, where a clone can be had and room may be.
    ///
    /// # Errors
    /// Why not, a sentence.
    pub fn keep_large(&mut self, source: &mut File, directory: &Path) -> Result<Blob, &'static str> {
        let size = source.metadata().map_err(|_| NOT_READ)?.len();
        let extents = pieces(source, size);
        let bytes = extents.iter().map(|extent| extent.length).sum::<u64>();
        if bytes > self.own_max {
            return Err(NO_ROOM);
        }
        let beside = unnamed(directory).ok();
        if let Some(file) = &beside
            && is_clone(file, source)
        {
            return self.own(beside.ok_or(NOT_READ)?, extents, size);
        }
        match beside {
            _ if bytes <= self.room() => self.copy_large(source, size, &extents),
            Some(file) if free(&file) / 2 >= bytes => {
                file.set_len(size).map_err(|_| NO_ROOM)?;
                let same = |extent: &Extent| extent.at;
                self.copy_pieces((source, &file), &extents, same)?;
                self.own(file, extents, size)
            }
            _ => Err(NO_ROOM),
        }
    }

    fn copy_large(&mut self, source: &mut File, size: u64, pieces: &[Extent]) -> Result<Blob, &'static str> {
        let mut end = self.end;
        let extents: Vec<Extent> = pieces
            .iter()
            .map(|piece| {
                let in_pack = end;
                end += piece.length;
                Extent { in_pack, ..*piece }
            })
            .collect();
        let shared = Arc::clone(&self.inner);
        let result = self.copy_pieces((source, &shared.file), &extents, |extent| extent.in_pack);
        self.end = end;
        shared.take(extents.iter().map(|extent| extent.length).sum());
        let blob = Blob::of(size, extents, shared);
        // What was copied so far goes with the blob.
        result.map(|()| blob)
    }

    fn copy_pieces(
        &mut self,
        (source, target): (&mut File, &File),
        pieces: &[Extent],
        place: impl Fn(&Extent) -> u64,
    ) -> Result<(), &'static str> {
        let (begun, left) = (Instant::now(), self.allowance.left());
        let mut result = Ok(());
        'all: for piece in pieces {
            let mut done = 0;
            while done < piece.length {
                if begun.elapsed() >= left {
                    result = Err(NO_TIME);
                    break 'all;
                }
                let length = CHUNK_BYTES.min(piece.length - done);
                match copy(source, (target, place(piece) + done), (piece.at + done, length)) {
                    Ok(copied) if copied > 0 => done += copied,
                    Ok(_) => break,
                    Err(error) => {
                        result = Err(reason(&error));
                        break 'all;
                    }
                }
            }
        }
        self.allowance.spent += begun.elapsed();
        result
    }

    fn own(&self, file: File, extents: Vec<Extent>, size: u64) -> Result<Blob, &'static str> {
        if self.own_files() >= FILES_MAX {
            return Err("too many large files are kept: 256 at most");
        }
        let own = PackFile::apart(file, &self.own_bytes);
        own.take(extents.iter().map(|extent| extent.length).sum());
        Ok(Blob::of(size, extents, Arc::new(own)))
    }
}

fn reason(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG) => NO_ROOM,
        _ => NOT_READ,
    }
}

/// Where there is content, each at its own place.
fn pieces(file: &File, size: u64) -> Vec<Extent> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some((from, to)) = next_data(file, at, size) {
        found.push(Extent {
            at: from,
            length: to - from,
            in_pack: from,
        });
        at = to;
    }
    found
}

fn is_clone(of: &File, source: &File) -> bool {
    // A file system that can't says so, and nothing was done.
    os::clone_file(source.as_raw_fd(), of.as_raw_fd()).is_ok()
}

fn free(file: &File) -> u64 {
    nix::sys::statfs::fstatfs(file).map_or(0, |found| {
        found.blocks_available() * found.block_size().cast_unsigned()
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::FileExt;
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::pack::allowance::Allowance;

    const SIZE: u64 = 20 << 20;

    fn scene(name: &str) -> (PathBuf, PathBuf) {
        let dir = std::env::temp_dir().join(format!("norn-inside-large-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("file");
        let mut file = File::create(&path).unwrap();
        for block in 0..SIZE / 65_536 {
            file.write_all(&[block as u8; 65_536]).unwrap();
        }
        (dir, path)
    }

    fn spoil(path: &Path) -> File {
        let file = File::options().read(true).write(true).open(path).unwrap();
        file.write_all_at(&[0xee; 4 << 20], 3 << 20).unwrap();
        file
    }

    #[test]
    fn a_large_file_is_kept_in_the_pack_or_where_memory_is_the_pack_beside_itself() {
        for (name, directories) in [("pack", vec![std::env::temp_dir()]), ("beside", vec![])] {
            let (dir, path) = scene(name);
            let mut pack = Pack::open(&directories).unwrap().with_own(1 << 30);
            // A pack that is the file system's own is no clone's place on ext4; on others both are right.
            let blob = pack
                .keep_large(&mut File::open(&path).unwrap(), &dir)
                .unwrap_or_else(|why| panic!("{name}: {why}"));
            assert_eq!(pack.bytes() + pack.own_bytes(), SIZE);
            // Where the file system can, whatever the pack is: run with TMPDIR on xfs or btrfs.
            if is_clone(&unnamed(&dir).unwrap(), &File::open(&path).unwrap()) {
                assert_eq!(pack.own_bytes(), SIZE);
            }
            let spoilt = spoil(&path);
            assert!(!blob.is_in(&spoilt).unwrap());
            blob.write_to(&spoilt).unwrap();
            assert!(blob.is_in(&spoilt).unwrap());
            drop(blob);
            assert_eq!(pack.bytes() + pack.own_bytes(), 0);
            fs::remove_dir_all(dir).unwrap();
        }
    }

    #[test]
    fn what_only_loses_its_name_is_kept_without_a_copy() {
        let (dir, path) = scene("hold");
        let pack = Pack::open(&[]).unwrap().with_own(1 << 30);
        let blob = pack.hold(File::open(&path).unwrap()).unwrap();
        fs::remove_file(&path).unwrap();
        let again = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .unwrap();
        blob.write_to(&again).unwrap();
        assert_eq!(fs::read(&path).unwrap()[65_536 * 7], 7);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn what_takes_too_long_or_too_much_is_not_kept_and_says_why() {
        let (dir, path) = scene("refused");
        let keep = |pack: &mut Pack| pack.keep_large(&mut File::open(&path).unwrap(), &dir).err();
        let open = |max| Pack::open(&[std::env::temp_dir()]).unwrap().with_own(max);
        assert_eq!(keep(&mut open(SIZE - 1)), Some(NO_ROOM));
        let mut slow = open(1 << 30);
        slow.allowance = Allowance::of(Duration::ZERO, Duration::from_secs(1));
        // A clone takes no time.
        if !is_clone(&unnamed(&dir).unwrap(), &File::open(&path).unwrap()) {
            assert_eq!(keep(&mut slow), Some(NO_TIME));
            assert_eq!(slow.bytes() + slow.own_bytes(), 0);
        }
        fs::remove_dir_all(dir).unwrap();
    }
}
