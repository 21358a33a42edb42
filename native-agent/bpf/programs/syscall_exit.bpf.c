/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Every system call of the host passes here once, at its exit; a call nobody asked for leaves again at once. */
#include "../include/call.bpf.h"
#include "../include/maps.bpf.h"
#include <bpf/bpf_tracing.h>

SEC("tp_btf/sys_exit")
int BPF_PROG(syscall__on_exit, struct pt_regs *regs, long result)
{
	bpf_tail_call(ctx, &calls, call__get_number(regs));
	return 0;
}
