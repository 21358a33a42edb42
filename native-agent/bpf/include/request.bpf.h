/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* The record of what is asked through an io_uring, with the fields that the call of the same name has. */
#ifndef NORN_REQUEST_BPF_H
#define NORN_REQUEST_BPF_H

#include "emit.bpf.h"
#include "opened.bpf.h"
#include "path.bpf.h"
#include "socket.bpf.h"
#include "uring.bpf.h"
#include <bpf/bpf_core_read.h>

#define O_EXCL 0200
#if defined(__TARGET_ARCH_x86)
#define O_LARGEFILE 0100000u
#else
#define O_LARGEFILE 0400000u
#endif
#define AT_REMOVEDIR 0x200

/* The request's own file, before the kernel has looked it up. */
static __always_inline struct file *request__get_file(struct io_kiocb *req)
{
	if (req->flags & REQUEST_FIXED_FILE)
		return ring__get_file(req->ctx, req->cqe.fd);
	return task__get_file(bpf_get_current_task_btf(), req->cqe.fd);
}

static __always_inline void record__append_request_file(struct scratch *scratch, struct io_kiocb *req)
{
	struct file *file = request__get_file(req);

	if (file)
		record__append_file(scratch, SLOT_BASE, file);
}

static __always_inline void record__append_open(struct scratch *scratch, struct io_kiocb *req)
{
	struct io_open *open = (void *)req;
	/* The kernel sets it in every request, and leaves calls as they are given. */
	__u32 flags = BPF_CORE_READ(open, how.flags) & ~O_LARGEFILE;

	scratch->reserved = BPF_CORE_READ(open, file_slot);
	scratch->record.flags = flags;
	/* A file that is made for certain. */
	if (flags & O_CREAT && flags & O_EXCL)
		scratch->record.value = BPF_CORE_READ(open, how.mode) & MODE_BITS;
	record__append_kernel_named(scratch, SLOT_NAME, BPF_CORE_READ(open, dfd), BPF_CORE_READ(open, filename));
}

static __always_inline void record__append_rename(struct scratch *scratch, struct io_kiocb *req)
{
	struct io_rename *rename = (void *)req;

	scratch->record.flags = BPF_CORE_READ(rename, flags);
	record__append_kernel_named(scratch, SLOT_NAME, BPF_CORE_READ(rename, old_dfd),
				    BPF_CORE_READ(rename, oldpath));
	record__append_kernel_named(scratch, SLOT_TARGET_NAME, BPF_CORE_READ(rename, new_dfd),
				    BPF_CORE_READ(rename, newpath));
}

static __always_inline void record__append_link(struct scratch *scratch, struct io_kiocb *req, bool symbolic)
{
	struct io_link *link = (void *)req;
	struct filename *target = BPF_CORE_READ(link, oldpath);

	scratch->record.flags = symbolic;
	record__append_kernel_named(scratch, SLOT_NAME, BPF_CORE_READ(link, new_dfd), BPF_CORE_READ(link, newpath));
	if (symbolic)
		record__append_kernel_string(scratch, SLOT_TARGET_NAME, BPF_CORE_READ(target, name));
	else
		record__append_kernel_named(scratch, SLOT_TARGET_NAME, BPF_CORE_READ(link, old_dfd), target);
}

static __always_inline void record__append_unlink(struct scratch *scratch, struct io_kiocb *req)
{
	struct io_unlink *unlink = (void *)req;

	scratch->record.flags = BPF_CORE_READ(unlink, flags) & AT_REMOVEDIR ? 1 : 0;
	record__append_kernel_named(scratch, SLOT_NAME, BPF_CORE_READ(unlink, dfd), BPF_CORE_READ(unlink, filename));
}

static __always_inline void record__append_mkdir(struct scratch *scratch, struct io_kiocb *req)
{
	struct io_mkdir *mkdir = (void *)req;

	scratch->record.value = BPF_CORE_READ(mkdir, mode) & MODE_BITS;
	record__append_kernel_named(scratch, SLOT_NAME, BPF_CORE_READ(mkdir, dfd), BPF_CORE_READ(mkdir, filename));
}

/* struct sockaddr_in, sockaddr_in6: the port, and the address behind it or behind the flow. */
static __always_inline void socket_facts__read_remote(struct socket_facts *facts, const void *address)
{
	__u8 from[24] = {};

	bpf_probe_read_user(from, sizeof(from), address);
	facts->remote_port = bpf_ntohs(*(__u16 *)&from[2]);
	if (facts->family == AF_INET)
		__builtin_memcpy(facts->remote, &from[4], 4);
	else
		__builtin_memcpy(facts->remote, &from[8], 16);
}

