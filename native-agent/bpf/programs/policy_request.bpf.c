/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* A connection, a datagram or a bind is about to be made: 1 lets it go on, 0 is EPERM to the caller. */
#include "../include/policy.bpf.h"
#include <bpf/bpf_core_read.h>

#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define ADDRESS_BITS 128

#define KIND_CONNECT 2
#define KIND_BIND 3

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
