//! A perf event of one CPU and the ring that its samples come through.
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering, fence};

use crate::Sample;

const PERF_TYPE_SOFTWARE: u32 = 1;
const PERF_COUNT_SW_CPU_CLOCK: u64 = 0;
const PERF_SAMPLE_IP: u64 = 1;
const PERF_SAMPLE_TID: u64 = 2;
const PERF_SAMPLE_REGS_USER: u64 = 1 << 12;
const PERF_RECORD_LOST: u32 = 2;
const PERF_RECORD_SAMPLE: u32 = 9;
/// The mode that the CPU was in: low bits of a record's `misc`.
const MODE_MASK: u32 = 7;
const MODE_KERNEL: u32 = 1;
const PERF_FLAG_FD_CLOEXEC: libc::c_ulong = 8;
/// `_IOW('$', 4, u64)`.
const PERF_EVENT_IOC_PERIOD: libc::Ioctl = 0x4008_2404;
/// `_IO('$', 0)` and `_IO('$', 1)`.
const PERF_EVENT_IOC_ENABLE: libc::Ioctl = 0x2400;
const PERF_EVENT_IOC_DISABLE: libc::Ioctl = 0x2401;
/// Bits of `perf_event_attr`'s flag word.
const EXCLUDE_KERNEL: u64 = 1 << 5;
const EXCLUDE_HYPERVISOR: u64 = 1 << 6;
const EXCLUDE_IDLE: u64 = 1 << 7;
/// Stack pointer and instruction pointer, in the order the kernel gives them.
#[cfg(target_arch = "x86_64")]
const REGISTERS: u64 = 1 << 7 | 1 << 8;
#[cfg(target_arch = "aarch64")]
const REGISTERS: u64 = 1 << 31 | 1 << 32;
/// A sample is 48 bytes; 8 pages hold 3 s of one CPU when it is looked at closely.
const RING_PAGES: usize = 8;
const PAGE: usize = 4_096;
/// Where `data_head` and `data_tail` lie in the ring's first page (`struct perf_event_mmap_page`).
const HEAD_AT: usize = 1_024;
const TAIL_AT: usize = 1_032;
/// Header, address, process and thread, then: registers' width, stack pointer, instruction pointer.
const SAMPLE_BYTES: u64 = 48;

/// `struct perf_event_attr`, version 3 (96 bytes): as far as registers are asked for.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    breakpoint_kind: u32,
    config1: u64,
    config2: u64,
    branch_sample_type: u64,
    user_registers: u64,
    user_stack_bytes: u32,
    clock: i32,
}

/// What came out of a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Anything, threads of the kernel included: the CPU gives samples.
    pub any: bool,
    /// Samples that found no room.
    pub lost: u64,
}

pub struct Ring {
    memory: *mut u8,
    event: OwnedFd,
}

// SAFETY: the mapping is private to this object and moves with it; nobody else holds the pointer.
unsafe impl Send for Ring {}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: `memory` was mapped with this length and is not used after.
        unsafe { libc::munmap(self.memory.cast(), (RING_PAGES + 1) * PAGE) };
    }
}

impl Ring {
    /// Samples user code, and who is in the kernel where that is allowed.
    pub fn open(cpu: i32, period_ns: u64) -> io::Result<Self> {
        open_event(cpu, (period_ns, 0))
            .or_else(|_| open_event(cpu, (period_ns, EXCLUDE_KERNEL)))
            .and_then(Self::map)
    }

    fn map(event: OwnedFd) -> io::Result<Self> {
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
        Ok(Self {
            memory: memory.cast(),
            event,
        })
    }

    pub fn set_period(&self, period_ns: u64) {
        // SAFETY: the kernel reads one u64, which lives through the call. A refusal leaves the period as it is.
        unsafe {
            libc::ioctl(
                self.event.as_raw_fd(),
                PERF_EVENT_IOC_PERIOD,
                &raw const period_ns,
            )
        };
    }

    /// The kernel takes its timer away and sets a new one. Refused when the CPU is gone; then only a new ring helps.
    pub fn arm_again(&self) {
        self.switch(PERF_EVENT_IOC_DISABLE);
        self.switch(PERF_EVENT_IOC_ENABLE);
    }

    #[cfg(test)]
    pub fn silence(&self) {
        self.switch(PERF_EVENT_IOC_DISABLE);
    }

    fn switch(&self, request: libc::Ioctl) {
        // SAFETY: the request takes no argument. A refusal leaves the event as it is.
        unsafe { libc::ioctl(self.event.as_raw_fd(), request, 0) };
    }

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

    fn u64_at(&self, position: u64) -> u64 {
        u64::from(self.u32_at(position)) | u64::from(self.u32_at(position + 4)) << 32
    }

    /// What the kernel wrote since the last call.
    pub fn drain(&self, weight_ns: u64, sink: &mut dyn FnMut(Sample)) -> Drained {
        let head = self.position(HEAD_AT).load(Ordering::Acquire);
        let mut tail = self.position(TAIL_AT).load(Ordering::Relaxed);
        let mut drained = Drained {
            any: tail < head,
            lost: 0,
        };
        while tail < head {
            let word = self.u32_at(tail + 4);
            let (size, mode) = (u64::from(word >> 16), word & MODE_MASK);
            if size < 8 {
                break;
            }
            match self.u32_at(tail) {
                // No registers: a thread of the kernel.
                PERF_RECORD_SAMPLE if size >= SAMPLE_BYTES => sink(Sample {
                    pid: self.u32_at(tail + 16),
                    thread: self.u32_at(tail + 20),
                    stack: self.u64_at(tail + 32),
                    address: self.u64_at(tail + 40),
                    in_kernel: mode == MODE_KERNEL,
                    weight_ns,
                }),
                PERF_RECORD_LOST => drained.lost += self.u64_at(tail + 16),
                _ => {}
            }
            tail += size;
        }
        fence(Ordering::SeqCst);
        self.position(TAIL_AT).store(head, Ordering::Release);
        drained
    }
}

fn open_event(cpu: i32, (period_ns, flags): (u64, u64)) -> io::Result<OwnedFd> {
    let attributes = Attributes {
        kind: PERF_TYPE_SOFTWARE,
        size: size_of::<Attributes>() as u32,
        config: PERF_COUNT_SW_CPU_CLOCK,
        sample_period: period_ns,
        sample_type: PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_REGS_USER,
        flags: flags | EXCLUDE_HYPERVISOR | EXCLUDE_IDLE,
        // Nobody waits for these rings: no wake-up before they are full.
        wakeup_events: u32::MAX,
        user_registers: REGISTERS,
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
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}
