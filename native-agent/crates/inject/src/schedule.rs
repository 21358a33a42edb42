//! Turns on the CPU. A process holds still until the injector and the thread that it borrows have had theirs some thirty times: on a busy
//! machine both run before ordinary work meanwhile. Where that is not allowed, it takes longer.
use std::mem::size_of;

/// As the kernel has it, without what came later; that stays as it is.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Attributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    /// Of SCHED_DEADLINE, in ns; the first is also the length of an ordinary thread's turn.
    runtime: u64,
    deadline: u64,
    period: u64,
}

/// The kernel's least.
const SHORT_NS: u64 = 100_000;

/// How a thread was scheduled before; 0 is the calling thread.
#[derive(Debug)]
pub struct Before {
    tid: i32,
    attributes: Attributes,
}

impl Before {
    /// None for one whose turns are not ordinary: it keeps them.
    pub fn of(tid: i32) -> Option<Self> {
        let attributes = read(tid)?;
        let is_ordinary =
            [libc::SCHED_OTHER, libc::SCHED_BATCH, libc::SCHED_IDLE].contains(&(attributes.policy as i32));
        is_ordinary.then_some(Self { tid, attributes })
    }

    /// False when it keeps its turns.
    pub fn hurry(&self) -> bool {
        // Without the flag that forks have ordinary turns: only a privileged thread could give that up again by itself.
        write(self.tid, &hurried(self.attributes.flags))
    }

    /// Where that is not allowed, as in a container under cgroup v1: the shorter its turns are, the sooner it has one (EEVDF, Linux 6.12).
    pub fn shorten(&self) -> bool {
        let short = Attributes {
            runtime: SHORT_NS,
            ..self.attributes
        };
        write(self.tid, &short)
    }

    pub fn restore(&self) {
        // Fails only for a thread that was killed meanwhile.
        write(self.tid, &self.attributes);
    }

    /// For the thread's own `sched_setattr`.
    pub fn bytes(&self) -> &[u8] {
        let from = (&raw const self.attributes).cast::<u8>();
        // SAFETY: plain numbers without gaps.
        unsafe { std::slice::from_raw_parts(from, size_of::<Attributes>()) }
    }
}

/// For the rest of the calling thread's life, and of those that it starts unless they `take_own_time`.
pub fn hurry_own_thread() {
    if Before::of(0).is_some() {
        write(0, &hurried(0));
    }
}

/// For a thread that one in a hurry has started.
pub fn take_own_time() {
    if read(0).is_some_and(|attributes| attributes.policy == libc::SCHED_RR as u32) {
        let ordinary = Attributes {
            size: size_of::<Attributes>() as u32,
            ..Attributes::default()
        };
        write(0, &ordinary);
    }
}

fn hurried(flags: u64) -> Attributes {
    Attributes {
        size: size_of::<Attributes>() as u32,
        policy: libc::SCHED_RR as u32,
        flags,
        priority: 1,
        ..Attributes::default()
    }
}

fn read(tid: i32) -> Option<Attributes> {
    let mut attributes = Attributes::default();
    let bytes = size_of::<Attributes>();
    // SAFETY: the kernel writes at most `bytes`.
    let done = unsafe { libc::syscall(libc::SYS_sched_getattr, tid, &raw mut attributes, bytes, 0) };
    (done == 0).then_some(attributes)
}

fn write(tid: i32, attributes: &Attributes) -> bool {
    // SAFETY: the kernel reads as many bytes as `size` says, which it wrote itself or is that of the struct.
    unsafe { libc::syscall(libc::SYS_sched_setattr, tid, &raw const *attributes, 0) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_has_its_turns_as_before() {
        std::thread::spawn(|| {
            // SAFETY: about this thread alone.
            unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 7) };
            let parameter = libc::sched_param { sched_priority: 0 };
            // SAFETY: as above.
            unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const parameter) };
            let ordinary = read(0).unwrap();
            assert_eq!((ordinary.policy as i32, ordinary.nice), (libc::SCHED_BATCH, 7));
            // Without the right to it nothing changes.
            let before = Before::of(0).unwrap();
            assert!(before.shorten(), "anybody may");
            assert_eq!(read(0).unwrap().nice, 7);
            before.restore();
            if before.hurry() {
                assert_eq!(read(0).unwrap().policy as i32, libc::SCHED_RR);
                assert!(Before::of(0).is_none(), "it is in a hurry already");
                before.restore();
            }
            assert_eq!(read(0).unwrap(), ordinary);
        })
        .join()
        .unwrap();
    }
}
