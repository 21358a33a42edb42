/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* FILE_OPEN: a file was opened for write, created, or emptied by an open to read. FILE_READ: one that is sensitive was opened for reading. */
#include "../include/call.bpf.h"
#include "../include/core_fixes.bpf.h"
#include "../include/opened.bpf.h"
#include "../include/pace.bpf.h"
#include "../include/path.bpf.h"
#include <bpf/bpf_tracing.h>

static __always_inline __u32 open__read_flags(struct pt_regs *regs)
{
	__u64 flags = 0;

	switch (call__get_number(regs)) {
	case NR_OPEN:
		return call__get_argument(regs, 2);
	case NR_CREAT:
		return O_CREAT | O_WRONLY | O_TRUNC;
	case NR_OPENAT2:
		/* The first member of struct open_how. */
		bpf_probe_read_user(&flags, sizeof(flags), (void *)call__get_argument(regs, 3));
		return flags;
	default:
		return call__get_argument(regs, 3);
	}
}

SEC("tp_btf/sys_exit")
int BPF_PROG(file__on_open, struct pt_regs *regs, long result)
{
	__u32 flags = open__read_flags(regs);
	struct file *file;

	if (result < 0 || flags & O_PATH)
		return 0;
	file = task__get_file(bpf_get_current_task_btf(), result);
	if (!file)
		return 0;
	if (kernel__read(file, file, f_mode) & FMODE_READ)
		file__report_read(file, flags, result);
	/* What the process made itself is nobody's loss. */
	if (flags & OPEN_TO_CHANGE && file__report_write(file, flags, result))
		pace__keep(pace__take());
	return 0;
}
