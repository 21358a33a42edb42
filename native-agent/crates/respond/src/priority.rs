//! The threads between a change of a file and the stop of whoever made it run before everything else on the machine: an
//! encryptor changes eight to thirty files in each millisecond that one of them waits for its turn.
use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// The lowest of the real-time priorities: before all ordinary work, behind whatever else is in real time. The kernel keeps
/// 5 % of each second for ordinary work, whatever these threads do.
const PRIORITY: libc::c_int = 1;
const NAMED_WITHIN: Duration = Duration::from_millis(100);

/// The calling thread; those it starts later are ordinary again.
///
/// # Errors
/// Without `CAP_SYS_NICE`.
pub fn raise_own_thread() -> io::Result<()> {
    raise(0)
}

/// The threads of this process that are called so; a name has at most 15 letters, as many as the kernel keeps.
///
/// # Errors
/// Without `CAP_SYS_NICE`; or no thread has one of the names.
pub fn raise_threads(names: &[&str]) -> io::Result<()> {
    names.iter().try_for_each(|name| match named(name)?.as_slice() {
        [] => Err(io::Error::other(format!("no thread is called {name}"))),
        found => found.iter().try_for_each(|&task| raise(task)),
    })
}

/// A thread takes its name a moment after its start.
fn named(name: &str) -> io::Result<Vec<libc::pid_t>> {
    let begun = Instant::now();
    loop {
        let found = threads(name)?;
        if !found.is_empty() || begun.elapsed() > NAMED_WITHIN {
            return Ok(found);
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn raise(task: libc::pid_t) -> io::Result<()> {
    let parameter = libc::sched_param {
        sched_priority: PRIORITY,
    };
    let policy = libc::SCHED_RR | libc::SCHED_RESET_ON_FORK;
    // SAFETY: `parameter` outlives the call; the rest are numbers.
    match unsafe { libc::sched_setscheduler(task, policy, &raw const parameter) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn threads(name: &str) -> io::Result<Vec<libc::pid_t>> {
    let is_called = |task: &libc::pid_t| {
        fs::read_to_string(format!("/proc/self/task/{task}/comm")).is_ok_and(|comm| comm.trim_end() == name)
    };
    let tasks = fs::read_dir("/proc/self/task")?;
    Ok(tasks
        .filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok())
        .filter(is_called)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_found_by_its_name_and_a_missing_one_is_told() {
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let builder = std::thread::Builder::new().name("norn-priority".to_owned());
        let thread = builder.spawn(move || wait.recv().is_err()).unwrap();
        assert_eq!(named("norn-priority").unwrap().len(), 1);
        drop(done);
        assert!(thread.join().unwrap());
        let missing = raise_threads(&["norn-nobody"]).unwrap_err();
        assert!(missing.to_string().contains("norn-nobody"));
    }

    #[test]
    fn what_a_raised_thread_starts_is_ordinary() {
        let policy = || {
            // SAFETY: takes a number only.
            unsafe { libc::sched_getscheduler(0) & !libc::SCHED_RESET_ON_FORK }
        };
        let raised = std::thread::spawn(move || {
            // Not granted to everybody who runs tests.
            raise_own_thread().ok()?;
            let own = policy();
            let child = std::thread::spawn(policy).join().ok()?;
            Some((own, child))
        });
        if let Some(seen) = raised.join().unwrap() {
            assert_eq!(seen, (libc::SCHED_RR, libc::SCHED_OTHER));
        }
    }
}
