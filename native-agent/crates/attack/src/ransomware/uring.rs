//! In place through an io_uring: no open, read or write call that a syscall tracepoint sees.
use std::fs;
use std::os::fd::RawFd;
use std::path::Path;

use anyhow::bail;
use io_uring::{IoUring, opcode, squeue, types};

use super::cipher::{encrypt, key_of};
use super::write::make_writable;
use crate::call::c_path;

const ENTRIES: u32 = 4;
/// One request moves at most this much, bytes.
const PART: usize = 1 << 20;

/// The kernel (or a seccomp filter of the container) does not let this process have an io_uring.
#[derive(Debug)]
pub struct Refused(std::io::Error);

impl std::fmt::Display for Refused {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(error) = self;
        write!(
            out,
            "io_uring is refused here ({error}): see kernel.io_uring_disabled and the container's seccomp profile"
        )
    }
}

impl std::error::Error for Refused {}

pub fn check() -> anyhow::Result<()> {
    open_ring().map(|_| ())
}

pub fn in_place(path: &Path) -> anyhow::Result<()> {
    make_writable(path)?;
    let mut content = vec![0; usize::try_from(fs::metadata(path)?.len())?];
    let mut ring = open_ring()?;
    let name = c_path(path)?;
    let open = opcode::OpenAt::new(types::Fd(libc::AT_FDCWD), name.as_ptr())
        .flags(libc::O_RDWR | libc::O_CLOEXEC)
        .build();
    let fd = submit(&mut ring, &open)?;
    read(&mut ring, fd, &mut content)?;
    encrypt(&mut content, key_of(path));
    write(&mut ring, fd, &content)?;
    submit(&mut ring, &opcode::Close::new(types::Fd(fd)).build())?;
    Ok(())
}

fn open_ring() -> anyhow::Result<IoUring> {
    Ok(IoUring::new(ENTRIES).map_err(Refused)?)
}

fn read(ring: &mut IoUring, fd: RawFd, content: &mut [u8]) -> anyhow::Result<()> {
    let mut at = 0;
    while at < content.len() {
        let part = &mut content[at..];
        let length = part.len().min(PART) as u32;
        let request = opcode::Read::new(types::Fd(fd), part.as_mut_ptr(), length)
            .offset(at as u64)
            .build();
        at += moved(submit(ring, &request)?)?;
    }
    Ok(())
}

fn write(ring: &mut IoUring, fd: RawFd, content: &[u8]) -> anyhow::Result<()> {
    let mut at = 0;
    while at < content.len() {
        let part = &content[at..];
        let length = part.len().min(PART) as u32;
        let request = opcode::Write::new(types::Fd(fd), part.as_ptr(), length)
            .offset(at as u64)
            .build();
        at += moved(submit(ring, &request)?)?;
    }
    Ok(())
}

fn moved(bytes: i32) -> anyhow::Result<usize> {
    if bytes == 0 {
        bail!("the file became shorter");
    }
    Ok(usize::try_from(bytes)?)
}

/// What the kernel means for itself, "begin again after the signal" (ERESTARTSYS): an open that waits for an answer by fanotify
/// ends with it when its worker is woken for something else.
const BEGIN_AGAIN: i32 = 512;

/// Waits for the request to complete; its result, or the error it stands for.
fn submit(ring: &mut IoUring, request: &squeue::Entry) -> anyhow::Result<i32> {
    loop {
        match complete(ring, request)? {
            result if result == -BEGIN_AGAIN || result == -libc::EINTR => {}
            result if result < 0 => return Err(std::io::Error::from_raw_os_error(-result).into()),
            result => return Ok(result),
        }
    }
}

fn complete(ring: &mut IoUring, request: &squeue::Entry) -> anyhow::Result<i32> {
    // SAFETY: what the request points to outlives it, as this waits for its completion.
    unsafe { ring.submission().push(request)? };
    // A process that was frozen and goes on finds its wait interrupted; the request is with the kernel all the same.
    while ring.completion().is_empty() {
        match ring.submit_and_wait(1) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
    }
    let Some(completion) = ring.completion().next() else {
        bail!("io_uring completed nothing");
    };
    Ok(completion.result())
}
