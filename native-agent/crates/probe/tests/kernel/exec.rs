//! Images, and what is peculiar about them.
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Instant;

use norn_events::{EventKind, ExecFlag, ImageFlag};
use norn_probe::{ExecPolicy, ProbeOptions};

use crate::sensor::{Directory, PATIENCE, Sensor, c};

const TRUE: &str = "/usr/bin/true";

#[test]
fn exec() {
    let directory = Directory::new("exec");
    let mut sensor = Sensor::start();
    let mut child = Command::new(TRUE)
        .args(["one", "two words"])
        .current_dir(directory.path())
        .spawn()
        .expect("true runs");
    let seen = sensor.events_until_exit(child.id());
    child.wait().expect("true ends");
    let exec = seen
        .iter()
        .find(|event| event.kind == EventKind::Exec)
        .expect("exec is seen");
    assert_eq!((exec.path.as_str(), exec.flags, exec.result), (TRUE, 0, 0));
    let image = &exec.process.image;
    assert_eq!(exec.process.image_number, 1);
    assert_eq!(image.command_line, format!("{TRUE} one two words").into_bytes());
    assert_eq!(
        image.working_directory,
        directory.path().as_os_str().as_encoded_bytes()
    );
    assert_eq!(image.flags, 0, "a packaged program has nothing peculiar");
}

#[test]
fn exec_that_fails() {
    let mut sensor = Sensor::start();
    let seen = sensor.event_of(EventKind::Exec, || {
        // SAFETY: a plain system call on static strings.
        unsafe {
            libc::execl(
                c"/no/such/program".as_ptr(),
                c"x".as_ptr(),
                std::ptr::null::<libc::c_char>(),
            )
        };
    });
    assert_eq!(
        (seen.path.as_str(), seen.result),
        ("/no/such/program", -libc::ENOENT)
    );
    assert_eq!(seen.process.image_number, 0, "it keeps its image");
}

#[test]
fn exec_of_a_fresh_writable_setuid_file() {
    let directory = Directory::new("exec-flags");
    let program = directory.join("program");
    let mut sensor = Sensor::start();
    std::fs::copy(TRUE, &program).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o4777)).unwrap();
    let mut child = Command::new(&program).spawn().expect("the copy runs");
    let seen = sensor.events_until_exit(child.id());
    child.wait().expect("it ends");
    let exec = seen
        .iter()
        .find(|event| event.kind == EventKind::Exec)
        .expect("exec is seen");
    let expected = ImageFlag::Writable as u32 | ImageFlag::Setuid as u32 | ImageFlag::New as u32;
    assert_eq!(exec.process.image.flags & !(ImageFlag::Tmpfs as u32), expected);
}

fn run_from_memfd(name: &std::ffi::CStr, marker: &std::ffi::CStr) -> impl FnOnce() + use<> {
    let program = std::fs::read("/bin/sh").expect("the shell can be read");
    let script = c(format!("echo > {}", marker.to_str().unwrap()));
    let name = name.to_owned();
    move || {
        // SAFETY: plain system calls on memory that was made before the fork.
        unsafe {
            let fd = libc::memfd_create(name.as_ptr(), 0);
            libc::write(fd, program.as_ptr().cast(), program.len());
            let arguments = [c"sh".as_ptr(), c"-c".as_ptr(), script.as_ptr(), std::ptr::null()];
            let environment = [std::ptr::null::<libc::c_char>()];
            libc::fexecve(fd, arguments.as_ptr(), environment.as_ptr());
        }
    }
}

#[test]
fn exec_of_a_memfd() {
    let directory = Directory::new("exec-memfd");
    let marker = directory.join("ran");
    let mut sensor = Sensor::start();
    let act = run_from_memfd(c"payload", &c(&marker));
    let seen = sensor.events_of(act);
    let exec = seen
        .iter()
        .find(|event| event.kind == EventKind::Exec)
        .expect("exec is seen");
    assert_eq!((exec.path.as_str(), exec.flags), ("memfd:payload", 0));
    assert_ne!(exec.process.image.flags & ImageFlag::Memfd as u32, 0);
    assert_eq!(exec.process.image.flags & ImageFlag::Deleted as u32, 0);
    assert!(std::fs::exists(&marker).unwrap(), "without a policy it runs");
}

