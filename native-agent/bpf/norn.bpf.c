/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* All programs as one object: they share maps, and nobody needs a BPF linker. One event family per file. */
#include "include/record.h"
#include "include/sensitive.bpf.h"

#include "programs/fork.bpf.c"
#include "programs/exec.bpf.c"
#include "programs/exit.bpf.c"
#include "programs/cgroup.bpf.c"
#include "programs/task_iter.bpf.c"
#include "programs/syscall_exit.bpf.c"
#include "programs/file_open.bpf.c"
#include "programs/file_change.bpf.c"
#include "programs/file_attribute.bpf.c"
#include "programs/network.bpf.c"
#include "programs/stdio_socket.bpf.c"
#include "programs/memfd.bpf.c"
#include "programs/ptrace.bpf.c"
#include "programs/process_write.bpf.c"
#include "programs/module_load.bpf.c"
#include "programs/mount.bpf.c"
#include "programs/namespace.bpf.c"
#include "programs/bpf_call.bpf.c"
#include "programs/agent_touch.bpf.c"
#include "programs/uring.bpf.c"

/* The layout as this compiler made it, compared with Rust's in a test. */
const volatile __u32 record_layout[] = {
	sizeof(struct record),
	__builtin_offsetof(struct record, time_ns),
	__builtin_offsetof(struct record, start_time_ns),
	__builtin_offsetof(struct record, cgroup_id),
	__builtin_offsetof(struct record, value),
	__builtin_offsetof(struct record, sequence),
	__builtin_offsetof(struct record, tgid),
	__builtin_offsetof(struct record, tid),
	__builtin_offsetof(struct record, user_id),
	__builtin_offsetof(struct record, group_id),
	__builtin_offsetof(struct record, flags),
	__builtin_offsetof(struct record, result),
	__builtin_offsetof(struct record, cpu),
	__builtin_offsetof(struct record, kind),
	__builtin_offsetof(struct record, marks),
	__builtin_offsetof(struct record, slot_bytes),
	sizeof(struct lifecycle_facts),
	__builtin_offsetof(struct lifecycle_facts, parent_start_time_ns),
	__builtin_offsetof(struct lifecycle_facts, parent_tgid),
	__builtin_offsetof(struct lifecycle_facts, namespace_pid),
	__builtin_offsetof(struct lifecycle_facts, inode),
	__builtin_offsetof(struct lifecycle_facts, size),
	__builtin_offsetof(struct lifecycle_facts, mtime_ns),
	__builtin_offsetof(struct lifecycle_facts, ctime_ns),
	__builtin_offsetof(struct lifecycle_facts, device),
	__builtin_offsetof(struct lifecycle_facts, mode),
	__builtin_offsetof(struct lifecycle_facts, image_flags),
	__builtin_offsetof(struct lifecycle_facts, login_user_id),
	__builtin_offsetof(struct lifecycle_facts, session_id),
	__builtin_offsetof(struct lifecycle_facts, capabilities),
	__builtin_offsetof(struct lifecycle_facts, terminal),
	sizeof(struct socket_facts),
	__builtin_offsetof(struct socket_facts, remote),
	__builtin_offsetof(struct socket_facts, local),
	__builtin_offsetof(struct socket_facts, family),
	__builtin_offsetof(struct socket_facts, protocol),
	__builtin_offsetof(struct socket_facts, remote_port),
	__builtin_offsetof(struct socket_facts, local_port),
	sizeof(struct sensitive_key),
	__builtin_offsetof(struct sensitive_key, name),
	sizeof(struct sensitive_names),
	__builtin_offsetof(struct sensitive_names, directories),
};

/* bpf_send_signal and others are for GPL-compatible programs, so this folder may be had under the GPL as well. */
char LICENSE[] SEC("license") = "GPL";
