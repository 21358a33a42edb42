//! What the agent of a host gives up before it does anything: it is root, and whoever gets hold of it has what it kept. It can not
//! load a module or another kernel, set the clock, or end the machine, nor can what it starts.
use std::io;

use libc::c_long;
use norn_os::filter::{lay_on, without};
use norn_os::rights::{Capabilities, bound_to, gain_nothing, mask_of};

/// By their numbers in `linux/capability.h`, each with what needs it.
const KEPT: [u32; 20] = [
    0,  // CHOWN: a restored file's owner
    1,  // DAC_OVERRIDE: files of all users
    2,  // DAC_READ_SEARCH: opens by handle
    3,  // FOWNER: a restored file's mode and times
    4,  // FSETID: set-user-ID of a restored file
    5,  // KILL
    9,  // LINUX_IMMUTABLE: flags of a restored file
    12, // NET_ADMIN: isolation
    14, // IPC_LOCK: the rings of samples
    18, // SYS_CHROOT: the mounts of a container
    19, // SYS_PTRACE: what /proc says of others, and hooks
    21, // SYS_ADMIN: fanotify, mounts, namespaces
    23, // SYS_NICE: a stop that is not late
    24, // SYS_RESOURCE: descriptors, locked memory
    27, // MKNOD: a restored device
    28, // LEASE: whether somebody writes to a file
    31, // SETFCAP: capabilities of a restored file
    34, // SYSLOG: addresses in /proc/kallsyms, for the sensor
    38, // PERFMON
    39, // BPF
];

/// What no part of the agent calls, and what could be done with it to the machine or past the agent.
const REFUSED: [c_long; 22] = [
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_pivot_root,
    libc::SYS_sethostname,
    libc::SYS_personality,
];

/// While this process has one thread: the others begin as it is. One that `hooks` must read the filters of others, which the kernel shows
/// to nobody who has one himself (`PTRACE_SECCOMP_GET_FILTER`, ptrace(2)), so it makes its calls unfiltered.
///
/// # Errors
/// What the kernel refused. Whoever may not give up (no CAP_SETPCAP) has no more than what is kept from what it starts.
pub fn give_up(hooks: bool) -> io::Result<()> {
    let kept = mask_of(&KEPT);
    let bound = bound_to(kept);
    Capabilities::own()?.within(kept).hold()?;
    gain_nothing()?;
    if !hooks {
        // Kernels before 5.16 slow a filtered program down against Spectre without the flag.
        lay_on(&without(&REFUSED), libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW)?;
    }
    bound
}
