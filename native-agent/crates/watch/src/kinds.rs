//! Kinds of file systems: whose files are kept, and whose nobody expects back.

/// File systems of this machine's disks. Their files have handles, and nobody changes them behind the kernel's back.
pub const LOCAL: [&[u8]; 7] = [b"ext4", b"ext3", b"ext2", b"xfs", b"btrfs", b"f2fs", b"bcachefs"];
/// No files that outlive the machine or the container: nobody expects them back.
pub const PASSING: [&[u8]; 19] = [
    b"proc",
    b"sysfs",
    b"tmpfs",
    b"ramfs",
    b"devtmpfs",
    b"devpts",
    b"mqueue",
    b"cgroup",
    b"cgroup2",
    b"bpf",
    b"securityfs",
    b"debugfs",
    b"tracefs",
    b"hugetlbfs",
    b"nsfs",
    b"pstore",
    b"configfs",
    b"binfmt_misc",
    b"autofs",
];
