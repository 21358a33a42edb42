/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What is peculiar about the file a process runs, and whether it may run. */
#ifndef NORN_IMAGE_BPF_H
#define NORN_IMAGE_BPF_H

#include "path.bpf.h"

#define OVERLAYFS_MAGIC 0x794c7630
#define TMPFS_MAGIC 0x01021994
#define MNT_INTERNAL 0x4000
#define MODE_SETUID 04000
#define MODE_WRITABLE 0022

static __always_inline __u32 image__read_flags(struct file *file, struct inode *inode, __u32 mode)
{
	unsigned long magic = BPF_CORE_READ(inode, i_sb, s_magic);
	bool internal = BPF_CORE_READ(file, f_path.mnt, mnt_flags) & MNT_INTERNAL;
	__u32 flags = 0;

	/* The tmpfs that nobody mounted holds memfds and System V shared memory only. */
	if (magic == TMPFS_MAGIC)
		flags |= internal ? IMAGE_MEMFD : IMAGE_TMPFS;
	if (kernel__read(inode, inode, i_nlink) == 0 && !(flags & IMAGE_MEMFD))
		flags |= IMAGE_DELETED;
	if (magic == OVERLAYFS_MAGIC)
		flags |= overlay_inode__has_upper(inode) ? IMAGE_UPPER_LAYER : IMAGE_LOWER_LAYER;
	if (mode & MODE_WRITABLE)
		flags |= IMAGE_WRITABLE;
	if (mode & MODE_SETUID)
		flags |= IMAGE_SETUID;
	return flags;
}

static __always_inline void image__read_facts(struct file *file, struct lifecycle_facts *facts)
{
	struct inode *inode = kernel__read(file, file, f_inode);

	facts->inode = kernel__read(inode, inode, i_ino);
	facts->device = BPF_CORE_READ(inode, i_sb, s_dev);
	facts->size = kernel__read(inode, inode, i_size);
	facts->mode = kernel__read(inode, inode, i_mode);
	facts->mtime_ns = inode__read_mtime_ns(inode);
	facts->ctime_ns = inode__read_ctime_ns(inode);
	facts->image_flags = image__read_flags(file, inode, facts->mode);
}

static __always_inline void file__read_key(struct file *file, struct file_key *key)
{
	key->inode = BPF_CORE_READ(file, f_inode, i_ino);
	key->device = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
}

#endif
