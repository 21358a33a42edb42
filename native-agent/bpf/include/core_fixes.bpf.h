/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* All differences between kernels, each with the release that made it. */
#ifndef NORN_CORE_FIXES_BPF_H
#define NORN_CORE_FIXES_BPF_H

#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/* 6.2 (a35b9af4ec2c): a pointer of no known type may be read like a field, 1 ns instead of a helper's 30. */
extern void *bpf_rdonly_cast(const void *pointer, __u32 type) __ksym __weak;

/* `member` of the kernel's `struct type` at `pointer`; 0 where there is nothing to read. */
#define kernel__read(type, pointer, member)                                                                            \
	({                                                                                                             \
		typeof(((struct type *)0)->member) value__;                                                            \
		if (bpf_ksym_exists(bpf_rdonly_cast))                                                                  \
			value__ = ((struct type *)bpf_rdonly_cast(pointer, bpf_core_type_id_kernel(struct type)))      \
					  ->member;                                                                    \
		else                                                                                                   \
			value__ = BPF_CORE_READ((struct type *)(pointer), member);                                     \
		value__;                                                                                               \
	})

/* The 64 bits at `pointer`. */
#define kernel__read_word(pointer) ((__u64)kernel__read(timespec64, pointer, tv_sec))

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct timespec64___norn {
	long long tv_sec;
	long tv_nsec;
};
/* Until 6.5. */
struct inode___before_6_6 {
	struct timespec64___norn i_mtime;
	struct timespec64___norn i_ctime;
};
/* 6.6 (13bc24457850): __i_ctime; 6.7 (12cd44023651): __i_mtime. */
struct inode___before_6_11 {
	struct timespec64___norn __i_mtime;
	struct timespec64___norn __i_ctime;
};
/* 6.11 (3aa63a569c64): seconds and nanoseconds apart. */
struct inode___since_6_11 {
	long long i_mtime_sec;
	long long i_ctime_sec;
	__u32 i_mtime_nsec;
	__u32 i_ctime_nsec;
};

/* 6.18: ns_common has its type. */
struct ns_common___since_6_18 {
	__u32 ns_type;
};

#pragma clang attribute pop

static __always_inline __u64 inode__read_mtime_ns(struct inode *inode)
{
	struct inode___since_6_11 *newest = (void *)inode;
	struct inode___before_6_11 *newer = (void *)inode;
	struct inode___before_6_6 *old = (void *)inode;

	if (bpf_core_field_exists(newest->i_mtime_sec))
		return BPF_CORE_READ(newest, i_mtime_sec) * 1000000000ULL + BPF_CORE_READ(newest, i_mtime_nsec);
	if (bpf_core_field_exists(newer->__i_mtime))
		return BPF_CORE_READ(newer, __i_mtime.tv_sec) * 1000000000ULL + BPF_CORE_READ(newer, __i_mtime.tv_nsec);
	return BPF_CORE_READ(old, i_mtime.tv_sec) * 1000000000ULL + BPF_CORE_READ(old, i_mtime.tv_nsec);
}

static __always_inline __u64 inode__read_ctime_ns(struct inode *inode)
{
	struct inode___since_6_11 *newest = (void *)inode;
	struct inode___before_6_11 *newer = (void *)inode;
	struct inode___before_6_6 *old = (void *)inode;

	if (bpf_core_field_exists(newest->i_ctime_sec))
		return BPF_CORE_READ(newest, i_ctime_sec) * 1000000000ULL + BPF_CORE_READ(newest, i_ctime_nsec);
	if (bpf_core_field_exists(newer->__i_ctime))
		return BPF_CORE_READ(newer, __i_ctime.tv_sec) * 1000000000ULL + BPF_CORE_READ(newer, __i_ctime.tv_nsec);
	return BPF_CORE_READ(old, i_ctime.tv_sec) * 1000000000ULL + BPF_CORE_READ(old, i_ctime.tv_nsec);
}

/* CLONE_NEW* of a namespace, 0 where the kernel does not keep it in the namespace. */
static __always_inline __u32 namespace__read_type(struct ns_common *ns)
{
	struct ns_common___since_6_18 *newest = (void *)ns;

	if (bpf_core_field_exists(newest->ns_type))
		return BPF_CORE_READ(newest, ns_type);
	return 0;
}

/* overlayfs may be a module, whose types are not in the kernel's BTF; but since 4.8 `__upperdentry` has followed
 * `vfs_inode` in struct ovl_inode. */
static __always_inline bool overlay_inode__has_upper(struct inode *inode)
{
	void *upper = NULL;

	bpf_probe_read_kernel(&upper, sizeof(upper), (char *)inode + bpf_core_type_size(struct inode));
	return upper != NULL;
}

#endif
