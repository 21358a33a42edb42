/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Which lines a process fits: kept from fork to fork, and new with each program. */
#include "../include/policy.bpf.h"
#include <bpf/bpf_tracing.h>

#define CLONE_THREAD 0x00010000

/* A child runs its parent's program, which is therefore the one above its own. */
SEC("tp_btf/task_newtask")
int BPF_PROG(policy__on_fork, struct task_struct *child, __u64 clone_flags)
{
	struct task_struct *creator = bpf_get_current_task_btf();
	__u32 pid = creator->tgid, child_pid = child->tgid;
	struct rights *known, rights;

	if (clone_flags & CLONE_THREAD)
		return 0;
	known = bpf_map_lookup_elem(&processes, &pid);
	if (!known)
		return 0;
	rights.may = known->child_may;
	rights.sure = known->child_sure;
	rights.child_may = known->child_may;
	rights.child_sure = known->child_sure;
	bpf_map_update_elem(&processes, &child_pid, &rights, BPF_ANY);
	return 0;
}

/* The file that runs is the one that was asked about: its loader, or the script that named it, had another inode. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(policy__on_exec, struct task_struct *task)
{
	struct expected key = { .pid = task->tgid, .inode = task->mm->exe_file->f_inode->i_ino };
	struct rights *rights = bpf_map_lookup_elem(&starting, &key);
	__u32 pid = task->tgid;

	if (rights)
		bpf_map_update_elem(&processes, &pid, rights, BPF_ANY);
	else
		bpf_map_delete_elem(&processes, &pid);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(policy__on_exit, struct task_struct *task)
{
	__u32 pid = task->tgid;

	if (task->signal->live.counter == 0)
		bpf_map_delete_elem(&processes, &pid);
	return 0;
}
