//! Tries the vault out on files of its own: does a change by another process come back with the right pre-image?
use std::ffi::CString;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{fs, io};

use norn_events::wire::event::v1::Capability;
use norn_journal::record::Content;
use norn_os as os;

use crate::shared::Shared;

const CONTENT: &[u8] = b"what was here before";
const WAIT: Duration = Duration::from_secs(2);
/// A busy host may need longer than `WAIT` once; one that can't do it fails each time.
const TRIES_MAX: u64 = 3;

/// The folder in which the self-test works; always protected.
pub fn home(dir: &Path) -> PathBuf {
    dir.join("self-test")
}

pub fn run(shared: &Shared, dir: &Path) -> Vec<Capability> {
    let home = home(dir);
    let host = try_often(&shared.self_test_retries, &|| {
        try_file(shared, &home.join("file"))
    });
    // Beside the protected directory: reading an event of an overlay opens the file below, and that must ask nobody.
    let overlay = dir.join("self-test-overlay");
    let container = try_often(&shared.self_test_retries, &|| try_overlay(shared, &overlay));
    vec![
        capability("file.preimage.container", container),
        capability("file.preimage.host", host),
    ]
}

/// What failed and then did not is counted: a host that needs it often is too slow.
fn try_often(retries: &AtomicU64, attempt: &dyn Fn() -> io::Result<()>) -> io::Result<()> {
    let mut tried = attempt();
    for _ in 1..TRIES_MAX {
        let Err(error) = &tried else { break };
        tracing::warn!(%error, "self_test_again: the vault's self-test failed, it is tried again");
        retries.fetch_add(1, Ordering::Relaxed);
        tried = attempt();
    }
    tried
}

fn capability(name: &str, tried: io::Result<()>) -> Capability {
    let detail = match &tried {
        Ok(()) => "pre-images are taken while the open waits; truncate(2) and unlink of files never opened rest on copies made before".to_owned(),
        Err(error) => format!("the self-test failed: {error}"),
    };
    Capability {
        name: name.to_owned(),
        available: tried.is_ok(),
        mechanism: if tried.is_ok() {
            "fanotify".to_owned()
        } else {
            String::new()
        },
        detail,
        verified: tried.is_ok(),
    }
}

/// Another process overwrites the file; its former content must be in the vault under that process's pid.
fn try_file(shared: &Shared, path: &Path) -> io::Result<()> {
    fs::write(path, CONTENT)?;
    let key = {
        let file = fs::File::open(path)?;
        shared
            .places
            .key(file.as_raw_fd(), &os::fstat(file.as_raw_fd())?)?
    };
    let pid = overwrite_by_child(path)?;
    let begun = Instant::now();
    while begun.elapsed() < WAIT {
        shared.settle(WAIT);
        if is_saved(shared, key) {
            let by_child = shared
                .store
                .index()
                .state(key)
                .is_some_and(|state| state.changes.iter().any(|change| change.pid == pid));
            if by_child {
                return fs::remove_file(path);
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(io::Error::other(
        "the former content of a file that was overwritten is not in the vault",
    ))
}

fn is_saved(shared: &Shared, key: norn_journal::file::FileKey) -> bool {
    let version = shared
        .store
        .index()
        .state(key)
        .and_then(|state| state.versions.first().cloned());
    match version.map(|version| version.content) {
        Some(Content::Packed(blobs)) => blobs
            .first()
            .is_some_and(|&blob| shared.store.read(blob).is_ok_and(|bytes| bytes == CONTENT)),
        Some(Content::Lower(_)) => true,
        _ => false,
    }
}

fn overwrite_by_child(path: &Path) -> io::Result<u32> {
    let name = os::c_string(path.as_os_str().as_bytes())?;
    // SAFETY: the child calls only open, write and _exit, which are safe between fork and exec.
    let pid = unsafe {
        let pid = libc::fork();
        if pid == 0 {
            let fd = libc::open(name.as_ptr(), libc::O_WRONLY | libc::O_TRUNC);
            let written = libc::write(fd, c"changed".as_ptr().cast(), 7);
            libc::_exit(i32::from(written != 7));
        }
        pid
    };
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    unsafe { libc::waitpid(pid, &raw mut status, 0) };
    if status == 0 {
        Ok(pid as u32)
    } else {
        Err(io::Error::other("the self-test's own process failed"))
    }
}

fn try_overlay(shared: &Shared, home: &Path) -> io::Result<()> {
    let part = |name: &str| home.join(name);
    for name in ["lower", "upper", "work", "merged"] {
        fs::create_dir_all(part(name))?;
    }
    fs::write(part("lower").join("file"), CONTENT)?;
    let text = |path: &Path| path.as_os_str().as_bytes().to_vec();
    let options = [
        b"lowerdir=".to_vec(),
        text(&part("lower")),
        b",upperdir=".to_vec(),
        text(&part("upper")),
        b",workdir=".to_vec(),
        text(&part("work")),
    ]
    .concat();
    let target = os::c_string(&text(&part("merged")))?;
    mount(&target, &os::c_string(&options)?)?;
    let tried = wait_for(shared, &text(&part("merged")))
        .and_then(|()| try_file(shared, &part("merged").join("born")));
    // SAFETY: `target` outlives the call.
    unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) };
    fs::remove_dir_all(home)?;
    tried
}

fn mount(target: &CString, options: &CString) -> io::Result<()> {
    let kind = c"overlay".as_ptr();
    // SAFETY: all strings outlive the call.
    let result = unsafe { libc::mount(kind, target.as_ptr(), kind, 0, options.as_ptr().cast()) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn wait_for(shared: &Shared, merged: &[u8]) -> io::Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < WAIT {
        if shared
            .places
            .overlay_of_host_path(&[merged, b"/x"].concat())
            .is_some()
        {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(io::Error::other(
        "a container's file system that was mounted was not noticed",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(failures: u64) -> (bool, u64, u64) {
        let (retries, attempts) = (AtomicU64::new(0), AtomicU64::new(0));
        let result = try_often(&retries, &|| {
            if attempts.fetch_add(1, Ordering::Relaxed) < failures {
                return Err(io::Error::other("too slow"));
            }
            Ok(())
        });
        (result.is_ok(), retries.into_inner(), attempts.into_inner())
    }

    #[test]
    fn what_a_busy_host_failed_once_is_tried_again_and_counted_and_not_for_ever() {
        assert_eq!(tried(0), (true, 0, 1));
        assert_eq!(tried(1), (true, 1, 2));
        assert_eq!(tried(9), (false, 2, 3));
    }
}
