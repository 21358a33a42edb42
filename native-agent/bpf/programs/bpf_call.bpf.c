/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* BPF: somebody else loads or attaches. Element access and look-ups are not reported. */
#include "../include/call.bpf.h"
#include "../include/emit.bpf.h"
#include <bpf/bpf_tracing.h>

#define BPF_MAP_CREATE 0
#define BPF_PROG_LOAD 5
#define BPF_PROG_ATTACH 8
#define BPF_RAW_TRACEPOINT_OPEN 17
#define BPF_LINK_CREATE 28
#define BPF_LINK_UPDATE 29
#define BPF_ITER_CREATE 33

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

SEC("tp_btf/sys_exit")
int BPF_PROG(bpf__on_exit, struct pt_regs *regs, long result)
{
	struct scratch *scratch;

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
