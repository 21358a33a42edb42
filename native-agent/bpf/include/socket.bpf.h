/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Both ends of a socket, from the kernel's own socket. */
#ifndef NORN_SOCKET_BPF_H
#define NORN_SOCKET_BPF_H

#include "emit.bpf.h"
#include "path.bpf.h"
#include <bpf/bpf_endian.h>

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define S_IFSOCK 0140000
#define EINPROGRESS 115

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

static __always_inline void socket__report(struct sock *sock, __u8 kind, long result, const void *unix_address)
{
	struct socket_facts facts = {};
	struct scratch *scratch;

	sock__read_facts(sock, &facts);
	if (!socket_facts__is_internet(&facts) && facts.family != AF_UNIX)
		return;
	scratch = record__begin(kind);
	if (!scratch)
		return;
	scratch->record.result = result;
	record__put_facts(scratch, &facts);
	/* struct sockaddr_un: the path follows the two bytes of the family. */
	if (facts.family == AF_UNIX && unix_address)
		record__append_user_string(scratch, SLOT_NAME, unix_address + 2);
	record__send_bulk(scratch);
}

#endif
