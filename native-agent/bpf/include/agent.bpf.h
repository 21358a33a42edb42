/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* AGENT_TOUCHED: what others do to the agent's processes, and to its maps, programs and links. */
#ifndef NORN_AGENT_BPF_H
#define NORN_AGENT_BPF_H

#include "call.bpf.h"
#include "emit.bpf.h"

/* Tgids of the agent as the host counts, Baldur, Tyr, and who keeps Tyr, and the numbers of their threads. User space fills it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u8);
} agent_processes SEC(".maps");

enum object_type { OBJECT_PROGRAM = 1, OBJECT_MAP = 2, OBJECT_LINK = 3 };

struct object_key {
	__u32 type;
	__u32 id;
};

/* What the agent has loaded. User space fills it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct object_key);
	__type(value, __u8);
} agent_objects SEC(".maps");

/* Tgids of others that took hold of one of those. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u8);
} object_holders SEC(".maps");

/* AgentTouch of event.proto. */
enum agent_touch {
	TOUCH_SIGNAL = 1,
	TOUCH_LIMITS = 2,
	TOUCH_PROCESSORS = 3,
	TOUCH_SCHEDULING = 4,
	TOUCH_HANDLE = 5,
	TOUCH_DESCRIPTOR = 6,
	TOUCH_OBJECT = 7,
	TOUCH_OBJECT_CHANGE = 8,
	TOUCH_DESCRIPTOR_KILLED = 9,
};

static __always_inline bool agent__has(__u32 tgid)
{
	return bpf_map_lookup_elem(&agent_processes, &tgid) != NULL;
}

/* Not by the agent itself. As the caller counts pids; user space knows whom that means on the host. */
static __always_inline void agent__send_touch(enum agent_touch touch, __u64 value, __s32 result)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct scratch *scratch;

	if (agent__has(tgid))
		return;
	scratch = record__begin(KIND_AGENT_TOUCHED);
	if (!scratch)
		return;
	scratch->record.flags = touch;
	scratch->record.value = value;
	scratch->record.result = result;
	record__send_critical(scratch, true);
}

#endif
