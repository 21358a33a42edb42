//! What /proc says of a process, enough to know it again: proc_pid_stat(5), proc_pid_status(5) and its children.
use std::fs;

/// Of a task that ends (`include/linux/sched.h`).
const PF_EXITING: u32 = 4;
/// Of the kernel's own threads.
pub const PF_KTHREAD: u32 = 0x0020_0000;

/// USER_HZ is 100 on every architecture that this runs on.
pub const CLOCK_TICK_NS: u64 = 10_000_000;

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    pub pid: u32,
    pub parent: u32,
    /// Of its first thread, or as `of_any_thread` says.
    pub state: u8,
    /// Since boot, in clock ticks; with the pid it names a process for as long as the machine runs.
    pub start_ticks: u64,
    /// Number of the device of its terminal; 0 when it has none.
    pub terminal: u32,
    /// The kernel's task flags.
    pub flags: u32,
    pub threads: u32,
}

impl Stat {
    /// `None` when there is no such process.
    pub fn of(pid: u32) -> Option<Self> {
        parse(pid, &fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// With the state of another thread when the first one has ended and others go on.
    pub fn of_any_thread(pid: u32) -> Option<Self> {
        let stat = Self::of(pid)?;
        if !stat.has_ended() || stat.threads < 2 {
            return Some(stat);
        }
        let state = thread_states(pid).find(|state| !is_end(*state));
        Some(Self {
            state: state.unwrap_or(stat.state),
            ..stat
        })
    }

    pub fn is_stopped(&self) -> bool {
        matches!(self.state, b'T' | b't')
    }

    /// Waited for or not.
    pub fn has_ended(&self) -> bool {
        is_end(self.state)
    }

    /// The kernel closes its files before it is a zombie.
    pub fn is_ending(&self) -> bool {
        self.flags & PF_EXITING != 0 || self.has_ended()
    }

    pub fn is_kernel_thread(&self) -> bool {
        self.flags & PF_KTHREAD != 0
    }
}

fn is_end(state: u8) -> bool {
    matches!(state, b'Z' | b'X' | b'x')
}

fn thread_states(pid: u32) -> impl Iterator<Item = u8> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    tasks.filter_map(move |task| {
        let line = fs::read(task.ok()?.path().join("stat")).ok()?;
        Some(parse(pid, &line)?.state)
    })
}

/// The number of every process there is.
pub fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Every process there is.
pub fn all() -> Vec<Stat> {
    pids().filter_map(Stat::of_any_thread).collect()
}

/// `pid (name) state ppid …`; the name may hold anything, so fields are counted from its last parenthesis.
fn parse(pid: u32, line: &[u8]) -> Option<Stat> {
    let end = line.iter().rposition(|&byte| byte == b')')?;
    let rest = std::str::from_utf8(line.get(end + 1..)?).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    Some(Stat {
        pid,
        state: *fields.first()?.as_bytes().first()?,
        parent: fields.get(1)?.parse().ok()?,
        terminal: fields.get(4)?.parse::<i32>().ok()? as u32,
        flags: fields.get(6)?.parse().ok()?,
        threads: fields.get(17)?.parse().ok()?,
        start_ticks: fields.get(19)?.parse().ok()?,
    })
}

/// Clock ticks of a moment in CLOCK_BOOTTIME nanoseconds, as `start_ticks` counts them.
pub fn ticks(boot_ns: u64) -> u64 {
    boot_ns / CLOCK_TICK_NS
}

/// `/proc/PID/status` of a moment.
pub struct Status(String);

impl Status {
    /// `None` when there is no such process.
    pub fn of(pid: u32) -> Option<Self> {
        let text = fs::read(format!("/proc/{pid}/status")).ok()?;
        // A process may call itself what is no text.
        Some(Self(String::from_utf8_lossy(&text).into_owned()))
    }

    /// What its line says, without the name.
    pub fn line(&self, name: &str) -> Option<&str> {
        let mut lines = self.0.lines();
        lines.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
    }

    /// The first number of the line.
    pub fn number<N: std::str::FromStr>(&self, name: &str) -> Option<N> {
        self.line(name)?.split_ascii_whitespace().next()?.parse().ok()
    }

    /// The pid in the namespace that the process knows.
    pub fn namespace_pid(&self) -> Option<u32> {
        self.line("NSpid")?.split_ascii_whitespace().last()?.parse().ok()
    }
}

/// What a process has created and not waited for, by whichever of its threads.
pub fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let of_task = |task: fs::DirEntry| fs::read_to_string(task.path().join("children")).unwrap_or_default();
    let all = tasks.into_iter().flatten().flatten().map(of_task);
    all.collect::<Vec<String>>()
        .join(" ")
        .split_ascii_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let line = b"7 (a) b (c)) T 3 7 7 34816 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
        let expected = Stat {
            pid: 7,
            parent: 3,
            state: b'T',
            terminal: 34_816,
            flags: 4_194_560,
            threads: 1,
            start_ticks: 4_711,
        };
        assert_eq!(parse(7, line), Some(expected));
    }

    #[test]
    fn this_process_is_in_the_list_and_is_no_kernel_thread() {
        let own = all()
            .into_iter()
            .find(|stat| stat.pid == std::process::id())
            .unwrap();
        assert!(!own.is_kernel_thread() && !own.has_ended());
        assert_eq!(Status::of(own.pid).unwrap().number("PPid"), Some(own.parent));
    }
}
