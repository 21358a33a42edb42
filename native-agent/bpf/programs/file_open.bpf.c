/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* FILE_OPEN: a file was opened for write or created. Reading opens leave after one look at the flags. */

#define NR_OPEN 2
#define NR_CREAT 85
#define NR_OPENAT2 437
#define O_WRONLY 01
#define O_RDWR 02
#define O_CREAT 0100
#define O_TRUNC 01000
#define O_PATH 010000000
#define FMODE_WRITE 0x2
#define FMODE_CREATED 0x100000
#define S_IFREG 0100000
#define S_IFBLK 0060000
#define S_IFCHR 0020000
#define MODE_BITS 07777

static __always_inline __u32 open__read_flags(struct pt_regs *regs)
{
	__u64 flags = 0;

	switch (regs->orig_ax) {
	case NR_OPEN:
		return regs->si;
	case NR_CREAT:
		return O_CREAT | O_WRONLY | O_TRUNC;
	case NR_OPENAT2:
		/* The first member of struct open_how. */
		bpf_probe_read_user(&flags, sizeof(flags), (void *)regs->dx);
		return flags;
	default:
		return regs->dx;
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

SEC("tp_btf/sys_exit")
int BPF_PROG(file__on_open, struct pt_regs *regs, long result)
{
	__u32 flags = open__read_flags(regs);
	struct scratch *scratch;
	struct inode *inode;
	struct file *file;
	__u32 file_mode, mode;

	if (result < 0 || !(flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) || flags & O_PATH)
		return 0;
	if (call__is_ignored())
		return 0;
	file = task__get_file(bpf_get_current_task_btf(), result);
	if (!file)
		return 0;
	file_mode = kernel__read(file, file, f_mode);
	if (!(file_mode & (FMODE_WRITE | FMODE_CREATED)))
		return 0;
	inode = kernel__read(file, file, f_inode);
	mode = kernel__read(inode, inode, i_mode);
	if (!inode__is_of_interest(inode, mode))
		return 0;
	scratch = record__begin(KIND_FILE_OPEN);
	if (!scratch)
		return 0;
	scratch->record.flags = flags;
	scratch->record.result = result;
	if (file_mode & FMODE_CREATED)
		scratch->record.value = mode & MODE_BITS;
	record__append_file(scratch, SLOT_BASE, file);
	record__send_bulk(scratch);
	/* What the process made itself is nobody's loss. */
	if (!(file_mode & FMODE_CREATED))
		pace__keep(pace__take());
	return 0;
}
