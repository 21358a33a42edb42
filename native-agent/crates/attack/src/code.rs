//! Runs code from where none should be: a few bytes of a loop, put into memory that no program's image is in.
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::Path;

use anyhow::{Context, bail};
use clap::ValueEnum;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum From {
    /// Anonymous memory that is writable and executable
    Anonymous,
    /// The main thread's stack
    Stack,
    Heap,
    /// A file in memory, mapped
    Memfd,
    /// A file that was mapped and then removed
    Deleted,
    /// The program's own code, on a stack that is none
    Pivot,
    /// Anonymous memory that makes system calls
    Call,
}

const PAGE: usize = 4_096;
const READ_WRITE: i32 = libc::PROT_READ | libc::PROT_WRITE;
const READ_EXECUTE: i32 = libc::PROT_READ | libc::PROT_EXEC;
const ALL: i32 = READ_WRITE | libc::PROT_EXEC;

/// `1: rol rax, 1; inc rax; jmp 1b`.
#[cfg(target_arch = "x86_64")]
const LOOP: &[u8] = &[0x48, 0xd1, 0xc0, 0x48, 0xff, 0xc0, 0xeb, 0xf8];
/// `1: mov eax, 39 (getpid); syscall; jmp 1b`.
#[cfg(target_arch = "x86_64")]
const CALLS: &[u8] = &[0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7];
/// `1: b 1b`.
#[cfg(target_arch = "aarch64")]
const LOOP: &[u8] = &[0, 0, 0, 0x14];
/// `1: mov x8, 172 (getpid); svc 0; b 1b`.
#[cfg(target_arch = "aarch64")]
const CALLS: &[u8] = &[0x88, 0x15, 0x80, 0xd2, 0x01, 0, 0, 0xd4, 0xfe, 0xff, 0xff, 0x17];

/// Ends by SIGALRM after `seconds`.
pub fn run(dir: &Path, from: From, seconds: u32) -> anyhow::Result<()> {
    // SAFETY: alarm has no preconditions.
    unsafe { libc::alarm(seconds) };
    match from {
        From::Anonymous => jump(written(map(ALL, None)?, LOOP)),
        From::Call => jump(written(map(ALL, None)?, CALLS)),
        From::Heap => jump(written(heap()?, LOOP)),
        From::Stack => run_from_stack(),
        From::Memfd => jump(map(READ_EXECUTE, Some(&memfd()?))?),
        From::Deleted => {
            let path = dir.join("norn-attack-code");
            fs::write(&path, LOOP)?;
            let file = OpenOptions::new().read(true).open(&path)?;
            let code = map(READ_EXECUTE, Some(&file))?;
            fs::remove_file(&path)?;
            jump(code)
        }
        From::Pivot => pivot(),
    }
}

fn map(protection: i32, file: Option<&File>) -> anyhow::Result<*mut u8> {
    let (flags, fd) = file.map_or((libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1), |file| {
        (libc::MAP_PRIVATE, file.as_raw_fd())
    });
    // SAFETY: a new mapping at an address of the kernel's choice.
    let memory = unsafe { libc::mmap(std::ptr::null_mut(), PAGE, protection, flags, fd, 0) };
    if memory == libc::MAP_FAILED {
        bail!("mmap was refused: {}", std::io::Error::last_os_error());
    }
    Ok(memory.cast())
}

/// A page behind the end of the heap; the allocator does not know of it.
fn heap() -> anyhow::Result<*mut u8> {
    // SAFETY: asking for the break changes nothing; moving it up gives pages that nobody uses.
    let end = unsafe {
        let end = libc::syscall(libc::SYS_brk, 0) as usize;
        let page = end.next_multiple_of(PAGE);
        libc::syscall(libc::SYS_brk, page + PAGE);
        page
    };
    allow(end as *mut u8, PAGE).context("the heap")?;
    Ok(end as *mut u8)
}

fn memfd() -> anyhow::Result<File> {
    // SAFETY: the name is NUL-terminated; the call returns a new fd or -1, which nobody else owns.
    let mut file = unsafe {
        let fd = libc::memfd_create(c"update".as_ptr(), libc::MFD_CLOEXEC);
        if fd < 0 {
            bail!("memfd_create failed: {}", std::io::Error::last_os_error());
        }
        File::from_raw_fd(fd)
    };
    file.write_all(LOOP)?;
    Ok(file)
}

fn allow(memory: *mut u8, length: usize) -> anyhow::Result<()> {
    // SAFETY: the pages are this process's own, and stay readable and writable.
    if unsafe { libc::mprotect(memory.cast(), length, ALL) } != 0 {
        bail!("mprotect was refused: {}", std::io::Error::last_os_error());
    }
    Ok(())
}

fn written(memory: *mut u8, code: &[u8]) -> *mut u8 {
    // SAFETY: `memory` is a page of this process's own, longer than the code.
    unsafe { memory.copy_from_nonoverlapping(code.as_ptr(), code.len()) };
    memory
}

fn jump(code: *mut u8) -> anyhow::Result<()> {
    // SAFETY: there is an endless loop there that touches a register only; the alarm ends the process.
    unsafe { std::mem::transmute::<*mut u8, extern "C" fn()>(code)() };
    Ok(())
}

fn run_from_stack() -> anyhow::Result<()> {
    let mut page = [0_u8; 3 * PAGE];
    let start = (page.as_mut_ptr() as usize).next_multiple_of(PAGE) as *mut u8;
    allow(start, PAGE).context("the stack")?;
    jump(written(start, LOOP))
}

fn pivot() -> anyhow::Result<()> {
    let stack = heap()? as usize + PAGE - 64;
    // SAFETY: the page is this process's own; nothing comes back from the loop, so nobody misses the stack.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!("mov rsp, {}", "2: rol rax, 1", "inc rax", "jmp 2b", in(reg) stack, options(noreturn))
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!("mov sp, {}", "2: b 2b", in(reg) stack, options(noreturn))
    }
}
