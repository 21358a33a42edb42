/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* EXIT: the last thread of a process ends. */
#include "../include/emit.bpf.h"
#include <bpf/bpf_tracing.h>

#define SIGNAL_GROUP_EXIT 4

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process__on_exit, struct task_struct *task)
{
	struct signal_struct *signal = task->signal;
	struct scratch *scratch;

	if (signal->live.counter != 0)
		return 0;
	scratch = scratch__take();
	if (!scratch)
		return 0;
	record__begin_for(&scratch->record, task, KIND_EXIT);
	scratch->record.result = signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code : task->exit_code;
	record__send_critical(scratch, false);
	return 0;
}
