//! Extended attributes, ACLs and capabilities included.
use std::ffi::CStr;
use std::io;
use std::os::fd::RawFd;

use crate::calls::{c_string, check};
use crate::names::link_of;

/// Largest extended attribute value the kernel keeps.
const XATTR_BYTES_MAX: usize = 64 * 1024;
/// The attribute that gives a program capabilities.
pub const CAPABILITY: &[u8] = b"security.capability";
/// Says who beside owner and group may do what.
pub const ACCESS_ACL: &[u8] = b"system.posix_acl_access";
/// Of a directory: says so of what is made in it.
pub const DEFAULT_ACL: &[u8] = b"system.posix_acl_default";

/// Extended attributes by name, ACLs and capabilities included. Works on O_PATH descriptors too.
pub fn attributes(fd: RawFd) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let path = c_string(link_of(fd).as_bytes())?;
    let mut names = vec![0_u8; 4096];
    // SAFETY: the kernel writes at most `names.len()` bytes into `names`.
    let mut count = unsafe { libc::listxattr(path.as_ptr(), names.as_mut_ptr().cast(), names.len()) };
    if count < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::ERANGE) {
        names.resize(XATTR_BYTES_MAX, 0);
        // SAFETY: as above, with the longer buffer.
        count = unsafe { libc::listxattr(path.as_ptr(), names.as_mut_ptr().cast(), names.len()) };
    }
    if count <= 0 {
        return match io::Error::last_os_error() {
            _ if count == 0 => Ok(Vec::new()),
            error if error.raw_os_error() == Some(libc::EOPNOTSUPP) => Ok(Vec::new()),
            error => Err(error),
        };
    }
    names.truncate(count as usize);
    let each = names.split(|&byte| byte == 0).filter(|name| !name.is_empty());
    Ok(each
        .filter_map(|name| Some((name.to_vec(), attribute(&path, name)?)))
        .collect())
}

fn attribute(path: &CStr, name: &[u8]) -> Option<Vec<u8>> {
    let name = c_string(name).ok()?;
    let mut value = vec![0_u8; XATTR_BYTES_MAX];
    // SAFETY: the kernel writes at most `value.len()` bytes into `value`.
    let count = unsafe {
        libc::getxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_mut_ptr().cast(),
            value.len(),
        )
    };
    value.truncate(usize::try_from(count).ok()?);
    Some(value)
}

/// `None` removes it.
pub fn set_attribute(fd: RawFd, name: &[u8], value: Option<&[u8]>) -> io::Result<()> {
    let path = c_string(link_of(fd).as_bytes())?;
    let name = c_string(name)?;
    // SAFETY: all pointers outlive the calls and the length is that of `value`.
    check(unsafe {
        match value {
            Some(value) => libc::setxattr(
                path.as_ptr(),
                name.as_ptr(),
                value.as_ptr().cast(),
                value.len(),
                0,
            ),
            None => libc::removexattr(path.as_ptr(), name.as_ptr()),
        }
    })
    .map(drop)
}
