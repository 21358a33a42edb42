//! File systems that a scene mounts.
use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

pub fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}

/// `what` is the kind of file system and its source.
pub fn mount(what: (&str, &Path), target: &Path, flags: libc::c_ulong, options: &str) {
    let (kind, options) = (CString::new(what.0).unwrap(), CString::new(options).unwrap());
    let (source, target) = (c_path(what.1), c_path(target));
    // SAFETY: all strings outlive the call.
    let result = unsafe {
        libc::mount(
            source.as_ptr(),
            target.as_ptr(),
            kind.as_ptr(),
            flags,
            options.as_ptr().cast(),
        )
    };
    assert_eq!(result, 0, "mount: {}", std::io::Error::last_os_error());
}

/// Until it is unmounted, nothing below `target` can be written.
pub fn bind_read_only(target: &Path) {
    mount(("none", target), target, libc::MS_BIND, "");
    mount(
        ("none", target),
        target,
        libc::MS_BIND | libc::MS_REMOUNT | libc::MS_RDONLY,
        "",
    );
}

/// A file system of this kind in a file that has no name any more.
pub fn mount_new(kind: &str, bytes: u64, at: &Path) {
    if kind == "tmpfs" {
        return mount((kind, Path::new(kind)), at, 0, &format!("size={bytes}"));
    }
    let image = at.with_extension("image");
    fs::File::create(&image).unwrap().set_len(bytes).unwrap();
    let run = |program: &str, arguments: &[&std::ffi::OsStr]| {
        let done = std::process::Command::new(program).args(arguments).output();
        let done = done.unwrap_or_else(|error| panic!("{program} can't be started ({error}): install it"));
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{program}: {said}");
    };
    run(&format!("mkfs.{kind}"), &["-q".as_ref(), image.as_os_str()]);
    run(
        "mount",
        &["-o".as_ref(), "loop".as_ref(), image.as_os_str(), at.as_os_str()],
    );
    fs::remove_file(image).unwrap();
}

pub fn unmount(target: &Path) {
    // SAFETY: the string outlives the call.
    unsafe { libc::umount2(c_path(target).as_ptr(), libc::MNT_DETACH) };
}
