//! Files to attack.
use std::ffi::CString;
use std::fs;
use std::path::Path;

use super::c_path;

/// Text files of many sizes with modes, old times and an attribute.
pub fn corpus(count: usize) -> impl Fn(&Path) {
    move |dir: &Path| {
        for number in 0..count {
            let sub = dir.join(format!("d{}", number % 5));
            fs::create_dir_all(&sub).unwrap();
            let path = sub.join(format!("file-{number}.txt"));
            let words = format!("line {number} of the saga of the well\n");
            fs::write(&path, words.repeat(1 + (number * 37) % 400)).unwrap();
            if number % 7 == 0 {
                set_attribute(&path, "user.origin", b"the well");
            }
            set_mode_and_time(
                &path,
                if number % 3 == 0 { 0o600 } else { 0o644 },
                1_600_000_000 + number as i64,
            );
        }
    }
}

/// Too large to be copied at rest: each rests on its open alone.
pub fn large_files(count: usize) -> impl Fn(&Path) {
    move |dir: &Path| {
        for number in 0..count {
            let words = format!("line {number} of a long saga of the well\n");
            fs::write(dir.join(format!("large-{number}")), words.repeat(32 * 1024)).unwrap();
        }
    }
}

pub fn set_mode_and_time(path: &Path, mode: u32, seconds: i64) {
    let path = c_path(path);
    let time = libc::timespec {
        tv_sec: seconds,
        tv_nsec: 123_456_789,
    };
    // SAFETY: the string and the times outlive the calls.
    unsafe {
        assert_eq!(libc::chmod(path.as_ptr(), mode), 0);
        assert_eq!(
            libc::utimensat(libc::AT_FDCWD, path.as_ptr(), [time, time].as_ptr(), 0),
            0
        );
    }
}

pub fn set_attribute(path: &Path, name: &str, value: &[u8]) {
    let (path, name) = (c_path(path), CString::new(name).unwrap());
    // SAFETY: all pointers outlive the call and the length is that of `value`.
    let result = unsafe {
        libc::lsetxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_ptr().cast(),
            value.len(),
            0,
        )
    };
    assert_eq!(
        result,
        0,
        "setxattr {name:?}: {}",
        std::io::Error::last_os_error()
    );
}
