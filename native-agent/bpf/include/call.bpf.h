/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* System calls at their exit: x86-64 keeps the arguments in pt_regs until then. Handlers are reached by tail call from
 * the dispatcher, so each runs only for its own calls. */
#ifndef NORN_CALL_BPF_H
#define NORN_CALL_BPF_H

#include "path.bpf.h"
#include <bpf/bpf_tracing.h>

#define TS_COMPAT 2

/* Argument 1–6 of the call. */
static __always_inline unsigned long call__get_argument(struct pt_regs *regs, __u32 number)
{
	switch (number) {
	case 1:
		return regs->di;
	case 2:
		return regs->si;
	case 3:
		return regs->dx;
	case 4:
		return regs->r10;
	case 5:
		return regs->r8;
	default:
		return regs->r9;
	}
}

/* The agent's own calls, and calls of 32-bit programs, whose numbers mean other things. */
static __always_inline bool call__is_ignored(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 tgid = task->tgid;

	if (task->thread_info.status & TS_COMPAT) {
		__u32 zero = 0;
		struct ring_counters *counter = bpf_map_lookup_elem(&counters, &zero);

		if (counter)
			counter->compat_calls++;
		return true;
	}
	return bpf_map_lookup_elem(&own_processes, &tgid) != NULL;
}

#endif
