/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* FORK: a process was created. task_newtask comes after the child has its pids and cgroup and before it runs, in the
 * context of its creator, and knows the clone flags. */
#include "../include/credentials.bpf.h"
#include "../include/emit.bpf.h"
#include "../include/pace.bpf.h"
#include <bpf/bpf_tracing.h>

#define CLONE_THREAD 0x00010000

SEC("tp_btf/task_newtask")
int BPF_PROG(process__on_fork, struct task_struct *child, __u64 clone_flags)
{
	struct task_struct *creator = bpf_get_current_task_btf();
	struct lifecycle_facts facts = {};
	struct scratch *scratch;

	if (clone_flags & CLONE_THREAD)
		return 0;
	pace__inherit(creator->tgid, child->tgid);
	scratch = scratch__take();
	if (!scratch)
		return 0;
	record__begin_for(&scratch->record, child, KIND_FORK);
	scratch->record.flags = clone_flags;
	facts.parent_tgid = creator->tgid;
	facts.parent_start_time_ns = creator->group_leader->start_boottime;
	facts.namespace_pid = task__read_namespace_pid(child);
	task__read_credentials(child, &facts);
	record__put_facts(scratch, &facts);
	record__send_critical(scratch, false);
	return 0;
}
