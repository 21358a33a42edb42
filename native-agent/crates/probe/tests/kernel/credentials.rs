//! Who logged in for a process to be there, from which terminal, and what it may do.
use std::os::unix::fs::PermissionsExt;

use norn_events::{Credentials, EventKind, ExecFlag};

use crate::sensor::{Directory, Seen, Sensor, c};

const LOGIN: &std::ffi::CStr = c"4242";

fn exec_of<'a>(path: &str, seen: &'a [Seen]) -> &'a Seen {
    seen.iter()
        .find(|event| event.kind == EventKind::Exec && event.path == path)
        .unwrap_or_else(|| panic!("the exec of {path} is seen among {seen:#?}"))
}

/// As a program that logs somebody in does it. Without an allocation.
fn log_in(user: &std::ffi::CStr) {
    // SAFETY: plain system calls on strings that outlive them.
    unsafe {
        let file = libc::open(c"/proc/self/loginuid".as_ptr(), libc::O_WRONLY);
        libc::write(file, user.as_ptr().cast(), user.count_bytes());
        libc::close(file);
    }
}

fn run(program: &std::ffi::CStr, arguments: &[&std::ffi::CStr]) {
    let mut vector = [std::ptr::null(); 8];
    for (place, argument) in vector.iter_mut().zip(arguments) {
        *place = argument.as_ptr();
    }
    // SAFETY: the strings outlive the call, and the vector ends with a null.
    unsafe { libc::execv(program.as_ptr(), vector.as_ptr()) };
}

#[test]
fn exec_with_a_terminal_and_a_login() {
    // SAFETY: a new pseudo terminal; its name is copied before the next call.
    let (master, name) = unsafe {
        let master = libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY);
        assert!(libc::grantpt(master) == 0 && libc::unlockpt(master) == 0);
        (master, std::ffi::CStr::from_ptr(libc::ptsname(master)).to_owned())
    };
    let seen = Sensor::start().events_of(|| {
        // SAFETY: plain system calls; the first terminal that a session's leader opens becomes its own.
        unsafe {
            libc::setsid();
            libc::open(name.as_ptr(), libc::O_RDWR);
        }
        log_in(LOGIN);
        run(c"/usr/bin/true", &[c"true"]);
    });
    // SAFETY: our own descriptor.
    unsafe { libc::close(master) };
    let exec = exec_of("/usr/bin/true", &seen);
    let expected = name.to_str().unwrap().replace("/dev/pts/", "pts");
    let credentials = exec.process.credentials;
    assert_eq!(String::from_utf8_lossy(credentials.terminal()), expected);
    assert_eq!(credentials.login_user_id, 4242);
    assert_ne!(credentials.session_id, Credentials::NOBODY);
    assert_eq!(exec.flags, 0, "nobody was logged in before");
}

#[test]
fn exec_after_the_login_was_written_over() {
    let seen = Sensor::start().events_of(|| {
        log_in(LOGIN);
        let script = c"echo 4243 > /proc/self/loginuid; exec /usr/bin/true";
        run(c"/bin/sh", &[c"sh", c"-c", script]);
    });
    let exec = exec_of("/usr/bin/true", &seen);
    assert_eq!(exec.process.credentials.login_user_id, 4243);
    assert_eq!(exec.flags, ExecFlag::LoginChanged as u32);
}

#[test]
fn exec_by_the_child_of_who_wrote_the_login_over() {
    let mut sensor = Sensor::start();
    let creator = crate::sensor::in_child(|| {
        log_in(LOGIN);
        let script = c"echo 4243 > /proc/self/loginuid; /usr/bin/true; :";
        run(c"/bin/sh", &[c"sh", c"-c", script]);
    });
    // Another test may run the same program; the end of one process may be told before the start of another.
    let is_the_child = |event: &Seen| event.kind == EventKind::Exec && event.process.parent_pid == creator;
    let seen = sensor.events_until(|events| events.iter().any(is_the_child));
    let exec = seen.iter().find(|event| is_the_child(event)).unwrap();
    assert_eq!(exec.path, "/usr/bin/true");
    assert_eq!(exec.flags, ExecFlag::LoginChanged as u32);
}

#[test]
fn exec_that_gains_capabilities() {
    let directory = Directory::new("credentials");
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let program = directory.join("program");
    std::fs::copy("/usr/bin/true", &program).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o4755)).unwrap();
    let script = c(format!("exec {program}"));
    let seen = Sensor::start().events_of(|| {
        // SAFETY: gives the rights of root up for those of nobody.
        unsafe { libc::setresuid(65_534, 65_534, 65_534) };
        run(c"/bin/sh", &[c"sh", c"-c", &script]);
    });
    let shell = seen.iter().find(|event| event.kind == EventKind::Exec).unwrap();
    assert_eq!(
        (shell.process.credentials.capabilities.permitted, shell.value),
        (0, 0)
    );
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let all = status
        .lines()
        .find_map(|line| line.strip_prefix("CapBnd:"))
        .unwrap();
    let all = u64::from_str_radix(all.trim(), 16).unwrap();
    let exec = exec_of(&program, &seen);
    let sets = exec.process.credentials.capabilities;
    assert_eq!(
        [
            sets.effective,
            sets.permitted,
            sets.inheritable,
            sets.ambient,
            sets.bounding
        ],
        [all, all, 0, 0, all]
    );
    assert_eq!(exec.value, all, "it had none before");
}

#[test]
fn exec_in_a_user_namespace_of_its_own() {
    let seen = Sensor::start().events_of(|| {
        // SAFETY: there it has all capabilities, which count for nothing on the host.
        unsafe { libc::unshare(libc::CLONE_NEWUSER) };
        run(c"/usr/bin/true", &[c"true"]);
    });
    let capabilities = exec_of("/usr/bin/true", &seen).process.credentials.capabilities;
    assert_eq!(capabilities, norn_events::Capabilities::default());
}

#[test]
fn what_ran_before_has_its_credentials_too() {
    let mut child = std::process::Command::new("sleep")
        .arg("60")
        .spawn()
        .expect("sleep runs");
    let mut sensor = Sensor::start_unread();
    let mut recorder = crate::sensor::Recorder::default();
    sensor
        .probe
        .poll(std::time::Duration::ZERO, &mut [&mut recorder])
        .expect("the rings work");
    child
        .kill()
        .and_then(|()| child.wait().map(drop))
        .expect("sleep ends");
    let seen = recorder
        .0
        .iter()
        .find(|event| event.kind == EventKind::ProcessSeen && event.process.pid == child.id())
        .expect("it is seen");
    let own = std::fs::read_to_string("/proc/self/sessionid").unwrap();
    assert_eq!(seen.process.credentials.session_id.to_string(), own.trim());
    assert_ne!(seen.process.credentials.capabilities.bounding, 0);
}
