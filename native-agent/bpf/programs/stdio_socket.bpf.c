/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* STDIO_SOCKET: standard input, output or error became an internet socket, by dup2 or by being so at exec. What a
 * reverse shell needs, however it gets there. Unix sockets are not reported: every service's output is one. */
#include "../include/call.bpf.h"
#include "../include/emit.bpf.h"
#include "../include/socket.bpf.h"
#include <bpf/bpf_tracing.h>

#define STDIN 0
#define STDERR 2

static __always_inline void stdio__report(int fd)
{
	struct sock *sock = task__get_sock(fd);
	struct socket_facts facts = {};
	struct scratch *scratch;

	if (!sock)
		return;
	sock__read_facts(sock, &facts);
	if (!socket_facts__is_internet(&facts))
		return;
	scratch = record__begin(KIND_STDIO_SOCKET);
	if (!scratch)
		return;
	scratch->record.flags = fd;
	record__put_facts(scratch, &facts);
	record__send_critical(scratch, true);
}

/* dup2, dup3: the result is the descriptor that was replaced. */
SEC("tp_btf/sys_exit")
int BPF_PROG(stdio__on_dup, struct pt_regs *regs, long result)
{
	if (result < STDIN || result > STDERR || call__get_argument(regs, 1) == result || call__is_ignored())
		return 0;
	stdio__report(result);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(stdio__on_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *binprm)
{
	stdio__report(STDIN);
	return 0;
}
