/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* System calls at their exit: the arguments are in pt_regs until then, but for the first of AArch64, which lies beside. Handlers are reached by tail call from
 * the dispatcher, so each runs only for its own calls. */
#ifndef NORN_CALL_BPF_H
#define NORN_CALL_BPF_H

#include "path.bpf.h"
#include <bpf/bpf_tracing.h>

/* Numbers that handlers of several calls tell them apart by; NR_NONE: this machine has no such call. */
#define NR_NONE(which) (0xffffff00 + (which))

#if defined(__TARGET_ARCH_x86)

#define TS_COMPAT 2
#define NR_OPEN 2
#define NR_CREAT 85
#define NR_UTIME 132
#define NR_FSETXATTR 190
#define NR_UTIMES 235
#define NR_FUTIMESAT 261
#define NR_UTIMENSAT 280
#define NR_FINIT_MODULE 313
#define NR_EXECVEAT 322
#define NR_OPENAT2 437

#include "compat.bpf.h"

static __always_inline bool call__is_32_bit(void)
{
	return bpf_get_current_task_btf()->thread_info.status & TS_COMPAT;
}

/* As 64-bit programs number it. */
static __always_inline unsigned long call__get_number(struct pt_regs *regs)
{
	return call__is_32_bit() ? compat__get_number(regs) : regs->orig_ax;
}

/* Whether the times it is given have 64 bits. */
static __always_inline bool call__has_wide_times(struct pt_regs *regs)
{
	return !call__is_32_bit() || (__u32)regs->orig_ax == COMPAT_UTIMENSAT_TIME64;
}

/* Argument 1–6 of the call. */
static __always_inline unsigned long call__get_argument(struct pt_regs *regs, __u32 number)
{
	if (call__is_32_bit())
		return compat__get_argument(regs, number);
	switch (number) {
	case 1:
		return regs->di;
	case 2:
		return regs->si;
	case 3:
		return regs->dx;
	case 4:
		return regs->r10;
	case 5:
		return regs->r8;
	default:
		return regs->r9;
	}
}

#elif defined(__TARGET_ARCH_arm64)

#define TIF_32BIT (1UL << 22)
#define NR_OPEN NR_NONE(0)
#define NR_CREAT NR_NONE(1)
#define NR_UTIME NR_NONE(2)
#define NR_FSETXATTR 7
#define NR_UTIMES NR_NONE(3)
#define NR_FUTIMESAT NR_NONE(4)
#define NR_UTIMENSAT 88
#define NR_FINIT_MODULE 273
#define NR_EXECVEAT 281
#define NR_OPENAT2 437

/* Of no call: the numbers of 32-bit ones are not translated here. */
#define NR_COMPAT 0xffffffff

static __always_inline bool call__is_32_bit(void)
{
	return bpf_get_current_task_btf()->thread_info.flags & TIF_32BIT;
}

static __always_inline void call__count_compat(void)
{
	__u32 zero = 0;
	struct ring_counters *counter = bpf_map_lookup_elem(&counters, &zero);

	if (counter)
		counter->compat_calls++;
}

static __always_inline unsigned long call__get_number(struct pt_regs *regs)
{
	if (call__is_32_bit()) {
		call__count_compat();
		return NR_COMPAT;
	}
	return (__u32)regs->syscallno;
}

static __always_inline bool call__has_wide_times(struct pt_regs *regs)
{
	return true;
}

/* Argument 1–6 of the call. The result has taken the place of the first by now. */
static __always_inline unsigned long call__get_argument(struct pt_regs *regs, __u32 number)
{
	switch (number) {
	case 1:
		return regs->orig_x0;
	case 2:
		return regs->regs[1];
	case 3:
		return regs->regs[2];
	case 4:
		return regs->regs[3];
	case 5:
		return regs->regs[4];
	default:
		return regs->regs[5];
	}
}

#endif

/* The agent's own calls. */
static __always_inline bool call__is_ignored(void)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;

	return bpf_map_lookup_elem(&own_processes, &tgid) != NULL;
}

#endif
