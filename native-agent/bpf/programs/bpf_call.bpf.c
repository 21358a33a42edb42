/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* BPF: somebody else loads or attaches. Element access and look-ups are not reported, but of what is the agent's (AGENT_TOUCHED). */
#include "../include/agent.bpf.h"
#include "../include/call.bpf.h"
#include "../include/emit.bpf.h"
#include <bpf/bpf_tracing.h>

#define BPF_MAP_CREATE 0
#define BPF_MAP_UPDATE_ELEM 2
#define BPF_MAP_DELETE_ELEM 3
#define BPF_PROG_LOAD 5
#define BPF_PROG_ATTACH 8
#define BPF_PROG_GET_FD_BY_ID 13
#define BPF_MAP_GET_FD_BY_ID 14
#define BPF_RAW_TRACEPOINT_OPEN 17
#define BPF_MAP_LOOKUP_AND_DELETE_ELEM 21
#define BPF_MAP_FREEZE 22
#define BPF_MAP_LOOKUP_AND_DELETE_BATCH 25
#define BPF_MAP_UPDATE_BATCH 26
#define BPF_MAP_DELETE_BATCH 27
#define BPF_LINK_CREATE 28
#define BPF_LINK_UPDATE 29
#define BPF_LINK_GET_FD_BY_ID 30
#define BPF_ITER_CREATE 33
#define BPF_LINK_DETACH 34

/* Where union bpf_attr has what a loaded program is; it is fixed for ever. */
#define ATTRIBUTE_PROGRAM_NAME 48
#define PROGRAM_NAME_BYTES 16

static __always_inline void record__append_program(struct scratch *scratch, const void *attributes, __u32 size)
{
	__u32 type = 0;

	bpf_probe_read_user(&type, sizeof(type), attributes);
	scratch->record.value = type;
	if (size >= ATTRIBUTE_PROGRAM_NAME + PROGRAM_NAME_BYTES)
		record__end_string(scratch, SLOT_NAME,
				   bpf_probe_read_user_str(scratch__get_end(scratch), PROGRAM_NAME_BYTES,
							   attributes + ATTRIBUTE_PROGRAM_NAME));
}

/* Object of the agent's that a call takes hold of by its id, the first field of its attributes; 0: of none. */
static __always_inline __u32 bpf__get_taken_type(unsigned long command)
{
	switch (command) {
	case BPF_PROG_GET_FD_BY_ID:
		return OBJECT_PROGRAM;
	case BPF_MAP_GET_FD_BY_ID:
		return OBJECT_MAP;
	case BPF_LINK_GET_FD_BY_ID:
		return OBJECT_LINK;
	default:
		return 0;
	}
}

static __always_inline bool bpf__is_change(unsigned long command)
{
	switch (command) {
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_DELETE_ELEM:
	case BPF_MAP_LOOKUP_AND_DELETE_ELEM:
	case BPF_MAP_FREEZE:
	case BPF_MAP_LOOKUP_AND_DELETE_BATCH:
	case BPF_MAP_UPDATE_BATCH:
	case BPF_MAP_DELETE_BATCH:
	case BPF_LINK_UPDATE:
	case BPF_LINK_DETACH:
		return true;
	default:
		return false;
	}
}

/* Who is refused has tried. */
static __always_inline void bpf__watch_agent(unsigned long command, const void *attributes, long result)
{
	struct object_key key = { .type = bpf__get_taken_type(command) };
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	__u8 held = 1;

	if (key.type != 0) {
		bpf_probe_read_user(&key.id, sizeof(key.id), attributes);
		if (result < 0 || !bpf_map_lookup_elem(&agent_objects, &key) || call__is_ignored())
			return;
		bpf_map_update_elem(&object_holders, &tgid, &held, BPF_ANY);
		agent__send_touch(TOUCH_OBJECT, key.id, key.type);
	} else if (bpf__is_change(command) && bpf_map_lookup_elem(&object_holders, &tgid)) {
		agent__send_touch(TOUCH_OBJECT_CHANGE, command, result);
	}
}

SEC("tp_btf/sys_exit")
int BPF_PROG(bpf__on_exit, struct pt_regs *regs, long result)
{
	struct scratch *scratch;

	bpf__watch_agent(call__get_argument(regs, 1), (void *)call__get_argument(regs, 2), result);
	if (result < 0)
		return 0;
	switch (call__get_argument(regs, 1)) {
	case BPF_MAP_CREATE:
	case BPF_PROG_LOAD:
	case BPF_PROG_ATTACH:
	case BPF_RAW_TRACEPOINT_OPEN:
	case BPF_LINK_CREATE:
	case BPF_LINK_UPDATE:
	case BPF_ITER_CREATE:
		break;
	default:
		return 0;
	}
	if (call__is_ignored())
		return 0;
	scratch = record__begin(KIND_BPF);
	if (!scratch)
		return 0;
	scratch->record.flags = call__get_argument(regs, 1);
	scratch->record.result = result;
	if (call__get_argument(regs, 1) == BPF_PROG_LOAD)
		record__append_program(scratch, (void *)call__get_argument(regs, 2), call__get_argument(regs, 3));
	record__send_bulk(scratch);
	return 0;
}
