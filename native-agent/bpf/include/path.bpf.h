/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Paths as the process sees them, from kernel objects: a bounded walk over dentries and mounts up to the root of the
 * process. Names are written leaf first, each ended by a zero byte; user space turns them round. */
#ifndef NORN_PATH_BPF_H
#define NORN_PATH_BPF_H

#include "emit.bpf.h"

#define AT_FDCWD (-100)
#define S_IFMT 0170000
#define MODE_BITS 07777
#define S_IFREG 0100000

/* `root` ends the walk. Not static, so that the verifier looks at it once and not at each call: it takes it 0.2 s. */
__noinline int record__append_walk(struct scratch *scratch, __u32 slot, struct path *from, struct path *root)
{
	struct dentry *dentry;
	struct vfsmount *vfsmount;
	__u32 start;

	if (!scratch || !from || !root || slot >= SLOT_COUNT)
		return 0;
	dentry = from->dentry;
	vfsmount = from->mnt;
	start = scratch->end;

	for (int step = 0; step < WALK_STEPS_MAX; step++) {
		struct dentry *parent;
		const unsigned char *name;
		long length;

		if (dentry == root->dentry && vfsmount == root->mnt)
			goto done;
		parent = kernel__read(dentry, dentry, d_parent);
		if (dentry == kernel__read(vfsmount, vfsmount, mnt_root)) {
			struct mount *mount = (void *)vfsmount - bpf_core_field_offset(struct mount, mnt);
			struct mount *above = kernel__read(mount, mount, mnt_parent);

			if (above == mount)
				goto done;
			dentry = kernel__read(mount, mount, mnt_mountpoint);
			vfsmount = (void *)above + bpf_core_field_offset(struct mount, mnt);
			continue;
		}
		if (dentry == parent && step > 0)
			goto done;
		name = kernel__read(dentry, dentry, d_name.name);
		length = bpf_probe_read_kernel_str(scratch__get_end(scratch), NAME_BYTES_MAX, name);
		if (length <= 0)
			break;
		scratch->end += length;
		if (dentry == parent) {
			scratch->record.marks |= MARK_PSEUDO;
			goto done;
		}
		if (scratch->end - start > STRING_BYTES_MAX - NAME_BYTES_MAX)
			break;
		dentry = parent;
	}
	scratch->record.marks |= MARK_CUT;
done:
	scratch->record.slot_bytes[slot] = scratch->end - start;
	return 0;
}

static __always_inline void task__read_root(struct task_struct *task, struct path *root)
{
	root->mnt = task->fs->root.mnt;
	root->dentry = task->fs->root.dentry;
}

static __always_inline void task__read_cwd(struct task_struct *task, struct path *cwd)
{
	cwd->mnt = task->fs->pwd.mnt;
	cwd->dentry = task->fs->pwd.dentry;
}

static __always_inline void file__read_path(struct file *file, struct path *path)
{
	path->mnt = kernel__read(file, file, f_path.mnt);
	path->dentry = kernel__read(file, file, f_path.dentry);
}

static __always_inline struct file *task__get_file(struct task_struct *task, int fd)
{
	struct file **table = task->files->fdt->fd;

	if (fd < 0 || (unsigned int)fd >= task->files->fdt->max_fds)
		return NULL;
	return (struct file *)kernel__read_word(table + fd);
}

/* The whole path of an open file. */
static __always_inline void record__append_file(struct scratch *scratch, __u32 slot, struct file *file)
{
	struct path path, root;

	file__read_path(file, &path);
	task__read_root(bpf_get_current_task_btf(), &root);
	record__append_walk(scratch, slot, &path, &root);
}

/* What a name is relative to: the directory `fd`, or the working directory. */
static __always_inline void record__append_directory(struct scratch *scratch, __u32 slot, int fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct path path, root;

	if (fd == AT_FDCWD) {
		task__read_cwd(task, &path);
	} else {
		struct file *file = task__get_file(task, fd);

		if (!file)
			return;
		file__read_path(file, &path);
	}
	task__read_root(task, &root);
	record__append_walk(scratch, slot, &path, &root);
}

/* A name from user memory, then what it is relative to unless it is absolute. `slot` is that of the name. */
static __always_inline void record__append_named(struct scratch *scratch, __u32 slot, int fd, const void *name)
{
	__u8 first = 0;

	bpf_probe_read_user(&first, 1, name);
	record__append_user_string(scratch, slot, name);
	if (first != '/')
		record__append_directory(scratch, slot + 1, fd);
}

#endif
