/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What travels through the rings. crates/probe/src/record.rs reads the same layout; a test compares the two. */
#ifndef NORN_RECORD_H
#define NORN_RECORD_H

#include "kernel.h"

/* EventKind of proto/norn/event/v1/event.proto; 200 and above never leave the agent. */
enum record_kind {
	KIND_FORK = 1,
	KIND_EXEC = 2,
	KIND_EXIT = 3,
	KIND_PROCESS_SEEN = 4,
	KIND_FILE_OPEN = 10,
	KIND_FILE_RENAME = 11,
	KIND_FILE_LINK = 12,
	KIND_FILE_UNLINK = 13,
	KIND_FILE_TRUNCATE = 14,
	KIND_FILE_CHMOD = 15,
	KIND_FILE_CHOWN = 16,
	KIND_FILE_MKDIR = 17,
	KIND_FILE_READ = 18,
	KIND_FILE_TIMES = 19,
	KIND_NET_CONNECT = 20,
	KIND_NET_ACCEPT = 21,
	KIND_NET_LISTEN = 22,
	KIND_FILE_FLAGS = 23,
	KIND_FILE_CAPABILITIES = 24,
	KIND_MEMFD_CREATE = 30,
	KIND_PTRACE = 31,
	KIND_MOUNT = 32,
	KIND_SETNS = 33,
	KIND_UNSHARE = 34,
	KIND_BPF = 35,
	KIND_STDIO_SOCKET = 36,
	KIND_PROCESS_WRITE = 37,
	KIND_MODULE_LOAD = 38,
	KIND_AGENT_TOUCHED = 41,
	/* A cgroup was made or removed: slot name = its path, value = its id, flags = 1 when removed. */
	KIND_CGROUP = 200,
};

enum record_ring { RING_CRITICAL = 0, RING_BULK = 1, RING_COUNT = 2 };

/* Parts of a record, in this order in `data`. */
enum record_slot {
	/* struct lifecycle_facts, or struct socket_facts. */
	SLOT_FACTS = 0,
	/* As the caller gave it, or another plain string. */
	SLOT_NAME = 1,
	/* Names from the leaf up to the root of the process, each ended by a zero byte. What SLOT_NAME is relative to. */
	SLOT_BASE = 2,
	SLOT_TARGET_NAME = 3,
	SLOT_TARGET_BASE = 4,
	/* Of EXEC: variables with their zero bytes. */
	SLOT_ENVIRONMENT = 5,
	SLOT_COUNT = 6,
};

/* Bits of record.marks. */
enum record_mark {
	/* SLOT_BASE is no path in a tree but the name of a pseudo file, such as memfd:x. */
	MARK_PSEUDO = 1,
	/* A path was longer or deeper than the limits and lacks its beginning. */
	MARK_CUT = 2,
	/* A kernel thread. */
	MARK_KERNEL_THREAD = 4,
};

struct record {
	/* CLOCK_BOOTTIME, ns. */
	__u64 time_ns;
	/* Of the group leader; with tgid it is the process. */
	__u64 start_time_ns;
	__u64 cgroup_id;
	__u64 value;
	__u32 sequence;
	__u32 tgid;
	__u32 tid;
	__u32 user_id;
	__u32 group_id;
	__u32 flags;
	__s32 result;
	__u16 cpu;
	__u8 kind;
	__u8 marks;
	__u16 slot_bytes[SLOT_COUNT];
	__u16 reserved[2];
};

/* Effective, permitted, inheritable, ambient, bounding. */
enum { CAPABILITY_SETS = 5, TERMINAL_BYTES = 16 };

/* Of FORK, EXEC, PROCESS_SEEN. */
struct lifecycle_facts {
	__u64 parent_start_time_ns;
	__u32 parent_tgid;
	__u32 namespace_pid;
	/* The image's file; zeros for FORK. */
	__u64 inode;
	__u64 size;
	/* Unix time. */
	__u64 mtime_ns;
	__u64 ctime_ns;
	__u32 device;
	__u32 mode;
	/* ImageFlag bits that the kernel can tell: not NEW. */
	__u32 image_flags;
	/* Of the audit: who logged in, and the login's number; all ones: nobody. */
	__u32 login_user_id;
	__u32 session_id;
	__u32 reserved;
	/* Zeros in a user namespace of its own. */
	__u64 capabilities[CAPABILITY_SETS];
	/* Name of the controlling terminal with zeros behind; none without one. */
	__u8 terminal[TERMINAL_BYTES];
};

/* Of NET_* and STDIO_SOCKET; ports in host order. */
struct socket_facts {
	__u8 remote[16];
	__u8 local[16];
	__u16 family;
	__u16 protocol;
	__u16 remote_port;
	__u16 local_port;
};

enum {
	/* Longest path, argument list or name; what is longer is cut. */
	STRING_BYTES_MAX = 4096,
	NAME_BYTES_MAX = 256,
	/* The beginning of an environment: four strings and this are less than DATA_BYTES_MAX. */
	ENVIRONMENT_BYTES_MAX = 3072,
	/* Names and mounts one walk goes through. */
	WALK_STEPS_MAX = 64,
	DATA_BYTES_MAX = 0x4000,
	RECORD_BYTES_MAX = sizeof(struct record) + DATA_BYTES_MAX,
	/* Wake the consumer when so much is pending in the bulk ring. */
	WAKE_BYTES = 256 * 1024,
};

/* ImageFlag. */
enum {
	IMAGE_UPPER_LAYER = 1,
	IMAGE_MEMFD = 2,
	IMAGE_DELETED = 4,
	IMAGE_TMPFS = 8,
	IMAGE_WRITABLE = 16,
	IMAGE_SETUID = 32,
	IMAGE_LOWER_LAYER = 128,
};

/* ExecFlag. */
enum { EXEC_KILLED = 1, EXEC_RUNTIME_COPY = 2 };

/* Bits of exec_policy. */
enum { POLICY_KILL_MEMFD = 1, POLICY_KILL_DELETED = 2, POLICY_CONTAINERS_ONLY = 4 };

/* One for each CPU. */
struct ring_counters {
	__u32 sequence[RING_COUNT];
	__u64 lost[RING_COUNT];
	/* Of lost[RING_BULK], dropped on purpose. */
	__u64 shed;
	__u64 compat_calls;
	/* Since when bulk records of this CPU are rationed, and how many passed. */
	__u64 ration_window;
	__u64 ration_passed;
};

enum { SENSITIVE_NAME_BYTES = 40, SENSITIVE_BITS = 4096 };

/* Which files are sensitive, by the name of the file and that of its directory, zeros behind; either may be empty: any. */
struct sensitive_key {
	__u8 directory[SENSITIVE_NAME_BYTES];
	__u8 name[SENSITIVE_NAME_BYTES];
};

/* One bit for each name that stands in a key: what is not here needs no look-up. */
struct sensitive_names {
	__u64 names[SENSITIVE_BITS / 64];
	__u64 directories[SENSITIVE_BITS / 64];
};

/* A file, as far as the kernel can name it for ever. */
struct file_key {
	__u64 inode;
	__u64 device;
};

#endif
