//! What the kernel says of a process in /proc/PID/stat: proc_pid_stat(5).
/// Of a task that ends (`include/linux/sched.h`).
const PF_EXITING: u32 = 4;

pub struct Stat {
    pub parent: u32,
    /// In ticks since boot; tells a process from a later one of its number.
    pub start: u64,
    state: u8,
    flags: u32,
}

impl Stat {
    /// `None` when there is no such process.
    pub fn of(pid: u32) -> Option<Self> {
        let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        // The name may hold anything, also brackets.
        let name_end = text.iter().rposition(|&byte| byte == b')')?;
        let mut fields = std::str::from_utf8(&text[name_end + 1..])
            .ok()?
            .split_ascii_whitespace();
        Some(Self {
            state: fields.next()?.bytes().next()?,
            parent: fields.next()?.parse().ok()?,
            flags: fields.nth(4)?.parse().ok()?,
            start: fields.nth(12)?.parse().ok()?,
        })
    }

    /// Waited for or not.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x')
    }

    /// The kernel closes its files before it is a zombie.
    pub fn is_ending(&self) -> bool {
        self.flags & PF_EXITING != 0 || self.has_ended()
    }
}
