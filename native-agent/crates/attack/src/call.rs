//! Small change of every system call: a C string, and errno as an error.
use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::Context;

pub fn c_path(path: &Path) -> anyhow::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).with_context(|| format!("{} holds a NUL", path.display()))
}

/// The error of a call that answers -1, in words.
pub fn checked(call: &'static str, result: libc::c_int) -> anyhow::Result<()> {
    if result < 0 {
        return Err(io::Error::last_os_error()).context(call);
    }
    Ok(())
}
