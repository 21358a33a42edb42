/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* FILE_TIMES, FILE_FLAGS, FILE_CAPABILITIES: what hides a file, keeps it from being removed, or gives whoever runs it power. The values
 * are what the caller left in its memory, as the kernel took them. */
#include "../include/call.bpf.h"
#include "../include/emit.bpf.h"
#include "../include/path.bpf.h"
#include <bpf/bpf_tracing.h>

#define FS_IOC_SETFLAGS 0x40086602
#define FS_IOC32_SETFLAGS 0x40046602
#define FS_IOC_FSSETXATTR 0x401c5820
#define FS_IMMUTABLE_FL 0x10
#define FS_APPEND_FL 0x20
#define FS_XFLAG_IMMUTABLE 0x08
#define FS_XFLAG_APPEND 0x10
/* Nanoseconds that mean something else. */
#define UTIME_OMIT ((1l << 30) - 2l)
#define CAPABILITY_NAME "security.capability"

static __always_inline void record__append_fd(struct scratch *scratch, int fd)
{
	struct file *file = task__get_file(bpf_get_current_task_btf(), fd);

	if (file)
		record__append_file(scratch, SLOT_BASE, file);
}

/* The second group of `count` words; those of 32-bit programs have 32 bits. */
static __always_inline void times__read_words(long *time, __u64 times, __u32 count, bool wide)
{
	int narrow[2] = {};

	if (wide) {
		bpf_probe_read_user(time, count * sizeof(*time), (void *)(times + count * sizeof(*time)));
		return;
	}
	bpf_probe_read_user(narrow, count * sizeof(*narrow), (void *)(times + count * sizeof(*narrow)));
	time[0] = narrow[0];
	time[1] = narrow[1];
}

/* The second of two times is that of the change. µs; 0: none was given, or one before 1970. */
static __always_inline __u64 times__read_change_us(struct pt_regs *regs, __u64 times)
{
	__u64 fine = call__get_number(regs) == NR_UTIMENSAT;
	bool wide = call__has_wide_times(regs);
	long time[2] = {};

	if (!times)
		return 0;
	if (call__get_number(regs) == NR_UTIME) {
		times__read_words(time, times, 1, wide);
		return time[0] > 0 ? time[0] * 1000000ull : 0;
	}
	times__read_words(time, times, 2, wide);
	if (time[0] <= 0 || (fine && time[1] >= UTIME_OMIT))
		return 0;
	return time[0] * 1000000ull + (fine ? (__u64)time[1] / 1000 : time[1]);
}

/* Whether the time lies long enough ago is for user space to say, which knows the hour. */
SEC("tp_btf/sys_exit")
int BPF_PROG(file__on_times, struct pt_regs *regs, long result)
{
	__u64 number = call__get_number(regs);
	bool at = number == NR_FUTIMESAT || number == NR_UTIMENSAT;
	__u64 change_us = times__read_change_us(regs, at ? call__get_argument(regs, 3) : call__get_argument(regs, 2));
	__u64 name = at ? call__get_argument(regs, 2) : call__get_argument(regs, 1);
	struct scratch *scratch;

	if (result < 0 || !change_us || call__is_ignored())
		return 0;
	scratch = record__begin(KIND_FILE_TIMES);
	if (!scratch)
		return 0;
	scratch->record.value = change_us;
	if (name)
		record__append_named(scratch, SLOT_NAME, at ? (int)call__get_argument(regs, 1) : AT_FDCWD, (void *)name);
	else
		record__append_fd(scratch, call__get_argument(regs, 1));
	record__send_bulk(scratch);
	return 0;
}

static __always_inline __u32 flags__of_xfs(__u32 flags)
{
	return (flags & FS_XFLAG_IMMUTABLE ? FS_IMMUTABLE_FL : 0) | (flags & FS_XFLAG_APPEND ? FS_APPEND_FL : 0);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(file__on_ioctl, struct pt_regs *regs, long result)
{
	__u32 command = call__get_argument(regs, 2), flags = 0;
	struct scratch *scratch;

	if (command == FS_IOC32_SETFLAGS)
		command = FS_IOC_SETFLAGS;
	if ((command != FS_IOC_SETFLAGS && command != FS_IOC_FSSETXATTR) || result < 0 || call__is_ignored())
		return 0;
	bpf_probe_read_user(&flags, sizeof(flags), (void *)call__get_argument(regs, 3));
	scratch = record__begin(KIND_FILE_FLAGS);
	if (!scratch)
		return 0;
	scratch->record.value = command == FS_IOC_SETFLAGS ? flags : flags__of_xfs(flags);
	record__append_fd(scratch, call__get_argument(regs, 1));
	record__send_bulk(scratch);
	return 0;
}

/* struct vfs_cap_data begins with a magic number; permitted and inheritable ones follow, the lower half first. */
static __always_inline __u64 capabilities__read_permitted(const void *from, __u64 size)
{
	__u32 words[4] = {};

	bpf_probe_read_user(words, size < sizeof(words) ? 2 * sizeof(__u32) : sizeof(words), from);
	return words[1] | (__u64)words[3] << 32;
}

static __always_inline bool name__is_capability(const void *from)
{
	const char expected[] = CAPABILITY_NAME;
	/* With room for one more character: a longer name is another. */
	char name[sizeof(expected) + 1] = {};

	bpf_probe_read_user_str(name, sizeof(name), from);
	for (__u32 at = 0; at < sizeof(expected); at++)
		if (name[at] != expected[at])
			return false;
	return true;
}

/* setxattr, lsetxattr, fsetxattr */
SEC("tp_btf/sys_exit")
int BPF_PROG(file__on_set_attribute, struct pt_regs *regs, long result)
{
	struct scratch *scratch;

	if (result < 0 || call__is_ignored())
		return 0;
	if (!name__is_capability((void *)call__get_argument(regs, 2)))
		return 0;
	scratch = record__begin(KIND_FILE_CAPABILITIES);
	if (!scratch)
		return 0;
	scratch->record.value = capabilities__read_permitted((void *)call__get_argument(regs, 3), call__get_argument(regs, 4));
	if (call__get_number(regs) == NR_FSETXATTR)
		record__append_fd(scratch, call__get_argument(regs, 1));
	else
		record__append_named(scratch, SLOT_NAME, AT_FDCWD, (void *)call__get_argument(regs, 1));
	record__send_bulk(scratch);
	return 0;
}
