/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* MODULE_LOAD: init_module(2) out of memory, finit_module(2) out of a file. Who is refused has tried. */
#include "../include/call.bpf.h"
#include "../include/emit.bpf.h"
#include "../include/path.bpf.h"
#include <bpf/bpf_tracing.h>

SEC("tp_btf/sys_exit")
int BPF_PROG(module__on_load, struct pt_regs *regs, long result)
{
	struct scratch *scratch;

	if (call__is_ignored())
		return 0;
	scratch = record__begin(KIND_MODULE_LOAD);
	if (!scratch)
		return 0;
	scratch->record.result = result;
	if (call__get_number(regs) == NR_FINIT_MODULE) {
		struct file *file = task__get_file(bpf_get_current_task_btf(), call__get_argument(regs, 1));

		if (file)
			record__append_file(scratch, SLOT_BASE, file);
	}
	record__send_critical(scratch, true);
	return 0;
}
