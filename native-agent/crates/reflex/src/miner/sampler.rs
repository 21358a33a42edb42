//! Samples what every CPU runs: perf's cpu-clock, instruction address and process only, read from rings once a bucket.
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering, fence};

use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;

use super::{HZ, Instructions};

const PERF_TYPE_SOFTWARE: u32 = 1;
const PERF_COUNT_SW_CPU_CLOCK: u64 = 0;
const PERF_SAMPLE_IP: u64 = 1;
const PERF_SAMPLE_TID: u64 = 2;
const PERF_RECORD_SAMPLE: u32 = 9;
const PERF_FLAG_FD_CLOEXEC: libc::c_ulong = 8;
/// Bits of `perf_event_attr`'s flag word: exclude_kernel, exclude_hv, exclude_idle, freq.
const ATTRIBUTE_FLAGS: u64 = 1 << 5 | 1 << 6 | 1 << 7 | 1 << 10;
/// A sample is 24 bytes; 8 pages hold 13 s of one CPU.
const RING_PAGES: usize = 8;
const PAGE: usize = 4_096;
/// Where `data_head` and `data_tail` lie in the ring's first page (`struct perf_event_mmap_page`).
const HEAD_AT: usize = 1_024;
const TAIL_AT: usize = 1_032;

/// `struct perf_event_attr`, version 0 (64 bytes): all that sampling by frequency needs.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    sample_frequency: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    breakpoint_kind: u32,
    breakpoint_address: u64,
}

struct Ring {
    memory: *mut u8,
    _event: OwnedFd,
}

// SAFETY: the mapping is private to this object and moves with it; nobody else holds the pointer.
unsafe impl Send for Ring {}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: `memory` was mapped with this length and is not used after.
        unsafe { libc::munmap(self.memory.cast(), (RING_PAGES + 1) * PAGE) };
    }
}

/// One ring for each CPU that was online at the start.
pub struct Sampler {
    rings: Vec<Ring>,
}

impl Sampler {
    /// # Errors
    /// When the kernel refuses: no CAP_PERFMON, or `kernel.perf_event_paranoid` above 2 without it.
    pub fn open() -> io::Result<Self> {
        // SAFETY: sysconf has no preconditions.
        let cpus = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_CONF) }.max(1);
        let rings: Vec<Ring> = (0..cpus as i32).filter_map(|cpu| open_ring(cpu).ok()).collect();
        if rings.is_empty() {
            return open_ring(0).map(|ring| Self { rings: vec![ring] });
        }
        Ok(Self { rings })
    }
}

fn open_ring(cpu: i32) -> io::Result<Ring> {
    let attributes = Attributes {
        kind: PERF_TYPE_SOFTWARE,
        size: size_of::<Attributes>() as u32,
        config: PERF_COUNT_SW_CPU_CLOCK,
        sample_frequency: u64::from(HZ),
        sample_type: PERF_SAMPLE_IP | PERF_SAMPLE_TID,
        flags: ATTRIBUTE_FLAGS,
        // Nobody waits for these rings: no wake-up before they are full.
        wakeup_events: u32::MAX,
        ..Attributes::default()
    };
    // SAFETY: `attributes` lives through the call and its size field is right; the other arguments are plain numbers.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attributes,
            -1,
            cpu,
            -1,
            PERF_FLAG_FD_CLOEXEC,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave this fd to us alone.
    let event = unsafe { OwnedFd::from_raw_fd(fd as RawFd) };
    // SAFETY: a new shared mapping of a perf event; the length is one page more than a power of two, as perf asks.
    let memory = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            (RING_PAGES + 1) * PAGE,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            event.as_raw_fd(),
            0,
        )
    };
    if memory == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    Ok(Ring {
        memory: memory.cast(),
        _event: event,
    })
}

impl Ring {
    fn position(&self, at: usize) -> &AtomicU64 {
        // SAFETY: both positions are aligned u64 within the first mapped page, shared with the kernel and only ever
        // accessed atomically.
        unsafe { &*self.memory.add(at).cast::<AtomicU64>() }
    }

    fn u32_at(&self, position: u64) -> u32 {
        let offset = position as usize % (RING_PAGES * PAGE);
        // SAFETY: records are 8-byte aligned and `offset` lies within the data pages, so four bytes never pass the end.
        unsafe { self.memory.add(PAGE + offset).cast::<u32>().read() }
    }

    fn drain(&self, sink: &mut dyn FnMut(u32, u64)) {
        let head = self.position(HEAD_AT).load(Ordering::Acquire);
        let mut tail = self.position(TAIL_AT).load(Ordering::Relaxed);
        while tail < head {
            let size = u64::from(self.u32_at(tail + 4) >> 16);
            if size < 8 {
                break;
            }
            if self.u32_at(tail) == PERF_RECORD_SAMPLE && size >= 24 {
                let address = u64::from(self.u32_at(tail + 8)) | u64::from(self.u32_at(tail + 12)) << 32;
                sink(self.u32_at(tail + 16), address);
            }
            tail += size;
        }
        fence(Ordering::SeqCst);
        self.position(TAIL_AT).store(head, Ordering::Release);
    }
}

impl Instructions for Sampler {
    fn drain(&mut self, sink: &mut dyn FnMut(u32, u64)) {
        for ring in &self.rings {
            ring.drain(sink);
        }
    }

    fn read(&self, pid: u32, address: u64, buffer: &mut [u8]) -> usize {
        let remote = RemoteIoVec {
            base: address as usize,
            len: buffer.len(),
        };
        let mut local = [io::IoSliceMut::new(buffer)];
        process_vm_readv(Pid::from_raw(pid as i32), &mut local, &[remote]).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_loop_of_this_process_is_sampled_and_its_code_is_readable() {
        let Ok(mut sampler) = Sampler::open() else {
            eprintln!("perf_event_open is not allowed here: not tested");
            return;
        };
        let mut found = 0;
        for _ in 0..200 {
            let mut number = 1_u64;
            for _ in 0..4_000_000 {
                number = std::hint::black_box(number.rotate_left(7) ^ 0x9e37);
            }
            let mut addresses = Vec::new();
            sampler.drain(&mut |pid, address| {
                if pid == std::process::id() {
                    addresses.push(address);
                }
            });
            let mut code = [0; 16];
            found += addresses
                .iter()
                .filter(|&&at| sampler.read(std::process::id(), at, &mut code) == 16)
                .count();
            if found > 0 {
                return;
            }
        }
        panic!("no sample of this process in 200 rounds of work");
    }
}
