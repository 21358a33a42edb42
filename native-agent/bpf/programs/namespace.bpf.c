/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* SETNS, UNSHARE: a process enters another namespace or makes its own. */
#include "../include/call.bpf.h"
#include "../include/core_fixes.bpf.h"
#include "../include/emit.bpf.h"
#include "../include/path.bpf.h"
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#define NSFS_MAGIC 0x6e736673

/* setns(fd, 0) takes whatever the descriptor is. */
static __always_inline __u32 file__read_namespace_type(struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	if (BPF_CORE_READ(inode, i_sb, s_magic) != NSFS_MAGIC)
		return 0;
	return namespace__read_type(BPF_CORE_READ(inode, i_private));
}

SEC("tp_btf/sys_exit")
int BPF_PROG(namespace__on_enter, struct pt_regs *regs, long result)
{
	struct scratch *scratch;
	__u32 type = call__get_argument(regs, 2);

	if (result < 0 || call__is_ignored())
		return 0;
	if (type == 0) {
		struct file *file = task__get_file(bpf_get_current_task_btf(), call__get_argument(regs, 1));

		type = file ? file__read_namespace_type(file) : 0;
	}
	scratch = record__begin(KIND_SETNS);
	if (!scratch)
		return 0;
	scratch->record.flags = type;
	record__send_critical(scratch, true);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(namespace__on_unshare, struct pt_regs *regs, long result)
{
	struct scratch *scratch;

	if (result < 0 || call__is_ignored())
		return 0;
	scratch = record__begin(KIND_UNSHARE);
	if (!scratch)
		return 0;
	scratch->record.flags = call__get_argument(regs, 1);
	record__send_bulk(scratch);
	return 0;
}
