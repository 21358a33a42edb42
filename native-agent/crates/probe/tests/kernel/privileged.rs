//! Calls that few programs have a reason to make.
use std::os::fd::AsRawFd;

use norn_events::EventKind;

use crate::sensor::{Directory, Sensor, c};

#[test]
fn memfd() {
    let seen = Sensor::start().event_of(EventKind::MemfdCreate, || {
        // SAFETY: a plain system call on a static string.
        unsafe { libc::memfd_create(c"payload".as_ptr(), libc::MFD_CLOEXEC) };
    });
    assert_eq!((seen.path.as_str(), seen.flags), ("payload", libc::MFD_CLOEXEC));
}

#[test]
fn ptrace() {
    let mut target = std::process::Command::new("sleep")
        .arg("60")
        .spawn()
        .expect("sleep runs");
    let pid = target.id();
    let mut seen = Sensor::start().events_of(|| {
        // SAFETY: plain system calls; the child traces sleep and lets go of it. PEEKDATA reads and is no event.
        unsafe {
            libc::ptrace(libc::PTRACE_ATTACH, pid, 0, 0);
            libc::waitpid(pid as i32, std::ptr::null_mut(), 0);
            libc::ptrace(libc::PTRACE_PEEKUSER, pid, 0, 0);
            libc::ptrace(libc::PTRACE_DETACH, pid, 0, 0);
        }
    });
    target
        .kill()
        .and_then(|()| target.wait().map(drop))
        .expect("sleep ends");
    seen.retain(|event| event.kind == EventKind::Ptrace);
    let requests: Vec<_> = seen.iter().map(|event| (event.flags, event.value)).collect();
    assert_eq!(requests, [(libc::PTRACE_ATTACH, u64::from(pid))]);
}

#[test]
fn mount() {
    let directory = Directory::new("mount");
    let point = c(directory.path());
    let mut seen = Sensor::start().events_of(|| {
        // SAFETY: plain system calls on strings that outlive them, in a mount namespace of the child's own.
        unsafe {
            libc::unshare(libc::CLONE_NEWNS);
            let private = libc::MS_REC | libc::MS_PRIVATE;
            libc::mount(
                c"none".as_ptr(),
                c"/".as_ptr(),
                std::ptr::null(),
                private,
                std::ptr::null(),
            );
            libc::mount(
                c"norn".as_ptr(),
                point.as_ptr(),
                c"tmpfs".as_ptr(),
                libc::MS_NOEXEC,
                std::ptr::null(),
            );
        }
    });
    seen.retain(|event| event.kind == EventKind::Mount);
    let last = seen.last().expect("the mount is seen");
    assert_eq!(
        (last.path.as_str(), last.target.as_str()),
        (directory.path().to_str().unwrap(), "norn")
    );
    assert_eq!(u64::from(last.flags), libc::MS_NOEXEC);
}

#[test]
fn setns() {
    let namespace = std::fs::File::open("/proc/self/ns/uts").expect("the namespace has a file");
    let seen = Sensor::start().event_of(EventKind::Setns, || {
        // SAFETY: a plain system call on our own descriptor.
        unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWUTS) };
    });
    assert_eq!(seen.flags, libc::CLONE_NEWUTS as u32);
}

#[test]
fn unshare() {
    let seen = Sensor::start().event_of(EventKind::Unshare, || {
        // SAFETY: a plain system call.
        unsafe { libc::unshare(libc::CLONE_NEWUTS | libc::CLONE_NEWIPC) };
    });
    assert_eq!(seen.flags, (libc::CLONE_NEWUTS | libc::CLONE_NEWIPC) as u32);
}

#[test]
fn bpf() {
    const BPF_MAP_CREATE: u32 = 0;
    let attributes: [u32; 4] = [2, 4, 4, 1];
    let seen = Sensor::start().event_of(EventKind::Bpf, || {
        // SAFETY: the kernel reads 16 bytes of attributes, which are there.
        unsafe { libc::syscall(libc::SYS_bpf, BPF_MAP_CREATE, attributes.as_ptr(), 16) };
    });
    assert_eq!(seen.flags, BPF_MAP_CREATE);
    assert!(seen.result > 2, "the descriptor");
}

