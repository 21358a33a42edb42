//! Ways to change a file's content, one system call family each.
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use io_uring::{IoUring, opcode, squeue, types};

use super::actor::cipher;
use super::c_path;

const BLOCK: usize = 4096;

fn check(result: i64, what: &str) -> i64 {
    assert!(result >= 0, "{what}: {}", std::io::Error::last_os_error());
    result
}

fn open(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).open(path).unwrap()
}

/// A file in this process's memory, shared with all who have it open.
pub struct Mapped {
    /// Gone before the mapping is, or kept as long.
    file: Option<File>,
    at: *mut libc::c_void,
    length: usize,
}

impl Mapped {
    pub fn new(path: &Path) -> Self {
        let file = open(path);
        let length = file.metadata().unwrap().len() as usize;
        let (access, shared) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        // SAFETY: a new mapping of a file that is `length` bytes long; it is checked before it is used.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), length, access, shared, file.as_raw_fd(), 0) };
        assert_ne!(at, libc::MAP_FAILED, "mmap: {}", std::io::Error::last_os_error());
        let file = Some(file);
        Self { file, at, length }
    }

    /// Nothing but the mapping has the file open after this.
    pub fn close(&mut self) {
        self.file = None;
    }

    pub fn encrypt(&self) {
        // SAFETY: the mapping is `length` bytes long, writable, and nobody else's.
        let bytes = unsafe { std::slice::from_raw_parts_mut(self.at.cast::<u8>(), self.length) };
        bytes.copy_from_slice(&cipher(bytes));
        // SAFETY: as mapped in `new`.
        check(
            unsafe { libc::msync(self.at, self.length, libc::MS_SYNC) }.into(),
            "msync",
        );
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: as mapped in `new`, and used no more.
        check(unsafe { libc::munmap(self.at, self.length) }.into(), "munmap");
    }
}

/// Through a shared mapping, the descriptor closed before the first byte is written.
pub fn map(path: &Path) {
    let mut mapped = Mapped::new(path);
    mapped.close();
    mapped.encrypt();
}

fn allocate(path: &Path, mode: i32, (offset, length): (i64, i64)) {
    let file = open(path);
    // SAFETY: takes integers only.
    let result = unsafe { libc::fallocate(file.as_raw_fd(), mode, offset, length) };
    check(result.into(), "fallocate");
}

pub fn punch_hole(path: &Path) {
    let length = fs::metadata(path).unwrap().len() as i64;
    allocate(
        path,
        libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE,
        (0, length),
    );
}

pub fn collapse_range(path: &Path) {
    allocate(path, libc::FALLOC_FL_COLLAPSE_RANGE, (0, BLOCK as i64));
}

pub fn zero_range(path: &Path) {
    allocate(path, libc::FALLOC_FL_ZERO_RANGE, (0, BLOCK as i64 + 100));
}

pub fn insert_range(path: &Path) {
    allocate(path, libc::FALLOC_FL_INSERT_RANGE, (0, BLOCK as i64));
}

/// An encrypted copy that lies on the same file system, and is `path`'s size.
fn prepared(path: &Path) -> (File, usize) {
    let content = fs::read(path).unwrap();
    let beside = path.parent().unwrap().join(".cipher");
    fs::write(&beside, cipher(&content)).unwrap();
    let file = File::open(&beside).unwrap();
    fs::remove_file(&beside).unwrap();
    (file, content.len())
}

pub fn copy_file_range(path: &Path) {
    let (from, length) = prepared(path);
    let to = OpenOptions::new().write(true).open(path).unwrap();
    let (mut here, mut there) = (0, 0);
    let (from, to) = (from.as_raw_fd(), to.as_raw_fd());
    // SAFETY: both offsets outlive the call.
    let count = unsafe { libc::copy_file_range(from, &raw mut here, to, &raw mut there, length, 0) };
    assert_eq!(check(count as i64, "copy_file_range") as usize, length);
}

pub fn send_file(path: &Path) {
    let (from, length) = prepared(path);
    let to = OpenOptions::new().write(true).open(path).unwrap();
    // SAFETY: a null offset means the file's own.
    let count = unsafe { libc::sendfile(to.as_raw_fd(), from.as_raw_fd(), std::ptr::null_mut(), length) };
    assert_eq!(check(count as i64, "sendfile") as usize, length);
}

