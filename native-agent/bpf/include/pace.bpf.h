/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Whoever changes file after file is slowed a little, so that what became of the first is judged before the hundredth: an
 * unlink takes 10 µs, and nothing else can hold one up. Bounded: a process that is not suspected waits for PACE_BUDGET_NS
 * in PACE_WINDOW_NS at most, whatever it does; one that is, for what the loader gives it. */
#ifndef NORN_PACE_BPF_H
#define NORN_PACE_BPF_H

#include "call.bpf.h"

enum { PACE_FROM = 8, PACE_STEPS_MAX = 1 << 20 };
#define PACE_BUDGET_NS 20000000ll
#define PACE_WINDOW_NS 10000000000ll

/* bpf_loop is there since Linux 5.17. */
enum bpf_func_id { BPF_FUNC_loop = 181 };

static long pace__is_over(__u32 step, void *until)
{
	return bpf_ktime_get_boot_ns() >= *(__u64 *)until;
}

/* How long this change is to take. The first few of a process cost nothing. */
static __always_inline __u64 pace__take(void)
{
	__u32 zero = 0, tgid = bpf_get_current_pid_tgid() >> 32;
	__u64 *step_ns = bpf_map_lookup_elem(&pace_policy, &zero);
	__u64 now_ns = bpf_ktime_get_boot_ns();
	struct pace fresh = { .since_ns = now_ns, .left_ns = PACE_BUDGET_NS, .changes = 1 };
	struct pace *pace;

	if (!step_ns || !*step_ns || !bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_loop))
		return 0;
	pace = bpf_map_lookup_elem(&paces, &tgid);
	if (!pace || (__s64)(now_ns - pace->since_ns) > PACE_WINDOW_NS) {
		bpf_map_update_elem(&paces, &tgid, &fresh, BPF_ANY);
		return 0;
	}
	if (++pace->changes < PACE_FROM || pace->left_ns <= 0)
		return 0;
	__sync_fetch_and_add(&pace->left_ns, -(__s64)*step_ns);
	return *step_ns;
}

/* Work is handed to children; who is suspected has more left than others ever get. */
static __always_inline void pace__inherit(__u32 creator, __u32 child)
{
	struct pace *pace = bpf_map_lookup_elem(&paces, &creator);

	if (pace && pace->left_ns > PACE_BUDGET_NS)
		bpf_map_update_elem(&paces, &child, pace, BPF_ANY);
	else
		/* Its pid may have been another's. */
		bpf_map_delete_elem(&paces, &child);
}

static __always_inline void pace__keep(__u64 step_ns)
{
	__u64 until = bpf_ktime_get_boot_ns() + step_ns;

	if (step_ns && bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_loop))
		bpf_loop(PACE_STEPS_MAX, pace__is_over, &until, 0);
}

#endif
