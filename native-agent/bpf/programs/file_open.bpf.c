/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* FILE_OPEN: a file was opened for write, created, or emptied by an open to read. FILE_READ: one that is sensitive was opened for reading. */
#include "../include/call.bpf.h"
#include "../include/core_fixes.bpf.h"
#include "../include/emit.bpf.h"
#include "../include/pace.bpf.h"
#include "../include/path.bpf.h"
#include "../include/sensitive.bpf.h"
#include <bpf/bpf_tracing.h>

#define O_WRONLY 01
#define O_RDWR 02
#define O_CREAT 0100
#define O_TRUNC 01000
#define O_PATH 010000000
#define FMODE_READ 0x1
#define FMODE_WRITE 0x2
#define FMODE_CREATED 0x100000
#define S_IFBLK 0060000
#define S_IFCHR 0020000

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

/* Memory devices other than /dev/mem and /dev/kmem, terminals: written to all the time, and nothing is kept there. */
static __always_inline bool device__is_dull(__u32 number)
{
	__u32 major = number >> 20, minor = number & 0xfffff;

	return (major == 1 && minor > 2) || major == 4 || major == 5 || (major >= 136 && major <= 143);
}

static __always_inline bool inode__is_of_interest(struct inode *inode, __u32 mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFBLK:
		return true;
	case S_IFCHR:
		return !device__is_dull(kernel__read(inode, inode, i_rdev));
	default:
		return false;
	}
}

/* Whoever reads and writes did both. */
static __always_inline void file__report_read(struct file *file, __u32 flags, long descriptor)
{
	__u64 sensitivity = file__read_sensitivity(file);
	struct scratch *scratch;

	/* The class is 0 for nearly all. */
	if (!(sensitivity >> 32) || call__is_ignored())
		return;
	scratch = record__begin(KIND_FILE_READ);
	if (!scratch)
		return;
	scratch->record.flags = flags;
	scratch->record.result = descriptor;
	scratch->record.value = sensitivity;
	record__append_file(scratch, SLOT_BASE, file);
	record__send_bulk(scratch);
}

static __always_inline void file__report_write(struct file *file, __u32 flags, long descriptor)
{
	__u32 file_mode = kernel__read(file, file, f_mode), mode;
	struct scratch *scratch;
	struct inode *inode;

	/* An open to read empties as well, and its close tells nobody. */
	if (!(file_mode & (FMODE_WRITE | FMODE_CREATED) || flags & O_TRUNC) || call__is_ignored())
		return;
	inode = kernel__read(file, file, f_inode);
	mode = kernel__read(inode, inode, i_mode);
	if (!inode__is_of_interest(inode, mode))
		return;
	scratch = record__begin(KIND_FILE_OPEN);
	if (!scratch)
		return;
	scratch->record.flags = flags;
	scratch->record.result = descriptor;
	if (file_mode & FMODE_CREATED)
		scratch->record.value = mode & MODE_BITS;
	record__append_file(scratch, SLOT_BASE, file);
	record__send_bulk(scratch);
	/* What the process made itself is nobody's loss. */
	if (!(file_mode & FMODE_CREATED))
		pace__keep(pace__take());
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
	if (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC))
		file__report_write(file, flags, result);
	return 0;
}