/* Whether it is a socket that is told of. */
static __always_inline bool record__put_socket(struct scratch *scratch, struct io_kiocb *req, const void *address)
{
	struct file *file = request__get_file(req);
	struct sock *sock = file ? file__get_sock(file) : NULL;
	struct socket_facts facts = {};

	if (!sock)
		return false;
	sock__read_facts(sock, &facts);
	if (!socket_facts__is_internet(&facts) && facts.family != AF_UNIX)
		return false;
	if (address && facts.family != AF_UNIX)
		socket_facts__read_remote(&facts, address);
	record__put_facts(scratch, &facts);
	if (address && facts.family == AF_UNIX)
		record__append_user_string(scratch, SLOT_NAME, address + 2);
	return true;
}

static __always_inline bool name__is_kernel_capability(const void *from)
{
	const char expected[] = "security.capability";
	char name[sizeof(expected) + 1] = {};

	bpf_probe_read_kernel_str(name, sizeof(name), from);
	for (__u32 at = 0; at < sizeof(expected); at++)
		if (name[at] != expected[at])
			return false;
	return true;
}

static __always_inline bool record__append_attribute(struct scratch *scratch, struct io_kiocb *req)
{
	struct io_xattr *attribute = (void *)req;
	__u32 words[4] = {};

	if (!bpf_core_field_exists(attribute->ctx.kname) ||
	    !name__is_kernel_capability(BPF_CORE_READ(attribute, ctx.kname)))
		return false;
	bpf_probe_read_kernel(words, BPF_CORE_READ(attribute, ctx.size) < sizeof(words) ? 8 : sizeof(words),
			      BPF_CORE_READ(attribute, ctx.kvalue));
	scratch->record.value = words[1] | (__u64)words[3] << 32;
	if (req->opcode == URING_FSETXATTR)
		record__append_request_file(scratch, req);
	else
		record__append_kernel_named(scratch, SLOT_NAME, AT_FDCWD, BPF_CORE_READ(attribute, filename));
	return true;
}

/* Begins the record of what is asked; none where nothing is told of it. */
static __always_inline struct scratch *request__begin(struct io_kiocb *req, __u8 opcode)
{
	struct scratch *scratch = record__begin(KIND_FILE_OPEN);
	bool told = true;

	if (!scratch)
		return NULL;
	scratch->reserved = 0;
	switch (opcode) {
	case URING_OPENAT:
	case URING_OPENAT2:
		record__append_open(scratch, req);
		told = !(scratch->record.flags & O_PATH);
		break;
	case URING_RENAMEAT:
		scratch->record.kind = KIND_FILE_RENAME;
		record__append_rename(scratch, req);
		break;
	case URING_UNLINKAT:
		scratch->record.kind = KIND_FILE_UNLINK;
		record__append_unlink(scratch, req);
		break;
	case URING_MKDIRAT:
		scratch->record.kind = KIND_FILE_MKDIR;
		record__append_mkdir(scratch, req);
		break;
	case URING_SYMLINKAT:
	case URING_LINKAT:
		scratch->record.kind = KIND_FILE_LINK;
		record__append_link(scratch, req, opcode == URING_SYMLINKAT);
		break;
	case URING_FTRUNCATE:
		scratch->record.kind = KIND_FILE_TRUNCATE;
		scratch->record.value = BPF_CORE_READ((struct io_ftrunc *)req, len);
		record__append_request_file(scratch, req);
		break;
	case URING_FSETXATTR:
	case URING_SETXATTR:
		scratch->record.kind = KIND_FILE_CAPABILITIES;
		told = record__append_attribute(scratch, req);
		break;
	case URING_CONNECT:
		scratch->record.kind = KIND_NET_CONNECT;
		told = record__put_socket(scratch, req, BPF_CORE_READ((struct io_connect *)req, addr));
		break;
	case URING_ACCEPT:
		scratch->record.kind = KIND_NET_ACCEPT;
		scratch->reserved = BPF_CORE_READ((struct io_accept *)req, file_slot);
		told = record__put_socket(scratch, req, NULL);
		break;
	default:
		scratch->record.kind = KIND_NET_LISTEN;
		told = record__put_socket(scratch, req, NULL);
	}
	return told ? scratch : NULL;
}

#endif