pub fn splice(path: &Path) {
    let (from, length) = prepared(path);
    let to = OpenOptions::new().write(true).open(path).unwrap();
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for the two descriptors.
    check(unsafe { libc::pipe(ends.as_mut_ptr()) }.into(), "pipe");
    let null = std::ptr::null_mut();
    let mut left = length;
    while left > 0 {
        let part = left.min(BLOCK);
        // SAFETY: null offsets mean the files' own.
        unsafe {
            let read = libc::splice(from.as_raw_fd(), null, ends[1], null, part, 0);
            let read = check(read as i64, "splice into the pipe") as usize;
            let written = libc::splice(ends[0], null, to.as_raw_fd(), null, read, 0);
            assert_eq!(check(written as i64, "splice out of the pipe") as usize, read);
            left -= read;
        }
    }
    for end in ends {
        // SAFETY: it is this function's own.
        check(unsafe { libc::close(end) }.into(), "close");
    }
}

/// What the kernel means for itself: the ring's own notifications break off a copy-up within an open, and the ring hands this out.
const ERESTARTSYS: i32 = 512;

fn run(ring: &mut IoUring, entry: &squeue::Entry) -> i32 {
    loop {
        // SAFETY: what the entry points to outlives this call, which waits for its completion.
        unsafe { ring.submission().push(entry).unwrap() };
        ring.submit_and_wait(1).unwrap();
        let result = ring.completion().next().unwrap().result();
        if result == -ERESTARTSYS {
            continue;
        }
        assert!(result >= 0, "{}", std::io::Error::from_raw_os_error(-result));
        return result;
    }
}

/// Written through a ring that is the last to hold the file, and ends with the process: the kernel closes it some time later.
pub fn ring_to_the_end(path: &Path) {
    let mut ring = IoUring::new(8).unwrap();
    let bytes = cipher(&fs::read(path).unwrap());
    let file = open(path);
    ring.submitter().register_files(&[file.as_raw_fd()]).unwrap();
    drop(file);
    let write = opcode::Write::new(types::Fixed(0), bytes.as_ptr(), bytes.len() as u32);
    assert_eq!(run(&mut ring, &write.offset(0).build()) as usize, bytes.len());
    std::mem::forget(ring);
}

/// Opened, written and closed without any of the system calls of these names.
pub fn ring(path: &Path) {
    let mut ring = IoUring::new(8).unwrap();
    let mut run = |entry: squeue::Entry| run(&mut ring, &entry);
    let bytes = cipher(&fs::read(path).unwrap());
    let path = c_path(path);
    let here = types::Fd(libc::AT_FDCWD);
    let opened = opcode::OpenAt::new(here, path.as_ptr()).flags(libc::O_WRONLY);
    let fd = types::Fd(run(opened.build()));
    let write = opcode::Write::new(fd, bytes.as_ptr(), bytes.len() as u32).offset(0);
    assert_eq!(run(write.build()) as usize, bytes.len());
    run(opcode::Close::new(fd).build());
}

#[repr(align(4096))]
struct Aligned([u8; BLOCK]);

/// Past the page cache.
pub fn direct(path: &Path) {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_DIRECT)
        .open(path)
        .unwrap();
    let mut block = Aligned([0; BLOCK]);
    assert_eq!(file.read_at(&mut block.0, 0).unwrap(), BLOCK);
    block.0 = cipher(&block.0).try_into().unwrap();
    file.write_all_at(&block.0, 0).unwrap();
}

pub fn cut(path: &Path) {
    let file = open(path);
    file.set_len(0).unwrap();
    file.set_len(100).unwrap();
}

/// The start, the end, and every third block: enough to ruin a file, and quick.
pub fn every_third_block(path: &Path) {
    let mut file = open(path);
    let content = fs::read(path).unwrap();
    let chunks = content.chunks(BLOCK).enumerate();
    for (number, block) in chunks.filter(|(number, _)| number % 3 == 0) {
        file.seek(SeekFrom::Start((number * BLOCK) as u64)).unwrap();
        file.write_all(&cipher(block)).unwrap();
    }
}

/// Only the last bytes, by a descriptor that was opened before and stays open.
pub fn tail(path: &Path) {
    let file = open(path);
    let length = file.metadata().unwrap().len();
    file.write_all_at(b"ruined", length - 6).unwrap();
}
