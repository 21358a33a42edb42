/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* BPF: somebody else loads or attaches. Element access and look-ups are not reported. */

#define BPF_MAP_CREATE 0
#define BPF_PROG_LOAD 5
#define BPF_PROG_ATTACH 8
#define BPF_RAW_TRACEPOINT_OPEN 17
#define BPF_LINK_CREATE 28
#define BPF_LINK_UPDATE 29
#define BPF_ITER_CREATE 33

SEC("tp_btf/sys_exit")
int BPF_PROG(bpf__on_exit, struct pt_regs *regs, long result)
{
	struct scratch *scratch;

	if (result < 0)
		return 0;
	switch (regs->di) {
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
	scratch->record.flags = regs->di;
	scratch->record.result = result;
	record__send_bulk(scratch);
	return 0;
}
