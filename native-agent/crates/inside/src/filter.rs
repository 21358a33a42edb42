//! The seccomp filter: which calls wait for the agent. It decides by the call's number and plain arguments; a call that is
//! not named here is let through by the kernel's own table, at no cost.
use libc::{c_long, sock_filter};
use norn_os::filter::{OFFSET_ARGUMENTS, answer, fail, jump, load, native_only};

/// Open flags of whoever may change a file or make one.
const WRITES: u32 = (libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC) as u32;

#[derive(Clone, Copy)]
enum When {
    Always,
    /// Any of these bits is in the argument.
    AnyOf(u32, u32),
    /// The argument is at most this.
    AtMost(u32, u32),
}

/// Whoever answers these calls sees every change of a file's content or name, every program that is started, and every
/// connection that is opened.
fn watched() -> Vec<(c_long, When)> {
    use When::{Always, AnyOf, AtMost};
    let mut calls = vec![
        (libc::SYS_openat, AnyOf(2, WRITES)),
        (libc::SYS_openat2, Always),
        (libc::SYS_truncate, Always),
        (libc::SYS_unlinkat, Always),
        (libc::SYS_renameat, Always),
        (libc::SYS_renameat2, Always),
        (libc::SYS_linkat, Always),
        (libc::SYS_symlinkat, Always),
        (libc::SYS_mkdirat, Always),
        (libc::SYS_mknodat, Always),
        (libc::SYS_utimensat, Always),
        (libc::SYS_fchmod, Always),
        (libc::SYS_fchmodat, Always),
        (libc::SYS_fchmodat2, Always),
        (libc::SYS_fchown, Always),
        (libc::SYS_fchownat, Always),
        (libc::SYS_setxattr, Always),
        (libc::SYS_lsetxattr, Always),
        (libc::SYS_fsetxattr, Always),
        (libc::SYS_removexattr, Always),
        (libc::SYS_lremovexattr, Always),
        (libc::SYS_fremovexattr, Always),
        (libc::SYS_execve, Always),
        (libc::SYS_execveat, Always),
        (libc::SYS_exit_group, Always),
        (libc::SYS_connect, Always),
        (libc::SYS_bind, Always),
        (libc::SYS_listen, Always),
        (libc::SYS_dup3, AtMost(1, 2)),
        (libc::SYS_memfd_create, Always),
        (libc::SYS_ptrace, Always),
        (libc::SYS_process_vm_writev, Always),
    ];
    #[cfg(target_arch = "x86_64")]
    calls.extend([
        (libc::SYS_open, AnyOf(1, WRITES)),
        (libc::SYS_creat, Always),
        (libc::SYS_unlink, Always),
        (libc::SYS_rmdir, Always),
        (libc::SYS_rename, Always),
        (libc::SYS_link, Always),
        (libc::SYS_symlink, Always),
        (libc::SYS_mkdir, Always),
        (libc::SYS_mknod, Always),
        (libc::SYS_utime, Always),
        (libc::SYS_utimes, Always),
        (libc::SYS_futimesat, Always),
        (libc::SYS_chmod, Always),
        (libc::SYS_chown, Always),
        (libc::SYS_lchown, Always),
        (libc::SYS_dup2, AtMost(1, 2)),
    ]);
    calls
}

fn test_of(when: When) -> Vec<sock_filter> {
    let notify = answer(libc::SECCOMP_RET_USER_NOTIF);
    let (argument, test) = match when {
        When::Always => return vec![notify],
        When::AnyOf(argument, bits) => (argument, jump(libc::BPF_JSET, bits, (0, 1))),
        When::AtMost(argument, value) => (argument, jump(libc::BPF_JGT, value, (1, 0))),
    };
    let low_half = OFFSET_ARGUMENTS + 8 * argument;
    vec![load(low_half), test, notify, answer(libc::SECCOMP_RET_ALLOW)]
}

/// They would change files past the calls above: by handle, by ring, or newer than what is read here (Linux 6.13 and 6.17), for
/// which programs have an older way.
const REFUSED: [c_long; 6] = [
    // Its flags lie in memory, which a filter can't read; every libc goes back to clone.
    libc::SYS_clone3,
    libc::SYS_io_uring_setup,
    libc::SYS_open_by_handle_at,
    463, // setxattrat
    466, // removexattrat
    469, // file_setattr
];

/// With these flags in their first argument they lead to paths that mean other files there than here, and are not permitted: as
/// in Docker's own profile, where Kubernetes by itself has none.
const NAMESPACES: u32 = (libc::CLONE_NEWUSER | libc::CLONE_NEWNS) as u32;
const CONFINED: [c_long; 2] = [libc::SYS_clone, libc::SYS_unshare];