#[test]
fn bpf_program() {
    const BPF_PROG_LOAD: u32 = 5;
    const SOCKET_FILTER: u64 = 1;
    // r0 = 0; exit
    let instructions: [u64; 2] = [0xb7, 0x95];
    let mut attributes = [0_u64; 16];
    attributes[0] = SOCKET_FILTER | (instructions.len() as u64) << 32;
    attributes[1] = instructions.as_ptr() as u64;
    attributes[2] = c"GPL".as_ptr() as u64;
    // The name stands at byte 48.
    attributes[6] = u64::from_ne_bytes(*b"norn_tst");
    let seen = Sensor::start().event_of(EventKind::Bpf, || {
        // SAFETY: the kernel reads 128 bytes of attributes and two instructions, which are there.
        unsafe {
            libc::syscall(
                libc::SYS_bpf,
                BPF_PROG_LOAD,
                attributes.as_ptr(),
                size_of_val(&attributes),
            )
        };
    });
    assert_eq!(
        (seen.flags, seen.value, seen.path.as_str()),
        (BPF_PROG_LOAD, SOCKET_FILTER, "norn_tst")
    );
}

#[test]
fn process_write() {
    let mut byte = 0_u8;
    // SAFETY: takes nothing, touches nothing.
    let parent = unsafe { libc::getpid() };
    let from = 7_u8;
    let at = &raw mut byte;
    let seen = Sensor::start().event_of(EventKind::ProcessWrite, || {
        let local = libc::iovec {
            iov_base: (&raw const from).cast_mut().cast(),
            iov_len: 1,
        };
        let remote = libc::iovec {
            iov_base: at.cast(),
            iov_len: 1,
        };
        // SAFETY: a byte of the parent that is there and that nobody reads meanwhile.
        unsafe { libc::process_vm_writev(parent, &raw const local, 1, &raw const remote, 1, 0) };
    });
    // SAFETY: the child has ended; the byte is ours.
    assert_eq!(unsafe { at.read_volatile() }, 7);
    assert_eq!((seen.value, seen.result), (parent as u64, 1));
}

#[test]
fn a_module_that_is_refused_was_tried() {
    let directory = Directory::new("module");
    let path = directory.file("a.ko");
    let name = c(&path);
    let mut seen = Sensor::start().events_of(|| {
        // SAFETY: plain system calls on strings that outlive them; neither is a module.
        unsafe {
            let fd = libc::open(name.as_ptr(), libc::O_RDONLY);
            libc::syscall(libc::SYS_finit_module, fd, c"".as_ptr(), 0);
            libc::syscall(libc::SYS_init_module, name.as_ptr(), 4, c"".as_ptr());
        }
    });
    seen.retain(|event| event.kind == EventKind::ModuleLoad);
    let paths: Vec<_> = seen.iter().map(|event| event.path.as_str()).collect();
    assert_eq!(paths, [path.as_str(), ""]);
    assert!(seen.iter().all(|event| event.result < 0), "{seen:#?}");
}

#[test]
fn the_agent_s_own_files_are_no_events() {
    let directory = Directory::new("own");
    let mut sensor = Sensor::start();
    directory.file("a");
    let child = crate::sensor::in_child(|| {});
    let seen = sensor.events_until(|events| {
        events
            .iter()
            .any(|event| event.kind == EventKind::Exit && event.process.pid == child)
    });
    assert!(
        seen.iter().all(|event| event.process.pid != std::process::id()),
        "{seen:#?}"
    );
}

#[test]
fn what_the_self_test_did_is_told_to_nobody() {
    let mut sensor = Sensor::with_unread(&norn_probe::ProbeOptions::default());
    let child = crate::sensor::in_child(|| {});
    let seen = sensor.events_until(|events| {
        events
            .iter()
            .any(|event| event.kind == EventKind::Exit && event.process.pid == child)
    });
    let own = format!("norn-self-test-{}", std::process::id());
    assert!(seen.iter().all(|event| !event.path.contains(&own)), "{seen:#?}");
}

#[test]
fn the_self_test_verifies_what_is_available() {
    let sensor = Sensor::with(&norn_probe::ProbeOptions::default());
    let capabilities = sensor.probe.capabilities();
    let unverified: Vec<_> = capabilities
        .iter()
        .filter(|capability| {
            capability.mechanism.starts_with("tp_btf") || capability.mechanism == "iter/task"
        })
        .filter(|capability| !(capability.available && capability.verified))
        .collect();
    assert!(unverified.is_empty(), "{unverified:#?}");
    assert!(
        capabilities
            .iter()
            .any(|capability| capability.name == "file.open")
    );
    let unseen: Vec<_> = capabilities
        .iter()
        .filter(|capability| !capability.available)
        .collect();
    assert!(unseen.iter().all(|spot| !spot.detail.is_empty()), "{unseen:#?}");
    for name in ["file.io_uring", "file.read.other", "process.applets"] {
        assert!(
            unseen.iter().any(|spot| spot.name == name),
            "{name} is said to be unseen"
        );
    }
}
