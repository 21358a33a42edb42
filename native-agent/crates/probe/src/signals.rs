//! Each signal the sensor can give, and the mechanisms that can serve it, best first. A better mechanism (fentry, LSM)
//! is a row put before the one that is there: the loader takes the first that the kernel at hand accepts.

/// A way to serve a signal: BPF programs that are attached themselves, and handlers of system calls by number.
#[derive(Debug, Clone, Copy)]
pub struct Mechanism {
    pub name: &'static str,
    pub attached: &'static [&'static str],
    pub calls: &'static [(i64, &'static str)],
}

#[derive(Debug, Clone, Copy)]
pub struct Signal {
    /// The capability's stable name.
    pub name: &'static str,
    /// Without it there is no sensor.
    pub core: bool,
    pub mechanisms: &'static [Mechanism],
    /// Its limits; a sentence.
    pub detail: &'static str,
}

/// The handler of all system calls' exits; needed by every mechanism that has `calls`.
pub const DISPATCHER: &str = "syscall__on_exit";
/// Lists the processes that run.
pub const ITERATOR: &str = "task__on_iterate";

const fn tp_btf(attached: &'static [&'static str], calls: &'static [(i64, &'static str)]) -> Mechanism {
    Mechanism {
        name: "tp_btf",
        attached,
        calls,
    }
}

const OPEN: &str = "file__on_open";
const CHANGE: &str = "file__on_change";
const TIMES: &str = "file__on_times";

/// The same on all machines; not every list of calls has it yet.
const FCHMODAT2: i64 = 452;

const OPENS: &[(i64, &str)] = &[
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, OPEN),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_creat, OPEN),
    (libc::SYS_openat, OPEN),
    (libc::SYS_open_by_handle_at, OPEN),
    (libc::SYS_openat2, OPEN),
];

