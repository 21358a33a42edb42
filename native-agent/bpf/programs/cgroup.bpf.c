/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* cgroups of the v2 hierarchy as they come and go: a container is known by name before its first process runs in it. */
#include "../include/emit.bpf.h"
#include <bpf/bpf_tracing.h>

static __always_inline void cgroup__report(struct cgroup *cgroup, const char *path, __u32 removed)
{
	struct scratch *scratch;

	/* 0 is the v2 hierarchy. */
	if (cgroup->root->hierarchy_id != 0)
		return;
	scratch = record__begin(KIND_CGROUP);
	if (!scratch)
		return;
	scratch->record.value = cgroup->kn->id;
	scratch->record.flags = removed;
	record__append_kernel_string(scratch, SLOT_NAME, path);
	record__send_critical(scratch, false);
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(cgroup__on_mkdir, struct cgroup *cgroup, const char *path)
{
	cgroup__report(cgroup, path, 0);
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(cgroup__on_rmdir, struct cgroup *cgroup, const char *path)
{
	cgroup__report(cgroup, path, 1);
	return 0;
}
