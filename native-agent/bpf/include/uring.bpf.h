/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Requests of io_uring. At its submission a request's names are in the kernel's memory and whoever asks is running; at its
 * completion the result is known. Between the two its record waits in a map. */
#ifndef NORN_URING_BPF_H
#define NORN_URING_BPF_H

#include "emit.bpf.h"
#include "opened.bpf.h"
#include "path.bpf.h"

/* UAPI, include/uapi/linux/io_uring.h. */
enum uring_operation {
	URING_ACCEPT = 13,
	URING_CONNECT = 16,
	URING_OPENAT = 18,
	URING_OPENAT2 = 28,
	URING_RENAMEAT = 35,
	URING_UNLINKAT = 36,
	URING_MKDIRAT = 37,
	URING_SYMLINKAT = 38,
	URING_LINKAT = 39,
	URING_FSETXATTR = 41,
	URING_SETXATTR = 42,
	URING_FTRUNCATE = 55,
	URING_LISTEN = 57,
};
#define URING_ASKED                                                                                                    \
	(1ull << URING_ACCEPT | 1ull << URING_CONNECT | 1ull << URING_OPENAT | 1ull << URING_OPENAT2 |                 \
	 1ull << URING_RENAMEAT | 1ull << URING_UNLINKAT | 1ull << URING_MKDIRAT | 1ull << URING_SYMLINKAT |           \
	 1ull << URING_LINKAT | 1ull << URING_FSETXATTR | 1ull << URING_SETXATTR | 1ull << URING_FTRUNCATE |           \
	 1ull << URING_LISTEN)
#define URING_SETUP_IOPOLL (1u << 0)
#define URING_SETUP_DEFER_TASKRUN (1u << 13)
#define URING_CQE_MORE (1u << 1)
#define URING_ACCEPT_MULTISHOT 1
/* Flags of a request: its descriptor is one of the ring's own table; its success is not told. */
#define REQUEST_FIXED_FILE (1u << 0)
#define REQUEST_SKIPS_SUCCESS (1u << 6)
/* The ring chooses the place of a file in its table; the result is its number. */
#define PLACE_ANY 0xffffffffu

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct filename {
	const char *name;
};
struct open_how {
	__u64 flags;
	__u64 mode;
};
struct io_uring_cqe {
	__u64 user_data;
	__s32 res;
	__u32 flags;
};
struct io_cqe {
	__u64 user_data;
	/* As the caller gave it. */
	int fd;
};
struct io_rsrc_node {
	unsigned long file_ptr;
};
struct io_rsrc_data {
	unsigned int nr;
	struct io_rsrc_node **nodes;
};
struct io_file_table {
	struct io_rsrc_data data;
};
struct io_ring_ctx {
	unsigned int flags;
	struct io_file_table file_table;
};
struct io_kiocb {
	struct file *file;
	__u8 opcode;
	__u64 flags;
	struct io_cqe cqe;
	struct io_ring_ctx *ctx;
};
/* What a request begins with, by its operation. */
struct io_open {
	int dfd;
	__u32 file_slot;
	struct filename *filename;
	struct open_how how;
};
struct io_rename {
	int old_dfd;
	int new_dfd;
	struct filename *oldpath;
	struct filename *newpath;
	int flags;
};
struct io_unlink {
	int dfd;
	int flags;
	struct filename *filename;
};
struct io_mkdir {
	int dfd;
	unsigned short mode;
	struct filename *filename;
};
struct io_link {
	int old_dfd;
	int new_dfd;
	struct filename *oldpath;
	struct filename *newpath;
};
struct io_connect {
	void *addr;
};
struct io_accept {
	int iou_flags;
	__u32 file_slot;
};
struct io_ftrunc {
	long long len;
};
struct xattr_name {
	char name[256];
};
struct kernel_xattr_ctx {
	void *kvalue;
	unsigned long size;
	struct xattr_name *kname;
};
struct io_xattr {
	struct kernel_xattr_ctx ctx;
	struct filename *filename;
};

