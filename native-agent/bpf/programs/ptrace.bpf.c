/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* PTRACE: taking hold of another process or writing into it. Reading and stepping, which a debugger does by the
 * million, are not reported. */
#include "../include/call.bpf.h"
#include "../include/emit.bpf.h"
#include <bpf/bpf_tracing.h>

#define PTRACE_TRACEME 0
#define PTRACE_POKETEXT 4
#define PTRACE_POKEDATA 5
#define PTRACE_SETREGS 13
#define PTRACE_ATTACH 16
#define PTRACE_SETREGSET 0x4205
#define PTRACE_SEIZE 0x4206

static __always_inline bool ptrace__is_of_interest(unsigned long request)
{
	switch (request) {
	case PTRACE_TRACEME:
	case PTRACE_POKETEXT:
	case PTRACE_POKEDATA:
	case PTRACE_SETREGS:
	case PTRACE_ATTACH:
	case PTRACE_SETREGSET:
	case PTRACE_SEIZE:
		return true;
	default:
		return false;
	}
}

SEC("tp_btf/sys_exit")
int BPF_PROG(ptrace__on_exit, struct pt_regs *regs, long result)
{
	struct scratch *scratch;

	if (result < 0 || !ptrace__is_of_interest(call__get_argument(regs, 1)) || call__is_ignored())
		return 0;
	scratch = record__begin(KIND_PTRACE);
	if (!scratch)
		return 0;
	scratch->record.flags = call__get_argument(regs, 1);
	/* As the caller counts; user space knows whom that means on the host. */
	scratch->record.value = call__get_argument(regs, 1) == PTRACE_TRACEME ? 0 : call__get_argument(regs, 2);
	record__send_critical(scratch, true);
	return 0;
}
