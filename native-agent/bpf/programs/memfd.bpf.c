/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* MEMFD_CREATE: a file that lives in memory only. Those of container runtimes are remembered, for exec. */
#include "../include/call.bpf.h"
#include "../include/emit.bpf.h"
#include "../include/image.bpf.h"
#include "../include/path.bpf.h"
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

static __always_inline void memfd__remember_runtime(int fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct file *image = BPF_CORE_READ(task, mm, exe_file);
	struct file *memfd = task__get_file(task, fd);
	struct file_key key = {};
	__u8 yes = 1;

	if (!image || !memfd)
		return;
	file__read_key(image, &key);
	if (!bpf_map_lookup_elem(&runtime_images, &key))
		return;
	file__read_key(memfd, &key);
	bpf_map_update_elem(&runtime_memfds, &key, &yes, BPF_ANY);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(memfd__on_create, struct pt_regs *regs, long result)
{
	struct scratch *scratch;

	if (result < 0 || call__is_ignored())
		return 0;
	memfd__remember_runtime(result);
	scratch = record__begin(KIND_MEMFD_CREATE);
	if (!scratch)
		return 0;
	scratch->record.flags = call__get_argument(regs, 2);
	scratch->record.result = result;
	record__append_user_string(scratch, SLOT_NAME, (void *)call__get_argument(regs, 1));
	record__send_critical(scratch, true);
	return 0;
}
