//! Filters of system calls (seccomp(2)): what they are made of, and how they are laid on.
use std::io;

use libc::{c_long, sock_filter};

use crate::calls::check;

#[cfg(target_arch = "x86_64")]
pub const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
pub const ARCHITECTURE: u32 = 0xc000_00b7;

/// x32's calls have this bit in their number.
pub const X32: u32 = 0x4000_0000;
/// Where the words of `struct seccomp_data` lie; an argument has eight bytes, the low half first.
pub const OFFSET_NUMBER: u32 = 0;
pub const OFFSET_ARCHITECTURE: u32 = 4;
pub const OFFSET_ARGUMENTS: u32 = 16;

const fn instruction(code: u32, k: u32, (jump_true, jump_false): (u8, u8)) -> sock_filter {
    sock_filter {
        code: code as u16,
        jt: jump_true,
        jf: jump_false,
        k,
    }
}

pub const fn load(offset: u32) -> sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset, (0, 0))
}

pub const fn answer(action: u32) -> sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, action, (0, 0))
}

/// `test` is one of `BPF_JEQ`, `BPF_JGE`, `BPF_JGT` and `BPF_JSET`; the jumps are taken when it holds, and when not.
pub const fn jump(test: u32, value: u32, jumps: (u8, u8)) -> sock_filter {
    instruction(libc::BPF_JMP | test | libc::BPF_K, value, jumps)
}

/// The answer with this error number, without a call.
pub const fn fail(error: libc::c_int) -> sock_filter {
    answer(libc::SECCOMP_RET_ERRNO | error as u32)
}

/// The beginning of a filter: calls of another architecture (32-bit, x32) would go past it, so the kernel does not have them. The number
/// of the call is loaded behind it.
pub fn native_only() -> [sock_filter; 6] {
    let refuse = fail(libc::ENOSYS);
    [
        load(OFFSET_ARCHITECTURE),
        jump(libc::BPF_JEQ, ARCHITECTURE, (1, 0)),
        refuse,
        load(OFFSET_NUMBER),
        jump(libc::BPF_JGE, X32, (0, 1)),
        refuse,
    ]
}

/// These calls are not permitted (EPERM), all others are.
pub fn without(calls: &[c_long]) -> Vec<sock_filter> {
    let mut program = native_only().to_vec();
    for number in calls {
        program.extend([jump(libc::BPF_JEQ, *number as u32, (0, 1)), fail(libc::EPERM)]);
    }
    program.push(answer(libc::SECCOMP_RET_ALLOW));
    program
}

/// On this thread and whatever it starts, for good. Returns what the kernel answers: with `SECCOMP_FILTER_FLAG_NEW_LISTENER` a descriptor that nobody
/// else has, else 0. The thread can gain no privileges (`rights::gain_nothing`), or is privileged.
///
/// # Errors
/// EINVAL when the kernel does not know one of the flags.
pub fn lay_on(program: &[sock_filter], flags: libc::c_ulong) -> io::Result<libc::c_int> {
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: the program outlives the call, which copies it.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            &raw const filter,
        )
    };
    check(result as libc::c_int)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rights::gain_nothing;

    fn personality() -> io::Result<libc::c_int> {
        // SAFETY: asks, and changes nothing.
        check(unsafe { libc::personality(0xffff_ffff) })
    }

    #[test]
    fn a_thread_makes_no_call_that_it_went_without_and_others_do() {
        let refused = std::thread::spawn(|| {
            gain_nothing().unwrap();
            assert_eq!(
                lay_on(
                    &without(&[libc::SYS_personality, libc::SYS_reboot]),
                    libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW
                )
                .unwrap(),
                0
            );
            // SAFETY: plain arguments.
            assert!(unsafe { libc::getppid() } > 0);
            let of_started = std::thread::spawn(personality).join().unwrap();
            [personality(), of_started]
        });
        for answer in refused.join().unwrap() {
            assert_eq!(answer.unwrap_err().raw_os_error(), Some(libc::EPERM));
        }
        assert!(personality().is_ok());
    }
}
