/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What is done through an io_uring. The record of a request waits for its result; where none will be told, or whoever asked may
 * leave it unfetched, the attempt is told at once. An open is told of as its file, if that still is where the result says. */
#include "../include/call.bpf.h"
#include "../include/core_fixes.bpf.h"
#include "../include/emit.bpf.h"
#include "../include/opened.bpf.h"
#include "../include/pace.bpf.h"
#include "../include/path.bpf.h"
#include "../include/request.bpf.h"
#include "../include/socket.bpf.h"
#include "../include/uring.bpf.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

/* Nothing will tell what came of it. */
static __always_inline bool request__is_untold(struct io_kiocb *req)
{
	if (req->flags & REQUEST_SKIPS_SUCCESS)
		return true;
	/* The network goes on with it, and the result waits until the task fetches it. */
	return req->opcode == URING_CONNECT && req->ctx->flags & URING_SETUP_DEFER_TASKRUN;
}

static __always_inline bool request__is_paced(struct scratch *scratch)
{
	__u32 flags = scratch->record.flags;

	switch (scratch->record.kind) {
	case KIND_FILE_OPEN:
		return flags & OPEN_TO_CHANGE && !(flags & O_EXCL);
	case KIND_FILE_UNLINK:
	case KIND_FILE_RENAME:
	case KIND_FILE_TRUNCATE:
		return true;
	default:
		return false;
	}
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(uring__on_submit, struct io_kiocb *req)
{
	__u8 opcode = req->opcode;
	struct waiting *before;
	struct scratch *scratch;
	struct request_key key;
	__u64 step_ns;

	if (!request__is_asked(opcode) || call__is_ignored())
		return 0;
	scratch = request__begin(req, opcode);
	if (!scratch)
		return 0;
	step_ns = request__is_paced(scratch) ? pace__take() : 0;
	key = request__get_key(req);
	before = key.number ? bpf_map_lookup_elem(&waiting_requests, &key) : NULL;
	scratch->record.reserved[0] = step_ns != 0;
	scratch->record.reserved[1] = before ? before->record.reserved[1] + 1 : 1;
	if (scratch->end > WAITING_DATA_BYTES || request__is_untold(req) ||
	    bpf_map_update_elem(&waiting_requests, &key, scratch, BPF_ANY))
		attempt__send(scratch);
	/* Here and not at the completion, which is told with a lock held. */
	pace__keep(step_ns);
	return 0;
}

/* A worker of the ring takes it. In such a ring the result waits until the task fetches it, if it ever does. */
SEC("tp_btf/io_uring_queue_async_work")
int BPF_PROG(uring__on_queue, struct io_kiocb *req)
{
	struct waiting *waiting;
	struct scratch *scratch;
	struct request_key key;

	if (!request__is_asked(req->opcode) ||
	    !(req->ctx->flags & (URING_SETUP_DEFER_TASKRUN | URING_SETUP_IOPOLL)))
		return 0;
	key = request__get_key(req);
	waiting = bpf_map_lookup_elem(&waiting_requests, &key);
	scratch = waiting ? waiting__take(waiting) : NULL;
	if (!scratch)
		return 0;
	bpf_map_delete_elem(&waiting_requests, &key);
	attempt__send(scratch);
	return 0;
}

/* The file that an open or an accept gave. It may be gone, or another: completions are told when later requests have run. */
static __always_inline struct file *result__get_file(struct io_ring_ctx *ring, __u32 place, __s32 result)
{
	if (place)
		return ring__get_file(ring, place == PLACE_ANY ? (__u32)result : place - 1);
	return task__get_file(bpf_get_current_task_btf(), result);
}

/* Whether the name that was asked for ends in that of the file. */
static __noinline bool file__ends_name(struct file *file, struct scratch *scratch)
{
	__u32 length = scratch->record.slot_bytes[SLOT_NAME], bytes, start;
	/* Behind what has waited: together with its caller's, the stack has no room for it. */
	__u8 *name = &scratch->data[WAITING_DATA_BYTES];
	struct path path;

	file__read_path(file, &path);
	bytes = kernel__read(dentry, path.dentry, d_name.len);
	if (bytes == 0 || bytes >= NAME_BYTES_MAX || bytes > length)
		return false;
	bpf_probe_read_kernel_str(name, NAME_BYTES_MAX, kernel__read(dentry, path.dentry, d_name.name));
	start = length - bytes;
	if (start > 0 && scratch->data[(start - 1) & (WAITING_DATA_BYTES - 1)] != '/')
		return false;
	for (__u32 at = 0; at < NAME_BYTES_MAX; at++) {
		if (at >= bytes)
			break;
		if (scratch->data[(start + at) & (WAITING_DATA_BYTES - 1)] != name[at])
			return false;
	}
	return true;
}

/* A file of another name stands behind a symbolic link, or has taken the place of one that was closed already. */
static __always_inline void open__report(struct scratch *scratch, struct io_ring_ctx *ring, __s32 result)
{
	__u32 flags = scratch->record.flags, tgid = bpf_get_current_pid_tgid() >> 32;
	struct file *file = scratch->record.tgid == tgid ? result__get_file(ring, scratch->reserved, result) : NULL;

	scratch->record.result = result;
	if (!file || !file__ends_name(file, scratch))
		attempt__send(scratch);
	if (!file)
		return;
	if (kernel__read(file, file, f_mode) & FMODE_READ)
		file__report_read(file, flags, result);
	if (flags & OPEN_TO_CHANGE)
		file__report_write(file, flags, result);
}

static __always_inline void socket__refresh(struct scratch *scratch, struct file *file)
{
	struct sock *sock = file ? file__get_sock(file) : NULL;

	if (sock)
		sock__read_facts(sock, (struct socket_facts *)scratch->data);
}

static __always_inline void result__report(struct scratch *scratch, struct io_ring_ctx *ring, void *req, __s32 result)
{
	switch (scratch->record.kind) {
	case KIND_FILE_OPEN:
		open__report(scratch, ring, result);
		return;
	case KIND_NET_ACCEPT:
		scratch->record.result = result;
		socket__refresh(scratch, result__get_file(ring, scratch->reserved, result));
		break;
	case KIND_NET_CONNECT:
	case KIND_NET_LISTEN:
		scratch->record.result = result;
		socket__refresh(scratch, kernel__read(io_kiocb, req, file));
		break;
	default:
		break;
	}
	waiting__send(scratch);
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(uring__on_complete, struct io_ring_ctx *ring, void *req, struct io_uring_cqe *cqe)
{
	/* One of several of a multishot request has no request. */
	__u8 opcode = req ? kernel__read(io_kiocb, req, opcode) : URING_ACCEPT;
	struct request_key key = { req, 0 };
	__s32 result = cqe->res;
	struct waiting *waiting;
	struct scratch *scratch;

	if (!request__is_asked(opcode))
		return 0;
	waiting = bpf_map_lookup_elem(&waiting_requests, &key);
	if (!waiting && opcode == URING_ACCEPT) {
		key.owner = ring;
		key.number = cqe->user_data;
		waiting = bpf_map_lookup_elem(&waiting_requests, &key);
	}
	scratch = waiting ? waiting__take(waiting) : NULL;
	if (!scratch)
		return 0;
	if (!(cqe->flags & URING_CQE_MORE) && waiting__end_one(waiting))
		bpf_map_delete_elem(&waiting_requests, &key);
	if (result >= 0 || (opcode == URING_CONNECT && result == -EINPROGRESS))
		result__report(scratch, ring, req, result);
	return 0;
}
