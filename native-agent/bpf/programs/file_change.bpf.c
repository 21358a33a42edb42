/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What changes names, size, mode or owner: rename, link, unlink, truncate, chmod, chown, mkdir in all their variants.
 * The table says where each call has its arguments; one program reads them. */
#include "../include/call.bpf.h"
#include "../include/emit.bpf.h"
#include "../include/pace.bpf.h"
#include "../include/path.bpf.h"
#include <bpf/bpf_tracing.h>

/* Argument numbers, 1–6; 0: the call has no such argument. A path without directory is relative to the cwd. */
struct file_call {
	__u8 kind;
	__u8 fd;
	__u8 directory;
	__u8 name;
	__u8 target_directory;
	__u8 target_name;
	__u8 flags;
	__u8 value;
	/* Second half of `value` (chown). */
	__u8 low_value;
	/* Set in the record's flags whatever the arguments. */
	__u8 marks;
};

#define FILE_CALLS_MAX 512

/* clang-format off */
const volatile struct file_call file_calls[FILE_CALLS_MAX] = {
#if defined(__TARGET_ARCH_x86)
	/* rename, renameat, renameat2 */
	[82] = { .kind = KIND_FILE_RENAME, .name = 1, .target_name = 2 },
	[264] = { .kind = KIND_FILE_RENAME, .directory = 1, .name = 2, .target_directory = 3, .target_name = 4 },
	[316] = { .kind = KIND_FILE_RENAME, .directory = 1, .name = 2, .target_directory = 3, .target_name = 4, .flags = 5 },
	/* link, linkat: the row's path is the new name */
	[86] = { .kind = KIND_FILE_LINK, .name = 2, .target_name = 1 },
	[265] = { .kind = KIND_FILE_LINK, .directory = 3, .name = 4, .target_directory = 1, .target_name = 2 },
	/* symlink, symlinkat: the target is mere text */
	[88] = { .kind = KIND_FILE_LINK, .name = 2, .target_name = 1, .marks = 1 },
	[266] = { .kind = KIND_FILE_LINK, .directory = 2, .name = 3, .target_name = 1, .marks = 1 },
	/* unlink, rmdir, unlinkat */
	[87] = { .kind = KIND_FILE_UNLINK, .name = 1 },
	[84] = { .kind = KIND_FILE_UNLINK, .name = 1, .marks = 1 },
	[263] = { .kind = KIND_FILE_UNLINK, .directory = 1, .name = 2, .flags = 3 },
	/* truncate, ftruncate */
	[76] = { .kind = KIND_FILE_TRUNCATE, .name = 1, .value = 2 },
	[77] = { .kind = KIND_FILE_TRUNCATE, .fd = 1, .value = 2 },
	/* chmod, fchmod, fchmodat, fchmodat2 */
	[90] = { .kind = KIND_FILE_CHMOD, .name = 1, .value = 2 },
	[91] = { .kind = KIND_FILE_CHMOD, .fd = 1, .value = 2 },
	[268] = { .kind = KIND_FILE_CHMOD, .directory = 1, .name = 2, .value = 3 },
	[452] = { .kind = KIND_FILE_CHMOD, .directory = 1, .name = 2, .value = 3 },
	/* chown, fchown, lchown, fchownat */
	[92] = { .kind = KIND_FILE_CHOWN, .name = 1, .value = 2, .low_value = 3 },
	[93] = { .kind = KIND_FILE_CHOWN, .fd = 1, .value = 2, .low_value = 3 },
	[94] = { .kind = KIND_FILE_CHOWN, .name = 1, .value = 2, .low_value = 3 },
	[260] = { .kind = KIND_FILE_CHOWN, .directory = 1, .name = 2, .value = 3, .low_value = 4 },
	/* mkdir, mkdirat */
	[83] = { .kind = KIND_FILE_MKDIR, .name = 1, .value = 2 },
	[258] = { .kind = KIND_FILE_MKDIR, .directory = 1, .name = 2, .value = 3 },
#else
	/* rename, renameat, renameat2 */
	[38] = { .kind = KIND_FILE_RENAME, .directory = 1, .name = 2, .target_directory = 3, .target_name = 4 },
	[276] = { .kind = KIND_FILE_RENAME, .directory = 1, .name = 2, .target_directory = 3, .target_name = 4, .flags = 5 },
	/* link, linkat: the row's path is the new name */
	[37] = { .kind = KIND_FILE_LINK, .directory = 3, .name = 4, .target_directory = 1, .target_name = 2 },
	/* symlink, symlinkat: the target is mere text */
	[36] = { .kind = KIND_FILE_LINK, .directory = 2, .name = 3, .target_name = 1, .marks = 1 },
	/* unlink, rmdir, unlinkat */
	[35] = { .kind = KIND_FILE_UNLINK, .directory = 1, .name = 2, .flags = 3 },
	/* truncate, ftruncate */
	[45] = { .kind = KIND_FILE_TRUNCATE, .name = 1, .value = 2 },
	[46] = { .kind = KIND_FILE_TRUNCATE, .fd = 1, .value = 2 },
	/* chmod, fchmod, fchmodat, fchmodat2 */
	[52] = { .kind = KIND_FILE_CHMOD, .fd = 1, .value = 2 },
	[53] = { .kind = KIND_FILE_CHMOD, .directory = 1, .name = 2, .value = 3 },
	[452] = { .kind = KIND_FILE_CHMOD, .directory = 1, .name = 2, .value = 3 },
	/* chown, fchown, lchown, fchownat */
	[55] = { .kind = KIND_FILE_CHOWN, .fd = 1, .value = 2, .low_value = 3 },
	[54] = { .kind = KIND_FILE_CHOWN, .directory = 1, .name = 2, .value = 3, .low_value = 4 },
	/* mkdir, mkdirat */
	[34] = { .kind = KIND_FILE_MKDIR, .directory = 1, .name = 2, .value = 3 },
#endif
};
/* clang-format on */

