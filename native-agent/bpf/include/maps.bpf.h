/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* All maps. Ring sizes are set by the loader. */
#ifndef NORN_MAPS_BPF_H
#define NORN_MAPS_BPF_H

#include "record.h"
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 * 1024 * 1024);
} critical_ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 * 1024 * 1024);
} bulk_ring SEC(".maps");

/* A record is put together here; with room behind for a string that starts at the last byte. */
struct scratch {
	/* End of the data so far. It lives in memory so that the verifier takes it for any number: kept in a register, each
	 * length it may have would be a path of its own through the program. */
	volatile __u32 end;
	__u32 reserved;
	struct record record;
	__u8 data[DATA_BYTES_MAX + STRING_BYTES_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ring_counters);
} counters SEC(".maps");

/* Programs by system call number: what is not here costs next to nothing. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 512);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} calls SEC(".maps");

/* Host tgids whose file and network events are not reported: the agent's. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 17);
	__type(key, __u32);
	__type(value, __u8);
} own_processes SEC(".maps");

/* One entry: POLICY_* bits. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} exec_policy SEC(".maps");

/* What a process has changed lately, and how much of its patience is left. */
struct pace {
	__u64 since_ns;
	__s64 left_ns;
	__u64 changes;
};

/* By host tgid. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct pace);
} paces SEC(".maps");

/* One entry: what a change takes of whoever is slowed, ns; 0: nobody is. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} pace_policy SEC(".maps");

/* SensitiveFile by names; 0: not sensitive, whatever its directory says. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512);
	__type(key, struct sensitive_key);
	__type(value, __u8);
} sensitive_files SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sensitive_names);
} sensitive_names SEC(".maps");

/* Executables of container runtimes, which run sealed copies of themselves. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct file_key);
	__type(value, __u8);
} runtime_images SEC(".maps");

/* memfds that one of them made. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, struct file_key);
	__type(value, __u8);
} runtime_memfds SEC(".maps");

#endif
