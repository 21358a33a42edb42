/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* System calls of 32-bit programs on x86-64, and `int 0x80` of any: other numbers, other registers, the same handlers. */
#ifndef NORN_COMPAT_BPF_H
#define NORN_COMPAT_BPF_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>

#define COMPAT_CALLS_MAX 512
#define COMPAT_SOCKETCALL 102
#define COMPAT_TRUNCATE64 193
#define COMPAT_FTRUNCATE64 194
#define COMPAT_UTIMENSAT_TIME64 412
/* Of socketcall(2), include/uapi/linux/net.h. */
#define SOCKETCALL_CONNECT 3
#define SOCKETCALL_LISTEN 4
#define SOCKETCALL_ACCEPT 5
#define SOCKETCALL_ACCEPT4 18

/* By i386 number, for each call that has a handler: its x86-64 number. 0 is read(2), which has none. */
/* clang-format off */
const volatile __u16 compat_numbers[COMPAT_CALLS_MAX] = {
	[5] = 2, /* open */
	[8] = 85, /* creat */
	[9] = 86, /* link */
	[10] = 87, /* unlink */
	[11] = 59, /* execve */
	[15] = 90, /* chmod */
	[16] = 94, /* lchown */
	[21] = 165, /* mount */
	[26] = 101, /* ptrace */
	[30] = 132, /* utime */
	[38] = 82, /* rename */
	[39] = 83, /* mkdir */
	[40] = 84, /* rmdir */
	[54] = 16, /* ioctl */
	[63] = 33, /* dup2 */
	[83] = 88, /* symlink */
	[92] = 76, /* truncate */
	[93] = 77, /* ftruncate */
	[94] = 91, /* fchmod */
	[95] = 93, /* fchown */
	[97] = 141, /* setpriority */
	[128] = 175, /* init_module */
	[154] = 142, /* sched_setparam */
	[156] = 144, /* sched_setscheduler */
	[182] = 92, /* chown */
	[193] = 76, /* truncate64 */
	[194] = 77, /* ftruncate64 */
	[198] = 94, /* lchown32 */
	[207] = 93, /* fchown32 */
	[212] = 92, /* chown32 */
	[226] = 188, /* setxattr */
	[227] = 189, /* lsetxattr */
	[228] = 190, /* fsetxattr */
	[241] = 203, /* sched_setaffinity */
	[271] = 235, /* utimes */
	[295] = 257, /* openat */
	[296] = 258, /* mkdirat */
	[298] = 260, /* fchownat */
	[299] = 261, /* futimesat */
	[301] = 263, /* unlinkat */
	[302] = 264, /* renameat */
	[303] = 265, /* linkat */
	[304] = 266, /* symlinkat */
	[306] = 268, /* fchmodat */
	[310] = 272, /* unshare */
	[320] = 280, /* utimensat */
	[330] = 292, /* dup3 */
	[340] = 302, /* prlimit64 */
	[342] = 304, /* open_by_handle_at */
	[346] = 308, /* setns */
	[348] = 311, /* process_vm_writev */
	[350] = 313, /* finit_module */
	[351] = 314, /* sched_setattr */
	[353] = 316, /* renameat2 */
	[356] = 319, /* memfd_create */
	[357] = 321, /* bpf */
	[358] = 322, /* execveat */
	[362] = 42, /* connect */
	[363] = 50, /* listen */
	[364] = 288, /* accept4 */
	[412] = 280, /* utimensat_time64 */
	[429] = 429, /* move_mount */
	[434] = 434, /* pidfd_open */
	[437] = 437, /* openat2 */
	[438] = 438, /* pidfd_getfd */
	[452] = 452, /* fchmodat2 */
};
/* clang-format on */

static __always_inline unsigned long socketcall__get_number(unsigned long which)
{
	switch (which) {
	case SOCKETCALL_CONNECT:
		return 42;
	case SOCKETCALL_LISTEN:
		return 50;
	case SOCKETCALL_ACCEPT:
		return 43;
	case SOCKETCALL_ACCEPT4:
		return 288;
	default:
		return 0;
	}
}

static __always_inline unsigned long compat__get_number(struct pt_regs *regs)
{
	unsigned long number = (__u32)regs->orig_ax;

	if (number == COMPAT_SOCKETCALL)
		return socketcall__get_number((__u32)regs->bx);
	return number < COMPAT_CALLS_MAX ? compat_numbers[number] : 0;
}

static __always_inline __u32 compat__get_register(struct pt_regs *regs, __u32 number)
{
	switch (number) {
	case 1:
		return regs->bx;
	case 2:
		return regs->cx;
	case 3:
		return regs->dx;
	case 4:
		return regs->si;
	case 5:
		return regs->di;
	default:
		return regs->bp;
	}
}

/* Argument 1–6 as the 64-bit call has it. */
static __always_inline unsigned long compat__get_argument(struct pt_regs *regs, __u32 number)
{
	__u32 call = regs->orig_ax, word = 0;

	if (call == COMPAT_SOCKETCALL) {
		bpf_probe_read_user(&word, sizeof(word),
				    (void *)((__u64)(__u32)regs->cx + (number - 1) * sizeof(word)));
		return word;
	}
	/* A length of 64 bits lies in two registers. */
	if (number == 2 && (call == COMPAT_TRUNCATE64 || call == COMPAT_FTRUNCATE64))
		return (__u32)regs->cx | (__u64)(__u32)regs->dx << 32;
	return compat__get_register(regs, number);
}

#endif
