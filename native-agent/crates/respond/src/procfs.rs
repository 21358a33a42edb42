//! What /proc/<pid>/stat says of a process: parent, state, flags and start, enough to know it again.
use std::fs;

/// `PF_KTHREAD` in the kernel's task flags.
const KERNEL_THREAD: u64 = 0x0020_0000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    pub pid: u32,
    pub parent: u32,
    /// Of its first thread, or of another one when that has ended and others go on.
    pub state: u8,
    pub kernel_thread: bool,
    /// Since boot, in clock ticks; with the pid it names a process for as long as the machine runs.
    pub start_ticks: u64,
}

impl Stat {
    /// `None` when there is no such process.
    pub fn of(pid: u32) -> Option<Self> {
        let (stat, threads) = parse(pid, &fs::read(format!("/proc/{pid}/stat")).ok()?)?;
        if !stat.is_dead() || threads < 2 {
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

    pub fn is_dead(&self) -> bool {
        is_end(self.state)
    }
}

fn is_end(state: u8) -> bool {
    matches!(state, b'Z' | b'X')
}

fn thread_states(pid: u32) -> impl Iterator<Item = u8> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    tasks.filter_map(move |task| {
        let line = fs::read(task.ok()?.path().join("stat")).ok()?;
        Some(parse(pid, &line)?.0.state)
    })
}

/// Every process there is.
pub fn all() -> Vec<Stat> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Stat::of)
        .collect()
}

/// With the count of its threads. `pid (name) state ppid …`; the name may hold anything, so fields are counted from its last parenthesis.
fn parse(pid: u32, line: &[u8]) -> Option<(Stat, u32)> {
    let end = line.iter().rposition(|&byte| byte == b')')?;
    let rest = std::str::from_utf8(line.get(end + 2..)?).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let threads = fields.get(17)?.parse().ok()?;
    let stat = Stat {
        pid,
        state: *fields.first()?.as_bytes().first()?,
        parent: fields.get(1)?.parse().ok()?,
        kernel_thread: fields.get(6)?.parse::<u64>().ok()? & KERNEL_THREAD != 0,
        start_ticks: fields.get(19)?.parse().ok()?,
    };
    Some((stat, threads))
}

/// Clock ticks of a moment in CLOCK_BOOTTIME nanoseconds, as `start_ticks` counts them.
pub fn ticks(boot_ns: u64) -> u64 {
    // SAFETY: sysconf has no preconditions.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) }.max(1) as u64;
    boot_ns / (1_000_000_000 / per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let line = b"7 (a) b (c)) T 3 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
        let expected = Stat {
            pid: 7,
            parent: 3,
            state: b'T',
            kernel_thread: false,
            start_ticks: 4_711,
        };
        assert_eq!(parse(7, line), Some((expected, 1)));
    }

    #[test]
    fn this_process_is_in_the_list_and_is_no_kernel_thread() {
        let own = all()
            .into_iter()
            .find(|stat| stat.pid == std::process::id())
            .unwrap();
        assert!(!own.kernel_thread && !own.is_dead());
    }
}