#define AT_REMOVEDIR 0x200

static __always_inline int call__get_directory(struct pt_regs *regs, __u8 number)
{
	return number ? (int)call__get_argument(regs, number) : AT_FDCWD;
}

static __always_inline void record__set_file_figures(struct record *record, struct pt_regs *regs,
						     const volatile struct file_call *call)
{
	record->flags = call->marks;
	if (call->flags)
		record->flags |= call__get_argument(regs, call->flags);
	/* A removed directory is flag 1 in either call. */
	if (call->kind == KIND_FILE_UNLINK && call->flags)
		record->flags = record->flags & AT_REMOVEDIR ? 1 : 0;
	if (call->value)
		record->value = call__get_argument(regs, call->value);
	if (call->low_value)
		record->value = record->value << 32 | (__u32)call__get_argument(regs, call->low_value);
	if (call->kind == KIND_FILE_CHMOD || call->kind == KIND_FILE_MKDIR)
		record->value &= MODE_BITS;
}

/* What an attack does to file after file, without a look at what is in them. */
static __always_inline bool change__is_paced(__u8 kind)
{
	return kind == KIND_FILE_UNLINK || kind == KIND_FILE_RENAME || kind == KIND_FILE_TRUNCATE;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(file__on_change, struct pt_regs *regs, long result)
{
	__u64 number = call__get_number(regs);
	const volatile struct file_call *call;
	struct scratch *scratch;
	__u64 step_ns;

	if (result < 0 || number >= FILE_CALLS_MAX || call__is_ignored())
		return 0;
	call = &file_calls[number];
	scratch = record__begin(call->kind);
	if (!scratch)
		return 0;
	record__set_file_figures(&scratch->record, regs, call);
	if (call->fd) {
		struct file *file = task__get_file(bpf_get_current_task_btf(), call__get_argument(regs, call->fd));

		if (!file)
			return 0;
		record__append_file(scratch, SLOT_BASE, file);
	} else {
		record__append_named(scratch, SLOT_NAME, call__get_directory(regs, call->directory),
					   (void *)call__get_argument(regs, call->name));
	}
	if (call->kind == KIND_FILE_LINK && call->marks)
		record__append_user_string(scratch, SLOT_TARGET_NAME,
						 (void *)call__get_argument(regs, call->target_name));
	else if (call->target_name)
		record__append_named(scratch, SLOT_TARGET_NAME,
					   call__get_directory(regs, call->target_directory),
					   (void *)call__get_argument(regs, call->target_name));
	step_ns = change__is_paced(call->kind) ? pace__take() : 0;
	record__send_bulk_waking(scratch, step_ns);
	pace__keep(step_ns);
	return 0;
}
