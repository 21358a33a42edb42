/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What is told of a file that was opened, by a call or by a ring. */
#ifndef NORN_OPENED_BPF_H
#define NORN_OPENED_BPF_H

#include "call.bpf.h"
#include "core_fixes.bpf.h"
#include "emit.bpf.h"
#include "path.bpf.h"
#include "sensitive.bpf.h"

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
/* Opens that may change a file. */
#define OPEN_TO_CHANGE (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)

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

/* Whether it was there before. */
static __always_inline bool file__report_write(struct file *file, __u32 flags, long descriptor)
{
	__u32 file_mode = kernel__read(file, file, f_mode), mode;
	struct scratch *scratch;
	struct inode *inode;

	/* An open to read empties as well, and its close tells nobody. */
	if (!(file_mode & (FMODE_WRITE | FMODE_CREATED) || flags & O_TRUNC) || call__is_ignored())
		return false;
	inode = kernel__read(file, file, f_inode);
	mode = kernel__read(inode, inode, i_mode);
	if (!inode__is_of_interest(inode, mode))
		return false;
	scratch = record__begin(KIND_FILE_OPEN);
	if (!scratch)
		return false;
	scratch->record.flags = flags;
	scratch->record.result = descriptor;
	if (file_mode & FMODE_CREATED)
		scratch->record.value = mode & MODE_BITS;
	record__append_file(scratch, SLOT_BASE, file);
	record__send_bulk(scratch);
	return !(file_mode & FMODE_CREATED);
}

#endif
