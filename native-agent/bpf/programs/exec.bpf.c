/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* EXEC: a process starts an image, or tried to. The image is known from the kernel's own file, the arguments from the
 * new stack. A kill by policy acts before the first user instruction. */
#include "../include/call.bpf.h"
#include "../include/credentials.bpf.h"
#include "../include/emit.bpf.h"
#include "../include/image.bpf.h"
#include "../include/path.bpf.h"
#include <bpf/bpf_tracing.h>

#define SIGKILL 9
/* Wakes the agent at once; others wait for its tick. A wake-up each would cost a spawn more than all the rest. */
#define IMAGE_WORTH_A_LOOK (IMAGE_MEMFD | IMAGE_DELETED | IMAGE_UPPER_LAYER)

/* Arguments with their zero bytes; user space joins them. */
static __always_inline void record__append_arguments(struct scratch *scratch, struct mm_struct *mm)
{
	unsigned long start = mm->arg_start;
	unsigned long length = mm->arg_end - start;

	if (length >= STRING_BYTES_MAX)
		length = STRING_BYTES_MAX;
	value__hide_from_compiler(length);
	if (length > STRING_BYTES_MAX || length == 0)
		return;
	if (bpf_probe_read_user(scratch__get_end(scratch), length, (void *)start))
		return;
	scratch->record.slot_bytes[SLOT_NAME] = length;
	scratch->end += length;
}

/* The beginning of the environment; user space takes what it wants of it. */
static __always_inline void record__append_environment(struct scratch *scratch, struct mm_struct *mm)
{
	unsigned long start = mm->env_start;
	unsigned long length = mm->env_end - start;

	if (length >= ENVIRONMENT_BYTES_MAX)
		length = ENVIRONMENT_BYTES_MAX;
	value__hide_from_compiler(length);
	if (length > ENVIRONMENT_BYTES_MAX || length == 0)
		return;
	if (bpf_probe_read_user(scratch__get_end(scratch), length, (void *)start))
		return;
	scratch->record.slot_bytes[SLOT_ENVIRONMENT] = length;
	scratch->end += length;
}

/* Kills what the policy denies; gives ExecFlag bits. `contained`: in a pid namespace of its own. */
static __always_inline __u32 exec__apply_policy(struct file *image, __u32 image_flags, bool contained)
{
	__u32 zero = 0;
	__u32 *policy = bpf_map_lookup_elem(&exec_policy, &zero);
	struct file_key key = {};

	if (!policy || !(image_flags & (IMAGE_MEMFD | IMAGE_DELETED)))
		return 0;
	file__read_key(image, &key);
	if (bpf_map_lookup_elem(&runtime_memfds, &key))
		return EXEC_RUNTIME_COPY;
	if (*policy & POLICY_CONTAINERS_ONLY && !contained)
		return 0;
	if ((image_flags & IMAGE_MEMFD && *policy & POLICY_KILL_MEMFD) ||
	    (image_flags & IMAGE_DELETED && *policy & POLICY_KILL_DELETED)) {
		if (bpf_send_signal(SIGKILL) == 0)
			return EXEC_KILLED;
	}
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process__on_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *binprm)
{
	struct scratch *scratch = record__begin(KIND_EXEC);
	struct file *image = task->mm->exe_file;
	struct task_struct *parent = task->real_parent;
	struct lifecycle_facts facts = {};
	struct path cwd, root;

	if (!scratch)
		return 0;
	facts.parent_tgid = parent->tgid;
	facts.parent_start_time_ns = parent->group_leader->start_boottime;
	facts.namespace_pid = task__read_namespace_pid(task);
	task__read_credentials(task, &facts);
	image__read_facts(image, &facts);
	scratch->record.flags = exec__apply_policy(image, facts.image_flags,
						   facts.namespace_pid != (__u32)task->tgid);
	record__put_facts(scratch, &facts);
	record__append_arguments(scratch, task->mm);
	record__append_file(scratch, SLOT_BASE, image);
	task__read_cwd(task, &cwd);
	task__read_root(task, &root);
	record__append_walk(scratch, SLOT_TARGET_BASE, &cwd, &root);
	record__append_environment(scratch, task->mm);
	record__send_critical(scratch, facts.image_flags & IMAGE_WORTH_A_LOOK);
	return 0;
}


SEC("tp_btf/sys_exit")
int BPF_PROG(exec__on_exit, struct pt_regs *regs, long result)
{
	bool at = call__get_number(regs) == NR_EXECVEAT;
	struct scratch *scratch;

	if (result >= 0 || call__is_ignored())
		return 0;
	scratch = record__begin(KIND_EXEC);
	if (!scratch)
		return 0;
	scratch->record.result = result;
	record__append_named(scratch, SLOT_NAME, at ? (int)call__get_argument(regs, 1) : AT_FDCWD,
				   (void *)(at ? call__get_argument(regs, 2) : call__get_argument(regs, 1)));
	record__send_bulk(scratch);
	return 0;
}
