/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Masks of a policy's lines, and where they are kept. A line is one way in which a rule matches. */
#ifndef NORN_POLICY_BPF_H
#define NORN_POLICY_BPF_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>

#define BPF_MAP_TYPE_LPM_TRIE 11
#define BPF_F_NO_PREALLOC 1
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

#endif
