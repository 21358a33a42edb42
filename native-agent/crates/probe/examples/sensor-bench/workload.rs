//! What is measured: each a loop of one thing.
use std::ffi::CString;
use std::time::{Duration, Instant};

pub struct Workload {
    pub name: &'static str,
    calls: u32,
    run: Box<dyn Fn(u32)>,
}

impl Workload {
    /// The best of a few short stretches: what disturbs only ever adds. In CPU time of the caller and its children, where
    /// all that the sensor does in the kernel is counted and other programs on the machine are not.
    pub fn ns_per_call(&self) -> f64 {
        const STRETCHES: usize = 5;
        let stretch = || {
            let started = cpu_ns();
            (self.run)(self.calls);
            (cpu_ns() - started) as f64 / f64::from(self.calls)
        };
        (0..STRETCHES).map(|_| stretch()).fold(f64::INFINITY, f64::min)
    }
}

/// Of this thread, by the scheduler's own clock, and of the children that have been waited for.
fn cpu_ns() -> u64 {
    let mut own = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `rusage` is plain numbers; both calls only write what they are given.
    let children = unsafe {
        let mut children: libc::rusage = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut own);
        libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut children);
        children
    };
    let micros = |time: libc::timeval| time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64;
    own.tv_sec as u64 * 1_000_000_000
        + own.tv_nsec as u64
        + (micros(children.ru_utime) + micros(children.ru_stime)) * 1_000
}

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn file(name: &str) -> CString {
    let path = std::env::temp_dir().join(format!("norn-bench-{}-{name}", std::process::id()));
    std::fs::write(&path, "x").expect("the temporary directory can be written");
    CString::new(path.into_os_string().into_encoded_bytes()).expect("no zero byte")
}

pub fn all() -> Vec<Workload> {
    let (read, write) = (file("read"), file("write"));
    vec![
        Workload {
            name: "getppid",
            calls: 200_000,
            run: Box::new(|calls| {
                for _ in 0..calls {
                    // SAFETY: takes nothing, touches nothing.
                    unsafe { libc::syscall(libc::SYS_getppid) };
                }
            }),
        },
        Workload {
            name: "open-read+close",
            calls: 30_000,
            run: open_close(read, libc::O_RDONLY),
        },
        Workload {
            name: "open-write+close",
            calls: 5_000,
            run: open_close(write, libc::O_WRONLY),
        },
        Workload {
            name: "spawn",
            calls: 60,
            run: Box::new(spawn),
        },
    ]
}

fn open_close(name: CString, flags: i32) -> Box<dyn Fn(u32)> {
    Box::new(move |calls| {
        for _ in 0..calls {
            // SAFETY: system calls on a string that outlives them.
            unsafe { libc::close(libc::open(name.as_ptr(), flags)) };
        }
    })
}

/// fork + exec of true + wait.
fn spawn(calls: u32) {
    let program = c"/bin/true";
    for _ in 0..calls {
        let arguments = [program.as_ptr(), std::ptr::null()];
        // SAFETY: the child only execs or exits; the strings outlive it.
        unsafe {
            let child = libc::fork();
            if child == 0 {
                libc::execv(program.as_ptr(), arguments.as_ptr());
                libc::_exit(127);
            }
            libc::waitpid(child, std::ptr::null_mut(), 0);
        }
    }
}

/// Opens files for write as fast as it can; how many.
pub fn flood_of_opens(time: Duration) -> u64 {
    let names: Vec<CString> = (0..64).map(|number| file(&format!("flood-{number}"))).collect();
    let started = Instant::now();
    let mut made = 0;
    while started.elapsed() < time {
        for name in &names {
            // SAFETY: system calls on a string that outlives them.
            unsafe { libc::close(libc::open(name.as_ptr(), libc::O_WRONLY)) };
            made += 1;
        }
    }
    for name in &names {
        // SAFETY: a system call on a string that outlives it.
        unsafe { libc::unlink(name.as_ptr()) };
    }
    made
}
