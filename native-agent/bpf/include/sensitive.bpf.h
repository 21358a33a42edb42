/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Whether a file is one of those whose reading is told. Every open for reading asks, so the first look is at one bit for the
 * file's name and one for its directory's. */
#ifndef NORN_SENSITIVE_BPF_H
#define NORN_SENSITIVE_BPF_H

#include "path.bpf.h"

#define PROC_SUPER_MAGIC 0x9fa0
/* "proc" in the byte order of x86-64 and arm64. */
#define PROC_NAME 0x636f7270
/* Of the directories that Kubernetes swaps when it renews a volume: "..2026_01_31_09_00_00.123". */
#define TWO_DOTS 0x2e2e

static __always_inline __u64 dentry__read_name_head(struct dentry *dentry)
{
	const unsigned char *name = kernel__read(dentry, dentry, d_name.name);

	return kernel__read_word(name);
}

/* Its length and first eight bytes; crates/probe/src/sensitive.rs has the same. A name of fewer bytes lies in the dentry. */
static __always_inline __u32 dentry__hash_name(struct dentry *dentry)
{
	__u64 length = kernel__read(dentry, dentry, d_name.len);
	__u64 head = dentry__read_name_head(dentry);

	if (length < 8)
		head &= (1ULL << length * 8) - 1;
	return ((head ^ length * 0x9e3779b97f4a7c15ULL) * 0xff51afd7ed558ccdULL) >> 52;
}

static __always_inline bool bits__hold(const __u64 *bits, __u32 hash)
{
	return bits[hash / 64 % (SENSITIVE_BITS / 64)] >> hash % 64 & 1;
}

/* The directory that a person would name. */
static __always_inline struct dentry *path__get_directory(const struct path *path)
{
	struct dentry *directory = kernel__read(dentry, path->dentry, d_parent);
	struct vfsmount *vfsmount = path->mnt;

	if ((dentry__read_name_head(directory) & 0xffff) == TWO_DOTS)
		directory = kernel__read(dentry, directory, d_parent);
	/* The root of a file system has no name: that of its mount point. */
	if (directory == kernel__read(dentry, directory, d_parent) &&
	    directory == kernel__read(vfsmount, vfsmount, mnt_root)) {
		struct mount *mount = (void *)vfsmount - bpf_core_field_offset(struct mount, mnt);

		return kernel__read(mount, mount, mnt_mountpoint);
	}
	return directory;
}

static __always_inline void dentry__read_name(struct dentry *dentry, __u8 *name)
{
	bpf_probe_read_kernel_str(name, SENSITIVE_NAME_BYTES, kernel__read(dentry, dentry, d_name.name));
}

static __always_inline struct pid *inode__read_pid(struct inode *inode)
{
	struct proc_inode *proc = (void *)inode - bpf_core_field_offset(struct proc_inode, vfs_inode);

	return kernel__read(proc_inode, proc, pid);
}

/* SensitiveFile by both names, by the file's, by the directory's. */
static __always_inline __u8 sensitive__look_up(struct sensitive_key *key)
{
	struct sensitive_key partly = {};
	__u8 *class = bpf_map_lookup_elem(&sensitive_files, key);

	if (class)
		return *class;
	__builtin_memcpy(partly.name, key->name, sizeof(partly.name));
	class = bpf_map_lookup_elem(&sensitive_files, &partly);
	if (class)
		return *class;
	__builtin_memset(partly.name, 0, sizeof(partly.name));
	__builtin_memcpy(partly.directory, key->directory, sizeof(partly.directory));
	class = bpf_map_lookup_elem(&sensitive_files, &partly);
	return class ? *class : 0;
}

/* Below /proc: as a file of the directory "proc"; `target` becomes the process it is about, none for the caller's own. */
static __always_inline bool proc__is_own(struct inode *inode, __u32 *target)
{
	struct pid *pid = inode__read_pid(inode);

	if (!pid)
		return false;
	*target = BPF_CORE_READ(pid, numbers[0].nr);
	return *target == (__u32)(bpf_get_current_pid_tgid() >> 32) || *target == (__u32)bpf_get_current_pid_tgid();
}

/* The row's `value`: SensitiveFile << 32 | pid; 0 for all other files. */
static __always_inline __u64 file__read_sensitivity(struct file *file)
{
	struct sensitive_key key = {};
	__u32 zero = 0, target = 0;
	struct sensitive_names *known = bpf_map_lookup_elem(&sensitive_names, &zero);
	struct inode *inode;
	struct path path;

	file__read_path(file, &path);
	if (!known || (!bits__hold(known->names, dentry__hash_name(path.dentry)) &&
		       !bits__hold(known->directories,
				   dentry__hash_name(kernel__read(dentry, path.dentry, d_parent)))))
		return 0;
	inode = kernel__read(file, file, f_inode);
	if ((kernel__read(inode, inode, i_mode) & S_IFMT) != S_IFREG)
		return 0;
	if (BPF_CORE_READ(inode, i_sb, s_magic) == PROC_SUPER_MAGIC) {
		if (proc__is_own(inode, &target))
			return 0;
		*(__u32 *)key.directory = PROC_NAME;
	} else {
		dentry__read_name(path__get_directory(&path), key.directory);
	}
	dentry__read_name(path.dentry, key.name);
	return (__u64)sensitive__look_up(&key) << 32 | target;
}

#endif