#[test]
fn exec_of_a_memfd_is_killed_before_its_first_instruction() {
    let directory = Directory::new("exec-kill");
    let marker = directory.join("ran");
    let mut sensor = Sensor::start();
    sensor
        .probe
        .set_exec_policy(ExecPolicy {
            kill_memfd: true,
            kill_deleted: false,
            containers_only: true,
        })
        .expect("the policy is set");
    let act = run_from_memfd(c"payload", &c(&marker));
    let seen = sensor.events_of_contained(act);
    let exec = seen
        .iter()
        .find(|event| event.kind == EventKind::Exec)
        .expect("exec is seen");
    let exit = seen
        .iter()
        .find(|event| event.kind == EventKind::Exit)
        .expect("exit is seen");
    assert_eq!(exec.flags, ExecFlag::KilledAtExec as u32);
    assert_eq!(exit.result, libc::SIGKILL);
    assert!(!std::fs::exists(&marker).unwrap(), "it did not run");
}

#[test]
fn exec_of_a_memfd_on_the_host_is_spared_by_a_policy_for_containers() {
    let directory = Directory::new("exec-host");
    let marker = directory.join("ran");
    let mut sensor = Sensor::start();
    sensor
        .probe
        .set_exec_policy(ExecPolicy {
            kill_memfd: true,
            kill_deleted: true,
            containers_only: true,
        })
        .expect("the policy is set");
    let seen = sensor.events_of(run_from_memfd(c"payload", &c(&marker)));
    let exec = seen
        .iter()
        .find(|event| event.kind == EventKind::Exec)
        .expect("exec is seen");
    assert_eq!(exec.flags, 0);
    assert!(std::fs::exists(&marker).unwrap(), "it ran");
}

#[test]
fn exec_of_a_container_runtime_s_own_memfd_is_left_alone() {
    let directory = Directory::new("exec-runtime");
    let marker = directory.join("ran");
    // This very program is the runtime.
    let runtime_paths = vec![std::env::current_exe().expect("it has a path")];
    let mut sensor = Sensor::with(&ProbeOptions {
        runtime_paths,
        self_test: false,
        ..ProbeOptions::default()
    });
    sensor
        .probe
        .set_exec_policy(ExecPolicy {
            kill_memfd: true,
            kill_deleted: true,
            containers_only: true,
        })
        .expect("the policy is set");
    let seen = sensor.events_of_contained(run_from_memfd(c"runc_cloned:/proc/self/exe", &c(&marker)));
    let exec = seen
        .iter()
        .find(|event| event.kind == EventKind::Exec)
        .expect("exec is seen");
    assert_eq!(exec.flags, ExecFlag::RuntimeCopy as u32);
    assert!(std::fs::exists(&marker).unwrap(), "it ran");
}

#[test]
fn exec_of_a_deleted_file_is_killed_when_the_policy_says_so() {
    let directory = Directory::new("exec-deleted");
    let program = directory.join("program");
    std::fs::copy(TRUE, &program).unwrap();
    let name = c(&program);
    let mut sensor = Sensor::start();
    sensor
        .probe
        .set_exec_policy(ExecPolicy {
            kill_memfd: false,
            kill_deleted: true,
            containers_only: true,
        })
        .expect("the policy is set");
    let seen = sensor.events_of_contained(|| {
        // SAFETY: plain system calls on strings that outlive them.
        unsafe {
            let fd = libc::open(name.as_ptr(), libc::O_RDONLY);
            libc::unlink(name.as_ptr());
            let arguments = [c"x".as_ptr(), std::ptr::null()];
            let environment = [std::ptr::null::<libc::c_char>()];
            libc::fexecve(fd, arguments.as_ptr(), environment.as_ptr());
        }
    });
    let exec = seen
        .iter()
        .find(|event| event.kind == EventKind::Exec)
        .expect("exec is seen");
    assert_ne!(exec.process.image.flags & ImageFlag::Deleted as u32, 0);
    assert_eq!(exec.flags, ExecFlag::KilledAtExec as u32);
}

