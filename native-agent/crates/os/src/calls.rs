//! What each call ends with: its result, or why there is none.
use std::ffi::CString;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

pub fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

pub fn own(result: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: the kernel just gave this descriptor to us, nobody else owns it.
    check(result).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
}

pub fn c_string(bytes: &[u8]) -> io::Result<CString> {
    CString::new(bytes).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}