#pragma clang attribute pop

enum { WAITING_DATA_BYTES = 2048, WAITING_MAX = 4096 };

/* The beginning of a `struct scratch`. */
struct waiting {
	__u32 end;
	/* Where an open or an accept wants its file. */
	__u32 place;
	/* Its `reserved`: whether to wake the agent; how many requests share it. */
	struct record record;
	__u8 data[WAITING_DATA_BYTES];
};

/* A request and 0, or a ring and a number. */
struct request_key {
	void *owner;
	__u64 number;
};

/* Records of requests that are under way. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, WAITING_MAX);
	__type(key, struct request_key);
	__type(value, struct waiting);
} waiting_requests SEC(".maps");

static __always_inline bool request__is_asked(__u8 opcode)
{
	return opcode < 64 && URING_ASKED >> opcode & 1;
}

/* Completions of a multishot accept know its number only. Those of one number share a record, and count who has it. */
static __always_inline struct request_key request__get_key(struct io_kiocb *req)
{
	if (req->opcode == URING_ACCEPT &&
	    BPF_CORE_READ((struct io_accept *)req, iou_flags) & URING_ACCEPT_MULTISHOT)
		return (struct request_key){ req->ctx, req->cqe.user_data };
	return (struct request_key){ req, 0 };
}

/* From the ring's own table. It holds nodes in newer kernels; what older ones hold is not read. */
static __always_inline struct file *ring__get_file(struct io_ring_ctx *ring, __u32 place)
{
	struct io_rsrc_node **nodes, *node;

	if (!bpf_core_field_exists(struct io_rsrc_node, file_ptr) ||
	    place >= BPF_CORE_READ(ring, file_table.data.nr))
		return NULL;
	nodes = BPF_CORE_READ(ring, file_table.data.nodes);
	node = (struct io_rsrc_node *)kernel__read_word(nodes + place);
	/* The lowest bits are flags. */
	return node ? (struct file *)(BPF_CORE_READ(node, file_ptr) & ~7ul) : NULL;
}

/* Of a name in the kernel's memory, as record__append_named of one in the caller's. */
static __always_inline void record__append_kernel_named(struct scratch *scratch, __u32 slot, int fd,
							struct filename *filename)
{
	const char *name = BPF_CORE_READ(filename, name);
	char first = 0;

	bpf_probe_read_kernel(&first, 1, name);
	record__append_kernel_string(scratch, slot, name);
	if (first != '/')
		record__append_directory(scratch, slot + 1, fd);
}

/* What waited, ready to be sent. */
static __always_inline struct scratch *waiting__take(struct waiting *waiting)
{
	struct scratch *scratch = scratch__take();

	if (scratch)
		bpf_probe_read_kernel(scratch, sizeof(*waiting), waiting);
	return scratch;
}

/* Whether it was the last that had this record. */
static __always_inline bool waiting__end_one(struct waiting *waiting)
{
	return waiting->record.reserved[1]-- <= 1;
}

static __always_inline void waiting__send(struct scratch *scratch)
{
	bool wake = scratch->record.reserved[0];

	__builtin_memset(scratch->record.reserved, 0, sizeof(scratch->record.reserved));
	scratch->record.time_ns = bpf_ktime_get_boot_ns();
	record__send_bulk_waking(scratch, wake);
}

/* What came of it is not known, nor the file of an open: user space looks whether the name is that of a sensitive one. */
static __always_inline void attempt__send(struct scratch *scratch)
{
	__u32 flags = scratch->record.flags;

	if (scratch->record.kind != KIND_FILE_OPEN) {
		waiting__send(scratch);
		return;
	}
	if (flags & OPEN_TO_CHANGE)
		waiting__send(scratch);
	if (flags & O_WRONLY)
		return;
	scratch->record.kind = KIND_FILE_READ;
	scratch->record.value = 0;
	waiting__send(scratch);
}

#endif
