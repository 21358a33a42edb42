/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* PROCESS_WRITE: process_vm_writev(2) puts bytes into another process. */
#include "../include/call.bpf.h"
#include "../include/emit.bpf.h"
#include <bpf/bpf_tracing.h>

SEC("tp_btf/sys_exit")
int BPF_PROG(process__on_write, struct pt_regs *regs, long result)
{
	struct scratch *scratch;

	if (result <= 0 || call__is_ignored())
		return 0;
	scratch = record__begin(KIND_PROCESS_WRITE);
	if (!scratch)
		return 0;
	/* As the caller counts; user space knows whom that means on the host. */
	scratch->record.value = call__get_argument(regs, 1);
	scratch->record.result = result;
	record__send_bulk(scratch);
	return 0;
}
