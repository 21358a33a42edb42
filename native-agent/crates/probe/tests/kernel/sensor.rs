//! What the tests share: a running sensor, a child that acts, and the events it caused.
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use norn_events::{Event, EventKind, Observer, Process, ProcessTable};
use norn_probe::{Probe, ProbeOptions};

/// One sensor at a time: what one test does is not to be an event of another's.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// An event, with its process as it was then.
#[derive(Debug, Clone)]
pub struct Seen {
    pub kind: EventKind,
    pub time_ns: u64,
    pub process: Process,
    pub path: String,
    pub target: String,
    pub flags: u32,
    pub value: u64,
    pub result: i32,
}

#[derive(Default)]
pub struct Recorder(pub Vec<Seen>);

impl Observer for Recorder {
    fn observe(&mut self, event: &Event<'_>, processes: &ProcessTable) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.0.push(Seen {
            kind: event.kind,
            time_ns: event.time_ns,
            process: processes
                .get(event.process)
                .expect("an event's process is in the table")
                .clone(),
            path: text(event.path),
            target: text(event.target),
            flags: event.flags,
            value: event.value,
            result: event.result,
        });
    }
}

pub struct Sensor {
    pub probe: Probe,
    _turn: MutexGuard<'static, ()>,
}

/// What a test waits for comes within this, also on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

impl Sensor {
    pub fn start() -> Self {
        Self::with(&ProbeOptions {
            self_test: false,
            ..ProbeOptions::default()
        })
    }

    pub fn with(options: &ProbeOptions) -> Self {
        let mut sensor = Self::with_unread(options);
        // What ran before is reported first.
        sensor
            .probe
            .poll(Duration::ZERO, &mut [])
            .expect("the rings work");
        sensor
    }

    /// Started, and nothing read yet.
    pub fn start_unread() -> Self {
        Self::with_unread(&ProbeOptions {
            self_test: false,
            ..ProbeOptions::default()
        })
    }

    /// With these, and nothing read yet.
    pub fn with_unread(options: &ProbeOptions) -> Self {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let probe = Probe::start(options).expect("the sensor starts (as root, on a kernel with BTF)");
        Self { probe, _turn: turn }
    }

    /// Runs `act` in a forked child, which must not allocate there, and gives the child's events up to its end.
    pub fn events_of(&mut self, act: impl FnOnce()) -> Vec<Seen> {
        let child = in_child(act);
        self.events_until_exit(child)
    }

    /// As `events_of`, in a pid namespace of its own: where a policy that kills is tried, programs of the host must be safe.
    pub fn events_of_contained(&mut self, act: impl FnOnce()) -> Vec<Seen> {
        let outside = in_child(|| {
            // SAFETY: what is forked next is the first process of a new namespace; the child waits for it.
            unsafe {
                libc::unshare(libc::CLONE_NEWPID);
                let inside = libc::fork();
                if inside == 0 {
                    act();
                    libc::_exit(0);
                }
                libc::waitpid(inside, std::ptr::null_mut(), 0);
            }
        });
        let mut seen = self.events_until(|events| {
            events
                .iter()
                .any(|event| event.kind == EventKind::Exit && event.process.pid == outside)
        });
        seen.retain(|event| event.process.parent_pid == outside);
        seen
    }

    /// The one event of `kind` that `act` caused in a child.
    pub fn event_of(&mut self, kind: EventKind, act: impl FnOnce()) -> Seen {
        let seen = self.events_of(act);
        let mut matching: Vec<Seen> = seen.iter().filter(|event| event.kind == kind).cloned().collect();
        assert_eq!(matching.len(), 1, "one {kind:?} among {seen:#?}");
        matching.remove(0)
    }

    /// Everything that happened to `pid` until it ended.
    pub fn events_until_exit(&mut self, pid: u32) -> Vec<Seen> {
        let mut seen = self.events_until(|events| {
            events
                .iter()
                .any(|event| event.kind == EventKind::Exit && event.process.pid == pid)
        });
        seen.retain(|event| event.process.pid == pid);
        seen
    }

    /// Everything, until it satisfies `is_enough`.
    pub fn events_until(&mut self, is_enough: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        let deadline = Instant::now() + PATIENCE;
        let mut recorder = Recorder::default();
        while !is_enough(&recorder.0) {
            assert!(
                Instant::now() < deadline,
                "it never happened; seen: {:#?}",
                recorder.0
            );
            self.probe
                .poll(Duration::from_millis(50), &mut [&mut recorder])
                .expect("the rings work");
        }
        recorder.0
    }
}

/// Forks, acts and ends; gives the child's pid after its end.
pub fn in_child(act: impl FnOnce()) -> u32 {
    // SAFETY: the child calls system calls only and leaves by _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        act();
        // SAFETY: ends the child without running the parent's destructors.
        unsafe { libc::_exit(0) }
    }
    assert!(child > 0, "fork works");
    // SAFETY: waits for our own child.
    unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    child as u32
}

/// A directory of the test's own, removed with it.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("norn-probe-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory can be made");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// A file with a few bytes; its path.
    pub fn file(&self, name: &str) -> String {
        let path = self.join(name);
        std::fs::write(&path, "0123456789").expect("a file can be written");
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn c(text: impl AsRef<std::ffi::OsStr>) -> CString {
    CString::new(text.as_ref().as_bytes()).expect("no zero byte")
}
