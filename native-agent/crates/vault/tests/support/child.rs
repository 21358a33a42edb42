//! Other processes, made by fork: the vault does not look at its own.
use std::time::{Duration, Instant};

const EVENTUALLY: Duration = Duration::from_secs(120);

/// Is waited for or killed.
pub struct Child(pub libc::pid_t);

pub fn fork(work: impl FnOnce()) -> Child {
    // SAFETY: the child ends by _exit and runs no destructor of the parent; glibc makes malloc usable after fork.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork: {}", std::io::Error::last_os_error());
    if pid == 0 {
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        if let Err(panic) = &done {
            say_why(panic.as_ref());
        }
        // SAFETY: takes an integer only.
        unsafe { libc::_exit(i32::from(done.is_err())) };
    }
    Child(pid)
}

/// What the test runner captures of a process of its own is lost with it.
fn say_why(panic: &(dyn std::any::Any + Send)) {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    let line = format!("the other process: {}\n", text.unwrap_or("no words"));
    // SAFETY: the bytes outlive the call.
    unsafe { libc::write(2, line.as_ptr().cast(), line.len()) };
}

impl Child {
    pub fn ended_well(self) -> bool {
        let mut status = 0;
        // SAFETY: `status` outlives the call.
        unsafe { libc::waitpid(self.0, &raw mut status, 0) };
        status == 0
    }

    pub fn kill(self) {
        // SAFETY: the child was not waited for yet, so the pid is its own.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
        assert!(!self.ended_well(), "it had ended before it was killed");
    }
}

/// Runs until it is dropped.
pub struct Race(Option<Child>);

/// Does `work` over and over in another process.
pub fn race(mut work: impl FnMut()) -> Race {
    Race(Some(fork(|| {
        loop {
            work();
        }
    })))
}

impl Drop for Race {
    fn drop(&mut self) {
        if let Some(child) = self.0.take() {
            child.kill();
        }
    }
}

/// Waits until it is so, long enough for any machine; `false` when it never was.
pub fn eventually(mut so: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < EVENTUALLY {
        if so() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}
