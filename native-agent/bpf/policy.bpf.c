/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Refuses connections, datagrams and binds by the tenant's policy, without asking user space. A line is one way in which a rule
 * matches; each side of a line (network, port, protocol, user, program) gives a mask of the lines it fits. What is left when
 * all are ANDed are the lines that match, and the lowest of them decides. An object of its own: a new policy is a new one. */
#include "include/kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#define BPF_MAP_TYPE_LPM_TRIE 11
#define BPF_F_NO_PREALLOC 1
#define CLONE_THREAD 0x00010000
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define ADDRESS_BITS 128

#define KIND_CONNECT 2
#define KIND_BIND 3

struct mask {
	__u64 low, high;
};

/* Of a process: the lines its program may fit, those of them it surely fits, and the same for what it forks. */
struct rights {
	struct mask may, sure, child_may, child_sure;
};

struct settings {
	struct mask connect, bind, tcp, udp, other;
	/* Of users that no rule names; of processes nothing is known of. */
	struct mask any_user, unknown_sure;
	/* Lines that refuse. A line that is staged joins them at its time. */
	struct mask denies;
	/* The agent's own processes are never refused anything. */
	__u32 guarded[4];
};

struct network {
	__u32 bits;
	__u8 address[16];
};

struct expected {
	__u64 inode;
	__u32 pid;
	__u32 zero;
};

struct denial {
	__u64 time_ns;
	__u64 start_time_ns;
	struct mask line;
	__u8 address[16];
	__u32 pid;
	__u32 user;
	__u16 port;
	__u8 protocol;
	__u8 kind;
	__u32 zero;
};

struct counters {
	__u64 denied, unanswered, untold;
};

/* UAPI, include/uapi/linux/bpf.h. */
struct bpf_sock_addr {
	__u32 user_family;
	__u32 user_ip4;
	__u32 user_ip6[4];
	__u32 user_port;
	__u32 family;
	__u32 type;
	__u32 protocol;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct settings);
} settings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct mask);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct network);
	__type(value, struct mask);
} networks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct mask);
} users SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct rights);
} processes SEC(".maps");

/* What a process will fit once it runs the program that it is about to start. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct expected);
	__type(value, struct rights);
} starting SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} denials SEC(".maps");

static __always_inline void mask__and(struct mask *mask, const struct mask *other)
{
	mask->low &= other->low;
	mask->high &= other->high;
}

static __always_inline bool mask__meets(const struct mask *one, const struct mask *other)
{
	return (one->low & other->low) | (one->high & other->high);
}

static __always_inline struct mask mask__lowest(const struct mask *mask)
{
	struct mask lowest = {};

	if (mask->low)
		lowest.low = mask->low & -mask->low;
	else
		lowest.high = mask->high & -mask->high;
	return lowest;
}

static __always_inline struct counters *counters__get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&counters, &zero);
}

/* The request's lines; all zero when none fits. */
static __always_inline void lines__of_request(struct bpf_sock_addr *ctx, const struct settings *set,
					      const struct network *to, struct mask *lines)
{
	__u32 port = __builtin_bswap16((__u16)ctx->user_port);
	__u32 user = (__u32)bpf_get_current_uid_gid();
	struct mask *of_port = bpf_map_lookup_elem(&ports, &port);
	struct mask *of_network = bpf_map_lookup_elem(&networks, to);
	struct mask *of_user = bpf_map_lookup_elem(&users, &user);

	if (!of_port || !of_network) {
		*lines = (struct mask){};
		return;
	}
	mask__and(lines, of_port);
	mask__and(lines, of_network);
	mask__and(lines, of_user ?: &set->any_user);
	if (ctx->protocol == IPPROTO_TCP)
		mask__and(lines, &set->tcp);
	else if (ctx->protocol == IPPROTO_UDP)
		mask__and(lines, &set->udp);
	else
		mask__and(lines, &set->other);
}

static __always_inline void denial__send(struct bpf_sock_addr *ctx, const struct network *to, __u32 pid,
					 const struct mask *line, __u8 kind)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct denial *denial = bpf_ringbuf_reserve(&denials, sizeof(*denial), 0);
	struct counters *count = counters__get();

	if (count)
		__sync_fetch_and_add(&count->denied, 1);
	if (!denial) {
		if (count)
			__sync_fetch_and_add(&count->untold, 1);
		return;
	}
	denial->time_ns = bpf_ktime_get_boot_ns();
	denial->start_time_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	denial->line = *line;
	__builtin_memcpy(denial->address, to->address, sizeof(denial->address));
	denial->pid = pid;
	denial->user = (__u32)bpf_get_current_uid_gid();
	denial->port = __builtin_bswap16((__u16)ctx->user_port);
	denial->protocol = ctx->protocol;
	denial->kind = kind;
	denial->zero = 0;
	bpf_ringbuf_submit(denial, 0);
}