/// What AArch64 has no call for is x86-64's alone. Calls of 32-bit programs reach the same handlers on x86-64 (`bpf/include/compat.bpf.h`).
pub const SIGNALS: &[Signal] = &[
    Signal {
        name: "process.lifecycle",
        core: true,
        mechanisms: &[tp_btf(
            &["process__on_fork", "process__on_exec", "process__on_exit"],
            &[
                (libc::SYS_execve, "exec__on_exit"),
                (libc::SYS_execveat, "exec__on_exit"),
            ],
        )],
        detail: "",
    },
    Signal {
        name: "process.snapshot",
        core: true,
        mechanisms: &[Mechanism {
            name: "iter/task",
            attached: &[ITERATOR],
            calls: &[],
        }],
        detail: "",
    },
    Signal {
        name: "container.identity",
        core: false,
        mechanisms: &[tp_btf(&["cgroup__on_mkdir", "cgroup__on_rmdir"], &[])],
        detail: "",
    },
    Signal {
        name: "file.open",
        core: false,
        mechanisms: &[tp_btf(&[], OPENS)],
        detail: "",
    },
    Signal {
        name: "file.read",
        core: false,
        mechanisms: &[tp_btf(&[], OPENS)],
        detail: "sensitive files only, known by their names (libs/contracts)",
    },
    Signal {
        name: "file.change",
        core: false,
        mechanisms: &[tp_btf(
            &[],
            &[
                #[cfg(target_arch = "x86_64")]
                (libc::SYS_rename, CHANGE),
                (libc::SYS_renameat, CHANGE),
                (libc::SYS_renameat2, CHANGE),
                #[cfg(target_arch = "x86_64")]
                (libc::SYS_link, CHANGE),
                (libc::SYS_linkat, CHANGE),
                #[cfg(target_arch = "x86_64")]
                (libc::SYS_symlink, CHANGE),
                (libc::SYS_symlinkat, CHANGE),
                #[cfg(target_arch = "x86_64")]
                (libc::SYS_unlink, CHANGE),
                #[cfg(target_arch = "x86_64")]
                (libc::SYS_rmdir, CHANGE),
                (libc::SYS_unlinkat, CHANGE),
                (libc::SYS_truncate, CHANGE),
                (libc::SYS_ftruncate, CHANGE),
                #[cfg(target_arch = "x86_64")]
                (libc::SYS_chmod, CHANGE),
                (libc::SYS_fchmod, CHANGE),
                (libc::SYS_fchmodat, CHANGE),
                (FCHMODAT2, CHANGE),
                #[cfg(target_arch = "x86_64")]
                (libc::SYS_chown, CHANGE),
                (libc::SYS_fchown, CHANGE),
                #[cfg(target_arch = "x86_64")]
                (libc::SYS_lchown, CHANGE),
                (libc::SYS_fchownat, CHANGE),
                #[cfg(target_arch = "x86_64")]
                (libc::SYS_mkdir, CHANGE),
                (libc::SYS_mkdirat, CHANGE),
            ],
        )],
        detail: "names come from the caller's memory",
    },
    Signal {
        name: "file.attribute",
        core: false,
        mechanisms: &[tp_btf(
            &[],
            &[
                #[cfg(target_arch = "x86_64")]
                (libc::SYS_utime, TIMES),
                #[cfg(target_arch = "x86_64")]
                (libc::SYS_utimes, TIMES),
                #[cfg(target_arch = "x86_64")]
                (libc::SYS_futimesat, TIMES),
                (libc::SYS_utimensat, TIMES),
                (libc::SYS_ioctl, "file__on_ioctl"),
                (libc::SYS_setxattr, "file__on_set_attribute"),
                (libc::SYS_lsetxattr, "file__on_set_attribute"),
                (libc::SYS_fsetxattr, "file__on_set_attribute"),
            ],
        )],
        detail: "times set back, inode flags, capabilities; file_setattr and setxattrat are not seen",
    },
    Signal {
        name: "network.connection",
        core: false,
        mechanisms: &[tp_btf(
            &[],
            &[
                (libc::SYS_connect, "network__on_connect"),
                (libc::SYS_accept, "network__on_accept"),
                (libc::SYS_accept4, "network__on_accept"),
                (libc::SYS_listen, "network__on_listen"),
            ],
        )],
        detail: "datagrams without connect are not seen",
    },
    Signal {
        name: "file.io_uring",
        core: false,
        // The self-test makes no ring, so its name is not among those that it proves.
        mechanisms: &[Mechanism {
            name: "io_uring/tp_btf",
            attached: &["uring__on_submit", "uring__on_queue", "uring__on_complete"],
            calls: &[],
        }],
        detail: "where a ring does not tell what came of a request, the attempt is told",
    },
    Signal {
        name: "process.stdio_socket",
        core: false,
        mechanisms: &[tp_btf(
            &["stdio__on_exec"],
            &[
                #[cfg(target_arch = "x86_64")]
                (libc::SYS_dup2, "stdio__on_dup"),
                (libc::SYS_dup3, "stdio__on_dup"),
            ],
        )],
        detail: "",
    },
    Signal {
        name: "process.memfd",
        core: false,
        mechanisms: &[tp_btf(&[], &[(libc::SYS_memfd_create, "memfd__on_create")])],
        detail: "",
    },
    Signal {
        name: "process.ptrace",
        core: false,
        mechanisms: &[tp_btf(&[], &[(libc::SYS_ptrace, "ptrace__on_exit")])],
        detail: "",
    },
    Signal {
        name: "process.write",
        core: false,
        mechanisms: &[tp_btf(&[], &[(libc::SYS_process_vm_writev, "process__on_write")])],
        detail: "",
    },
    Signal {
        name: "host.module",
        core: false,
        mechanisms: &[tp_btf(
            &[],
            &[
                (libc::SYS_init_module, "module__on_load"),
                (libc::SYS_finit_module, "module__on_load"),
            ],
        )],
        detail: "what came out of memory has no name",
    },
    Signal {
        name: "host.mount",
        core: false,
        mechanisms: &[tp_btf(
            &[],
            &[
                (libc::SYS_mount, "mount__on_exit"),
                (libc::SYS_move_mount, "mount__on_move"),
            ],
        )],
        detail: "",
    },
    Signal {
        name: "process.namespace",
        core: false,
        mechanisms: &[tp_btf(
            &[],
            &[
                (libc::SYS_setns, "namespace__on_enter"),
                (libc::SYS_unshare, "namespace__on_unshare"),
            ],
        )],
        detail: "",
    },
    Signal {
        name: "host.bpf",
        core: false,
        mechanisms: &[tp_btf(&[], &[(libc::SYS_bpf, "bpf__on_exit")])],
        detail: "",
    },
    Signal {
        name: "agent.touch",
        core: false,
        mechanisms: &[tp_btf(
            &["agent__on_signal"],
            &[
                (libc::SYS_prlimit64, "agent__on_limits"),
                (libc::SYS_sched_setaffinity, "agent__on_processors"),
                (libc::SYS_sched_setscheduler, "agent__on_scheduling"),
                (libc::SYS_sched_setparam, "agent__on_scheduling"),
                (libc::SYS_sched_setattr, "agent__on_scheduling"),
                (libc::SYS_setpriority, "agent__on_priority"),
                (libc::SYS_pidfd_open, "agent__on_handle"),
                (libc::SYS_pidfd_getfd, "agent__on_descriptor"),
            ],
        )],
        detail: "of its threads the first alone is watched for what is done to its processors",
    },
];
