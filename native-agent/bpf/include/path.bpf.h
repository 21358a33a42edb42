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

/* Where a walk has come to, and where it ends. */
struct walk {
	struct dentry *dentry, *root_dentry;
	struct vfsmount *vfsmount, *root_vfsmount;
	__u32 start, step;
};

enum { WALK_ON, WALK_DONE, WALK_CUT };

/* Appends one name, or goes over to the file system above. Not static, so that the verifier looks at it once and not in each of its turns: with
 * them it looked at 43,000 instructions in each program that has a path. */
__noinline int walk__step(struct scratch *scratch, struct walk *walk)
{
	struct dentry *dentry, *parent;
	struct vfsmount *vfsmount;
	long length;

	if (!scratch || !walk)
		return WALK_CUT;
	dentry = walk->dentry;
	vfsmount = walk->vfsmount;
	if (dentry == walk->root_dentry && vfsmount == walk->root_vfsmount)
		return WALK_DONE;
	parent = kernel__read(dentry, dentry, d_parent);
	if (dentry == kernel__read(vfsmount, vfsmount, mnt_root)) {
		struct mount *mount = (void *)vfsmount - bpf_core_field_offset(struct mount, mnt);
		struct mount *above = kernel__read(mount, mount, mnt_parent);

		if (above == mount)
			return WALK_DONE;
		walk->dentry = kernel__read(mount, mount, mnt_mountpoint);
		walk->vfsmount = (void *)above + bpf_core_field_offset(struct mount, mnt);
		return WALK_ON;
	}
	if (dentry == parent && walk->step > 0)
		return WALK_DONE;
	length = bpf_probe_read_kernel_str(scratch__get_end(scratch), NAME_BYTES_MAX,
					   kernel__read(dentry, dentry, d_name.name));
	if (length <= 0)
		return WALK_CUT;
	scratch->end += length;
	if (dentry == parent) {
		scratch->record.marks |= MARK_PSEUDO;
		return WALK_DONE;
	}
	walk->dentry = parent;
	return scratch->end - walk->start > STRING_BYTES_MAX - NAME_BYTES_MAX ? WALK_CUT : WALK_ON;
}

/* `root` ends the walk. Not static either: it is called from several places. */
__noinline int record__append_walk(struct scratch *scratch, __u32 slot, struct path *from, struct path *root)
{
	struct walk walk = {};
	int went = WALK_ON;

	if (!scratch || !from || !root || slot >= SLOT_COUNT)
		return 0;
	walk.dentry = from->dentry;
	walk.vfsmount = from->mnt;
	walk.root_dentry = root->dentry;
	walk.root_vfsmount = root->mnt;
	walk.start = scratch->end;
	for (int step = 0; step < WALK_STEPS_MAX && went == WALK_ON; step++) {
		walk.step = step;
		went = walk__step(scratch, &walk);
	}
	if (went != WALK_DONE)
		scratch->record.marks |= MARK_CUT;
	scratch->record.slot_bytes[slot] = scratch->end - walk.start;
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