/* 1: it may go on; 0: EPERM. */
static __always_inline int request__decide(struct bpf_sock_addr *ctx, const struct network *to, __u8 kind)
{
	__u32 zero = 0, pid = bpf_get_current_pid_tgid() >> 32;
	struct settings *set = bpf_map_lookup_elem(&settings, &zero);
	struct rights *rights;
	struct counters *count;
	struct mask lines, line;

	if (!set)
		return 1;
	for (int at = 0; at < 4; at++)
		if (set->guarded[at] == pid)
			return 1;
	lines = kind == KIND_BIND ? set->bind : set->connect;
	lines__of_request(ctx, set, to, &lines);
	rights = bpf_map_lookup_elem(&processes, &pid);
	if (rights)
		mask__and(&lines, &rights->may);
	line = mask__lowest(&lines);
	if (!mask__meets(&line, &set->denies))
		return 1;
	/* It would be refused if its program were known: it is let through. */
	if (!mask__meets(&line, rights ? &rights->sure : &set->unknown_sure)) {
		count = counters__get();
		if (count)
			__sync_fetch_and_add(&count->unanswered, 1);
		return 1;
	}
	denial__send(ctx, to, pid, &line, kind);
	return 0;
}

static __always_inline int request__decide_v4(struct bpf_sock_addr *ctx, __u8 kind)
{
	struct network to = { .bits = ADDRESS_BITS, .address = { [10] = 0xff, [11] = 0xff } };
	__u32 address = ctx->user_ip4;

	__builtin_memcpy(&to.address[12], &address, sizeof(address));
	return request__decide(ctx, &to, kind);
}

static __always_inline int request__decide_v6(struct bpf_sock_addr *ctx, __u8 kind)
{
	struct network to = { .bits = ADDRESS_BITS };
	__u32 address[4] = { ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3] };

	__builtin_memcpy(to.address, address, sizeof(address));
	return request__decide(ctx, &to, kind);
}

SEC("cgroup/connect4")
int policy__on_connect4(struct bpf_sock_addr *ctx)
{
	return request__decide_v4(ctx, KIND_CONNECT);
}

SEC("cgroup/connect6")
int policy__on_connect6(struct bpf_sock_addr *ctx)
{
	return request__decide_v6(ctx, KIND_CONNECT);
}

SEC("cgroup/sendmsg4")
int policy__on_sendmsg4(struct bpf_sock_addr *ctx)
{
	return request__decide_v4(ctx, KIND_CONNECT);
}

SEC("cgroup/sendmsg6")
int policy__on_sendmsg6(struct bpf_sock_addr *ctx)
{
	return request__decide_v6(ctx, KIND_CONNECT);
}

SEC("cgroup/bind4")
int policy__on_bind4(struct bpf_sock_addr *ctx)
{
	return request__decide_v4(ctx, KIND_BIND);
}

SEC("cgroup/bind6")
int policy__on_bind6(struct bpf_sock_addr *ctx)
{
	return request__decide_v6(ctx, KIND_BIND);
}

/* A child runs its parent's program, which is therefore the one above its own. */
SEC("tp_btf/task_newtask")
int BPF_PROG(policy__on_fork, struct task_struct *child, __u64 clone_flags)
{
	struct task_struct *creator = bpf_get_current_task_btf();
	__u32 pid = creator->tgid, child_pid = child->tgid;
	struct rights *known, rights;

	if (clone_flags & CLONE_THREAD)
		return 0;
	known = bpf_map_lookup_elem(&processes, &pid);
	if (!known)
		return 0;
	rights.may = known->child_may;
	rights.sure = known->child_sure;
	rights.child_may = known->child_may;
	rights.child_sure = known->child_sure;
	bpf_map_update_elem(&processes, &child_pid, &rights, BPF_ANY);
	return 0;
}

/* The file that runs is the one that was asked about: its loader, or the script that named it, had another inode. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(policy__on_exec, struct task_struct *task)
{
	struct expected key = { .pid = task->tgid, .inode = task->mm->exe_file->f_inode->i_ino };
	struct rights *rights = bpf_map_lookup_elem(&starting, &key);
	__u32 pid = task->tgid;

	if (rights)
		bpf_map_update_elem(&processes, &pid, rights, BPF_ANY);
	else
		bpf_map_delete_elem(&processes, &pid);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(policy__on_exit, struct task_struct *task)
{
	__u32 pid = task->tgid;

	if (task->signal->live.counter == 0)
		bpf_map_delete_elem(&processes, &pid);
	return 0;
}

/* The layout as this compiler made it, compared with Rust's in a test. */
const volatile __u32 policy_layout[] = {
	sizeof(struct rights),
	sizeof(struct settings),
	__builtin_offsetof(struct settings, denies),
	__builtin_offsetof(struct settings, guarded),
	sizeof(struct network),
	sizeof(struct expected),
	sizeof(struct denial),
	__builtin_offsetof(struct denial, line),
	__builtin_offsetof(struct denial, address),
	__builtin_offsetof(struct denial, pid),
	__builtin_offsetof(struct denial, port),
	__builtin_offsetof(struct denial, kind),
	sizeof(struct counters),
};

char LICENSE[] SEC("license") = "GPL";
