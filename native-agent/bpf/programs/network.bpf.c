/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* NET_CONNECT, NET_ACCEPT, NET_LISTEN, from the socket itself; only a unix path comes from user memory. */
#include "../include/call.bpf.h"
#include "../include/socket.bpf.h"
#include <bpf/bpf_tracing.h>

SEC("tp_btf/sys_exit")
int BPF_PROG(network__on_connect, struct pt_regs *regs, long result)
{
	struct sock *sock;

	/* A connection that does not block goes on. */
	if ((result < 0 && result != -EINPROGRESS) || call__is_ignored())
		return 0;
	sock = task__get_sock(call__get_argument(regs, 1));
	if (sock)
		socket__report(sock, KIND_NET_CONNECT, result, (void *)call__get_argument(regs, 2));
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(network__on_accept, struct pt_regs *regs, long result)
{
	struct sock *sock;

	if (result < 0 || call__is_ignored())
		return 0;
	sock = task__get_sock(result);
	if (sock)
		socket__report(sock, KIND_NET_ACCEPT, result, NULL);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(network__on_listen, struct pt_regs *regs, long result)
{
	struct sock *sock;

	if (result < 0 || call__is_ignored())
		return 0;
	sock = task__get_sock(call__get_argument(regs, 1));
	if (sock)
		socket__report(sock, KIND_NET_LISTEN, result, NULL);
	return 0;
}
