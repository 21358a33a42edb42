use std::io::Read;
use std::process::{Child, Command, Stdio};

use super::*;

fn call(number: u64, args: [u64; 6], (first, second): (&str, &str)) -> Call {
    Call {
        time_ns: 1,
        pid: 1,
        tid: 1,
        number,
        flags: 0,
        args,
        first: first.into(),
        second: second.into(),
    }
}

fn path(directory: i32, path: &str, follows: bool) -> Option<Named<'_>> {
    Some(Named::Path {
        directory,
        path: path.as_bytes(),
        follows,
    })
}

#[test]
fn of_each_call_the_file_is_named_that_it_destroys() {
    let here = libc::AT_FDCWD;
    let names = ("a", "b");
    let named = |number, args| call(number, args, names);
    assert_eq!(destroyed(&named(calls::UNLINK, [0; 6])), path(here, "a", false));
    assert_eq!(destroyed(&named(calls::TRUNCATE, [0; 6])), path(here, "a", true));
    assert_eq!(destroyed(&named(calls::RENAME, [0; 6])), path(here, "b", false));
    assert_eq!(
        destroyed(&named(calls::RENAMEAT2, [3, 0, 4, 0, 0, 0])),
        path(4, "b", false)
    );
    assert_eq!(
        destroyed(&named(calls::UNLINKAT, [5, 0, 0, 0, 0, 0])),
        path(5, "a", false)
    );
    assert_eq!(
        destroyed(&named(calls::FTRUNCATE, [6, 0, 0, 0, 0, 0])),
        Some(Named::Descriptor(6))
    );
}

#[test]
fn calls_that_destroy_nothing_and_names_that_are_not_whole_are_no_question() {
    let remove_directory = libc::AT_REMOVEDIR as u64;
    let none = [
        call(calls::UNLINKAT, [0, 0, remove_directory, 0, 0, 0], ("a", "")),
        call(
            calls::RENAMEAT2,
            [0, 0, 0, 0, libc::RENAME_EXCHANGE.into(), 0],
            ("a", "b"),
        ),
        call(calls::CONNECT, [0; 6], ("a", "b")),
        call(calls::UNLINK, [0; 6], ("", "")),
        Call {
            flags: FLAG_CUT,
            ..call(calls::UNLINK, [0; 6], ("a", ""))
        },
    ];
    none.iter()
        .for_each(|call| assert_eq!(destroyed(call), None, "{call:?}"));
}

/// A process that waits, with `directory` as its working directory and a file open as 3.
fn waiting(directory: &Path, open: &str) -> Child {
    let mut child = Command::new("sh")
        .args(["-c", &format!("exec 3<{open}; echo; read -r end")])
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0; 1];
    child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
    child
}

fn seen(pid: u32, named: Named<'_>) -> io::Result<PathBuf> {
    use std::os::fd::AsRawFd;
    let file = open(pid, named)?;
    fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

#[test]
fn names_are_found_from_where_the_process_stands() {
    let home = std::env::temp_dir().join(format!("norn-answers-{}", std::process::id()));
    fs::create_dir_all(home.join("sub")).unwrap();
    for file in ["f", "sub/f"] {
        fs::write(home.join(file), "x").unwrap();
    }
    std::os::unix::fs::symlink("f", home.join("link")).unwrap();
    let mut child = waiting(&home, "sub");
    let find = |directory, name: &str, follows| seen(child.id(), path(directory, name, follows).unwrap());
    assert_eq!(find(libc::AT_FDCWD, "f", false).unwrap(), home.join("f"));
    assert_eq!(find(3, "f", false).unwrap(), home.join("sub/f"));
    assert_eq!(
        find(libc::AT_FDCWD, "sub/../link", false).unwrap(),
        home.join("link")
    );
    assert_eq!(find(libc::AT_FDCWD, "link", true).unwrap(), home.join("f"));
    let absolute = home.join("f");
    assert_eq!(find(3, absolute.to_str().unwrap(), false).unwrap(), absolute);
    assert_eq!(seen(child.id(), Named::Descriptor(3)).unwrap(), home.join("sub"));
    let missing = find(libc::AT_FDCWD, "none", false).unwrap_err();
    assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    drop(child.stdin.take());
    child.wait().unwrap();
    fs::remove_dir_all(home).unwrap();
}

#[test]
fn a_root_in_the_same_mounts_is_taken_off_the_front() {
    assert_eq!(below(Path::new("/jail/a"), Path::new("/jail")), Path::new("/a"));
    assert_eq!(below(Path::new("/a"), Path::new("/")), Path::new("/a"));
    assert_eq!(below(Path::new("/a"), Path::new("/jail")), Path::new("/a"));
}

#[test]
fn a_fork_is_found_among_those_of_the_hooked_process() {
    let mut child = Command::new("sh")
        .args(["-c", "(sleep 30) & echo; read -r end; kill $!"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0; 1];
    child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
    let own = std::process::id();
    assert!(descendants(own).any(|pid| pid == child.id()));
    let below: Vec<u32> = descendants(child.id()).collect();
    assert!(!below.is_empty() && below.iter().all(|&pid| innermost_pid(pid) == Some(pid)));
    drop(child.stdin.take());
    child.wait().unwrap();
}
