//! Names change hands, by the calls that replace nothing by mistake.
use std::ffi::CStr;
use std::io;
use std::os::fd::RawFd;

use crate::calls::check;
use crate::names::unlink_at;

/// `no_replace`: fails when the new name is there.
pub fn rename_at(from: (RawFd, &CStr), to: (RawFd, &CStr), no_replace: bool) -> io::Result<()> {
    let flags = if no_replace { libc::RENAME_NOREPLACE } else { 0 };
    // SAFETY: both names outlive the call.
    let done = check(unsafe { libc::renameat2(from.0, from.1.as_ptr(), to.0, to.1.as_ptr(), flags) });
    match done {
        Err(error) if no_replace && error.raw_os_error() == Some(libc::EINVAL) => rename_by_link(from, to),
        done => done.map(drop),
    }
}

/// For file systems whose rename knows no conditions, as NFS: that a new link's name is free they do look at.
fn rename_by_link(from: (RawFd, &CStr), to: (RawFd, &CStr)) -> io::Result<()> {
    // SAFETY: both names outlive the call.
    let linked = check(unsafe { libc::linkat(from.0, from.1.as_ptr(), to.0, to.1.as_ptr(), 0) });
    match linked {
        // A directory: it takes the place of nothing but an empty one.
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => rename_at(from, to, false),
        linked => linked.and_then(|_| unlink_at(from.0, from.1, false)),
    }
}

/// The two names change files.
pub fn exchange_at(from: (RawFd, &CStr), to: (RawFd, &CStr)) -> io::Result<()> {
    let flags = libc::RENAME_EXCHANGE;
    // SAFETY: both names outlive the call.
    check(unsafe { libc::renameat2(from.0, from.1.as_ptr(), to.0, to.1.as_ptr(), flags) }).map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn without_conditions_a_file_is_renamed_all_the_same_and_never_over_another() {
        let home = std::env::temp_dir().join(format!("norn-rename-{}", std::process::id()));
        fs::create_dir_all(home.join("directory")).unwrap();
        for name in ["file", "other"] {
            fs::write(home.join(name), name).unwrap();
        }
        let open = File::open(&home).unwrap();
        let rename = |from, to| rename_by_link((open.as_raw_fd(), from), (open.as_raw_fd(), to));
        let refused = rename(c"file", c"other").unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        rename(c"file", c"moved").unwrap();
        rename(c"directory", c"moved-too").unwrap();
        let read = |name: &str| fs::read_to_string(home.join(name));
        assert_eq!(
            (read("moved").unwrap(), read("other").unwrap()),
            ("file".to_owned(), "other".to_owned())
        );
        assert!(read("file").is_err() && home.join("moved-too").is_dir());
        fs::remove_dir_all(&home).unwrap();
    }
}
