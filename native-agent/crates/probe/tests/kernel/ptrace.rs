//! Processes that take hold of another.
use norn_events::EventKind;

use crate::sensor::Sensor;

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
