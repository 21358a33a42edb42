/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* PROCESS_SEEN: all processes that run, for the snapshot at the start and after a gap. */
#include "../include/credentials.bpf.h"
#include "../include/emit.bpf.h"
#include "../include/image.bpf.h"
#include "../include/path.bpf.h"
#include <bpf/bpf_core_read.h>

#define PF_KTHREAD 0x00200000

SEC("iter/task")
int task__on_iterate(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	struct lifecycle_facts facts = {};
	struct task_struct *parent;
	struct scratch *scratch;
	struct file *image = NULL;
	struct path path, root;
	__u64 size;

	if (!task || task->pid != task->tgid)
		return 0;
	/* It has ended and nobody has fetched its exit code: of its end nothing will be told any more. */
	if (task->signal->live.counter == 0)
		return 0;
	scratch = scratch__take();
	if (!scratch)
		return 0;
	record__begin_for(&scratch->record, task, KIND_PROCESS_SEEN);
	parent = task->real_parent;
	facts.parent_tgid = parent->tgid;
	facts.parent_start_time_ns = parent->group_leader->start_boottime;
	facts.namespace_pid = task__read_namespace_pid(task);
	task__read_credentials(task, &facts);
	if (task->flags & PF_KTHREAD)
		scratch->record.marks |= MARK_KERNEL_THREAD;
	image = BPF_CORE_READ(task, mm, exe_file);
	if (image)
		image__read_facts(image, &facts);
	record__put_facts(scratch, &facts);
	record__append_kernel_string(scratch, SLOT_NAME, task->comm);
	task__read_root(task, &root);
	if (image) {
		file__read_path(image, &path);
		record__append_walk(scratch, SLOT_BASE, &path, &root);
		task__read_cwd(task, &path);
		record__append_walk(scratch, SLOT_TARGET_BASE, &path, &root);
	}
	size = sizeof(struct record) + scratch->end;
	value__hide_from_compiler(size);
	if (size <= RECORD_BYTES_MAX)
		bpf_seq_write(seq, &scratch->record, size);
	return 0;
}
