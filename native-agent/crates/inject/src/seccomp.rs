//! What a process's own seccomp filters allow, found out without trying: a call that a filter answers with death must never be made.
use nix::errno::Errno;

use crate::maps;

/// Calls that an injection makes in the process.
pub const INJECTION: [i64; 6] = [
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_madvise,
    libc::SYS_memfd_create,
    libc::SYS_close,
    libc::SYS_rt_sigreturn,
];
/// Calls that the library makes.
pub const OWN: [i64; 5] = [
    libc::SYS_rt_sigprocmask,
    libc::SYS_futex,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_readlinkat,
];

const PTRACE_SECCOMP_GET_FILTER: libc::c_uint = 0x420c;
const FILTERS_MAX: usize = 64;
const AUDIT_ARCH_X86_64: u32 = 0xC000_003E;
const STEPS_MAX: usize = 4096;

type Instruction = libc::sock_filter;

/// Whether a stopped thread may make all of these calls, as far as it can be known.
pub fn may(tid: i32, calls: &[i64]) -> bool {
    match maps::status_number(tid, "Seccomp") {
        None | Some(0) => true,
        Some(2) => filters(tid).is_ok_and(|filters| calls.iter().all(|call| allow(&filters, *call))),
        Some(_) => false,
    }
}

/// The filters of a stopped thread; an error when the kernel does not show them.
fn filters(tid: i32) -> Result<Vec<Vec<Instruction>>, Errno> {
    let mut filters = Vec::new();
    for index in 0..FILTERS_MAX {
        let ask = |to: *mut Instruction| {
            // SAFETY: the thread is stopped for us; the kernel writes as many instructions as it answered to the call with no room.
            Errno::result(unsafe { libc::ptrace(PTRACE_SECCOMP_GET_FILTER, tid, index, to) })
        };
        let count = match ask(std::ptr::null_mut()) {
            Ok(count) => count as usize,
            Err(Errno::ENOENT) => return Ok(filters),
            Err(error) => return Err(error),
        };
        let mut filter = vec![
            Instruction {
                code: 0,
                jt: 0,
                jf: 0,
                k: 0
            };
            count
        ];
        ask(filter.as_mut_ptr())?;
        filters.push(filter);
    }
    Err(Errno::E2BIG)
}

/// Whether every filter lets the call through, whatever its arguments are taken to be: zeros stand for all of them.
fn allow(filters: &[Vec<Instruction>], call: i64) -> bool {
    filters.iter().all(|filter| {
        matches!(
            answer(filter, call as u32).map(|answer| answer & libc::SECCOMP_RET_ACTION_FULL),
            Some(libc::SECCOMP_RET_ALLOW | libc::SECCOMP_RET_LOG)
        )
    })
}

/// Runs a filter as the kernel does; None for what is no valid filter.
fn answer(filter: &[Instruction], call: u32) -> Option<u32> {
    let mut machine = Machine {
        a: 0,
        x: 0,
        scratch: [0; 16],
        call,
    };
    let mut at = 0;
    for _ in 0..STEPS_MAX {
        let instruction = filter.get(at)?;
        at += 1;
        match machine.step(instruction)? {
            Step::Next => {}
            Step::Jump(distance) => at += distance as usize,
            Step::Return(value) => return Some(value),
        }
    }
    None
}

enum Step {
    Next,
    Jump(u32),
    Return(u32),
}

struct Machine {
    a: u32,
    x: u32,
    scratch: [u32; 16],
    call: u32,
}

impl Machine {
    fn step(&mut self, instruction: &Instruction) -> Option<Step> {
        let (code, k) = (u32::from(instruction.code), instruction.k);
        match code & 0x07 {
            libc::BPF_LD => self.a = self.load(code, k)?,
            libc::BPF_LDX => self.x = self.load(code, k)?,
            libc::BPF_ST => *self.scratch.get_mut(k as usize)? = self.a,
            libc::BPF_STX => *self.scratch.get_mut(k as usize)? = self.x,
            libc::BPF_ALU => self.a = self.compute(code, k)?,
            libc::BPF_JMP => return self.jump(instruction),
            libc::BPF_RET => return Some(Step::Return(if code & 0x18 == 0x10 { self.a } else { k })),
            _ if code & 0xf8 == 0 => self.x = self.a,
            _ => self.a = self.x,
        }
        Some(Step::Next)
    }

    fn load(&self, code: u32, k: u32) -> Option<u32> {
        match code & 0xe0 {
            libc::BPF_IMM => Some(k),
            libc::BPF_MEM => self.scratch.get(k as usize).copied(),
            libc::BPF_LEN => Some(64),
            libc::BPF_ABS => Some(match k {
                0 => self.call,
                4 => AUDIT_ARCH_X86_64,
                _ => 0,
            }),
            _ => None,
        }
    }

    fn compute(&self, code: u32, k: u32) -> Option<u32> {
        let by = if code & 0x08 == 0 { k } else { self.x };
        match code & 0xf0 {
            libc::BPF_ADD => Some(self.a.wrapping_add(by)),
            libc::BPF_SUB => Some(self.a.wrapping_sub(by)),
            libc::BPF_MUL => Some(self.a.wrapping_mul(by)),
            libc::BPF_DIV => self.a.checked_div(by),
            libc::BPF_OR => Some(self.a | by),
            libc::BPF_AND => Some(self.a & by),
            libc::BPF_XOR => Some(self.a ^ by),
            libc::BPF_LSH => self.a.checked_shl(by),
            libc::BPF_RSH => self.a.checked_shr(by),
            libc::BPF_NEG => Some(self.a.wrapping_neg()),
            _ => None,
        }
    }

    fn jump(&self, instruction: &Instruction) -> Option<Step> {
        let code = u32::from(instruction.code);
        let with = if code & 0x08 == 0 { instruction.k } else { self.x };
        let holds = match code & 0xf0 {
            libc::BPF_JA => return Some(Step::Jump(instruction.k)),
            libc::BPF_JEQ => self.a == with,
            libc::BPF_JGT => self.a > with,
            libc::BPF_JGE => self.a >= with,
            libc::BPF_JSET => self.a & with != 0,
            _ => return None,
        };
        Some(Step::Jump(u32::from(if holds {
            instruction.jt
        } else {
            instruction.jf
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> Instruction {
        Instruction { code, jt, jf, k }
    }

    /// Loads the number, answers death for `call`, and lets all others through.
    fn deadly(call: u32) -> Vec<Instruction> {
        vec![
            instruction(0x20, 0, 0, 0),
            instruction(0x15, 0, 1, call),
            instruction(0x06, 0, 0, libc::SECCOMP_RET_KILL_PROCESS),
            instruction(0x06, 0, 0, libc::SECCOMP_RET_ALLOW),
        ]
    }

    #[test]
    fn the_answer_is_the_one_that_the_kernel_would_give() {
        let filters = [deadly(libc::SYS_madvise as u32), deadly(libc::SYS_futex as u32)];
        assert!(!allow(&filters, libc::SYS_madvise));
        assert!(!allow(&filters, libc::SYS_futex));
        assert!(allow(&filters, libc::SYS_mmap));
        assert!(allow(&[], libc::SYS_madvise));
    }

    #[test]
    fn what_is_no_valid_filter_allows_nothing() {
        assert!(!allow(&[vec![]], libc::SYS_mmap));
        assert!(!allow(&[vec![instruction(0x20, 0, 0, 0)]], libc::SYS_mmap));
    }
}
