//! Each signal the sensor can give, and the mechanisms that can serve it, best first. A better mechanism (fentry, LSM)
//! is a row put before the one that is there: the loader takes the first that the kernel at hand accepts.

/// A way to serve a signal: BPF programs that are attached themselves, and handlers of system calls by number.
#[derive(Debug, Clone, Copy)]
pub struct Mechanism {
    pub name: &'static str,
    pub attached: &'static [&'static str],
    pub calls: &'static [(u32, &'static str)],
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

const fn tp_btf(attached: &'static [&'static str], calls: &'static [(u32, &'static str)]) -> Mechanism {
    Mechanism {
        name: "tp_btf",
        attached,
        calls,
    }
}

const OPEN: &str = "file__on_open";
const CHANGE: &str = "file__on_change";
const TIMES: &str = "file__on_times";

/// open, creat, openat, open_by_handle_at, openat2.
const OPENS: &[(u32, &str)] = &[(2, OPEN), (85, OPEN), (257, OPEN), (304, OPEN), (437, OPEN)];

/// x86-64 numbers; 32-bit programs' calls are counted, not interpreted.
pub const SIGNALS: &[Signal] = &[
    Signal {
        name: "process.lifecycle",
        core: true,
        mechanisms: &[tp_btf(
            &["process__on_fork", "process__on_exec", "process__on_exit"],
            &[(59, "exec__on_exit"), (322, "exec__on_exit")],
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
        detail: "io_uring is not seen",
    },
    Signal {
        name: "file.read",
        core: false,
        mechanisms: &[tp_btf(&[], OPENS)],
        detail: "sensitive files only, known by their names (libs/contracts); io_uring is not seen",
    },
    Signal {
        name: "file.change",
        core: false,
        mechanisms: &[tp_btf(
            &[],
            &[
                (82, CHANGE),
                (264, CHANGE),
                (316, CHANGE),
                (86, CHANGE),
                (265, CHANGE),
                (88, CHANGE),
                (266, CHANGE),
                (87, CHANGE),
                (84, CHANGE),
                (263, CHANGE),
                (76, CHANGE),
                (77, CHANGE),
                (90, CHANGE),
                (91, CHANGE),
                (268, CHANGE),
                (452, CHANGE),
                (92, CHANGE),
                (93, CHANGE),
                (94, CHANGE),
                (260, CHANGE),
                (83, CHANGE),
                (258, CHANGE),
            ],
        )],
        detail: "io_uring is not seen; names come from the caller's memory",
    },
    Signal {
        name: "file.attribute",
        core: false,
        mechanisms: &[tp_btf(
            &[],
            &[
                (132, TIMES),
                (235, TIMES),
                (261, TIMES),
                (280, TIMES),
                (16, "file__on_ioctl"),
                (188, "file__on_set_attribute"),
                (189, "file__on_set_attribute"),
                (190, "file__on_set_attribute"),
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
                (42, "network__on_connect"),
                (43, "network__on_accept"),
                (288, "network__on_accept"),
                (50, "network__on_listen"),
            ],
        )],
        detail: "io_uring and datagrams without connect are not seen",
    },
    Signal {
        name: "process.stdio_socket",
        core: false,
        mechanisms: &[tp_btf(
            &["stdio__on_exec"],
            &[(33, "stdio__on_dup"), (292, "stdio__on_dup")],
        )],
        detail: "",
    },
    Signal {
        name: "process.memfd",
        core: false,
        mechanisms: &[tp_btf(&[], &[(319, "memfd__on_create")])],
        detail: "",
    },
    Signal {
        name: "process.ptrace",
        core: false,
        mechanisms: &[tp_btf(&[], &[(101, "ptrace__on_exit")])],
        detail: "",
    },
    Signal {
        name: "process.write",
        core: false,
        mechanisms: &[tp_btf(&[], &[(311, "process__on_write")])],
        detail: "",
    },
    Signal {
        name: "host.module",
        core: false,
        mechanisms: &[tp_btf(&[], &[(175, "module__on_load"), (313, "module__on_load")])],
        detail: "what came out of memory has no name",
    },
    Signal {
        name: "host.mount",
        core: false,
        mechanisms: &[tp_btf(&[], &[(165, "mount__on_exit"), (429, "mount__on_move")])],
        detail: "",
    },
    Signal {
        name: "process.namespace",
        core: false,
        mechanisms: &[tp_btf(
            &[],
            &[(308, "namespace__on_enter"), (272, "namespace__on_unshare")],
        )],
        detail: "",
    },
    Signal {
        name: "host.bpf",
        core: false,
        mechanisms: &[tp_btf(&[], &[(321, "bpf__on_exit")])],
        detail: "",
    },
];
