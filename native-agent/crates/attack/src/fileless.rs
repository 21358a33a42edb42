//! Runs a copy of this program from a memfd: an image that never had a name on disk.
use std::ffi::CString;
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::bail;

/// Created by the payload when it was allowed to run.
pub const PROOF: &str = "fileless-payload-ran";

pub fn run(dir: &Path) -> anyhow::Result<()> {
    let name = CString::new("update")?;
    // SAFETY: `name` is NUL-terminated; the call returns a new fd or -1.
    let fd = unsafe { libc::memfd_create(name.as_ptr(), 0) };
    if fd < 0 {
        bail!("memfd_create failed: {}", std::io::Error::last_os_error());
    }
    // SAFETY: `fd` is new and owned by nobody else.
    let mut memory = unsafe { File::from_raw_fd(fd) };
    memory.write_all(&fs::read("/proc/self/exe")?)?;
    let image = format!("/proc/self/fd/{}", memory.as_raw_fd());
    let status = Command::new(image).arg("fileless-payload").arg(dir).status()?;
    println!("payload ended: {status}");
    Ok(())
}

pub fn payload(dir: &Path) -> anyhow::Result<()> {
    let proof = dir.join(PROOF);
    fs::write(&proof, b"the payload ran\n")?;
    println!(
        "payload runs, proof {}",
        String::from_utf8_lossy(proof.as_os_str().as_bytes())
    );
    std::thread::sleep(Duration::from_secs(30));
    Ok(())
}
