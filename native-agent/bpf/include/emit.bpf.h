/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* How a record is begun, filled and sent: identity, sequence number, ring, wake-up, and what is shed under pressure. */
#ifndef NORN_EMIT_BPF_H
#define NORN_EMIT_BPF_H

#include "core_fixes.bpf.h"
#include "maps.bpf.h"

/* Forget what is known of a value's range, so that the check that follows stays in the program. */
#define value__hide_from_compiler(v) asm volatile("" : "+r"(v))

static __always_inline __u64 task__read_cgroup_id(struct task_struct *task)
{
	return task->cgroups->dfl_cgrp->kn->id;
}

static __always_inline __u32 task__read_namespace_pid(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	unsigned int level = BPF_CORE_READ(pid, level);
	struct upid upid = {};

	if (level > 32)
		return 0;
	bpf_probe_read_kernel(&upid, sizeof(upid),
			      (char *)pid + bpf_core_field_offset(pid->numbers) +
				      level * bpf_core_type_size(struct upid));
	return BPF_CORE_READ(&upid, nr);
}

/* Whose record it is; all else is zero. */
static __always_inline void record__begin_for(struct record *record, struct task_struct *task, __u8 kind)
{
	record->time_ns = bpf_ktime_get_boot_ns();
	record->start_time_ns = task->group_leader->start_boottime;
	record->cgroup_id = task__read_cgroup_id(task);
	record->value = 0;
	record->tgid = task->tgid;
	record->tid = task->pid;
	record->user_id = task->real_cred->uid.val;
	record->group_id = task->real_cred->gid.val;
	record->flags = 0;
	record->result = 0;
	record->kind = kind;
	record->marks = 0;
	__builtin_memset(record->slot_bytes, 0, sizeof(record->slot_bytes));
}

static __always_inline struct scratch *scratch__take(void)
{
	__u32 zero = 0;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &zero);

	if (scratch)
		scratch->end = 0;
	return scratch;
}

static __always_inline struct scratch *record__begin(__u8 kind)
{
	struct scratch *scratch = scratch__take();

	if (scratch)
		record__begin_for(&scratch->record, bpf_get_current_task_btf(), kind);
	return scratch;
}

/* Where the next bytes go. */
static __always_inline __u8 *scratch__get_end(struct scratch *scratch)
{
	return &scratch->data[scratch->end & (DATA_BYTES_MAX - 1)];
}

/* `length` is what a string read gave: with the zero byte, or an error. */
static __always_inline void record__end_string(struct scratch *scratch, __u32 slot, long length)
{
	if (length <= 1)
		return;
	scratch->record.slot_bytes[slot] = length - 1;
	scratch->end += length - 1;
}

static __always_inline void record__append_user_string(struct scratch *scratch, __u32 slot, const void *from)
{
	record__end_string(scratch, slot, bpf_probe_read_user_str(scratch__get_end(scratch), STRING_BYTES_MAX, from));
}

static __always_inline void record__append_kernel_string(struct scratch *scratch, __u32 slot, const void *from)
{
	record__end_string(scratch, slot, bpf_probe_read_kernel_str(scratch__get_end(scratch), STRING_BYTES_MAX, from));
}

/* Must come first: facts stand at the start of the data. */
#define record__put_facts(scratch, facts)                                                                              \
	do {                                                                                                           \
		__builtin_memcpy((scratch)->data, facts, sizeof(*(facts)));                                            \
		(scratch)->record.slot_bytes[SLOT_FACTS] = sizeof(*(facts));                                           \
		(scratch)->end = sizeof(*(facts));                                                                     \
	} while (0)

enum { RATION_WINDOW_SHIFT = 24, RATION_PER_WINDOW = 256, SAMPLE_ONE_IN = 8 };

/* Whether a bulk record is to go before the ring is full: from half full a ration for each CPU and 17 ms, from three
 * quarters one in eight. The critical ring is never shed. */
static __always_inline bool bulk__is_shed(struct ring_counters *counter, __u64 pending, __u64 now_ns)
{
	__u64 size = bpf_ringbuf_query(&bulk_ring, BPF_RB_RING_SIZE);

	if (pending < size / 2)
		return false;
	if (pending > size / 4 * 3)
		return counter->sequence[RING_BULK] % SAMPLE_ONE_IN != 0;
	if (counter->ration_window != now_ns >> RATION_WINDOW_SHIFT) {
		counter->ration_window = now_ns >> RATION_WINDOW_SHIFT;
		counter->ration_passed = 0;
	}
	return ++counter->ration_passed > RATION_PER_WINDOW;
}

enum { WAKE_AT_UNLINK = 16 };

/* In an overlay nothing but these records tells of an unlink, and one takes 20 µs: hundreds would be gone at the next round. */
static __always_inline bool bulk__wakes(struct record *record, __u64 pending)
{
	return pending >= WAKE_BYTES ||
	       (record->kind == KIND_FILE_UNLINK && record->sequence % WAKE_AT_UNLINK == 0);
}

/* `wake`: whoever did it is made to wait for somebody to look at it. */
static __always_inline void record__send_bulk_waking(struct scratch *scratch, bool wake)
{
	__u32 zero = 0;
	struct ring_counters *counter = bpf_map_lookup_elem(&counters, &zero);
	__u64 pending = bpf_ringbuf_query(&bulk_ring, BPF_RB_AVAIL_DATA);
	__u64 flags, size = sizeof(struct record) + scratch->end;

	if (!counter)
		return;
	scratch->record.sequence = counter->sequence[RING_BULK]++;
	scratch->record.cpu = bpf_get_smp_processor_id();
	if (bulk__is_shed(counter, pending, scratch->record.time_ns)) {
		counter->lost[RING_BULK]++;
		counter->shed++;
		return;
	}
	flags = wake || bulk__wakes(&scratch->record, pending) ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
	value__hide_from_compiler(size);
	if (size > RECORD_BYTES_MAX || bpf_ringbuf_output(&bulk_ring, &scratch->record, size, flags))
		counter->lost[RING_BULK]++;
}

static __always_inline void record__send_bulk(struct scratch *scratch)
{
	record__send_bulk_waking(scratch, false);
}

/* `wake`: somebody may have to act on it at once. */
static __always_inline void record__send_critical(struct scratch *scratch, bool wake)
{
	__u32 zero = 0;
	struct ring_counters *counter = bpf_map_lookup_elem(&counters, &zero);
	__u64 size = sizeof(struct record) + scratch->end;

	if (!counter)
		return;
	scratch->record.sequence = counter->sequence[RING_CRITICAL]++;
	scratch->record.cpu = bpf_get_smp_processor_id();
	value__hide_from_compiler(size);
	/* 0: the kernel wakes only a consumer that has caught up. */
	if (size > RECORD_BYTES_MAX ||
	    bpf_ringbuf_output(&critical_ring, &scratch->record, size, wake ? 0 : BPF_RB_NO_WAKEUP))
		counter->lost[RING_CRITICAL]++;
}

#endif