#[test]
fn exec_with_a_hash_and_a_package() {
    let mut sensor = Sensor::with(&ProbeOptions {
        self_test: false,
        ..ProbeOptions::default()
    });
    let expected = Command::new("sha256sum")
        .arg(TRUE)
        .output()
        .expect("sha256sum runs")
        .stdout;
    let expected = String::from_utf8_lossy(&expected[..64]).into_owned();
    let version = Command::new("dpkg-query")
        .args(["-W", "-f", "${Version}", "coreutils"])
        .output()
        .expect("dpkg-query runs")
        .stdout;
    // The first exec asks for the sum; one of the next has it, once a busy machine has computed it.
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let mut child = Command::new(TRUE)
            .stdin(Stdio::null())
            .spawn()
            .expect("true runs");
        let seen = sensor.events_until_exit(child.id());
        child.wait().expect("it ends");
        let exec = seen
            .iter()
            .find(|event| event.kind == EventKind::Exec)
            .expect("exec is seen");
        if let Some(sum) = exec.process.image.sha256 {
            assert_eq!(
                sum.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
                expected
            );
            let package = exec.process.image.package.as_deref().expect("it is packaged");
            assert_eq!(
                (package.name.as_bytes(), package.version.as_bytes()),
                (&b"coreutils"[..], &version[..])
            );
            return;
        }
    }
    panic!("{TRUE} was never hashed");
}

#[test]
fn ten_thousand_execs_are_all_seen() {
    const EXECS: usize = 10_000;
    let mut sensor = Sensor::start();
    let spawner = std::thread::spawn(|| {
        for _ in 0..EXECS {
            Command::new(TRUE).status().expect("true runs");
        }
    });
    let is_own = |event: &crate::sensor::Seen, kind| {
        event.kind == kind && event.process.parent_pid == std::process::id()
    };
    let count =
        |events: &[crate::sensor::Seen], kind| events.iter().filter(|event| is_own(event, kind)).count();
    let mut seen = Vec::new();
    while !spawner.is_finished() || count(&seen, EventKind::Exit) < EXECS {
        let mut recorder = crate::sensor::Recorder::default();
        let events = sensor
            .probe
            .poll(std::time::Duration::from_millis(200), &mut [&mut recorder])
            .expect("the rings work");
        seen.extend(recorder.0);
        if spawner.is_finished() && events == 0 {
            break;
        }
    }
    spawner.join().expect("all were spawned");
    let counts = [EventKind::Fork, EventKind::Exec, EventKind::Exit].map(|kind| count(&seen, kind));
    assert_eq!(counts, [EXECS; 3]);
    assert_eq!(
        (
            sensor.probe.stats().lost_critical,
            sensor.probe.stats().records_malformed
        ),
        (0, 0)
    );
}

#[test]
fn exec_with_variables_that_change_what_a_program_does() {
    let seen = Sensor::start().events_of(|| {
        let arguments = [c"true".as_ptr(), std::ptr::null()];
        let environment = [
            c"PATH=/bin".as_ptr(),
            c"LD_PRELOAD=/no/such.so".as_ptr(),
            c"AWS_SECRET_ACCESS_KEY=secret".as_ptr(),
            c"HISTFILE=/dev/null".as_ptr(),
            std::ptr::null(),
        ];
        // SAFETY: the strings outlive the call.
        unsafe { libc::execve(c"/bin/true".as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    });
    let exec = seen
        .iter()
        .find(|event| event.kind == EventKind::Exec && event.result == 0);
    let image = &exec.expect("the exec is seen").process.image;
    assert_eq!(
        String::from_utf8_lossy(&image.environment),
        "LD_PRELOAD=/no/such.so\nHISTFILE=/dev/null"
    );
    assert_eq!(image.command_line, b"true");
}
