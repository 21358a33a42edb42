//! A BPF ring buffer, read in place: records stay in the ring until they have been handled, so nothing is copied and
//! two rings can be merged by time. The layout is that of the kernel's kernel/bpf/ringbuf.c.
use std::borrow::Cow;
use std::cell::Cell;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::ProbeError;

const RECORD_HEADER_BYTES: u64 = 8;
const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;

pub struct Ring {
    consumer: Mapping,
    /// The producer's page, then the data, mapped once; a record that wraps is copied.
    producer: Mapping,
    size: u64,
    /// Where the next record is read; ahead of what the kernel has been told.
    cursor: u64,
    /// Where the kernel was when last asked: asking for each record would fetch the cache line it writes each time.
    known_end: Cell<u64>,
}

/// Where the next record is, and its bytes.
pub struct Unread<'a> {
    pub bytes: Cow<'a, [u8]>,
    pub next: u64,
}

impl Ring {
    pub fn map(name: &'static str, fd: BorrowedFd<'_>, size: u32) -> Result<Self, ProbeError> {
        let failed = |error: std::io::Error| ProbeError::Ring {
            ring: name,
            reason: error.to_string(),
        };
        let page = page_bytes();
        let consumer = Mapping::new(fd, page, 0, libc::PROT_READ | libc::PROT_WRITE).map_err(failed)?;
        let producer =
            Mapping::new(fd, page + size as usize, page as i64, libc::PROT_READ).map_err(failed)?;
        let mut ring = Self {
            consumer,
            producer,
            size: u64::from(size),
            cursor: 0,
            known_end: Cell::new(0),
        };
        ring.cursor = ring.position(&ring.consumer).load(Ordering::Acquire);
        Ok(ring)
    }

    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    /// The record at `from`, or behind discarded ones; `None` when there is none that is complete.
    pub fn read_at(&self, mut from: u64) -> Option<Unread<'_>> {
        while from < self.known_end.get() || self.has_grown_beyond(from) {
            let head = self.record_head(from).load(Ordering::Acquire);
            if head & BUSY != 0 {
                return None;
            }
            let length = u64::from(head & !(BUSY | DISCARDED));
            let next = from + (length + RECORD_HEADER_BYTES).next_multiple_of(8);
            if head & DISCARDED == 0 {
                return Some(Unread {
                    bytes: self.data(from + RECORD_HEADER_BYTES, length),
                    next,
                });
            }
            from = next;
        }
        None
    }

    /// There is a record at `from`, or behind discarded ones, whether or not its writer has finished it. One that `read_at` did
    /// not give holds up what comes after it, or was finished a moment ago.
    pub fn has_record_at(&self, mut from: u64) -> bool {
        while from < self.known_end.get() || self.has_grown_beyond(from) {
            let head = self.record_head(from).load(Ordering::Acquire);
            if head & DISCARDED == 0 {
                return true;
            }
            from += (u64::from(head & !(BUSY | DISCARDED)) + RECORD_HEADER_BYTES).next_multiple_of(8);
        }
        false
    }

    fn has_grown_beyond(&self, position: u64) -> bool {
        self.known_end
            .set(self.position(&self.producer).load(Ordering::Acquire));
        position < self.known_end.get()
    }

    /// Everything before `next` has been handled.
    pub fn advance(&mut self, next: u64) {
        self.cursor = next;
    }

    /// Gives what has been handled back to the kernel.
    pub fn release(&self) {
        self.position(&self.consumer)
            .store(self.cursor, Ordering::Release);
    }

    fn position(&self, mapping: &Mapping) -> &AtomicU64 {
        // SAFETY: either mapping begins with a u64 position on a page of its own and lives as long as `self`; the
        // kernel reads and writes it atomically.
        unsafe { mapping.start.cast::<AtomicU64>().as_ref() }
    }

    fn record_head(&self, at: u64) -> &AtomicU32 {
        // SAFETY: positions are multiples of 8 and the offset is below the ring's size, so the four bytes are mapped
        // and aligned; the kernel publishes the length with a release store.
        unsafe {
            self.data_start()
                .add((at & (self.size - 1)) as usize)
                .cast::<AtomicU32>()
                .as_ref()
        }
    }

    fn data(&self, at: u64, length: u64) -> Cow<'_, [u8]> {
        let offset = at & (self.size - 1);
        let head = length.min(self.size - offset) as usize;
        // SAFETY: [offset, offset + head) is within the mapped data; the kernel does not write to a committed record
        // before `release` has passed it, which takes `&self` as `read_at` does but is called by `Probe` only after
        // the record's last use.
        let first =
            unsafe { std::slice::from_raw_parts(self.data_start().add(offset as usize).as_ptr(), head) };
        if head as u64 == length {
            return Cow::Borrowed(first);
        }
        // SAFETY: what is left is shorter than the ring and starts at its beginning.
        let rest = unsafe { std::slice::from_raw_parts(self.data_start().as_ptr(), length as usize - head) };
        Cow::Owned([first, rest].concat())
    }

    fn data_start(&self) -> NonNull<u8> {
        // SAFETY: the data follow the producer's page in the same mapping.
        unsafe { self.producer.start.add(page_bytes()) }
    }
}

fn page_bytes() -> usize {
    // SAFETY: sysconf only reads.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the mapping is shared memory that is not tied to the thread that made it.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(fd: BorrowedFd<'_>, bytes: usize, offset: i64, protection: i32) -> std::io::Result<Self> {
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                protection,
                libc::MAP_SHARED,
                fd.as_raw_fd(),
                offset,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(std::io::Error::last_os_error)?;
        Ok(Self { start, bytes })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nobody borrows from it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::{AsFd, FromRawFd};
    use std::os::unix::fs::FileExt;

    use super::*;

    const BYTES: u32 = 4096;

    /// A file that is laid out as the kernel lays out a ring.
    fn fake_ring(records: &[(u32, &[u8])]) -> (File, Ring) {
        // SAFETY: the name is a C string; the descriptor is new, and the file's alone.
        let file = unsafe { File::from_raw_fd(libc::memfd_create(c"ring".as_ptr(), 0)) };
        let page = page_bytes() as u64;
        file.set_len(2 * page + u64::from(BYTES)).unwrap();
        let mut at = 0;
        for (flags, bytes) in records {
            let head = bytes.len() as u32 | flags;
            file.write_all_at(&head.to_ne_bytes(), 2 * page + at).unwrap();
            file.write_all_at(bytes, 2 * page + at + 8).unwrap();
            at += 16;
        }
        file.write_all_at(&at.to_ne_bytes(), page).unwrap();
        let ring = Ring::map("test", file.as_fd(), BYTES).unwrap();
        (file, ring)
    }

    #[test]
    fn a_record_that_is_being_written_hides_what_comes_after_it_and_is_told_from_none() {
        let (file, mut ring) = fake_ring(&[(DISCARDED, b"gone...."), (BUSY, b"slow...."), (0, b"waiting.")]);
        assert!(ring.read_at(ring.cursor()).is_none() && ring.has_record_at(ring.cursor()));
        file.write_all_at(&8_u32.to_ne_bytes(), 2 * page_bytes() as u64 + 16)
            .unwrap();
        for expected in [b"slow....", b"waiting."] {
            assert!(ring.has_record_at(ring.cursor()));
            let unread = ring.read_at(ring.cursor()).unwrap();
            assert_eq!(&*unread.bytes, expected);
            let next = unread.next;
            ring.advance(next);
        }
        assert!(ring.read_at(ring.cursor()).is_none() && !ring.has_record_at(ring.cursor()));
    }
}