/// The program. Calls of another architecture (32-bit, x32) would go past it, too: they are refused as if the kernel did not have
/// them.
pub fn program() -> Vec<sock_filter> {
    let mut program = native_only().to_vec();
    for number in REFUSED {
        program.extend([jump(libc::BPF_JEQ, number as u32, (0, 1)), fail(libc::ENOSYS)]);
    }
    for number in CONFINED {
        program.extend([
            jump(libc::BPF_JEQ, number as u32, (0, 4)),
            load(OFFSET_ARGUMENTS),
            jump(libc::BPF_JSET, NAMESPACES, (0, 1)),
            fail(libc::EPERM),
            answer(libc::SECCOMP_RET_ALLOW),
        ]);
    }
    for (number, when) in watched() {
        let test = test_of(when);
        program.push(jump(libc::BPF_JEQ, number as u32, (0, test.len() as u8)));
        program.extend(test);
    }
    program.push(answer(libc::SECCOMP_RET_ALLOW));
    program
}

#[cfg(test)]
mod tests {
    use norn_os::filter::{ARCHITECTURE, X32};

    use super::*;

    /// What the program says of a call; enough of classic BPF for what it uses.
    fn run(number: c_long, arguments: [u64; 6], architecture: u32) -> u32 {
        let mut data = Vec::new();
        data.extend((number as u32).to_le_bytes());
        data.extend(architecture.to_le_bytes());
        data.extend([0; 8]);
        arguments
            .iter()
            .for_each(|value| data.extend(value.to_le_bytes()));
        let (program, mut at, mut loaded) = (program(), 0, 0_u32);
        loop {
            let sock_filter { code, jt, jf, k } = program[at];
            let test = u32::from(code) & 0xf0;
            let next = |holds: bool| usize::from(if holds { jt } else { jf });
            at += 1;
            match u32::from(code) & 7 {
                libc::BPF_LD => {
                    loaded = u32::from_le_bytes(data[k as usize..k as usize + 4].try_into().unwrap())
                }
                libc::BPF_RET => return k,
                _ if test == libc::BPF_JEQ => at += next(loaded == k),
                _ if test == libc::BPF_JGE => at += next(loaded >= k),
                _ if test == libc::BPF_JGT => at += next(loaded > k),
                _ => at += next(loaded & k != 0),
            }
        }
    }

    fn native(number: c_long, arguments: [u64; 6]) -> u32 {
        run(number, arguments, ARCHITECTURE)
    }

    #[test]
    fn opens_wait_only_when_they_may_change_or_make_a_file() {
        let open = |flags: i32| native(libc::SYS_openat, [0, 0, flags as u64, 0, 0, 0]);
        assert_eq!(open(libc::O_RDONLY | libc::O_CLOEXEC), libc::SECCOMP_RET_ALLOW);
        for flags in [libc::O_WRONLY, libc::O_RDWR, libc::O_CREAT, libc::O_TRUNC] {
            assert_eq!(open(flags), libc::SECCOMP_RET_USER_NOTIF);
        }
    }

    #[test]
    fn only_the_standard_descriptors_are_of_interest_when_one_is_replaced() {
        assert_eq!(
            native(libc::SYS_dup3, [9, 1, 0, 0, 0, 0]),
            libc::SECCOMP_RET_USER_NOTIF
        );
        assert_eq!(
            native(libc::SYS_dup3, [9, 3, 0, 0, 0, 0]),
            libc::SECCOMP_RET_ALLOW
        );
    }

    #[test]
    fn every_watched_call_waits_and_reads_and_writes_do_not() {
        for (number, when) in watched() {
            let arguments = match when {
                When::AnyOf(..) => [u64::from(WRITES); 6],
                _ => [0; 6],
            };
            assert_eq!(
                native(number, arguments),
                libc::SECCOMP_RET_USER_NOTIF,
                "{number}"
            );
        }
        for number in [libc::SYS_read, libc::SYS_write, libc::SYS_mmap, libc::SYS_futex] {
            assert_eq!(native(number, [0; 6]), libc::SECCOMP_RET_ALLOW);
        }
    }

    #[test]
    fn nobody_gets_a_file_system_view_of_his_own() {
        for number in CONFINED {
            let with = |flags: i32| native(number, [flags as u64, 0, 0, 0, 0, 0]);
            assert_eq!(
                with(libc::CLONE_THREAD | libc::CLONE_VM | libc::CLONE_NEWNET),
                libc::SECCOMP_RET_ALLOW
            );
            for flag in [libc::CLONE_NEWUSER, libc::CLONE_NEWNS] {
                assert_eq!(with(flag), libc::SECCOMP_RET_ERRNO | libc::EPERM as u32);
            }
        }
    }

    #[test]
    fn what_would_go_past_the_filter_is_refused() {
        let refused = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
        for number in REFUSED {
            assert_eq!(native(number, [0; 6]), refused);
        }
        assert_eq!(run(5, [0; 6], 0x4000_0003), refused);
        assert_eq!(native(c_long::from(X32 as i32) + 2, [0; 6]), refused);
    }
}
