/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Both ends of a socket, from the kernel's own socket. */
#ifndef NORN_SOCKET_BPF_H
#define NORN_SOCKET_BPF_H

#include "path.bpf.h"
#include <bpf/bpf_endian.h>

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define S_IFSOCK 0140000

static __always_inline struct sock *file__get_sock(struct file *file)
{
	struct socket *socket;

	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

static __always_inline struct sock *task__get_sock(int fd)
{
	struct file *file = task__get_file(bpf_get_current_task_btf(), fd);

	return file ? file__get_sock(file) : NULL;
}

static __always_inline void sock__read_facts(struct sock *sock, struct socket_facts *facts)
{
	facts->family = BPF_CORE_READ(sock, __sk_common.skc_family);
	facts->protocol = BPF_CORE_READ(sock, sk_protocol);
	facts->remote_port = bpf_ntohs(BPF_CORE_READ(sock, __sk_common.skc_dport));
	facts->local_port = BPF_CORE_READ(sock, __sk_common.skc_num);
	if (facts->family == AF_INET) {
		BPF_CORE_READ_INTO((__be32 *)facts->remote, sock, __sk_common.skc_daddr);
		BPF_CORE_READ_INTO((__be32 *)facts->local, sock, __sk_common.skc_rcv_saddr);
	} else {
		BPF_CORE_READ_INTO((struct in6_addr *)facts->remote, sock, __sk_common.skc_v6_daddr);
		BPF_CORE_READ_INTO((struct in6_addr *)facts->local, sock, __sk_common.skc_v6_rcv_saddr);
	}
}

static __always_inline bool socket_facts__is_internet(const struct socket_facts *facts)
{
	return facts->family == AF_INET || facts->family == AF_INET6;
}

#endif
