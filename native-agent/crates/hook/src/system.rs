//! System calls of the library's own, and what it may touch of a program's memory.
use core::sync::atomic::{AtomicU32, Ordering};

pub const EINVAL: i64 = -22;
pub const PAGE: u64 = 4096;

const RT_SIGPROCMASK: u64 = 14;
const CLOCK_GETTIME: u64 = 228;
const FUTEX: u64 = 202;
const FUTEX_WAIT: u64 = 0;
const FUTEX_WAKE: u64 = 1;
const GETPID: u64 = 39;
const GETTID: u64 = 186;
const CLOCK_MONOTONIC: u64 = 1;

/// One system call, the kernel's answer as it is (negative errno).
///
/// # Safety
/// What the call does to memory and descriptors must be right for the caller.
#[cfg(target_arch = "x86_64")]
pub unsafe fn call(number: u64, args: [u64; 6]) -> i64 {
    let answer: i64;
    // SAFETY: the caller answers for the call; the kernel changes only rax, rcx and r11 beyond that.
    unsafe {
        core::arch::asm!("syscall", inlateout("rax") number => answer, in("rdi") args[0], in("rsi") args[1], in("rdx") args[2],
            in("r10") args[3], in("r8") args[4], in("r9") args[5], lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    answer
}

/// Never used: no library is built for other machines yet.
///
/// # Safety
/// None is needed: nothing happens.
#[cfg(not(target_arch = "x86_64"))]
pub unsafe fn call(_: u64, _: [u64; 6]) -> i64 {
    -38
}

/// Whether eight bytes at `address` (rounded down to eight) can be read. The kernel copies the signal set before it looks at the
/// impossible operation, so nothing changes and no signal is needed to find out.
pub fn readable(address: u64) -> bool {
    // SAFETY: operation -1 does not exist; the kernel reads eight bytes or says EFAULT.
    unsafe { call(RT_SIGPROCMASK, [u64::MAX, address & !7, 0, 8, 0, 0]) == EINVAL }
}

pub fn process_id() -> u32 {
    // SAFETY: has no arguments and cannot fail.
    unsafe { call(GETPID, [0; 6]) as u32 }
}

pub fn thread_id() -> u32 {
    // SAFETY: has no arguments and cannot fail.
    unsafe { call(GETTID, [0; 6]) as u32 }
}

/// Where the thread's own data is, which both libcs begin with a pointer to itself.
#[cfg(target_arch = "x86_64")]
pub fn thread_pointer() -> u64 {
    let pointer;
    // SAFETY: libc sets the thread pointer before the first call that is hooked, for every thread.
    unsafe {
        core::arch::asm!("mov {}, fs:[0]", out(reg) pointer, options(nostack, readonly, preserves_flags))
    };
    pointer
}

/// Never used: no library is built for other machines yet.
#[cfg(not(target_arch = "x86_64"))]
pub fn thread_pointer() -> u64 {
    0
}

/// CLOCK_MONOTONIC in nanoseconds, by the vDSO's function when `clock` is its address; 0 when the kernel may not be asked either.
pub fn now_ns(clock: u64, own_calls: bool) -> u64 {
    let mut time = [0i64; 2];
    let to = (&raw mut time) as u64;
    if clock != 0 {
        // SAFETY: `clock` is the address that the agent found for the vDSO's clock_gettime, which has this type.
        let clock: extern "C" fn(u64, u64) -> i32 =
            unsafe { core::mem::transmute(clock as usize as *const ()) };
        clock(CLOCK_MONOTONIC, to);
    } else if own_calls {
        // SAFETY: writes the two numbers of `time`.
        unsafe { call(CLOCK_GETTIME, [CLOCK_MONOTONIC, to, 0, 0, 0, 0]) };
    }
    time[0] as u64 * 1_000_000_000 + time[1] as u64
}

pub fn wake(word: &AtomicU32) {
    // SAFETY: the word is valid, waking changes no memory.
    unsafe { call(FUTEX, [word.as_ptr() as u64, FUTEX_WAKE, 1, 0, 0, 0]) };
}

/// Sleeps while `word` is `value`, for at most `timeout_ns`. May return early.
pub fn sleep_while(word: &AtomicU32, value: u32, timeout_ns: u64) {
    if word.load(Ordering::Acquire) != value {
        return;
    }
    let timeout = [timeout_ns / 1_000_000_000, timeout_ns % 1_000_000_000];
    // SAFETY: word and timeout are valid while the call lasts.
    unsafe {
        call(
            FUTEX,
            [
                word.as_ptr() as u64,
                FUTEX_WAIT,
                u64::from(value),
                (&raw const timeout) as u64,
                0,
                0,
            ],
        )
    };
}

/// Calls that the library makes at its start.
pub mod number {
    pub const READ: u64 = 0;
    pub const CLOSE: u64 = 3;
    pub const LSEEK: u64 = 8;
    pub const MMAP: u64 = 9;
    pub const MPROTECT: u64 = 10;
    pub const MUNMAP: u64 = 11;
    pub const MADVISE: u64 = 28;
    pub const SOCKET: u64 = 41;
    pub const CONNECT: u64 = 42;
    pub const RECVMSG: u64 = 47;
    pub const SETSOCKOPT: u64 = 54;
    pub const OPENAT: u64 = 257;
}

/// A call that changes only what its caller owns: every caller gives memory of its own, of the size that it says.
pub fn checked(call_number: u64, args: [u64; 6]) -> Result<u64, i64> {
    // SAFETY: as promised above.
    let answer = unsafe { call(call_number, args) };
    if answer < 0 {
        Err(-answer)
    } else {
        Ok(answer as u64)
    }
}

pub fn close(descriptor: u64) {
    let _ = checked(number::CLOSE, [descriptor, 0, 0, 0, 0, 0]);
}
